//! Which of a broadcast's programmes is read: the first that has a picture, and if none has, the first that has
//! anything.

use std::collections::{BTreeMap, BTreeSet};

use super::kinds::Kind;
use super::streams::ListedStream;
use super::tables::Tables;
use crate::engine::demux::Medium;

/// What each stream that has begun is called in a pipeline, by its number.
pub(super) type Begun = BTreeMap<u16, String>;

/// Whether every stream has begun of the programme that is read: some are recorded without the others, of which
/// tables tell all the same.
pub(super) fn is_known(tables: &Tables, begun: &Begun) -> bool {
    let is_awaited = |stream: &&ListedStream| match stream.kind {
        Some(kind) => !kind.is_text() && kind.caps().is_some(),
        None => tables.is_unknown(stream.pid),
    };
    let mut programmes = tables.programmes();
    let first = match programmes.find(|programme| programme.iter().any(is_picture)) {
        Some(programme) => Some(programme),
        // Of one that is not listed yet nobody knows.
        None if tables.programmes().any(<[ListedStream]>::is_empty) => None,
        None => {
            let mut programmes = tables.programmes();
            programmes.find(|programme| programme.iter().any(|stream| is_awaited(&stream)))
        }
    };
    first.is_some_and(|programme| {
        let mut awaited = programme.iter().filter(is_awaited).peekable();
        awaited.peek().is_some() && awaited.all(|stream| begun.contains_key(&stream.pid))
    })
}

/// The streams of the programme that is read, each once: those that have begun, and text, which may come
/// at any time.
pub(super) fn chosen(tables: &Tables, begun: &Begun) -> Vec<ListedStream> {
    let has_begun = |stream: &ListedStream| begun.contains_key(&stream.pid);
    let has_picture = |programme: &[ListedStream]| {
        let mut streams = programme.iter();
        streams.any(|stream| is_picture(stream) && has_begun(stream))
    };
    let mut programmes = tables.programmes();
    let with_picture = programmes.find(|programme| has_picture(programme));
    let with_any = || {
        let mut programmes = tables.programmes();
        programmes.find(|programme| programme.iter().any(has_begun))
    };
    let streams = with_picture.or_else(with_any).unwrap_or(&[]).iter();
    let mut seen = BTreeSet::new();
    let is_text = |stream: &ListedStream| stream.kind.is_some_and(Kind::is_text);
    let streams = streams.filter(|stream| has_begun(stream) || is_text(stream));
    let streams = streams.filter(|stream| seen.insert(stream.pid));
    streams.cloned().collect()
}

/// Whether it is a picture that is read here.
fn is_picture(stream: &ListedStream) -> bool {
    let picture = stream.kind.filter(|kind| kind.medium == Medium::Video);
    picture.and_then(Kind::caps).is_some()
}
