//! Which kinds of files are read, and what is said of the others.

use bus_schema::report::ErrorCode;
use gstreamer as gst;
use gstreamer::prelude::*;

use super::{Stream, container};
use crate::engine::probe::names;
use crate::engine::source::Source;
use crate::engine::{Error, Result};

/// How the names of FFmpeg's demuxers begin.
const LIBAV_DEMUXERS: &str = "avdemux_";
/// The demuxer in whose place there is one of ours: see [`crate::engine::transport`].
const REPLACED: &str = "tsdemux";

/// Has the demuxers of FFmpeg's libraries left out, which come with its decoders: they read what nobody
/// uploads, games' films for the most part, and wait for ever at the end of what has no seeks.
pub(super) fn keep_to_our_demuxers(parsebin: &gst::Element) -> Result<()> {
    let answers = gst::glib::Type::from_name("GstAutoplugSelectResult");
    let answers = answers.and_then(gst::glib::EnumClass::with_type);
    let answers = answers.ok_or_else(|| Error::internal("a parsebin that skips nothing"))?;
    parsebin.connect("autoplug-select", false, move |values| {
        let factory = values.get(3)?.get::<gst::ElementFactory>().ok()?;
        let name = factory.name();
        let is_skipped = name.starts_with(LIBAV_DEMUXERS) || name == REPLACED;
        answers.to_value_by_nick(if is_skipped { "skip" } else { "try" })
    });
    Ok(())
}

/// Has a file that says that it is an MP4 or MOV taken for one: its sound, uncoded, may look like packets of
/// a broadcast, for which GStreamer would take it (seen in 1.22).
pub(super) fn believe_head(parsebin: &gst::Element, source: &Source) {
    let head = source.read(0, 8).unwrap_or_default();
    let typefind = parsebin
        .downcast_ref::<gst::Bin>()
        .and_then(|bin| bin.by_name("typefind"));
    if let (Some(typefind), Some(b"ftyp")) = (typefind, head.get(4..8)) {
        let caps = gst::Caps::new_empty_simple("video/quicktime");
        typefind.set_property("force-caps", caps);
    }
}

/// A file of which nothing here knows more than its kind would pass for a stream of that kind.
pub(super) fn check_read(parsebin: &gst::Element, stream: &Stream) -> Result<()> {
    let whole = parsebin.downcast_ref().and_then(container);
    let whole = whole.filter(|whole| *whole == stream.caps);
    whole.and_then(|whole| unread(&whole)).map_or(Ok(()), Err)
}

/// What is said of a file of another kind than those that are read here; `None` where nobody has a word for it.
pub(in crate::engine) fn unread(caps: &gst::CapsRef) -> Option<Error> {
    if let Some(what) = names::stranger(caps) {
        let message = format!(
            "The file is {what}, and not video or sound: upload a film or a recording, as MP4, MOV, \
             MKV or WebM."
        );
        return Some(Error::new(ErrorCode::NotMedia, message).because(caps.to_string()));
    }
    let name = names::unread(caps)?;
    let message = format!(
        "This worker reads no files of the kind `{name}`: convert the file to MP4 with H.264 and AAC, \
         and upload that."
    );
    Some(Error::new(ErrorCode::Unsupported, message).because(caps.to_string()))
}

/// How many streams the head of an FLV promises; 0 for any other file. Their demuxer finds each with its first
/// packet, when others flow already.
pub(super) fn flv_streams(source: &Source) -> usize {
    let head = source.read(0, 5).unwrap_or_default();
    match head.as_ref() {
        // The flags of sound and picture (Adobe's "Video File Format Specification" 10.1, annex E.2).
        [b'F', b'L', b'V', _, flags] => (flags & 0b101).count_ones() as usize,
        _ => 0,
    }
}
