//! What comes of the subtitles: the outputs, and what is said of what they lack. Pure.

use bus_schema::attempt::{SubtitleResult, SubtitlesResult};
use bus_schema::id::{Attempt, TaskNumber};
use bus_schema::object_key;
use bus_schema::plan::subtitles::SubtitlePlan;
use bus_schema::record::{Output, OutputKind};

use super::Step;

impl Step {
    /// Lists the files as soon as they are there: who watches the film while it grows is shown them.
    pub(super) fn subtitled(
        &mut self,
        number: TaskNumber,
        attempt: Attempt,
        result: &SubtitlesResult,
    ) {
        let Some(plan) = &self.record.plan else {
            return;
        };
        let dir = object_key::attempt_dir(number, attempt);
        let outputs = outputs(&plan.subtitles, result, &dir);
        let warnings = warnings(&plan.subtitles, result);
        self.record.outputs.extend(outputs);
        self.record.warnings.extend(warnings);
    }
}

/// The files, as outputs; `dir` is where the winning attempt wrote.
fn outputs(plan: &[SubtitlePlan], result: &SubtitlesResult, dir: &str) -> Vec<Output> {
    let output = |(one, bytes): (&SubtitlePlan, u32)| Output {
        kind: OutputKind::Subtitles,
        rendition: Some(one.name.clone()),
        name: format!("{dir}{}", object_key::subtitles(&one.name)),
        bytes: u64::from(bytes),
        frames: None,
        duration_ms: None,
        codecs: None,
    };
    let shown = result.shown(plan).map(|(one, track)| (one, track.bytes));
    shown.map(output).collect()
}

/// What fell short, in words for the job's owner.
fn warnings(plan: &[SubtitlePlan], result: &SubtitlesResult) -> Vec<String> {
    let tracks = plan.iter().zip(&result.tracks);
    let warning = |(one, track): (&SubtitlePlan, &SubtitleResult)| {
        let name = &one.name;
        match (track.cues, track.left_out) {
            (0, 0) => Some(format!(
                "There is no file of {name}: the track has no text within the film."
            )),
            (_, 0) => None,
            (cues, left_out) => Some(format!(
                "Of {name} {cues} cues are kept, and {left_out} are left out: they are damaged, or over \
                 the limits of a track."
            )),
        }
    };
    tracks.filter_map(warning).collect()
}

#[cfg(test)]
mod tests {
    use bus_schema::plan::subtitles::subtitle_names;

    use super::*;

    #[test]
    fn files_are_listed_and_what_they_lack_is_told() {
        let plan: Vec<SubtitlePlan> = (0..)
            .zip(subtitle_names())
            .take(3)
            .map(|(track, name)| SubtitlePlan {
                name,
                track,
                language: None,
                title: None,
                is_default: false,
                is_forced: false,
            })
            .collect();
        let track = |bytes, cues, left_out| SubtitleResult {
            bytes,
            cues,
            left_out,
        };
        let result = SubtitlesResult {
            tracks: vec![track(100, 3, 0), track(0, 0, 0), track(50, 1, 2)],
            cpu_ms: 0,
        };
        let outputs = outputs(&plan, &result, "t9a1/");
        let names: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
        assert_eq!(names, ["t9a1/subtitles.vtt", "t9a1/subtitles-3.vtt"]);
        assert_eq!(
            warnings(&plan, &result),
            [
                "There is no file of subtitles-2: the track has no text within the film.",
                "Of subtitles-3 1 cues are kept, and 2 are left out: they are damaged, or over the limits \
                 of a track."
            ]
        );
    }
}
