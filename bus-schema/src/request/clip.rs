//! A part of a source, in place of the whole.

use serde::{Deserialize, Serialize};

use crate::plan::Span;
use crate::source::{SourceFacts, VideoFacts};

/// How far an end may lie behind the film's own: containers round.
pub const BEYOND_MS_MAX: u64 = 500;

/// From where to where a source is taken, in milliseconds of its stream time: what is made of it begins
/// at 0. Frames whose time lies in `start_ms..end_ms` are shown, and sound is cut at the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clip {
    /// Where it begins.
    pub start_ms: u64,
    /// Where it ends; `None` is with the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_ms: Option<u64>,
}

/// What a clip cannot be, in words that go on with what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing is left.
    #[error("the clip ends at {end_ms} ms, and begins at {start_ms} ms: let it end later")]
    Empty {
        /// Where it begins.
        start_ms: u64,
        /// Where it ends.
        end_ms: u64,
    },
    /// The film is over by then.
    #[error("the clip begins at {start_ms} ms, where the film ends at {film_ms} ms: begin earlier")]
    BeginsBehind {
        /// Where it begins.
        start_ms: u64,
        /// Where the film ends.
        film_ms: u64,
    },
    /// The film is shorter.
    #[error(
        "the clip ends at {end_ms} ms, and the film at {film_ms} ms: let it end earlier, or leave its end out"
    )]
    EndsBehind {
        /// Where it ends.
        end_ms: u64,
        /// Where the film ends.
        film_ms: u64,
    },
    /// It is over before the picture begins.
    #[error(
        "the clip ends at {end_ms} ms, and the picture begins at {picture_ms} ms: let it end later"
    )]
    EndsBefore {
        /// Where it ends.
        end_ms: u64,
        /// Where the picture begins.
        picture_ms: u64,
    },
    /// It may lie between two frames.
    #[error(
        "the clip holds {length_ms} ms of the picture, and a frame takes {frame_ms} ms: begin earlier, or let it end later"
    )]
    BetweenFrames {
        /// What it holds of the picture.
        length_ms: u64,
        /// How long a frame is shown.
        frame_ms: u64,
    },
}

impl Clip {
    /// Whether anything can be in it, whatever the film is.
    ///
    /// # Errors
    /// [`Refusal::Empty`].
    pub fn check(&self) -> Result<(), Refusal> {
        match self.end_ms {
            Some(end_ms) if end_ms <= self.start_ms => Err(Refusal::Empty {
                start_ms: self.start_ms,
                end_ms,
            }),
            _ => Ok(()),
        }
    }

    /// Where it lies in the source.
    #[must_use]
    pub fn span(&self) -> Span {
        let ns = |ms: u64| ms.saturating_mul(1_000_000);
        Span {
            start_ns: ns(self.start_ms),
            end_ns: self.end_ms.map(ns),
        }
    }

    /// The facts of a source that is nothing but this clip, in the clip's own time. Tracks of sound that
    /// end before it begins are left out.
    ///
    /// # Errors
    /// [`Refusal`] where it is empty or not within the film.
    pub fn apply(&self, facts: &SourceFacts) -> Result<SourceFacts, Refusal> {
        self.check()?;
        let film_ms = facts.duration_ns.div_ceil(1_000_000);
        let start_ms = self.start_ms;
        if start_ms >= film_ms {
            return Err(Refusal::BeginsBehind { start_ms, film_ms });
        }
        if let Some(end_ms) = self
            .end_ms
            .filter(|end_ms| *end_ms > film_ms + BEYOND_MS_MAX)
        {
            return Err(Refusal::EndsBehind { end_ms, film_ms });
        }
        let span = self.span();
        let end_ns = span.end_ns.unwrap_or(u64::MAX);
        // A time of the source as one of the clip.
        let inside = |ns: u64| ns.min(end_ns).saturating_sub(span.start_ns);
        let mut clipped = facts.clone();
        clipped.duration_ns = inside(facts.duration_ns);
        if let Some(video) = &mut clipped.video {
            let video_end_ns = video.start_ns.saturating_add(video.duration_ns);
            if video_end_ns <= span.start_ns {
                let film_ms = video_end_ns / 1_000_000;
                return Err(Refusal::BeginsBehind { start_ms, film_ms });
            }
            let has_first = video.start_ns >= span.start_ns;
            if let Some(end_ms) = self.end_ms.filter(|_| video.start_ns >= end_ns) {
                let picture_ms = video.start_ns.div_ceil(1_000_000);
                return Err(Refusal::EndsBefore { end_ms, picture_ms });
            }
            video.start_ns = inside(video.start_ns);
            video.duration_ns = inside(video_end_ns).saturating_sub(video.start_ns);
            let frame_ns = frame_ns(video);
            if !has_first && video.duration_ns < frame_ns {
                return Err(Refusal::BetweenFrames {
                    length_ms: video.duration_ns / 1_000_000,
                    frame_ms: frame_ns.div_ceil(1_000_000),
                });
            }
        }
        clipped
            .audio
            .retain(|audio| audio.duration_ns > span.start_ns);
        for audio in &mut clipped.audio {
            audio.duration_ns = inside(audio.duration_ns);
        }
        Ok(clipped)
    }
}

/// How long a frame is shown in the mean; 0 where that is not known.
fn frame_ns(video: &VideoFacts) -> u64 {
    let ns = u64::from(video.fps_den).saturating_mul(1_000_000_000);
    ns.checked_div(u64::from(video.fps_num)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::AudioFacts;

    fn film(duration_ms: u64, sounds_ms: &[u64]) -> SourceFacts {
        let audio = (0..).zip(sounds_ms).map(|(track, ms)| AudioFacts {
            track,
            duration_ns: ms * 1_000_000,
            ..audio()
        });
        SourceFacts {
            container: "mp4".to_owned(),
            duration_ns: duration_ms * 1_000_000,
            video: None,
            audio: audio.collect(),
            subtitles: Vec::new(),
            index: None,
            intermediate: None,
            broadcast: None,
        }
    }

    fn audio() -> AudioFacts {
        let json =
            r#"{"track":0,"codec":"aac","channels":2,"sample_rate_hz":48000,"duration_ns":0}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_clip_is_in_its_own_time_and_has_the_sound_that_it_reaches() {
        let clip = Clip {
            start_ms: 2_500,
            end_ms: Some(9_000),
        };
        let clipped = clip.apply(&film(10_000, &[10_000, 4_000, 2_000])).unwrap();
        assert_eq!(clipped.duration_ns, 6_500_000_000);
        let sounds: Vec<(u32, u64)> = clipped
            .audio
            .iter()
            .map(|audio| (audio.track, audio.duration_ns))
            .collect();
        assert_eq!(sounds, [(0, 6_500_000_000), (1, 1_500_000_000)]);
        let open = Clip {
            start_ms: 2_500,
            end_ms: None,
        };
        let clipped = open.apply(&film(10_000, &[])).unwrap();
        assert_eq!(clipped.duration_ns, 7_500_000_000);
    }

    #[test]
    fn a_clip_that_may_lie_between_two_frames_is_refused() {
        let json = r#"{"codec":"h264","width":320,"height":180,"coded_width":320,"coded_height":180,
            "rotation_deg":0,"fps_num":25,"fps_den":1,"timescale":12800,"bit_depth":8,
            "is_interlaced":false,"start_ns":0,"duration_ns":2000000000}"#;
        let mut film = film(2_000, &[2_000]);
        film.video = Some(serde_json::from_str(json).unwrap());
        let of = |start_ms, end_ms| Clip { start_ms, end_ms }.apply(&film);
        let between = Err(Refusal::BetweenFrames {
            length_ms: 20,
            frame_ms: 40,
        });
        assert_eq!(of(410, Some(430)), between);
        assert!(matches!(
            of(1_970, None),
            Err(Refusal::BetweenFrames { .. })
        ));
        // The first frame, and what is as long as one.
        assert!(of(0, Some(1)).is_ok() && of(410, Some(450)).is_ok() && of(1_960, None).is_ok());
        let mut late = film.clone();
        if let Some(video) = &mut late.video {
            video.start_ns = 500_000_001;
        }
        let of = |start_ms, end_ms| Clip { start_ms, end_ms }.apply(&late);
        let before = Err(Refusal::EndsBefore {
            end_ms: 500,
            picture_ms: 501,
        });
        assert_eq!(of(100, Some(500)), before);
        assert!(of(100, Some(501)).is_ok());
    }

    #[test]
    fn what_is_empty_or_not_in_the_film_is_refused() {
        let of = |start_ms, end_ms| Clip { start_ms, end_ms }.apply(&film(10_000, &[]));
        assert!(matches!(of(5, Some(5)), Err(Refusal::Empty { .. })));
        assert!(matches!(
            of(10_000, None),
            Err(Refusal::BeginsBehind { .. })
        ));
        assert!(matches!(
            of(0, Some(10_501)),
            Err(Refusal::EndsBehind { .. })
        ));
        assert!(of(9_999, Some(10_500)).is_ok());
        assert!(of(u64::MAX, None).is_err() && of(0, Some(u64::MAX)).is_err());
    }
}
