//! The cues of a track, and the file that they make.

use std::fmt::Write as _;

use bus_schema::attempt::SubtitleResult;
use bus_schema::plan::Span;
use bus_schema::plan::subtitles::{SUBTITLE_BYTES_MAX, SUBTITLE_CUES_MAX};

/// Latest end of a cue: four days, beyond any film that is taken; hours then have two digits.
const END_MS_MAX: u64 = 99 * 3_600_000;
/// How long a cue is shown that says not for how long, at most: until the next one else.
const UNTOLD_MS_MAX: u64 = 5_000;
/// Cues back that one is compared with where it may go on from another: more are not shown at once.
const AT_ONCE_MAX: usize = 16;
/// The first line of a file.
const HEAD: &str = "WEBVTT\n";
/// Letters of a cue beside its text and its settings: two times, an arrow, and three line ends.
const FRAME_BYTES: usize = "00:00:00.000 --> 00:00:00.000".len() + 3;

/// When a cue is shown, in stream time of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// First nanosecond.
    pub start_ns: u64,
    /// First nanosecond behind; `None` where the source does not tell.
    pub end_ns: Option<u64>,
}

/// Cues within their limits, in the order in which they came.
#[derive(Debug)]
pub struct CueList {
    clip: Span,
    cues: Vec<Cue>,
    bytes: usize,
    left_out: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cue {
    start_ms: u64,
    /// `None` until it is known when the next one begins.
    end_ms: Option<u64>,
    settings: String,
    text: String,
}

/// A track's file, with what is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// WebVTT; empty where there is no cue.
    pub text: String,
    /// Its numbers.
    pub result: SubtitleResult,
}

impl CueList {
    /// Takes cues of this part of the source, and has them in its time.
    #[must_use]
    pub fn new(clip: Span) -> Self {
        Self {
            clip,
            cues: Vec::new(),
            bytes: HEAD.len(),
            left_out: 0,
        }
    }

    /// Counts a cue that cannot be kept.
    pub fn leave_out(&mut self) {
        self.left_out = self.left_out.saturating_add(1);
    }

    /// Takes a cue: its text as WebVTT has it, and its settings with a blank before each. One outside of
    /// the clip is passed over; one that takes no time is left out, and so is what is over a limit.
    pub fn push(&mut self, times: Times, settings: &str, text: String) {
        if times.end_ns.is_some_and(|end_ns| end_ns <= times.start_ns) {
            return self.leave_out();
        }
        let Some((start_ms, end_ms)) = self.within(times) else {
            return;
        };
        let bytes = self.bytes + FRAME_BYTES + settings.len() + text.len();
        let is_over = end_ms.unwrap_or(start_ms) > END_MS_MAX
            || self.cues.len() >= SUBTITLE_CUES_MAX as usize
            || bytes > SUBTITLE_BYTES_MAX as usize;
        if is_over {
            return self.leave_out();
        }
        self.bytes = bytes;
        self.cues.push(Cue {
            start_ms,
            end_ms,
            settings: settings.to_owned(),
            text,
        });
    }

    /// Takes a cue as [`Self::push`] does, unless one of the same text ends where it begins, which then
    /// goes on: files of some kinds have a cue in several pieces.
    pub fn push_or_go_on(&mut self, times: Times, settings: &str, text: String) {
        if let Some((start_ms, end_ms)) = self.within(times) {
            let mut latest = self.cues.iter_mut().rev().take(AT_ONCE_MAX);
            let earlier = latest.find(|cue| {
                cue.end_ms == Some(start_ms) && cue.text == text && cue.settings == settings
            });
            if let Some(cue) = earlier {
                cue.end_ms = end_ms.map(|end_ms| end_ms.min(END_MS_MAX));
                return;
            }
        }
        self.push(times, settings, text);
    }

    /// Times in the clip's own, to the nearest millisecond; `None` for what is not in it.
    fn within(&self, times: Times) -> Option<(u64, Option<u64>)> {
        let clip_end_ns = self.clip.end_ns.unwrap_or(u64::MAX);
        let least_ns = times.start_ns.saturating_add(1);
        let is_inside =
            times.start_ns < clip_end_ns && times.end_ns.unwrap_or(least_ns) > self.clip.start_ns;
        let ms = |ns: u64| {
            let own_ns = ns.min(clip_end_ns).saturating_sub(self.clip.start_ns);
            own_ns.saturating_add(500_000) / 1_000_000
        };
        is_inside.then(|| (ms(times.start_ns), times.end_ns.map(ms)))
    }

    /// The file.
    #[must_use]
    pub fn finish(mut self) -> File {
        self.cues.sort_by_key(|cue| cue.start_ms);
        self.end_all();
        // Typesetters put shadows behind letters as a second cue with the same ones.
        self.cues.dedup();
        // One that is shorter than half a millisecond is never seen.
        self.cues
            .retain(|cue| cue.end_ms.is_some_and(|end_ms| end_ms > cue.start_ms));
        let mut text = String::new();
        for cue in &self.cues {
            let (start, end) = (timestamp(cue.start_ms), timestamp(cue.end_ms.unwrap_or(0)));
            let Cue {
                settings,
                text: words,
                ..
            } = cue;
            write!(text, "\n{start} --> {end}{settings}\n{words}\n")
                .expect("a String takes everything");
        }
        if !text.is_empty() {
            text.insert_str(0, HEAD);
        }
        let n = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let result = SubtitleResult {
            bytes: n(text.len()),
            cues: n(self.cues.len()),
            left_out: self.left_out,
        };
        File { text, result }
    }

    /// Gives an end to cues that have none: where the next one begins.
    fn end_all(&mut self) {
        let clip_end_ms = self.clip.end_ns.map(|end_ns| {
            let own_ns = end_ns.saturating_sub(self.clip.start_ns);
            own_ns / 1_000_000
        });
        let mut next_ms = clip_end_ms.unwrap_or(u64::MAX);
        let mut following_ms = next_ms;
        for cue in self.cues.iter_mut().rev() {
            if cue.start_ms < following_ms {
                next_ms = following_ms;
            }
            following_ms = cue.start_ms;
            let untold_ms = cue.start_ms.saturating_add(UNTOLD_MS_MAX).min(next_ms);
            cue.end_ms = Some(cue.end_ms.unwrap_or(untold_ms));
        }
    }
}

/// A time as WebVTT has it: `01:02:03.004`.
fn timestamp(ms: u64) -> String {
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let (seconds, ms) = (ms / 1_000 % 60, ms % 1_000);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{ms:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const WHOLE: Span = Span {
        start_ns: 0,
        end_ns: None,
    };

    fn times(start_ms: u64, end_ms: u64) -> Times {
        Times {
            start_ns: start_ms * MS,
            end_ns: Some(end_ms * MS),
        }
    }

    fn file(clip: Span, cues: &[(Times, &str)]) -> File {
        let mut list = CueList::new(clip);
        for (times, text) in cues {
            list.push(*times, "", (*text).to_owned());
        }
        list.finish()
    }

    #[test]
    fn cues_are_written_in_the_order_of_their_begin() {
        let rounded = Times {
            start_ns: 3_600_000 * MS + 500_000,
            end_ns: Some(3_600_002 * MS + 499_999),
        };
        let made = file(
            WHOLE,
            &[
                (rounded, "late"),
                (times(500, 1_000), "b"),
                (times(0, 1_000), "a"),
                (times(500, 1_000), "b"),
            ],
        );
        assert_eq!(
            made.text,
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na\n\n00:00:00.500 --> 00:00:01.000\nb\n\n\
             01:00:00.001 --> 01:00:00.002\nlate\n"
        );
        assert_eq!(made.result.cues, 3);
        assert_eq!(made.result.bytes as usize, made.text.len());
        assert_eq!(file(WHOLE, &[]).text, "");
    }

    #[test]
    fn a_clip_cuts_cues_and_has_them_in_its_own_time() {
        let clip = Span {
            start_ns: 1_000 * MS,
            end_ns: Some(3_000 * MS),
        };
        let cues = [
            (times(0, 1_000), "before"),
            (times(500, 1_500), "over the begin"),
            (times(2_500, 4_000), "over the end"),
            (times(3_000, 4_000), "behind"),
        ];
        let made = file(clip, &cues);
        assert_eq!(
            made.text,
            "WEBVTT\n\n00:00:00.000 --> 00:00:00.500\nover the begin\n\n\
             00:00:01.500 --> 00:00:02.000\nover the end\n"
        );
        assert_eq!(made.result.left_out, 0, "what is outside was never meant");
    }

    #[test]
    fn a_cue_without_an_end_is_shown_until_the_next() {
        let untold = |start_ms: u64| Times {
            start_ns: start_ms * MS,
            end_ns: None,
        };
        let cues = [
            (untold(0), "a"),
            (untold(2_000), "b"),
            (untold(2_000), "c"),
            (untold(60_000), "d"),
        ];
        let made = file(WHOLE, &cues);
        let ends: Vec<&str> = made
            .text
            .lines()
            .filter_map(|line| line.split(" --> ").nth(1))
            .collect();
        assert_eq!(
            ends,
            [
                "00:00:02.000",
                "00:00:07.000",
                "00:00:07.000",
                "00:01:05.000"
            ]
        );
    }

    #[test]
    fn pieces_of_a_cue_become_one() {
        let mut list = CueList::new(WHOLE);
        for (start_ms, end_ms, text) in [
            (0, 1_000, "a"),
            (0, 1_000, "b"),
            (1_000, 2_000, "a"),
            (2_000, 3_000, "a"),
            (4_000, 5_000, "a"),
        ] {
            list.push_or_go_on(times(start_ms, end_ms), "", text.to_owned());
        }
        let made = list.finish();
        assert_eq!(made.result.cues, 3);
        assert!(
            made.text.contains("00:00:00.000 --> 00:00:03.000\na\n"),
            "{}",
            made.text
        );
    }

    #[test]
    fn what_is_impossible_or_over_a_limit_is_left_out_and_counted() {
        let endless = Times {
            start_ns: u64::MAX - 1,
            end_ns: Some(u64::MAX),
        };
        let cues = [
            (times(1_000, 1_000), "no time"),
            (times(2_000, 1_000), "backwards"),
            (endless, "never"),
            (times(0, 1_000), "good"),
        ];
        let made = file(WHOLE, &cues);
        assert_eq!((made.result.cues, made.result.left_out), (1, 3));

        let mut list = CueList::new(WHOLE);
        for n in 0..=u64::from(SUBTITLE_CUES_MAX) {
            list.push(times(n, n + 1), "", "x".to_owned());
        }
        let made = list.finish();
        assert_eq!(
            (made.result.cues, made.result.left_out),
            (SUBTITLE_CUES_MAX, 1)
        );

        let mut list = CueList::new(WHOLE);
        for n in 0..1_000 {
            list.push(times(n, n + 1), "", "x".repeat(10_000));
        }
        let made = list.finish();
        assert!(made.result.bytes <= SUBTITLE_BYTES_MAX, "{:?}", made.result);
        assert_eq!(made.result.cues + made.result.left_out, 1_000);
        assert!(made.result.left_out > 0);
    }
}
