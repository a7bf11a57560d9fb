//! WebVTT within containers: cues are read and written anew, so that nothing but text and what is known
//! of settings comes through.

use super::tags::{entity, tag};
use super::{Style, Styled};

/// The settings of a cue (W3C WebVTT, section 4.4); regions are not carried over, since they are defined
/// in a file's head.
const SETTINGS: [&str; 5] = ["vertical", "line", "position", "size", "align"];
/// Longest value of a setting.
const SETTING_BYTES_MAX: usize = 24;

/// Text and settings of a cue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cue {
    /// What it shows.
    pub text: Styled,
    /// Its settings, each with a blank before it.
    pub settings: String,
}

impl Cue {
    /// Of its text, and of its settings where it has some.
    #[must_use]
    pub fn new(text: &str, told: &str) -> Self {
        Self {
            text: parse(text),
            settings: settings(told),
        }
    }

    /// Of a block of WebM: an identifier, settings and text, a line for each of the first two (WebM's
    /// "WebVTT in WebM").
    #[must_use]
    pub fn of_webm(payload: &str) -> Option<Self> {
        let (_, rest) = payload.split_once('\n')?;
        let (settings, text) = rest.split_once('\n')?;
        Some(Self::new(text, settings))
    }

    /// Of a sample of an MP4 (ISO/IEC 14496-30, section 6): as many cues as it has boxes of them.
    #[must_use]
    pub fn of_mp4(sample: &[u8]) -> Vec<Self> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let cue = |body: &[u8]| {
            let (mut payload, mut settings) = (String::new(), String::new());
            for (kind, body) in boxes(body) {
                match kind {
                    b"payl" => payload = text(body),
                    b"sttg" => settings = text(body),
                    _ => {}
                }
            }
            Self::new(&payload, &settings)
        };
        let cues = boxes(sample)
            .into_iter()
            .filter(|(kind, _)| *kind == b"vttc");
        cues.map(|(_, body)| cue(body)).collect()
    }
}

/// Boxes one after the other, as far as they are whole.
fn boxes(bytes: &[u8]) -> Vec<(&[u8; 4], &[u8])> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some((head, _)) = rest.split_first_chunk::<8>() {
        let (size, kind) = head.split_at(4);
        let size = size
            .iter()
            .fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
        let Some((whole, next)) = rest.split_at_checked(size.max(8)) else {
            break;
        };
        if let (Some(kind), Some(body)) = (kind.first_chunk(), whole.get(8..)) {
            found.push((kind, body));
        }
        rest = next;
    }
    found
}

/// The settings that are known and can do no harm.
fn settings(told: &str) -> String {
    let is_value = |value: &str| {
        let is_letter = |byte: u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'.' | b',' | b'%' | b'-')
        };
        (1..=SETTING_BYTES_MAX).contains(&value.len()) && value.bytes().all(is_letter)
    };
    let mut kept = String::new();
    let mut left = SETTINGS.to_vec();
    for setting in told.split_ascii_whitespace() {
        let Some((name, value)) = setting.split_once(':') else {
            continue;
        };
        let place = left.iter().position(|one| *one == name);
        if let Some(place) = place.filter(|_| is_value(value)) {
            left.swap_remove(place);
            kept.push(' ');
            kept.push_str(setting);
        }
    }
    kept
}

/// Reads a cue's text: three styles are kept; classes, voices, languages and times are not, but for the
/// letters within them.
fn parse(payload: &str) -> Styled {
    let mut style = Style::default();
    let mut text = Styled::default();
    let mut rest = payload;
    while let Some(letter) = rest.chars().next() {
        if let Some((name, is_end, after)) = tag(rest) {
            match name.as_str() {
                "i" => style.italic = !is_end,
                "b" => style.bold = !is_end,
                "u" => style.underline = !is_end,
                _ => {}
            }
            rest = after;
            continue;
        }
        let (letter, after) = entity(rest).unwrap_or_else(|| {
            let mut letters = rest.chars();
            letters.next();
            (letter, letters.as_str())
        });
        text.push(letter, style);
        rest = after;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        parse(text).to_webvtt().unwrap_or_default()
    }

    #[test]
    fn text_is_written_as_it_was_meant() {
        for (text, expected) in [
            ("<v Mary>Hi <i.loud>you</i></v>", "Hi <i>you</i>"),
            (
                "<c.red>&lt;b&gt; &amp; <00:00:01.000>on",
                "&lt;b&gt; &amp; on",
            ),
            ("1 < 2", "1 &lt; 2"),
            ("a\n\n-->\n\nb", "a\n--&gt;\nb"),
            ("<ruby>x<rt>y</rt></ruby>", "xy"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn settings_are_those_that_are_known_each_once() {
        let told =
            "line:0 position:10%,line-left align:start region:x line:5 size:<b> vertical:\n--> x:y";
        assert_eq!(settings(told), " line:0 position:10%,line-left align:start");
        assert_eq!(settings(""), "");
    }

    #[test]
    fn cues_come_out_of_their_containers() {
        let cue = Cue::of_webm("7\nline:0\none\ntwo").expect("a cue");
        assert_eq!(cue.settings, " line:0");
        assert_eq!(cue.text.to_webvtt().as_deref(), Some("one\ntwo"));
        assert_eq!(Cue::of_webm("text alone"), None);

        let wrap = |kind: &[u8], body: &[u8]| {
            let size = u32::try_from(8 + body.len()).unwrap().to_be_bytes();
            [&size, kind, body].concat()
        };
        let one = wrap(
            b"vttc",
            &[wrap(b"sttg", b"align:end"), wrap(b"payl", b"one")].concat(),
        );
        let two = wrap(b"vttc", &wrap(b"payl", b"two"));
        let sample = [one, wrap(b"vtta", b"note"), two].concat();
        let cues = Cue::of_mp4(&sample);
        assert_eq!(cues, [Cue::new("one", "align:end"), Cue::new("two", "")]);
        assert_eq!(Cue::of_mp4(&wrap(b"vtte", b"")), []);
        for cut in 0..sample.len() {
            assert!(Cue::of_mp4(sample.get(..cut).unwrap()).len() < 2);
        }
    }
}
