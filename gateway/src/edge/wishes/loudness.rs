//! A loudness as clients ask for it.

use bus_schema::request::loudness::{
    Loudness, TARGET_CENTILUFS, TARGET_CENTILUFS_DEFAULT, TRUE_PEAK_CENTIDB,
    TRUE_PEAK_CENTIDB_DEFAULT,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::refused;
use crate::problem::{Code, Problem};

/// The loudness that every track of sound is brought to, by one gain for the whole track.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::edge) struct LoudnessBody {
    /// Programme loudness in LUFS by EBU R 128, -36 to -5; -16 by default.
    target_lufs: Option<f64>,
    /// True peak in dBTP that is not exceeded for it, -9 to 0; -1 by default.
    true_peak_dbtp: Option<f64>,
}

impl LoudnessBody {
    /// The loudness, to a hundredth.
    pub(super) fn check(self) -> Result<Loudness, Problem> {
        let target = centi(self.target_lufs, TARGET_CENTILUFS_DEFAULT);
        let peak = centi(self.true_peak_dbtp, TRUE_PEAK_CENTIDB_DEFAULT);
        let loudness = target.zip(peak).map(|(target, peak)| Loudness {
            target_centilufs: target,
            true_peak_centidb: peak,
        });
        loudness.filter(Loudness::is_sound).ok_or_else(|| {
            let [target, peak] = [TARGET_CENTILUFS, TRUE_PEAK_CENTIDB]
                .map(|range| format!("{} to {}", range.start() / 100, range.end() / 100));
            refused(
                Code::InvalidLoudness,
                format!(
                    "`target_lufs` is {target} and `true_peak_dbtp` {peak}: leave them out for -16 \
                     LUFS and -1 dBTP."
                ),
            )
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be small")]
fn centi(asked: Option<f64>, default: i32) -> Option<i32> {
    let Some(asked) = asked else {
        return Some(default);
    };
    (asked.abs() < 1_000.0).then(|| (asked * 100.0).round() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<(i32, i32), Code> {
        let body: LoudnessBody = serde_json::from_str(json).unwrap();
        let checked = body.check().map_err(|problem| problem.code)?;
        Ok((checked.target_centilufs, checked.true_peak_centidb))
    }

    #[test]
    fn what_may_be_asked_for() {
        assert_eq!(check("{}"), Ok((-1_600, -100)));
        assert_eq!(check(r#"{"target_lufs":-23}"#), Ok((-2_300, -100)));
        assert_eq!(
            check(r#"{"target_lufs":-14.25,"true_peak_dbtp":-2}"#),
            Ok((-1_425, -200))
        );
        for odd in [
            r#"{"target_lufs":-4.9}"#,
            r#"{"target_lufs":-36.1}"#,
            r#"{"target_lufs":1e300}"#,
            r#"{"true_peak_dbtp":0.1}"#,
            r#"{"true_peak_dbtp":-9.1}"#,
        ] {
            assert_eq!(check(odd), Err(Code::InvalidLoudness), "{odd}");
        }
        assert!(serde_json::from_str::<LoudnessBody>(r#"{"lufs":-16}"#).is_err());
    }
}
