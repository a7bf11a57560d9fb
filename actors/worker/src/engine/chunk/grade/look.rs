//! How a colour of high dynamic range or of a wide gamut looks in BT.709.
//!
//! Light is made out of the signal as a display would (PQ and HLG by ITU-R BT.2100, the latter for
//! a display of 1,000 candela a square metre; else gamma 2.4 by BT.1886), brought to BT.709's
//! primaries, bent, and made a signal again by the inverse of BT.1886. What is as dark as 30
//! candela stays as it is; above, up to 1,000, light is bent under the 100 that a screen of standard
//! range has, by the Mobius curve that ffmpeg's `tonemap` and others have: a page's white of 203
//! candela comes out at nine tenths. The largest of the three primaries is bent, and the others by
//! the same factor, so that hues stay.

use gstreamer_video::{
    VideoColorMatrix, VideoColorPrimaries, VideoColorRange, VideoColorimetry, VideoTransferFunction,
};

/// Light that stays as it is, in units of 100 candela a square metre.
const STRAIGHT_MAX: f64 = 0.3;
/// Light that becomes the brightest there is.
const PEAK: f64 = 10.0;
/// A display's exponent (ITU-R BT.1886).
const GAMMA: f64 = 2.4;

/// Rows give red, green and blue of BT.709 out of those of BT.2020 (ITU-R BT.2407, section 2).
const FROM_BT2020: [[f64; 3]; 3] = [
    [1.660_491, -0.587_641, -0.072_850],
    [-0.124_550, 1.132_900, -0.008_349],
    [-0.018_151, -0.100_579, 1.118_730],
];
/// The same out of P3 with the white of daylight (SMPTE EG 432-1).
const FROM_P3: [[f64; 3]; 3] = [
    [1.224_940, -0.224_940, 0.0],
    [-0.042_057, 1.042_057, 0.0],
    [-0.019_638, -0.078_636, 1.098_274],
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transfer {
    Pq,
    Hlg,
    Standard,
}

/// What a source's signal means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    is_full: bool,
    /// The parts of red and blue in luma.
    weights: (f64, f64),
    transfer: Transfer,
    primaries: Option<&'static [[f64; 3]; 3]>,
}

impl Look {
    /// Of these colours; `None` where they are near enough to BT.709's for the scaler alone.
    pub(super) fn of(colours: &VideoColorimetry) -> Option<Self> {
        let transfer = match colours.transfer() {
            VideoTransferFunction::Smpte2084 => Transfer::Pq,
            VideoTransferFunction::AribStdB67 => Transfer::Hlg,
            _ => Transfer::Standard,
        };
        let primaries = match colours.primaries() {
            VideoColorPrimaries::Bt2020 => Some(&FROM_BT2020),
            VideoColorPrimaries::Smpteeg432 => Some(&FROM_P3),
            _ => None,
        };
        if transfer == Transfer::Standard && primaries.is_none() {
            return None;
        }
        let weights = match colours.matrix() {
            VideoColorMatrix::Bt2020 => (0.2627, 0.0593),
            VideoColorMatrix::Bt601 => (0.299, 0.114),
            VideoColorMatrix::Bt709 => (0.2126, 0.0722),
            // Others are the scaler's, which knows all matrices.
            _ => return None,
        };
        Some(Self {
            is_full: colours.range() == VideoColorRange::Range0_255,
            weights,
            transfer,
            primaries,
        })
    }

    /// Luma and both chroma as parts of all values, to code values of 8 bits in limited BT.709.
    pub(super) fn convert(&self, parts: [f64; 3]) -> [f64; 3] {
        let mut light = self.light(self.signal(parts));
        if let Some(matrix) = self.primaries {
            light = matrix.map(|[r, g, b]| r * light[0] + g * light[1] + b * light[2]);
        }
        if self.transfer != Transfer::Standard {
            let most = light.into_iter().fold(0.0, f64::max);
            if most > 0.0 {
                light = light.map(|value| value * bent(most) / most);
            }
        }
        let [r, g, b] = light.map(|value| value.clamp(0.0, 1.0).powf(1.0 / GAMMA));
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        [
            16.0 + 219.0 * y,
            128.0 + 224.0 * (b - y) / 1.8556,
            128.0 + 224.0 * (r - y) / 1.5748,
        ]
    }

    /// The signal's red, green and blue, from 0 to 1.
    fn signal(&self, [y, cb, cr]: [f64; 3]) -> [f64; 3] {
        // A part of all values is a code value of 8 bits by 256.
        let (y, cb, cr) = if self.is_full {
            (
                y * 256.0 / 255.0,
                (cb - 0.5) * 256.0 / 255.0,
                (cr - 0.5) * 256.0 / 255.0,
            )
        } else {
            let chroma = |part: f64| (part - 0.5) * 256.0 / 224.0;
            ((y * 256.0 - 16.0) / 219.0, chroma(cb), chroma(cr))
        };
        let (of_red, of_blue) = self.weights;
        let r = y + 2.0 * (1.0 - of_red) * cr;
        let b = y + 2.0 * (1.0 - of_blue) * cb;
        let g = (y - of_red * r - of_blue * b) / (1.0 - of_red - of_blue);
        [r, g, b].map(|value| value.clamp(0.0, 1.0))
    }

    /// The light that a display makes of it, in units of 100 candela a square metre.
    fn light(&self, signal: [f64; 3]) -> [f64; 3] {
        match self.transfer {
            Transfer::Standard => signal.map(|value| value.powf(GAMMA)),
            Transfer::Pq => signal.map(pq),
            Transfer::Hlg => {
                let [r, g, b] = signal.map(hlg);
                let y = 0.2627 * r + 0.6780 * g + 0.0593 * b;
                // The system's gamma is 1.2 for such a display.
                let factor = if y > 0.0 { PEAK * y.powf(0.2) } else { 0.0 };
                [r, g, b].map(|value| value * factor)
            }
        }
    }
}

/// SMPTE ST 2084 (ITU-R BT.2100, table 4), of 10,000 candela at most.
fn pq(signal: f64) -> f64 {
    let (m1, m2) = (2610.0 / 16_384.0, 2523.0 / 4096.0 * 128.0);
    let (c1, c2, c3) = (
        3424.0 / 4096.0,
        2413.0 / 4096.0 * 32.0,
        2392.0 / 4096.0 * 32.0,
    );
    let root = signal.powf(1.0 / m2);
    100.0 * ((root - c1).max(0.0) / (c2 - c3 * root)).powf(1.0 / m1)
}

/// The inverse of Hybrid Log-Gamma's transfer (ITU-R BT.2100, table 5), from 0 to 1.
fn hlg(signal: f64) -> f64 {
    let (a, b, c) = (0.178_832_77, 0.284_668_92, 0.559_910_73);
    if signal <= 0.5 {
        signal * signal / 3.0
    } else {
        (((signal - c) / a).exp() + b) / 12.0
    }
}

/// The Mobius curve: a straight line up to [`STRAIGHT_MAX`], then as steep there and 1 at [`PEAK`].
fn bent(light: f64) -> f64 {
    let j = STRAIGHT_MAX;
    if light <= j {
        return light;
    }
    let a = -j * j * (PEAK - 1.0) / (j * j - 2.0 * j + PEAK);
    let b = (j * j - 2.0 * j * PEAK + PEAK) / (PEAK - 1.0);
    (b * b + 2.0 * b * j + j * j) / (b - a) * (light + a) / (light + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, within: f64) -> bool {
        (a - b).abs() < within
    }

    #[test]
    fn transfers_are_where_the_standards_have_them() {
        // BT.2408: PQ 58 % and HLG 75 % are 203 candela; HLG's own peak is 1.
        assert!(near(pq(0.5807), 2.03, 0.01), "{}", pq(0.5807));
        assert!(near(pq(1.0), 100.0, 1e-6) && near(hlg(1.0), 1.0, 1e-4));
        let scene = hlg(0.75);
        assert!(near(PEAK * scene.powf(1.2), 2.03, 0.01), "{scene}");
    }

    #[test]
    fn hybrid_log_gamma_bends_luminance_and_not_each_primary() {
        let look = Look {
            is_full: true,
            weights: (0.2627, 0.0593),
            transfer: Transfer::Hlg,
            primaries: Some(&FROM_BT2020),
        };
        // By BT.2100: 0.121 and 0.018 of the scene's light, 65 and 10 candela of the display's.
        let light = look.light([0.588, 0.235, 0.235]);
        assert!(near(light[0], 0.653, 0.005), "{light:?}");
        assert!(near(light[1], 0.0995, 0.001), "{light:?}");
    }

    #[test]
    fn the_curve_is_smooth_and_ends_at_white() {
        assert!(near(bent(PEAK), 1.0, 1e-9) && near(bent(0.2), 0.2, 1e-9));
        let step = 1e-6;
        assert!(near(bent(STRAIGHT_MAX + step), STRAIGHT_MAX + step, 1e-9));
        let slope = (bent(STRAIGHT_MAX + 2.0 * step) - bent(STRAIGHT_MAX + step)) / step;
        assert!(near(slope, 1.0, 1e-3), "{slope}");
    }

    #[test]
    fn white_stays_white_in_every_gamut() {
        for matrix in [FROM_BT2020, FROM_P3] {
            for row in matrix {
                assert!(near(row.iter().sum(), 1.0, 1e-4), "{row:?}");
            }
        }
    }
}
