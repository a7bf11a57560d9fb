//! VP9 in MP4 (VP Codec ISO Media File Format Binding, version 1.0).

use bytes::Bytes;

/// Of the box: version 1, no flags.
pub(super) const VERSION_FLAGS: [u8; 4] = [1, 0, 0, 0];
/// Bytes of the record behind them.
pub(super) const RECORD_BYTES: usize = 8;
/// Chroma of 4:2:0 that lies between two lines, and not beside: as MPEG-2 has it.
const CHROMA_420_VERTICAL: u8 = 0;

/// VP9's levels (VP9 Levels, webmproject.org): number, luma samples per second, luma samples of a
/// picture, bits per second, longest side.
const LEVELS: [(u8, u64, u64, u64, u32); 14] = [
    (10, 829_440, 36_864, 200_000, 512),
    (11, 2_764_800, 73_728, 800_000, 768),
    (20, 4_608_000, 122_880, 1_800_000, 960),
    (21, 9_216_000, 245_760, 3_600_000, 1_344),
    (30, 20_736_000, 552_960, 7_200_000, 2_048),
    (31, 36_864_000, 983_040, 12_000_000, 2_752),
    (40, 83_558_400, 2_228_224, 18_000_000, 4_160),
    (41, 160_432_128, 2_228_224, 30_000_000, 4_160),
    (50, 311_951_360, 8_912_896, 60_000_000, 8_384),
    (51, 588_251_136, 8_912_896, 120_000_000, 8_384),
    (52, 1_176_502_272, 8_912_896, 180_000_000, 8_384),
    (60, 1_176_502_272, 35_651_584, 180_000_000, 16_832),
    (61, 2_353_004_544, 35_651_584, 240_000_000, 16_832),
    (62, 4_706_009_088, 35_651_584, 480_000_000, 16_832),
];

/// What a VP9 stream of 8 bits in 4:2:0 needs to be decoded: what encoders do not tell, so that it is
/// computed from the plan, and the same in every chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9Config {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames per second, rounded up.
    pub frames_per_s: u32,
    /// Cap of the rate, bits per second.
    pub bitrate_max_bps: u32,
}

impl Vp9Config {
    /// `VPCodecConfigurationRecord`: profile 0, BT.709 in limited range.
    #[must_use]
    pub fn record(&self) -> Bytes {
        let format = (8 << 4) | (CHROMA_420_VERTICAL << 1);
        let (primaries, transfer, matrix) = (1, 1, 1);
        let record = [0, self.level(), format, primaries, transfer, matrix, 0, 0];
        Bytes::copy_from_slice(&record)
    }

    /// The lowest level that holds it; the highest where none does.
    fn level(&self) -> u8 {
        let picture = u64::from(self.width) * u64::from(self.height);
        let per_s = picture * u64::from(self.frames_per_s);
        let fits = |(_, samples_per_s, samples, bps, side): &(u8, u64, u64, u64, u32)| {
            per_s <= *samples_per_s
                && picture <= *samples
                && u64::from(self.bitrate_max_bps) <= *bps
                && self.width.max(self.height) <= *side
        };
        LEVELS
            .iter()
            .find(|level| fits(level))
            .or(LEVELS.last())
            .map_or(0, |level| level.0)
    }
}

/// Profile, level and bits: the fields that must be there.
pub(super) fn codecs(vpcc: &[u8]) -> String {
    let field = |at: usize| vpcc.get(at).copied().unwrap_or(0);
    format!("vp09.{:02}.{:02}.{:02}", field(0), field(1), field(2) >> 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_grow_with_size_rate_and_bits() {
        let name = |width, height, frames_per_s, bitrate_max_bps| {
            let config = Vp9Config {
                width,
                height,
                frames_per_s,
                bitrate_max_bps,
            };
            codecs(&config.record())
        };
        assert_eq!(name(256, 144, 25, 187_500), "vp09.00.11.08");
        assert_eq!(name(256, 144, 15, 187_500), "vp09.00.10.08");
        assert_eq!(name(640, 360, 30, 750_000), "vp09.00.21.08");
        assert_eq!(name(1280, 720, 30, 3_375_000), "vp09.00.31.08");
        assert_eq!(name(1280, 720, 60, 5_000_000), "vp09.00.40.08");
        assert_eq!(name(1920, 1080, 30, 5_850_000), "vp09.00.40.08");
        assert_eq!(name(3840, 2160, 60, 27_000_000), "vp09.00.51.08");
        assert_eq!(name(100_000, 2, 1, 1), "vp09.00.62.08");
        assert_eq!(name(2_000, 2, 1, 1), "vp09.00.30.08");
    }
}
