//! What a real file's copy is, and what must hold of every copy.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bus_schema::source::IndexFacts;
use bytes::Bytes;
use tempfile::TempDir;
use worker::mp4::Error;
use worker::mp4::index;
use worker::mp4::remux::{self, CopiedFile, Remux};

use crate::ffmpeg::{frames, packets};

const MIB: u64 = 1 << 20;

/// What a source's index says, and the copy that is planned of it.
pub(crate) fn plan(path: &Path) -> (IndexFacts, Result<Remux, Error>) {
    let file = File::open(path).expect("the file is there");
    let size = file.metadata().expect("it has a size").len();
    let read = |offset: u64, len: u32| {
        let mut bytes = vec![0; len as usize];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(Bytes::from(bytes))
    };
    let found = index::read_whole(read, size)
        .expect("an index")
        .expect("an ISO base media file");
    let facts = remux::facts(&found.index, &found.moov, size);
    (facts, Remux::new(&found.index, &found.moov, size))
}

/// Writes the copy, as parts are written.
fn copy(path: &Path, to: &Path) -> Remux {
    let (_, planned) = plan(path);
    let planned = planned.expect("a copy");
    let source = std::fs::read(path).expect("the source");
    let size = source.len() as u64;
    let file = CopiedFile::new(planned.head.clone(), &planned.ranges, size, 5 * MIB);
    let file = file.expect("ranges of the source");
    let mut written = Vec::new();
    for part in file.parts() {
        let mut body = bytes::BytesMut::from(&file.head()[part.head.clone()]);
        for read in &part.reads {
            let [from, n] = [read.offset, read.bytes].map(|n| usize::try_from(n).expect("small"));
            read.keep(&source[from..from + n], &mut body)
                .expect("all bytes");
        }
        assert_eq!(body.len() as u64, part.bytes);
        written.extend_from_slice(&body);
    }
    assert_eq!(written.len() as u64, file.bytes());
    assert_eq!(top_boxes(&written), ["ftyp", "moov", "mdat"]);
    std::fs::write(to, written).expect("written");
    planned
}

pub(crate) fn top_boxes(bytes: &[u8]) -> Vec<String> {
    places(bytes).into_iter().map(|(kind, ..)| kind).collect()
}

/// Kind, offset and size of each box at the top level.
pub(crate) fn places(bytes: &[u8]) -> Vec<(String, usize, usize)> {
    let (mut at, mut found) = (0, Vec::new());
    while at + 8 <= bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
        let kind = String::from_utf8_lossy(&bytes[at + 4..at + 8]).into_owned();
        assert!(size >= 8, "{kind} of {size} bytes");
        found.push((kind, at, size));
        at += size;
    }
    found
}

/// Copies a file, and compares it with what ffmpeg reads of both.
pub(crate) fn check(dir: &TempDir, source: &Path) -> PathBuf {
    let name = source.file_name().expect("a name").to_string_lossy();
    let to = dir.path().join(format!("copy-of-{name}.mp4"));
    let planned = copy(source, &to);
    let theirs = packets(source);
    assert!(theirs.len() > 100, "{name}: {} packets", theirs.len());
    assert_eq!(packets(&to), theirs, "{name}");
    let n_frames = frames(&to, "v:0").len() as u64;
    assert_eq!(planned.frames, n_frames, "{name}");
    assert_eq!(frames(&to, "v:0"), frames(source, "v:0"), "{name}");
    // Ours is a source like any other.
    let (facts, again) = plan(&to);
    assert!(facts.is_consistent && facts.has_plain_edits, "{facts:?}");
    assert_eq!(
        again.expect("a copy of the copy").head,
        planned.head,
        "{name}"
    );
    to
}
