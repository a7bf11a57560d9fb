//! The ladder: which sizes a source is offered in.

use crate::id::RenditionName;

/// Most rungs of a ladder: each takes an encoder's memory in every chunk.
pub const RUNGS_MAX: usize = 16;
/// Bounds of a short side, in pixels: what encoders take, and 8K.
const SHORT_SIDES: std::ops::RangeInclusive<u32> = 16..=4_320;
/// Caps of a bitrate, in bits per second: below, headers outweigh the picture; above, a segment of 4 s
/// is over the largest object of a task.
const BITRATES_BPS: std::ops::RangeInclusive<u32> = 10_000..=60_000_000;
/// Names that playlists and files beside the renditions' have.
const RESERVED: [&str; 2] = ["master", "subtitles"];

/// One quality level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// Its name in the API.
    pub name: RenditionName,
    /// Bound of the short side, in pixels; the long side is bounded by 16/9 of it.
    pub short_side: u32,
    /// Cap of the bitrate up to 30 frames a second, in bits per second: playlists promise it.
    pub bitrate_max_bps: u32,
}

/// The qualities that there are, lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    rungs: Vec<Rung>,
}

/// Why rungs make no ladder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct LadderError {
    /// Which of the rungs is wrong, as they were given; `None` for all of them together.
    pub index: Option<usize>,
    /// What is wrong and what would be right, as half a sentence.
    pub reason: String,
}

/// Name, short side and cap of the standard ladder's rungs. Caps follow the common public ladders for
/// H.264 (Apple's HLS authoring specification, section 1.20ff., rounded): enough for CRF 23 on ordinary
/// film, binding on noise.
const STANDARD: [(&str, u32, u32); 8] = [
    ("144p", 144, 250_000),
    ("240p", 240, 500_000),
    ("360p", 360, 1_000_000),
    ("480p", 480, 2_000_000),
    ("720p", 720, 4_500_000),
    ("1080p", 1080, 7_800_000),
    ("1440p", 1440, 13_000_000),
    ("2160p", 2160, 24_000_000),
];

impl Default for Ladder {
    fn default() -> Self {
        let rung = |(name, short_side, bitrate_max_bps): (&str, u32, u32)| Rung {
            name: name.parse().expect("the standard rungs have names"),
            short_side,
            bitrate_max_bps,
        };
        Self {
            rungs: STANDARD.map(rung).to_vec(),
        }
    }
}

impl Ladder {
    /// A ladder of these rungs, in any order.
    ///
    /// # Errors
    /// [`LadderError`] for none or too many, for a rung out of bounds, and for two that are alike.
    pub fn new(rungs: Vec<Rung>) -> Result<Self, LadderError> {
        if !(1..=RUNGS_MAX).contains(&rungs.len()) {
            let n = rungs.len();
            return Err(LadderError {
                index: None,
                reason: format!("there are {n} rungs: write 1 to {RUNGS_MAX}"),
            });
        }
        for (index, rung) in rungs.iter().enumerate() {
            let earlier = rungs.iter().take(index);
            rung.check(earlier).map_err(|reason| LadderError {
                index: Some(index),
                reason,
            })?;
        }
        let mut rungs = rungs;
        rungs.sort_by_key(|rung| rung.short_side);
        Ok(Self { rungs })
    }

    /// Lowest first.
    #[must_use]
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// The rung of this name.
    #[must_use]
    pub fn rung(&self, name: &str) -> Option<&Rung> {
        self.rungs.iter().find(|rung| rung.name.as_str() == name)
    }

    /// Whether the API takes this as a quality.
    #[must_use]
    pub fn is_quality(&self, name: &str) -> bool {
        name == AUDIO || self.rung(name).is_some()
    }

    /// Rungs of it (in any order) for a source, lowest first. Rungs above the source fold into one at the
    /// source's own size, so every source gets at least one.
    ///
    /// Each is called after the lowest rung that gives its size, and capped as that is, whichever was asked for:
    /// 640x360 is `360p`, also where `720p` was to be made of it.
    #[must_use]
    pub fn fit(&self, asked: &[Rung], width: u32, height: u32, fps: f64) -> Vec<Fitted> {
        let size = |fitted: &Fitted| (fitted.width, fitted.height);
        let mut asked = asked.to_vec();
        asked.sort_by_key(|rung| rung.short_side);
        let mut fitted: Vec<Fitted> = Vec::new();
        for rung in asked {
            let next = rung.fit(width, height, fps);
            if fitted.iter().any(|one| size(one) == size(&next)) {
                continue;
            }
            let mut all = self.rungs.iter().map(|rung| rung.fit(width, height, fps));
            let lowest = all.find(|one| size(one) == size(&next));
            fitted.push(lowest.unwrap_or(next));
        }
        fitted
    }

    /// The highest rung whose short side is not above this, or the lowest of all.
    #[must_use]
    pub fn up_to(&self, short_side: u32) -> &Rung {
        let mut below = self.rungs.iter().rev();
        let found = below.find(|rung| rung.short_side <= short_side);
        found.unwrap_or_else(|| self.rungs.first().expect("a ladder has a rung"))
    }
}

/// The name of the audio-only rendition, also as a quality.
pub const AUDIO: &str = "audio";

/// The names of tracks of sound: `audio`, `audio-2`, `audio-3`, ... in their order.
pub fn audio_names() -> impl Iterator<Item = RenditionName> {
    (1_u8..=u8::MAX).map(|number| {
        let name = match number {
            1 => AUDIO.to_owned(),
            _ => format!("{AUDIO}-{number}"),
        };
        name.parse()
            .expect("a word and a small number make a rendition's name")
    })
}

/// A rung applied to a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// The name of the lowest rung of the ladder that gives this size.
    pub name: RenditionName,
    /// Even, in pixels.
    pub width: u32,
    /// Even, in pixels.
    pub height: u32,
    /// Cap of the bitrate, in bits per second.
    pub bitrate_max_bps: u32,
}

impl Rung {
    fn check<'a>(&self, mut earlier: impl Iterator<Item = &'a Self>) -> Result<(), String> {
        let name = self.name.as_str();
        let is_plain = name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !is_plain || name.starts_with(AUDIO) || RESERVED.contains(&name) {
            return Err(format!(
                "a rung cannot be called `{name}`: take lower-case letters and digits, such as `720p`, and \
                 neither `{AUDIO}` nor `{}`",
                RESERVED.join("` nor `")
            ));
        }
        if !SHORT_SIDES.contains(&self.short_side) {
            return Err(format!(
                "a short side of {} pixels is out of bounds: write {} to {}",
                self.short_side,
                SHORT_SIDES.start(),
                SHORT_SIDES.end()
            ));
        }
        if !BITRATES_BPS.contains(&self.bitrate_max_bps) {
            return Err(format!(
                "a cap of {} bits per second is out of bounds: write {} to {}",
                self.bitrate_max_bps,
                BITRATES_BPS.start(),
                BITRATES_BPS.end()
            ));
        }
        let twin = earlier.find(|one| one.name == self.name || one.short_side == self.short_side);
        match twin {
            Some(twin) => Err(format!(
                "`{name}` has the name or the short side of `{}`, which stands before it: leave one out",
                twin.name
            )),
            None => Ok(()),
        }
    }

    /// This rung for a source shown at `width` x `height`: aspect kept, never enlarged, even sizes.
    #[must_use]
    pub fn fit(&self, width: u32, height: u32, fps: f64) -> Fitted {
        let (short, long) = (f64::from(width.min(height)), f64::from(width.max(height)));
        let short_max = f64::from(self.short_side);
        let long_max = short_max * 16.0 / 9.0;
        let scale = (short_max / short).min(long_max / long).min(1.0);
        Fitted {
            name: self.name.clone(),
            width: even(f64::from(width) * scale),
            height: even(f64::from(height) * scale),
            bitrate_max_bps: capped(self.bitrate_max_bps, fps),
        }
    }
}

/// Nearest even number, at least 2: 4:2:0 has half as many chroma samples.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are small and positive"
)]
fn even(size: f64) -> u32 {
    ((size / 2.0).round() as u32 * 2).max(2)
}

/// Above 30 frames a second the cap grows by half, as the usual ladders do.
fn capped(bitrate_bps: u32, fps: f64) -> u32 {
    if fps > 31.0 {
        bitrate_bps + bitrate_bps / 2
    } else {
        bitrate_bps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(width: u32, height: u32) -> Vec<String> {
        let ladder = Ladder::default();
        ladder
            .fit(ladder.rungs(), width, height, 25.0)
            .iter()
            .map(|f| format!("{} {}x{}", f.name, f.width, f.height))
            .collect()
    }

    #[test]
    fn every_source_gets_the_rungs_it_fills_and_its_own_size() {
        assert_eq!(
            sizes(1280, 720),
            [
                "144p 256x144",
                "240p 426x240",
                "360p 640x360",
                "480p 854x480",
                "720p 1280x720"
            ]
        );
        assert_eq!(
            sizes(640, 272),
            ["144p 256x108", "240p 426x182", "360p 640x272"]
        );
        assert_eq!(sizes(176, 144), ["144p 176x144"]);
        assert_eq!(sizes(100, 50), ["144p 100x50"]);
        assert_eq!(sizes(1, 1), ["144p 2x2"]);
    }

    #[test]
    fn a_size_has_one_name_whichever_rung_was_asked_for() {
        let ladder = Ladder::default();
        let alone = |name: &str, width, height| {
            let rung = ladder.rung(name).unwrap().clone();
            ladder.fit(&[rung], width, height, 25.0)
        };
        for (width, height) in [
            (640, 360),
            (360, 640),
            (1280, 720),
            (800, 600),
            (176, 144),
            (2, 2),
        ] {
            let whole = ladder.fit(ladder.rungs(), width, height, 25.0);
            let highest = whole.last().unwrap();
            assert_eq!(alone("2160p", width, height).first(), Some(highest));
        }
        let one = alone("720p", 640, 360);
        assert_eq!(
            (one[0].name.as_str(), one[0].bitrate_max_bps),
            ("360p", 1_000_000)
        );
        // One that the source fills keeps its name.
        assert_eq!(alone("240p", 640, 360)[0].name.as_str(), "240p");
    }

    fn rung(name: &str, short_side: u32, bitrate_max_bps: u32) -> Rung {
        Rung {
            name: name.parse().unwrap(),
            short_side,
            bitrate_max_bps,
        }
    }

    #[test]
    fn a_ladder_is_sorted_and_finds_its_rungs() {
        let ladder =
            Ladder::new(vec![rung("hd", 720, 3_000_000), rung("sd", 432, 1_200_000)]).unwrap();
        assert_eq!(ladder.rungs()[0].name.as_str(), "sd");
        assert!(ladder.is_quality("hd") && ladder.is_quality(AUDIO) && !ladder.is_quality("720p"));
        let up_to = |short_side| ladder.up_to(short_side).name.as_str();
        assert_eq!((up_to(2160), up_to(719), up_to(100)), ("hd", "sd", "sd"));
        let standard = Ladder::default();
        assert_eq!(Ladder::new(standard.rungs().to_vec()), Ok(standard));
    }

    #[test]
    fn what_is_no_ladder_is_told_by_its_rung() {
        let good = || rung("sd", 432, 1_200_000);
        for odd in [
            rung("audio", 720, 3_000_000),
            rung("audio-2", 720, 3_000_000),
            rung("master", 720, 3_000_000),
            rung("720p-iframes", 720, 3_000_000),
            rung("hd", 0, 3_000_000),
            rung("hd", 4_321, 3_000_000),
            rung("hd", 720, 9_999),
            rung("hd", 720, u32::MAX),
            rung("sd", 720, 3_000_000),
            rung("hd", 432, 3_000_000),
        ] {
            let error = Ladder::new(vec![good(), odd.clone()]).unwrap_err();
            assert_eq!(error.index, Some(1), "{odd:?}: {error}");
        }
        assert_eq!(Ladder::new(Vec::new()).unwrap_err().index, None);
        let many = (0..17).map(|n| rung(&format!("{n}p"), 100 + n, 100_000));
        assert_eq!(Ladder::new(many.collect()).unwrap_err().index, None);
    }

    #[test]
    fn portrait_is_bounded_by_its_short_side_too() {
        assert_eq!(sizes(720, 1280).last().unwrap(), "720p 720x1280");
        assert_eq!(
            Ladder::default()
                .rung("360p")
                .unwrap()
                .fit(1080, 1920, 25.0)
                .width,
            360
        );
    }

    #[test]
    fn a_rung_between_two_folds_into_the_source_s_own_size() {
        assert_eq!(
            sizes(800, 600),
            [
                "144p 192x144",
                "240p 320x240",
                "360p 480x360",
                "480p 640x480",
                "720p 800x600"
            ]
        );
    }
}
