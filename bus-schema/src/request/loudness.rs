//! Loudness as EBU R 128 measures it, and the level that a job's sound is brought to.

use serde::{Deserialize, Serialize};

/// Quietest and loudest target, in hundredths of LUFS: below, speech drowns in a room's noise, above
/// no sound keeps its peaks.
pub const TARGET_CENTILUFS: std::ops::RangeInclusive<i32> = -3_600..=-500;
/// The target that is taken when none is named: what music services and podcasts agree on.
pub const TARGET_CENTILUFS_DEFAULT: i32 = -1_600;
/// Lowest and highest limit of the true peak, in hundredths of dBTP.
pub const TRUE_PEAK_CENTIDB: std::ops::RangeInclusive<i32> = -900..=0;
/// The limit that is taken when none is named (EBU R 128, item h).
pub const TRUE_PEAK_CENTIDB_DEFAULT: i32 = -100;

/// The level that a track of sound is brought to, by one gain for all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loudness {
    /// Programme loudness to reach, in hundredths of LUFS (ITU-R BS.1770).
    pub target_centilufs: i32,
    /// True peak that is not exceeded for it, in hundredths of dBTP (ITU-R BS.1770, annex 2).
    pub true_peak_centidb: i32,
}

/// What was measured of a track, and what was made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoudnessResult {
    /// Programme loudness of the source, in hundredths of LUFS; absent for silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_centilufs: Option<i32>,
    /// The gain, in hundredths of dB; 0 for silence.
    pub gain_centidb: i32,
}

/// Largest gain, either way, in hundredths of dB: the gate of BS.1770 lies at -70 LUFS.
const GAIN_CENTIDB_MAX: i32 = 7_000;
/// How far from its target a track may end without a word, in hundredths of LU: half a unit is what
/// EBU R 128 allows a programme.
const TOLERANCE_CENTILU: i32 = 50;

impl Loudness {
    /// Whether it is one that may be asked for.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        TARGET_CENTILUFS.contains(&self.target_centilufs)
            && TRUE_PEAK_CENTIDB.contains(&self.true_peak_centidb)
    }

    /// The gain for a track of this loudness and this true peak: to the target, unless its peak would
    /// go over the limit.
    #[must_use]
    pub fn gain_centidb(&self, source_centilufs: i32, peak_centidb: i32) -> i32 {
        let to_target = self.target_centilufs.saturating_sub(source_centilufs);
        let to_limit = self.true_peak_centidb.saturating_sub(peak_centidb);
        to_target
            .min(to_limit)
            .clamp(-GAIN_CENTIDB_MAX, GAIN_CENTIDB_MAX)
    }

    /// What is to be said of a result that is not at the target, as a clause.
    #[must_use]
    pub fn shortfall(&self, result: LoudnessResult) -> Option<String> {
        let Some(source) = result.source_centilufs else {
            return Some("it is silent, or too quiet to be measured".to_owned());
        };
        let reached = source.saturating_add(result.gain_centidb);
        let missing = self.target_centilufs.saturating_sub(reached);
        (missing.saturating_abs() > TOLERANCE_CENTILU).then(|| {
            let [reached, target, peak] = [reached, self.target_centilufs, self.true_peak_centidb]
                .map(|centi| f64::from(centi) / 100.0);
            format!(
                "it is at {reached:.1} LUFS in place of {target:.1}, since more would take its true \
                 peak over {peak:.1} dBTP"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WISH: Loudness = Loudness {
        target_centilufs: -1_600,
        true_peak_centidb: -100,
    };

    #[test]
    fn the_gain_leads_to_the_target_unless_the_peak_forbids_it() {
        assert_eq!(WISH.gain_centidb(-2_300, -1_200), 700);
        assert_eq!(WISH.gain_centidb(-900, 50), -700);
        assert_eq!(WISH.gain_centidb(-2_300, -500), 400);
        assert_eq!(WISH.gain_centidb(i32::MIN, i32::MIN), GAIN_CENTIDB_MAX);
        assert_eq!(WISH.gain_centidb(i32::MAX, i32::MAX), -GAIN_CENTIDB_MAX);
    }

    #[test]
    fn what_falls_short_is_said() {
        let result = |source, gain_centidb| LoudnessResult {
            source_centilufs: source,
            gain_centidb,
        };
        assert_eq!(WISH.shortfall(result(Some(-2_300), 700)), None);
        assert_eq!(WISH.shortfall(result(Some(-2_300), 660)), None);
        let bounded = WISH.shortfall(result(Some(-2_300), 400)).unwrap();
        assert!(
            bounded.contains("at -19.0 LUFS in place of -16.0"),
            "{bounded}"
        );
        assert!(WISH.shortfall(result(None, 0)).unwrap().contains("silent"));
        assert!(WISH.shortfall(result(Some(i32::MIN), i32::MIN)).is_some());
    }
}
