//! Which of several pictures of a container is the film.

use gstreamer as gst;

use super::Decode;
use crate::engine::demux::{Medium, Stream};

/// Which of several pictures is the film, where no table tells.
#[derive(Debug, Clone, Default)]
pub(super) struct Film {
    /// Its demuxer's name for it; any, where that is not known yet.
    id: Option<String>,
    /// Whether it may be Motion JPEG, which a cover looks like: where there is no other picture.
    is_jpeg: bool,
}

impl Film {
    pub(super) fn may_be(&self, stream: &Stream) -> bool {
        let is_named = self.id.as_ref().is_none_or(|id| *id == stream.id);
        is_named && (self.is_jpeg || !is_jpeg(&stream.caps))
    }
}

/// The film that has to be opened in the place of what was: of several, the first by its name, since they
/// come in another order each time, and all tasks must take the same.
pub(super) fn other_film(decode: &Decode) -> Option<Film> {
    if decode.edited.is_some() {
        return None;
    }
    let streams = decode.demux.streams();
    let pictures = streams
        .iter()
        .filter(|stream| stream.medium == Medium::Video);
    let (covers, films): (Vec<&Stream>, Vec<&Stream>) =
        pictures.partition(|stream| is_jpeg(&stream.caps));
    let is_jpeg = films.is_empty();
    let candidates = if is_jpeg { covers } else { films };
    let first = candidates.iter().min_by_key(|stream| &stream.id)?;
    let is_taken = decode
        .stream
        .as_ref()
        .is_some_and(|taken| taken.id == first.id);
    (!is_taken).then(|| Film {
        id: Some(first.id.clone()),
        is_jpeg,
    })
}

fn is_jpeg(caps: &gst::Caps) -> bool {
    caps.structure(0)
        .is_some_and(|s| s.name().as_str() == "image/jpeg")
}
