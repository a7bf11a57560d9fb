//! Which tracks of sound are encoded, in which order, and how.

use bus_schema::id::RenditionName;
use bus_schema::ladder::audio_names;
use bus_schema::language;
use bus_schema::plan::{AUDIO_TRACKS_MAX, AudioPlan, CopiedAudio};
use bus_schema::request::loudness::Loudness;
use bus_schema::source::AudioFacts;

/// 20 s of sound per part: it encodes in a fraction of a second.
const PART_SEGMENTS: u32 = 5;
/// Longest name of a track, in characters: what fits into a player's menu.
const TITLE_CHARS_MAX: usize = 64;

/// The tracks to encode, the one to play when nobody chooses first; and what is left out.
pub(super) fn plan(
    facts: &[AudioFacts],
    loudness: Option<Loudness>,
) -> (Vec<AudioPlan>, Vec<String>) {
    let first = facts.iter().position(|track| track.is_default).unwrap_or(0);
    let others = facts
        .iter()
        .enumerate()
        .filter(|(place, _)| *place != first);
    let ordered = facts.get(first).into_iter();
    let ordered = ordered.chain(others.map(|(_, track)| track));
    let tracks = ordered.zip(audio_names()).take(AUDIO_TRACKS_MAX);
    let tracks = tracks.map(|(track, name)| plan_track(track, name, loudness));
    let warning = (facts.len() > AUDIO_TRACKS_MAX).then(|| {
        let n = facts.len();
        format!("The source has {n} tracks of sound, of which {AUDIO_TRACKS_MAX} are kept.")
    });
    (tracks.collect(), warning.into_iter().collect())
}

/// What a copy keeps.
pub(super) fn copied(facts: &[AudioFacts]) -> Option<CopiedAudio> {
    let (track, name) = facts.iter().zip(audio_names()).next()?;
    Some(CopiedAudio {
        name,
        language: track.language.as_deref().and_then(language::tag),
        title: track.title.as_deref().and_then(title),
    })
}

/// What a copy leaves out.
pub(super) fn left_by_a_copy(facts: &[AudioFacts]) -> Option<String> {
    (facts.len() > 1).then(|| {
        let n = facts.len();
        format!(
            "The source has {n} tracks of sound, of which a copy keeps the first. For all of them ask \
             for a quality by name."
        )
    })
}

fn plan_track(facts: &AudioFacts, name: RenditionName, loudness: Option<Loudness>) -> AudioPlan {
    let channels = facts.channels.clamp(1, 2);
    AudioPlan {
        name,
        track: facts.track,
        channels,
        // What CDs descend from stays in its family: resampling 44.1 to 48 kHz helps nobody.
        sample_rate_hz: if facts.sample_rate_hz.is_multiple_of(11_025) {
            44_100
        } else {
            48_000
        },
        bitrate_bps: if channels == 1 { 80_000 } else { 128_000 },
        part_segments: PART_SEGMENTS,
        language: facts.language.as_deref().and_then(language::tag),
        title: facts.title.as_deref().and_then(title),
        loudness,
    }
}

/// A stranger's text, as it may stand between quotes on a line of a playlist and in a player's menu.
pub(super) fn title(text: &str) -> Option<String> {
    let plain = text.chars().map(|c| match c {
        '"' => '\'',
        c if is_invisible(c) => ' ',
        c => c,
    });
    let plain: String = plain.collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let title: String = words.join(" ").chars().take(TITLE_CHARS_MAX).collect();
    let title = title.trim_end();
    (!title.is_empty()).then(|| title.to_owned())
}

/// Controls, and what turns the direction of the text around it.
fn is_invisible(c: char) -> bool {
    let turns =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    c.is_control() || turns || c == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(track: u32) -> AudioFacts {
        AudioFacts {
            track,
            stream: String::new(),
            codec: "aac".to_owned(),
            channels: 2,
            sample_rate_hz: 48_000,
            language: None,
            title: None,
            is_default: false,
            duration_ns: 1,
        }
    }

    fn names(plan: &[AudioPlan]) -> Vec<(&str, u32)> {
        plan.iter()
            .map(|audio| (audio.name.as_str(), audio.track))
            .collect()
    }

    #[test]
    fn the_default_track_comes_first_and_the_rest_keeps_its_order() {
        let mut facts: Vec<AudioFacts> = (0..3).map(track).collect();
        assert_eq!(
            names(&plan(&facts, None).0),
            [("audio", 0), ("audio-2", 1), ("audio-3", 2)]
        );
        facts[1].is_default = true;
        let (planned, warnings) = plan(&facts, None);
        assert_eq!(
            names(&planned),
            [("audio", 1), ("audio-2", 0), ("audio-3", 2)]
        );
        assert!(warnings.is_empty());
    }

    #[test]
    fn tracks_over_the_limit_are_left_out_and_named() {
        let facts: Vec<AudioFacts> = (0..9).map(track).collect();
        let (planned, warnings) = plan(&facts, None);
        assert_eq!(planned.len(), AUDIO_TRACKS_MAX);
        assert_eq!(
            warnings,
            ["The source has 9 tracks of sound, of which 8 are kept."]
        );
        assert_eq!(plan(&[], None), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_stranger_s_name_cannot_leave_its_quotes_or_its_line() {
        for (text, expected) in [
            ("Commentary", Some("Commentary")),
            (
                "a\"\n#EXT-X-ENDLIST\r\n,URI=\"x",
                Some("a' #EXT-X-ENDLIST ,URI='x"),
            ),
            (" \u{202e}\t\u{0} ", None),
            ("\u{202e}drawkcab\u{200b}", Some("drawkcab")),
            ("", None),
        ] {
            assert_eq!(title(text).as_deref(), expected, "{text:?}");
        }
        let long = title(&"\u{e9}".repeat(1_000)).unwrap();
        assert_eq!(long.chars().count(), TITLE_CHARS_MAX);
    }
}
