//! The real film with subtitles in two languages, and what players have to show of them.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::clips::{Real, made, written};

/// A cue: from and to, in milliseconds, as SubRip has it, and as a browser shows it.
type Line = (u64, u64, &'static str, &'static str);

/// When the second language is chosen, in seconds of the film; the cues across it are long enough to be seen on
/// either side, or too near to it to be looked for.
pub(crate) const CHANGE_AT_S: f64 = 4.5;

const GERMAN: [Line; 4] = [
    (
        500,
        2_000,
        "<i>Guten</i> Tag & so",
        "<i>Guten</i> Tag &amp; so",
    ),
    (2_500, 3_200, "Zwei\nZeilen", "Zwei\nZeilen"),
    (3_500, 4_400, "Über die Naht", "Über die Naht"),
    (7_000, 8_000, "<b>Nicht gewählt</b>", "<b>Nicht gewählt</b>"),
];
const ENGLISH: [Line; 4] = [
    (700, 2_200, "Not chosen yet", "Not chosen yet"),
    (3_000, 5_300, "Over the seam", "Over the seam"),
    (
        6_600,
        8_000,
        "An <i>italic</i> word",
        "An <i>italic</i> word",
    ),
    (9_000, 10_000, "The <u>end</u>", "The <u>end</u>"),
];

/// The film so often after itself, in Matroska, with SubRip in German and in English.
pub(crate) async fn film(film: &Real, n_times: u32) -> PathBuf {
    let german = written("captions-de.srt", srt(&GERMAN));
    let english = written("captions-en.srt", srt(&ENGLISH));
    let film = film.path.to_str().expect("a plain path");
    let words = "-map 0:v -map 0:a -map 1:s -map 2:s -c copy -metadata:s:s:0 language=ger \
                 -metadata:s:s:1 language=eng -disposition:s:0 0 -disposition:s:1 0";
    let loops = n_times.saturating_sub(1).to_string();
    let inputs = [
        "-stream_loop",
        &loops,
        "-i",
        film,
        "-i",
        &german,
        "-i",
        &english,
    ];
    let arguments: Vec<&str> = inputs.into_iter().chain(words.split_whitespace()).collect();
    made(&format!("captions-{n_times}.mkv"), &arguments).await
}

/// How often the film is shown where all that is asked is that the cues are.
pub(crate) const N_TIMES: u32 = 2;

/// What players have to show, by language, in the order of the tracks.
pub(crate) fn cues() -> Value {
    json!({ "de": shown(&GERMAN), "en": shown(&ENGLISH) })
}

/// The tracks as the page calls them.
pub(crate) const LABELS: &str = "German,English";

/// What the page has to show, track by track.
pub(crate) fn labelled() -> Value {
    json!([
        { "label": "German", "cues": shown(&GERMAN) },
        { "label": "English", "cues": shown(&ENGLISH) },
    ])
}

fn shown(lines: &[Line]) -> Vec<Value> {
    let seconds = |ms: u64| std::time::Duration::from_millis(ms).as_secs_f64();
    let cue = |&(from, to, _, html): &Line| json!({ "from": seconds(from), "to": seconds(to), "html": html });
    lines.iter().map(cue).collect()
}

fn srt(lines: &[Line]) -> String {
    let time = |ms: u64| format!("00:00:{:02},{:03}", ms / 1_000, ms % 1_000);
    let mut text = String::new();
    for ((from, to, words, _), number) in lines.iter().zip(1..) {
        let (from, to) = (time(*from), time(*to));
        write!(text, "{number}\n{from} --> {to}\n{words}\n\n").expect("a String takes everything");
    }
    text
}
