//! Pieces on the wire: those that follow one another evenly are one entry. A film of eight hours is made of
//! some 1,800 chunks, and of 1,440 parts a track of sound: one by one they would fill more than a message.

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{AudioPieces, Piece};
use crate::id::{Attempt, TaskNumber};
use crate::plan::AUDIO_TRACKS_MAX;
use crate::record::TASKS_MAX;

/// Pieces by the same attempt, each behind the one before and with as many segments: chunks by their tasks,
/// parts by their numbers.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Run {
    task: TaskNumber,
    attempt: Attempt,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part: Option<u32>,
    first_segment: u32,
    /// Of all of them, so that whoever does not know of runs finds a piece of the wrong length.
    n_segments: u32,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    n_pieces: u32,
}

fn one() -> u32 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_one(n: &u32) -> bool {
    *n == 1
}

impl Run {
    fn of(piece: Piece) -> Self {
        let Piece {
            task,
            attempt,
            part,
            first_segment,
            n_segments,
        } = piece;
        Self {
            task,
            attempt,
            part,
            first_segment,
            n_segments,
            n_pieces: 1,
        }
    }

    /// The piece of this place in the run; `None` where its numbers have no room.
    fn piece(&self, place: u32) -> Option<Piece> {
        let n_segments = self.n_segments.checked_div(self.n_pieces)?;
        let (task, part) = match self.part {
            Some(part) => (self.task, Some(part.checked_add(place)?)),
            None => (TaskNumber(self.task.0.checked_add(place)?), None),
        };
        Some(Piece {
            task,
            attempt: self.attempt,
            part,
            first_segment: self
                .first_segment
                .checked_add(n_segments.checked_mul(place)?)?,
            n_segments,
        })
    }

    /// With this piece behind it, if it is the next.
    fn with(&self, piece: &Piece) -> Option<Self> {
        let n_segments = self.n_segments.checked_add(piece.n_segments)?;
        (self.piece(self.n_pieces)? == *piece).then_some(Self {
            n_segments,
            n_pieces: self.n_pieces + 1,
            ..*self
        })
    }
}

pub(super) fn serialize<S: Serializer>(pieces: &[Piece], serializer: S) -> Result<S::Ok, S::Error> {
    let mut runs: Vec<Run> = Vec::new();
    for piece in pieces {
        let longer = runs.last().and_then(|run| run.with(piece));
        match (runs.last_mut(), longer) {
            (Some(last), Some(longer)) => *last = longer,
            _ => runs.push(Run::of(*piece)),
        }
    }
    runs.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Piece>, D::Error> {
    let mut pieces = Vec::new();
    for run in Vec::<Run>::deserialize(deserializer)? {
        if run.n_segments.checked_rem(run.n_pieces) != Some(0) {
            return Err(D::Error::custom("pieces that do not share their segments"));
        }
        if run.n_pieces as usize > TASKS_MAX - pieces.len() {
            return Err(D::Error::custom(format!("more than {TASKS_MAX} pieces")));
        }
        for place in 0..run.n_pieces {
            let piece = run.piece(place);
            pieces.push(piece.ok_or_else(|| D::Error::custom("pieces behind the last number"))?);
        }
    }
    Ok(pieces)
}

/// The tracks of sound of a file, as many as there can be: each may hold [`TASKS_MAX`] pieces in a few bytes.
pub(super) fn tracks<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<AudioPieces>, D::Error> {
    struct Tracks;

    impl<'de> Visitor<'de> for Tracks {
        type Value = Vec<AudioPieces>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {AUDIO_TRACKS_MAX} tracks of sound")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut tracks = Vec::new();
            while let Some(track) = seq.next_element()? {
                if tracks.len() == AUDIO_TRACKS_MAX {
                    return Err(A::Error::invalid_length(tracks.len() + 1, &self));
                }
                tracks.push(track);
            }
            Ok(tracks)
        }
    }

    deserializer.deserialize_seq(Tracks)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct List(#[serde(with = "super")] Vec<Piece>);

    fn chunk(task: u32, attempt: u16, first_segment: u32, n_segments: u32) -> Piece {
        Piece {
            task: TaskNumber(task),
            attempt: Attempt(attempt),
            part: None,
            first_segment,
            n_segments,
        }
    }

    fn json(pieces: Vec<Piece>) -> String {
        serde_json::to_string(&List(pieces)).unwrap()
    }

    #[test]
    fn even_pieces_are_one_entry() {
        let chunks = (0..5).map(|n| chunk(2 + n, 1, 1 + 4 * n, 4)).collect();
        assert_eq!(
            json(chunks),
            r#"[{"task":2,"attempt":1,"first_segment":1,"n_segments":20,"n_pieces":5}]"#
        );
        let parts = (0..3).map(|n| Piece {
            part: Some(n),
            ..chunk(1, 1, 5 * n, 5)
        });
        assert_eq!(
            json(parts.collect()),
            r#"[{"task":1,"attempt":1,"part":0,"first_segment":0,"n_segments":15,"n_pieces":3}]"#
        );
        // Alone, a piece is what it was before there were runs.
        assert_eq!(
            json(vec![chunk(2, 1, 0, 1)]),
            r#"[{"task":2,"attempt":1,"first_segment":0,"n_segments":1}]"#
        );
    }

    #[test]
    fn runs_that_cannot_be_are_refused() {
        for (n_segments, n_pieces, first) in [
            (7, 2, 0),
            (4, 0, 0),
            (4_000_000_000_u32, 4_000_000_000_u32, 0),
            (40, 10, u32::MAX - 20),
        ] {
            let text = format!(
                r#"[{{"task":2,"attempt":1,"first_segment":{first},"n_segments":{n_segments},"n_pieces":{n_pieces}}}]"#
            );
            assert!(serde_json::from_str::<List>(&text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_pieces_they_come_back(
            steps in prop::collection::vec((0_u32..3, 1_u16..3, prop::option::of(0_u32..2), 0_u32..3), 0..60),
        ) {
            let (mut task, mut part, mut first) = (0, 0, 0);
            let pieces: Vec<Piece> = steps
                .into_iter()
                .map(|(step, attempt, is_part, n_segments)| {
                    let piece = Piece {
                        task: TaskNumber(task),
                        attempt: Attempt(attempt),
                        part: is_part.map(|_| part),
                        first_segment: first,
                        n_segments,
                    };
                    task += step;
                    part += is_part.unwrap_or(1);
                    first += n_segments;
                    piece
                })
                .collect();
            let text = json(pieces.clone());
            prop_assert_eq!(serde_json::from_str::<List>(&text).unwrap(), List(pieces));
        }
    }
}
