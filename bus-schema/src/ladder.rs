//! The ladder: which sizes a source is offered in.

use crate::id::RenditionName;

/// One quality level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// Its name in the API.
    pub name: &'static str,
    /// Bound of the short side, in pixels; the long side is bounded by 16/9 of it.
    pub short_side: u32,
    /// Cap of the bitrate up to 30 frames a second, in bits per second: playlists promise it.
    pub bitrate_max_bps: u32,
}

/// The ladder, lowest first. Caps follow the common public ladders for H.264 (Apple's HLS authoring
/// specification, section 1.20ff., rounded): enough for CRF 23 on ordinary film, binding on noise.
pub const LADDER: [Rung; 8] = [
    Rung {
        name: "144p",
        short_side: 144,
        bitrate_max_bps: 250_000,
    },
    Rung {
        name: "240p",
        short_side: 240,
        bitrate_max_bps: 500_000,
    },
    Rung {
        name: "360p",
        short_side: 360,
        bitrate_max_bps: 1_000_000,
    },
    Rung {
        name: "480p",
        short_side: 480,
        bitrate_max_bps: 2_000_000,
    },
    Rung {
        name: "720p",
        short_side: 720,
        bitrate_max_bps: 4_500_000,
    },
    Rung {
        name: "1080p",
        short_side: 1080,
        bitrate_max_bps: 7_800_000,
    },
    Rung {
        name: "1440p",
        short_side: 1440,
        bitrate_max_bps: 13_000_000,
    },
    Rung {
        name: "2160p",
        short_side: 2160,
        bitrate_max_bps: 24_000_000,
    },
];

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

/// The rung of this name.
#[must_use]
pub fn rung(name: &str) -> Option<Rung> {
    LADDER.into_iter().find(|rung| rung.name == name)
}

/// Whether the API takes this as a quality.
#[must_use]
pub fn is_quality(name: &str) -> bool {
    name == AUDIO || rung(name).is_some()
}

/// A rung applied to a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// The rung's name.
    pub name: RenditionName,
    /// Even, in pixels.
    pub width: u32,
    /// Even, in pixels.
    pub height: u32,
    /// Cap of the bitrate, in bits per second.
    pub bitrate_max_bps: u32,
}

impl Rung {
    /// This rung for a source shown at `width` x `height`: aspect kept, never enlarged, even sizes.
    #[must_use]
    pub fn fit(self, width: u32, height: u32, fps: f64) -> Fitted {
        let (short, long) = (f64::from(width.min(height)), f64::from(width.max(height)));
        let short_max = f64::from(self.short_side);
        let long_max = short_max * 16.0 / 9.0;
        let scale = (short_max / short).min(long_max / long).min(1.0);
        Fitted {
            name: self.name.parse().expect("rung names are rendition names"),
            width: even(f64::from(width) * scale),
            height: even(f64::from(height) * scale),
            bitrate_max_bps: capped(self.bitrate_max_bps, fps),
        }
    }
}

/// The rungs of these names (in any order) for a source, lowest first. Rungs above the source fold
/// into one at the source's own size, so every source gets at least one.
#[must_use]
pub fn fit(rungs: &[Rung], width: u32, height: u32, fps: f64) -> Vec<Fitted> {
    let mut rungs = rungs.to_vec();
    rungs.sort_by_key(|rung| rung.short_side);
    let mut fitted: Vec<Fitted> = Vec::new();
    for rung in rungs {
        let next = rung.fit(width, height, fps);
        if fitted
            .iter()
            .all(|f| (f.width, f.height) != (next.width, next.height))
        {
            fitted.push(next);
        }
    }
    fitted
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
        fit(&LADDER, width, height, 25.0)
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
    fn portrait_is_bounded_by_its_short_side_too() {
        assert_eq!(sizes(720, 1280).last().unwrap(), "720p 720x1280");
        assert_eq!(rung("360p").unwrap().fit(1080, 1920, 25.0).width, 360);
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
