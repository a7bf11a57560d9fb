//! Chapters as clients ask for them.

use bus_schema::request::chapters::{
    ChaptersRequest, LENGTH_MS_DEFAULT, Refusal, SCORE_PERMILLE_DEFAULT,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::images::ms;
use super::{refused, sentence};
use crate::problem::{Code, Problem};

/// Chapters that begin where scenes do: as WebVTT, as JSON, and as date ranges of HLS.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::edge) struct ChaptersBody {
    /// By how many percent of the range of luma a scene's first frame differs from the one before, at
    /// least: 0.1 to 100; 10 by default.
    threshold: Option<f64>,
    /// No chapter is shorter, in seconds: 1 to 3600; 30 by default.
    min_length_s: Option<f64>,
}

impl ChaptersBody {
    /// What was asked for, checked.
    pub(super) fn check(self) -> Result<ChaptersRequest, Problem> {
        self.read()
            .map_err(|refusal| refused(Code::InvalidChapters, sentence(&refusal.to_string())))
    }

    fn read(self) -> Result<ChaptersRequest, Refusal> {
        // A percent has ten thousandths as a second of time has a thousand.
        let score = self
            .threshold
            .map(|percent| ms(percent / 100.0).ok_or(Refusal::Score));
        let score = score
            .transpose()?
            .map(|permille| u16::try_from(permille).map_err(|_| Refusal::Score));
        let length = self
            .min_length_s
            .map(|seconds| ms(seconds).ok_or(Refusal::Length));
        let chapters = ChaptersRequest {
            score_permille: score.transpose()?.unwrap_or(SCORE_PERMILLE_DEFAULT),
            length_ms_min: length.transpose()?.unwrap_or(LENGTH_MS_DEFAULT),
        };
        chapters.check()?;
        Ok(chapters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_have_defaults_and_limits() {
        let check = |json: &str| serde_json::from_str::<ChaptersBody>(json).unwrap().check();
        let of = |score_permille, length_ms_min| ChaptersRequest {
            score_permille,
            length_ms_min,
        };
        assert_eq!(check("{}").unwrap(), of(100, 30_000));
        assert_eq!(
            check(r#"{"threshold": 7.5, "min_length_s": 1.5}"#).unwrap(),
            of(75, 1_500)
        );
        for (json, named) in [
            (r#"{"threshold": 0}"#, "threshold"),
            (r#"{"threshold": -1}"#, "threshold"),
            (r#"{"threshold": 100.5}"#, "threshold"),
            (r#"{"min_length_s": 0.5}"#, "apart"),
            (r#"{"min_length_s": 1e9}"#, "apart"),
        ] {
            let problem = check(json).unwrap_err();
            assert_eq!(problem.code, Code::InvalidChapters, "{json}");
            assert!(problem.detail.contains(named), "{json}: {}", problem.detail);
        }
    }
}
