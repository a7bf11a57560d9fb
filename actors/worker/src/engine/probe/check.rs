//! What is refused by its name, since it would be done wrong.

use bus_schema::report::ErrorCode;

use super::super::demux::Stream;
use super::super::{Error, Result};
use super::names;
use crate::mp4::index::{MovieIndex, TrackIndex};

/// Layouts of ADPCM in RIFF files whose times are counted: those of [`super::super::demux`].
const TIMED: &[&str] = &["microsoft", "dvi"];

/// ASF tells only when pictures are decoded, as AVI does; of these codecs, others than its own, that is often not
/// when they are shown.
pub(super) fn ordered(container: &str, film: Option<&Stream>) -> Result<()> {
    const REORDERED: &[&str] = &["h264", "hevc", "mpeg4", "mpeg2"];
    let codec = film.map(|stream| names::codec(&stream.caps));
    match codec.filter(|codec| container == "asf" && REORDERED.contains(&codec.as_str())) {
        Some(codec) => {
            let message = format!(
                "The picture is in the format `{codec}`, of which an ASF file does not tell the order: \
                 convert the file to MP4 with H.264 and AAC, and upload that."
            );
            Err(Error::new(ErrorCode::Unsupported, message))
        }
        None => Ok(()),
    }
}

/// Of ADPCM in WAV and AVI, only that in blocks of a known form can be timed here: what GStreamer makes of the
/// file's own figures is wrong.
pub(super) fn timed(container: &str, streams: &[Stream]) -> Result<()> {
    let is_timed = |stream: &Stream| {
        let fields = stream.caps.structure(0);
        let layout = fields.and_then(|fields| fields.get::<&str>("layout").ok());
        layout.is_some_and(|layout| TIMED.contains(&layout))
    };
    let mut coded = streams
        .iter()
        .filter(|stream| names::codec(&stream.caps) == "adpcm");
    if matches!(container, "wav" | "avi") && coded.any(|stream| !is_timed(stream)) {
        let message = "The sound is in a form of `adpcm` whose length is not told right in such a file: \
                       convert it to AAC or PCM, and upload that.";
        return Err(Error::new(ErrorCode::Unsupported, message));
    }
    Ok(())
}

/// A film of still pictures that nothing here decodes, PNGs for one, would pass for sound alone. Pictures of chapters
/// are in tracks that are off.
pub(super) fn shown(index: Option<&MovieIndex>, film: Option<&Stream>) -> Result<()> {
    let track = index.and_then(MovieIndex::video);
    let is_film = |track: &&TrackIndex| track.n_samples > 1 && track.is_enabled;
    match track.filter(is_film).filter(|_| film.is_none()) {
        Some(track) => {
            let letters = track
                .codec
                .iter()
                .filter(|byte| byte.is_ascii_alphanumeric());
            let codec: String = letters.map(|byte| char::from(*byte)).collect();
            let message = format!(
                "The picture is in the format `{codec}`, which nothing here decodes: convert the file to MP4 \
                 with H.264 and AAC, and upload that."
            );
            Err(Error::new(ErrorCode::Unsupported, message))
        }
        None => Ok(()),
    }
}
