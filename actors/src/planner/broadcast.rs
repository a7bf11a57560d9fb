//! What is said of a broadcast that lacks something.

use bus_schema::broadcast::{BroadcastFacts, UnreadFacts};
use bus_schema::language;

use super::SECOND_NS;
use super::subtitles::codec;

/// A beginning without picture of up to this is what any recording has: most broadcasts have two keyframes
/// a second.
const LEAD_NS_UNTOLD: u64 = SECOND_NS / 2;

/// What the job's owner should know, in sentences.
pub(super) fn warnings(facts: Option<&BroadcastFacts>) -> Vec<String> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    let lost = (facts.gaps > 0).then(|| lost(facts));
    let lead = (facts.lead_ns > LEAD_NS_UNTOLD).then(|| {
        format!(
            "The recording begins between two keyframes: the first {} of its picture cannot be decoded, \
             and are left out.",
            seconds(facts.lead_ns)
        )
    });
    let unread = facts.unread.iter().map(left_out);
    lost.into_iter().chain(lead).chain(unread).collect()
}

fn lost(facts: &BroadcastFacts) -> String {
    let packets = match facts.lost_packets {
        0 | 1 => "A packet of the broadcast is".to_owned(),
        n => format!("At least {n} packets of the broadcast are"),
    };
    let places = match facts.gaps {
        1 => "in one place".to_owned(),
        n => format!("in {n} places"),
    };
    let which = if facts.gaps == 1 {
        ""
    } else {
        "the first of them "
    };
    let first = facts.first_gap_ns.map_or_else(String::new, |ns| {
        format!(", {which}about {} from its beginning", seconds(ns))
    });
    format!(
        "{packets} missing or unreadable {places}{first}: where a picture is missing, the one before is shown for \
         longer, and where sound is, there is silence."
    )
}

/// As `The sound in DTS (PID 257, en) cannot be read here, and is left out.`
fn left_out(stream: &UnreadFacts) -> String {
    let what = if stream.is_video { "picture" } else { "sound" };
    let language = stream.language.as_deref().and_then(language::tag);
    let language = language.map_or_else(String::new, |tag| format!(", {tag}"));
    let why = if stream.is_scrambled {
        "is scrambled"
    } else if stream.is_late {
        "begins only within the file"
    } else {
        "cannot be read here"
    };
    let (codec, pid) = (codec(&stream.codec), stream.pid);
    format!("The {what} in {codec} (PID {pid}{language}) {why}, and is left out.")
}

/// Why there is no sound to make a file of, where the broadcast has one.
pub(super) fn no_sound(facts: Option<&BroadcastFacts>) -> Option<String> {
    let mut unread = facts?.unread.iter();
    let stream = unread.find(|stream| !stream.is_video)?;
    let told = left_out(stream);
    let told = told.strip_suffix(", and is left out.").unwrap_or(&told);
    Some(format!(
        "{told}, and nothing but sound was asked for: convert it to AAC, and upload that."
    ))
}

/// Tenths of a second, since it is about.
fn seconds(ns: u64) -> String {
    let tenths = ns.saturating_add(SECOND_NS / 20) / (SECOND_NS / 10);
    format!("{}.{} seconds", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_its_place() {
        assert_eq!(warnings(None), Vec::<String>::new());
        let facts = BroadcastFacts {
            lost_packets: 12,
            gaps: 3,
            first_gap_ns: Some(7_340_000_000),
            lead_ns: 1_260_000_000,
            unread: Vec::new(),
        };
        assert_eq!(
            warnings(Some(&facts)),
            [
                "At least 12 packets of the broadcast are missing or unreadable in 3 places, the first of them about 7.3 \
                 seconds from its beginning: where a picture is missing, the one before is shown for \
                 longer, and where sound is, there is silence.",
                "The recording begins between two keyframes: the first 1.3 seconds of its picture cannot be \
                 decoded, and are left out.",
            ]
        );
        let usual = BroadcastFacts {
            lead_ns: 400_000_000,
            ..BroadcastFacts::default()
        };
        assert_eq!(warnings(Some(&usual)), Vec::<String>::new());
    }

    #[test]
    fn streams_that_are_left_out_are_named_in_plain_words() {
        let unread = |codec: &str, language: Option<&str>| UnreadFacts {
            pid: 257,
            is_video: false,
            codec: codec.to_owned(),
            is_scrambled: false,
            is_late: false,
            language: language.map(str::to_owned),
        };
        let mut facts = BroadcastFacts {
            unread: vec![
                unread("DTS", Some("eng")),
                unread("<b>\u{202e}", Some("\"x")),
                UnreadFacts {
                    is_video: true,
                    is_late: true,
                    ..unread("HEVC", None)
                },
            ],
            ..BroadcastFacts::default()
        };
        facts.unread[1].is_scrambled = true;
        assert_eq!(
            warnings(Some(&facts)),
            [
                "The sound in DTS (PID 257, en) cannot be read here, and is left out.",
                "The sound in b (PID 257) is scrambled, and is left out.",
                "The picture in HEVC (PID 257) begins only within the file, and is left out.",
            ]
        );
        assert_eq!(
            no_sound(Some(&facts)).as_deref(),
            Some(
                "The sound in DTS (PID 257, en) cannot be read here, and nothing but sound was asked for: \
                 convert it to AAC, and upload that."
            )
        );
        assert_eq!(no_sound(Some(&BroadcastFacts::default())), None);
    }
}
