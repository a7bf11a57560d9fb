//! Languages: the codes of containers, and the one that playlists write.
//!
//! Containers say ISO 639-2 (`deu`, `ger`), playlists BCP 47, in which a language that has a code of
//! two letters goes by that (RFC 5646, section 2.2.1: `de`). What comes from a file is a stranger's
//! word: it becomes a tag of letters, digits and dashes, or nothing.

/// Longest BCP 47 tag that is kept (RFC 5646, section 4.4.1).
pub const TAG_BYTES_MAX: usize = 35;

/// Codes that name no language: undetermined, several, none, not coded, and the range that is left to
/// private use.
const NAMELESS: [&str; 4] = ["und", "mul", "zxx", "mis"];

/// ISO 639-1 and ISO 639-2/T, of each language that has both (the Library of Congress's list).
#[rustfmt::skip]
const CODES: [&str; 184] = [
    "aaaar", "ababk", "aeave", "afafr", "akaka", "amamh", "anarg", "arara", "asasm", "avava",
    "ayaym", "azaze", "babak", "bebel", "bgbul", "bhbih", "bibis", "bmbam", "bnben", "bobod",
    "brbre", "bsbos", "cacat", "ceche", "chcha", "cocos", "crcre", "csces", "cuchu", "cvchv",
    "cycym", "dadan", "dedeu", "dvdiv", "dzdzo", "eeewe", "elell", "eneng", "eoepo", "esspa",
    "etest", "eueus", "fafas", "ffful", "fifin", "fjfij", "fofao", "frfra", "fyfry", "gagle",
    "gdgla", "glglg", "gngrn", "guguj", "gvglv", "hahau", "heheb", "hihin", "hohmo", "hrhrv",
    "hthat", "huhun", "hyhye", "hzher", "iaina", "idind", "ieile", "igibo", "iiiii", "ikipk",
    "ioido", "isisl", "itita", "iuiku", "jajpn", "jvjav", "kakat", "kgkon", "kikik", "kjkua",
    "kkkaz", "klkal", "kmkhm", "knkan", "kokor", "krkau", "kskas", "kukur", "kvkom", "kwcor",
    "kykir", "lalat", "lbltz", "lglug", "lilim", "lnlin", "lolao", "ltlit", "lulub", "lvlav",
    "mgmlg", "mhmah", "mimri", "mkmkd", "mlmal", "mnmon", "mrmar", "msmsa", "mtmlt", "mymya",
    "nanau", "nbnob", "ndnde", "nenep", "ngndo", "nlnld", "nnnno", "nonor", "nrnbl", "nvnav",
    "nynya", "ococi", "ojoji", "omorm", "orori", "ososs", "papan", "pipli", "plpol", "pspus",
    "ptpor", "quque", "rmroh", "rnrun", "roron", "rurus", "rwkin", "sasan", "scsrd", "sdsnd",
    "sesme", "sgsag", "sisin", "skslk", "slslv", "smsmo", "snsna", "sosom", "sqsqi", "srsrp",
    "ssssw", "stsot", "susun", "svswe", "swswa", "tatam", "tetel", "tgtgk", "ththa", "titir",
    "tktuk", "tltgl", "tntsn", "toton", "trtur", "tstso", "tttat", "twtwi", "tytah", "uguig",
    "ukukr", "ururd", "uzuzb", "veven", "vivie", "vovol", "wawln", "wowol", "xhxho", "yiyid",
    "yoyor", "zazha", "zhzho", "zuzul",
];

/// ISO 639-2/B and ISO 639-2/T, where they differ.
#[rustfmt::skip]
const BIBLIOGRAPHIC: [&str; 20] = [
    "tibbod", "czeces", "welcym", "gerdeu", "greell", "baqeus", "perfas", "frefra", "armhye",
    "iceisl", "geokat", "maomri", "macmkd", "maymsa", "burmya", "dutnld", "rumron", "sloslk",
    "albsqi", "chizho",
];

/// The BCP 47 tag of a container's code: its language in the shortest form, the rest as it is.
/// `None` for what names no language, or is no tag at all.
#[must_use]
pub fn tag(code: &str) -> Option<String> {
    if !is_tag(code) {
        return None;
    }
    let (language, rest) = match code.split_once('-') {
        Some((language, rest)) => (language, Some(rest)),
        None => (code, None),
    };
    let language = language.to_ascii_lowercase();
    let language = language.as_str();
    // `qaa` to `qtz` are for private use: without the agreement nobody knows what they name.
    let is_private = language.len() == 3 && ("qaa"..="qtz").contains(&language);
    if NAMELESS.contains(&language) || is_private {
        return None;
    }
    let is_language = language.bytes().all(|b| b.is_ascii_lowercase());
    if !(2..=8).contains(&language.len()) || !is_language {
        return None;
    }
    let language = two_letters(language).unwrap_or(language);
    Some(match rest {
        Some(rest) => format!("{language}-{rest}"),
        None => language.to_owned(),
    })
}

/// The three letters of a tag's language, as an MP4's media header holds them: ISO 639-2/T, also of a code of
/// ISO 639-2/B, and `und` where there are none.
#[must_use]
pub fn three_letters(tag: &str) -> &str {
    let language = tag.split('-').next().unwrap_or_default();
    let is_three = language.len() == 3 && language.bytes().all(|b| b.is_ascii_lowercase());
    let listed = CODES.iter().find_map(|pair| pair.strip_prefix(language));
    match listed {
        Some(three) if language.len() == 2 => three,
        _ if is_three => BIBLIOGRAPHIC
            .iter()
            .find_map(|pair| pair.strip_prefix(language))
            .unwrap_or(language),
        _ => "und",
    }
}

/// Whether a text is made as BCP 47 tags are, so that it can stand in a quoted string: words of up to
/// eight letters and digits, with dashes between them.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let is_word = |word: &str| {
        (1..=8).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    (2..=TAG_BYTES_MAX).contains(&text.len()) && text.split('-').all(is_word)
}

/// ISO 639-1 for a code of three letters, of either kind.
fn two_letters(three: &str) -> Option<&'static str> {
    if three.len() != 3 {
        return None;
    }
    let terminology = BIBLIOGRAPHIC
        .iter()
        .find_map(|pair| pair.strip_prefix(three))
        .unwrap_or(three);
    CODES.iter().find_map(|pair| pair.strip_suffix(terminology))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_s_code_becomes_the_shortest_tag() {
        for (code, expected) in [
            ("deu", "de"),
            ("ger", "de"),
            ("de", "de"),
            ("DEU", "de"),
            ("fre", "fr"),
            ("eng", "en"),
            ("EN-US", "en-US"),
            ("zho-Hant", "zh-Hant"),
            ("gsw", "gsw"),
            ("nds", "nds"),
        ] {
            assert_eq!(tag(code).as_deref(), Some(expected), "{code}");
        }
    }

    #[test]
    fn what_names_no_language_is_none() {
        for code in [
            "",
            "d",
            "und",
            "UND",
            "mul",
            "zxx",
            "mis",
            "qaa",
            "qtz",
            "d\"e",
            "de\n",
            "1234",
            "de--at",
            "-de",
            "de-",
            "\u{e4}\u{e4}\u{e4}",
            "ninelongs",
            "deutschland",
            "de-aaaaaaaa-bbbbbbbb-cccccccc-dddddd",
        ] {
            assert_eq!(tag(code), None, "{code:?}");
        }
    }

    #[test]
    fn a_media_header_has_three_letters() {
        for (tag, three) in [
            ("de", "deu"),
            ("en-US", "eng"),
            ("fr", "fra"),
            ("gsw", "gsw"),
            ("ger", "deu"),
            ("chi-Hant", "zho"),
            ("xx", "und"),
            ("", "und"),
            ("german", "und"),
        ] {
            assert_eq!(three_letters(tag), three, "{tag}");
        }
    }

    #[test]
    fn the_tables_are_whole() {
        let is_code =
            |text: &str, n| text.len() == n && text.bytes().all(|b| b.is_ascii_lowercase());
        assert!(CODES.iter().all(|pair| is_code(pair, 5)));
        assert!(BIBLIOGRAPHIC.iter().all(|pair| is_code(pair, 6)));
        for pair in CODES {
            let (two, three) = pair.split_at(2);
            assert_eq!(tag(three).as_deref(), Some(two));
            assert_eq!(three_letters(two), three);
        }
    }
}
