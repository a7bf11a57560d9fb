//! Which tracks of subtitles are carried over, and what is said of those that are not.

use bus_schema::language;
use bus_schema::plan::subtitles::{SUBTITLE_TRACKS_MAX, SubtitlePlan, subtitle_names};
use bus_schema::source::{SUBTITLES_TOLD_MAX, SubtitleFacts, SubtitleForm};

use super::sound::title;

/// Longest name of a codec that is told, in characters.
const CODEC_CHARS_MAX: usize = 24;

/// The tracks to carry over, in the source's order; and what is left out.
pub(super) fn plan(facts: &[SubtitleFacts]) -> (Vec<SubtitlePlan>, Vec<String>) {
    let of = |form: SubtitleForm| facts.iter().filter(move |track| track.form() == form);
    let text = of(SubtitleForm::Text);
    let kept = text.clone().take(SUBTITLE_TRACKS_MAX);
    // Where all are marked, as writers do that were told nothing, the marks tell nothing; of several
    // that are marked players would take any.
    let mut has_default = facts.iter().all(|track| track.is_default);
    let tracks = kept
        .zip(subtitle_names())
        .map(|(track, name)| SubtitlePlan {
            name,
            track: track.track,
            language: track.language.as_deref().and_then(language::tag),
            title: track.title.as_deref().and_then(title),
            is_default: track.is_default && !std::mem::replace(&mut has_default, true),
            is_forced: track.is_forced,
        });
    let tracks: Vec<SubtitlePlan> = tracks.collect();
    let mut warnings = Vec::new();
    warnings.extend(left(
        of(SubtitleForm::Pictures),
        "are pictures of text, and are left out: to keep them, have them converted to text first",
    ));
    warnings.extend(left(
        of(SubtitleForm::Unread),
        "are of a kind that is not read, and are left out: to keep them, convert them to SubRip or WebVTT \
         first",
    ));
    let n_text = text.count();
    if n_text > SUBTITLE_TRACKS_MAX {
        warnings.push(format!(
            "The source has {n_text} tracks of subtitles as text, of which {SUBTITLE_TRACKS_MAX} are kept."
        ));
    }
    if facts.len() >= SUBTITLES_TOLD_MAX {
        warnings.push(format!(
            "The source has {SUBTITLES_TOLD_MAX} tracks of subtitles or more: any behind these are left out."
        ));
    }
    (tracks, warnings)
}

/// A sentence over tracks that are left out, counted from 1 as people do.
fn left<'a>(tracks: impl Iterator<Item = &'a SubtitleFacts>, why: &str) -> Option<String> {
    let tracks: Vec<&SubtitleFacts> = tracks.collect();
    let named: Vec<String> = tracks
        .iter()
        .map(|track| {
            let number = track.track.saturating_add(1);
            let language = track.language.as_deref().and_then(language::tag);
            let language = language.map_or_else(String::new, |tag| format!(", {tag}"));
            format!("{number} ({}{language})", codec(&track.codec))
        })
        .collect();
    match named.split_last() {
        None => None,
        Some((one, [])) => Some(format!("The subtitles in track {one} {why}.")),
        Some((last, others)) => {
            let others = others.join(", ");
            Some(format!(
                "The subtitles in tracks {others} and {last} {why}."
            ))
        }
    }
}

/// A word from a process that reads strangers' files, as it may stand in a sentence.
pub(super) fn codec(name: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ');
    let name: String = name
        .chars()
        .filter(is_plain)
        .take(CODEC_CHARS_MAX)
        .collect();
    match name.trim() {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(track: u32, codec: &str, language: Option<&str>) -> SubtitleFacts {
        SubtitleFacts {
            track,
            stream: (track + 3).to_string(),
            codec: codec.to_owned(),
            language: language.map(ToOwned::to_owned),
            title: None,
            is_default: false,
            is_forced: false,
        }
    }

    #[test]
    fn text_is_kept_and_pictures_are_named() {
        let facts = [
            track(0, "subrip", Some("ger")),
            track(1, "hdmv_pgs_subtitle", Some("eng")),
            track(2, "ass", Some("und")),
            track(3, "dvd_subtitle", None),
            track(4, "eia_608", None),
        ];
        let (planned, warnings) = plan(&facts);
        let planned: Vec<_> = planned
            .iter()
            .map(|one| (one.name.as_str(), one.track, one.language.as_deref()))
            .collect();
        assert_eq!(
            planned,
            [("subtitles", 0, Some("de")), ("subtitles-2", 2, None)]
        );
        assert_eq!(warnings.len(), 2);
        assert!(
            warnings[0].starts_with(
                "The subtitles in tracks 2 (hdmv_pgs_subtitle, en) and 4 (dvd_subtitle) are pictures"
            ),
            "{warnings:?}"
        );
        assert!(
            warnings[1].starts_with("The subtitles in track 5 (eia_608) are of a kind"),
            "{warnings:?}"
        );
        assert_eq!(plan(&[]), (Vec::new(), Vec::new()));
    }

    #[test]
    fn one_track_at_most_is_shown_when_nobody_chooses() {
        let mut facts: Vec<SubtitleFacts> = (0..4).map(|n| track(n, "subrip", None)).collect();
        for marked in [1, 2] {
            facts[marked].is_default = true;
        }
        let shown: Vec<bool> = plan(&facts).0.iter().map(|one| one.is_default).collect();
        assert_eq!(shown, [false, true, false, false]);
        for track in &mut facts {
            track.is_default = true;
        }
        assert!(
            plan(&facts).0.iter().all(|one| !one.is_default),
            "all are marked"
        );
    }

    #[test]
    fn tracks_over_the_limit_are_named() {
        let n = u32::try_from(SUBTITLES_TOLD_MAX).unwrap();
        let facts: Vec<SubtitleFacts> = (0..n).map(|n| track(n, "webvtt", None)).collect();
        let (planned, warnings) = plan(&facts);
        assert_eq!((planned.len(), warnings.len()), (SUBTITLE_TRACKS_MAX, 2));
    }

    #[test]
    fn a_stranger_s_words_stay_within_the_sentence() {
        let mut odd = track(0, "x\n<script>\u{202e}", Some("\"><b>"));
        odd.title = Some("\u{1b}[31m".to_owned());
        let (_, warnings) = plan(&[odd]);
        assert!(
            warnings[0].starts_with("The subtitles in track 1 (xscript) are"),
            "{warnings:?}"
        );
    }
}
