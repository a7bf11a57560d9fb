//! Results, as other people's tools see them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What ffmpeg remarks when a segment's address leads from the gateway to storage.
const REDIRECTED: &str = "Cannot reuse HTTP connection for different host";

/// What ffprobe says of a film, by file or address; frames are decoded and counted.
pub(crate) fn probe(source: &str) -> Value {
    let options = "-v error -count_frames -show_streams -show_format -of json";
    serde_json::from_slice(&run("ffprobe", options, source, "")).expect("JSON")
}

/// The stream of this kind that is the n-th of its kind.
pub(crate) fn stream<'a>(probed: &'a Value, kind: &str) -> Option<&'a Value> {
    let streams = probed["streams"].as_array()?;
    streams.iter().find(|stream| stream["codec_type"] == kind)
}

/// Frames of the picture, decoded one by one.
pub(crate) fn frames(probed: &Value) -> u64 {
    let stream = stream(probed, "video").expect("a picture");
    let text = stream["nb_read_frames"].as_str().expect("a count");
    text.parse().expect("a number")
}

/// Every frame of the picture: when it is shown, and a hash of its pixels.
pub(crate) fn pictures(file: &Path) -> String {
    let file = file.to_str().expect("a plain path");
    let text = run("ffmpeg", "-v error -i", file, "-map 0:v -f framemd5 -");
    String::from_utf8(text).expect("text")
}

/// The boxes of a file or of a box's content, in their order.
pub(crate) fn boxes(bytes: &[u8]) -> Vec<(String, &[u8])> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some((head, _)) = rest.split_at_checked(8) {
        let name = String::from_utf8_lossy(&head[4..]).into_owned();
        let (size, begin) = match number(&head[..4]) {
            0 => (rest.len(), 8),
            1 => (number(&rest[8..16]), 16),
            size => (size, 8),
        };
        found.push((name, rest.get(begin..size).expect("a whole box")));
        rest = &rest[size..];
    }
    found
}

/// When the first frame of a segment is shown, in its track's units, as the segment itself says.
pub(crate) fn first_time(segment: &[u8]) -> i64 {
    let fragment = inner(&inner(segment, "moof"), "traf");
    let decode = inner(&fragment, "tfdt");
    assert_eq!(decode[0], 1, "64 bits of time");
    let begin = i64::try_from(number(&decode[4..12])).expect("a time");
    // Version, flags, count; an offset, flags of the first sample; then what each sample has.
    let run = inner(&fragment, "trun");
    let has = |flag: usize| number(&run[1..4]) & flag != 0;
    let words = |flags: &[usize]| flags.iter().filter(|flag| has(**flag)).count();
    if !has(0x800) {
        return begin;
    }
    let at = 8 + 4 * (words(&[0x1, 0x4]) + words(&[0x100, 0x200, 0x400]));
    let shift = i32::from_be_bytes(run[at..at + 4].try_into().expect("four bytes"));
    begin + i64::from(shift)
}

fn inner(bytes: &[u8], name: &str) -> Vec<u8> {
    let found = boxes(bytes).into_iter().find(|(found, _)| found == name);
    found.expect("the box").1.to_vec()
}

fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

/// What a program prints that is given a film between its options, which are split at spaces; it must
/// succeed and have nothing to complain of.
pub(crate) fn run(program: &str, before: &str, film: &str, after: &str) -> Vec<u8> {
    let output = Command::new(program)
        .args(before.split_whitespace())
        .arg(film)
        .args(after.split_whitespace())
        .env_remove("http_proxy")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it is installed");
    let err = String::from_utf8_lossy(&output.stderr);
    let is_quiet = err.lines().all(|line| line.contains(REDIRECTED));
    assert!(
        output.status.success() && is_quiet,
        "{program} {before} {film} {after}: {err}"
    );
    output.stdout
}
