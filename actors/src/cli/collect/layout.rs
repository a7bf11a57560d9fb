//! How results lie in a folder: as playlists name them, without the folders of attempts.

use std::collections::BTreeMap;

/// How an init segment's name ends.
const INIT: &str = "/init.mp4";

/// Without the folders of attempts: `t3a1/720p/000001.m4s` is `720p/000001.m4s` here. Numbers are unique within a
/// rendition. Its init segments are alike, unless software took over for a device: then there is a second one,
/// which gets a name of its own.
pub(super) fn flat(text: &str) -> String {
    let mut text = text.to_owned();
    for (init, name) in further_inits(&text) {
        text = text.replace(&init, &name);
    }
    without_attempts(&text)
}

/// What an object is called here that a text names.
pub(super) fn flat_name(text: &str, object: &str) -> String {
    let further = further_inits(text);
    let renamed = further.iter().find(|(init, _)| init == object);
    without_attempts(renamed.map_or(object, |(_, name)| name))
}

/// The init segments that a text names, but for the first of each rendition, and what each becomes.
fn further_inits(text: &str) -> Vec<(String, String)> {
    let mut seen: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut further = Vec::new();
    for word in text.split('"').filter(|word| word.ends_with(INIT)) {
        let inits = seen.entry(without_attempts(word)).or_default();
        if inits.contains(&word) {
            continue;
        }
        inits.push(word);
        if let (2.., Some(stem)) = (inits.len(), word.strip_suffix(INIT)) {
            let name = format!("{stem}/init-{}.mp4", inits.len());
            further.push((word.to_owned(), name));
        }
    }
    further
}

fn without_attempts(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        let (head, tail) = rest.split_at(at);
        let word = head
            .rfind(|c: char| !c.is_ascii_alphanumeric())
            .map_or(0, |end| end + 1);
        let (before, dir) = head.split_at(word);
        out.push_str(before);
        if is_attempt_dir(dir) {
            rest = tail.strip_prefix('/').unwrap_or(tail);
        } else {
            out.push_str(dir);
            out.push('/');
            rest = tail.strip_prefix('/').unwrap_or(tail);
        }
    }
    out.push_str(rest);
    out
}

fn is_attempt_dir(word: &str) -> bool {
    word.strip_prefix('t')
        .and_then(|rest| rest.split_once('a'))
        .is_some_and(|(task, attempt)| {
            let is_number =
                |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            is_number(task) && is_number(attempt)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_leave_no_trace_in_names() {
        assert_eq!(flat("t3a1/720p/000001.m4s"), "720p/000001.m4s");
        assert_eq!(
            flat("#EXT-X-MAP:URI=\"t2a11/720p/init.mp4\"\nt2a1/x/1\nt30a1/x/2\n"),
            "#EXT-X-MAP:URI=\"720p/init.mp4\"\nx/1\nx/2\n"
        );
        assert_eq!(
            flat("ta1/x t3/a1/y xmlns=\"http://www.w3.org/2001\""),
            "ta1/x t3/a1/y xmlns=\"http://www.w3.org/2001\""
        );
    }

    #[test]
    fn a_second_edition_has_an_init_segment_of_its_own() {
        let playlist = "#EXT-X-MAP:URI=\"t2a1/720p/init.mp4\"\nt2a1/720p/000000.m4s\n#EXT-X-DISCONTINUITY\n\
                        #EXT-X-MAP:URI=\"t3a4/720p/init.mp4\"\nt3a4/720p/000001.m4s\n";
        assert_eq!(
            flat(playlist),
            "#EXT-X-MAP:URI=\"720p/init.mp4\"\n720p/000000.m4s\n#EXT-X-DISCONTINUITY\n\
             #EXT-X-MAP:URI=\"720p/init-2.mp4\"\n720p/000001.m4s\n"
        );
        assert_eq!(flat_name(playlist, "t2a1/720p/init.mp4"), "720p/init.mp4");
        assert_eq!(flat_name(playlist, "t3a4/720p/init.mp4"), "720p/init-2.mp4");
        assert_eq!(
            flat_name(playlist, "t3a4/720p/000001.m4s"),
            "720p/000001.m4s"
        );
        // Periods of a manifest name both for each rendition; sound names the same one twice.
        let manifest = "<Initialization sourceURL=\"t2a1/360p/init.mp4\"/>\
                        <Initialization sourceURL=\"t2a1/720p/init.mp4\"/>\
                        <Initialization sourceURL=\"t1a1/audio/init.mp4\"/>\
                        <Initialization sourceURL=\"t3a4/360p/init.mp4\"/>\
                        <Initialization sourceURL=\"t3a4/720p/init.mp4\"/>\
                        <Initialization sourceURL=\"t1a1/audio/init.mp4\"/>";
        let flat = flat(manifest);
        let names: Vec<&str> = flat.split('"').skip(1).step_by(2).collect();
        assert_eq!(
            names,
            [
                "360p/init.mp4",
                "720p/init.mp4",
                "audio/init.mp4",
                "360p/init-2.mp4",
                "720p/init-2.mp4",
                "audio/init.mp4"
            ]
        );
    }
}
