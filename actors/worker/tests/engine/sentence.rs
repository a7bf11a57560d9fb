//! What people are told is whole sentences in our own words: what is wrong, and what to do.

use bus_schema::report::{ErrorCode, TaskError};

/// Words of libraries, which are for the log.
const FOREIGN: &[&str] = &[
    "GStreamer",
    "gst",
    "GST",
    "element",
    "pipeline",
    "typefind",
    "parsebin",
    "qtdemux",
    "avdec",
    "libav",
    "caps",
    "Stream error",
    "serde",
    "rmp",
    "os error",
];
/// What one of these codes leaves to do, by the words that say it.
const TO_DO: &[&str] = &[
    "upload",
    "Upload",
    "convert",
    "choose",
    "ask for",
    "Ask for",
    "report it",
    "tried again",
];

/// Fails the test for a message that people should not see.
pub(crate) fn check(error: &TaskError) {
    let TaskError { code, message } = error;
    let is_whole = message.starts_with(char::is_uppercase) && message.ends_with('.');
    assert!(is_whole, "no sentence: {error:?}");
    let is_plain = !message.contains(char::is_control) && !message.contains("  ");
    assert!(is_plain, "not one line of words: {error:?}");
    let foreign = FOREIGN.iter().find(|word| message.contains(**word));
    assert_eq!(foreign, None, "of a library: {error:?}");
    // What ends of itself says that; what does not exist cannot be done anything about.
    if *code != ErrorCode::NoAudio {
        let says = TO_DO.iter().any(|word| message.contains(word));
        assert!(says, "nothing to do: {error:?}");
    }
}
