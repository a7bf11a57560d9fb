//! Files that were changed, or are no files at all, and a count that nothing stands behind.

use proptest::prelude::*;

use super::{assembled, piece, read_bytes, span};
use crate::mp4::error::Error;
use crate::mp4::index::{MovieIndex, Placed};

#[test]
fn a_count_without_bytes_costs_nothing() {
    // `stts` says four billion samples, `stsz` that all have one byte.
    let mut file = assembled(0);
    let at = |file: &[u8], kind: &[u8]| {
        let mut found = file.windows(4).enumerate().filter(|(_, w)| *w == kind);
        found.next().unwrap().0
    };
    let stts = at(&file, b"stts");
    file[stts + 12..stts + 16].fill(0xff);
    let stsz = at(&file, b"stsz");
    file[stsz + 8..stsz + 12].copy_from_slice(&1u32.to_be_bytes());
    file[stsz + 12..stsz + 16].fill(0xff);
    assert!(matches!(read_bytes(&file), Err(Error::TooLarge { .. })));
}

fn mutated(file: Vec<u8>, changes: Vec<(prop::sample::Index, u8)>) -> Vec<u8> {
    let mut file = file;
    // Media are not read: all changes are where the index is.
    let n = file.len().min(2500);
    for (at, byte) in changes {
        file[at.index(n)] = byte;
    }
    file
}

/// Everything that can be asked of an index.
fn ask(index: &MovieIndex) {
    for track in &index.tracks {
        let shown = track.frames_shown();
        let half = track.end_ns().unwrap_or(0) / 2;
        let parts = track.frames_in(span(0, Some(half))) + track.frames_in(span(half, None));
        assert_eq!(parts, shown, "spans share what is shown");
        assert!(track.duration_ns() <= track.end_ns().unwrap_or(0));
        assert!(track.keyframes_ns().unwrap_or_default().len() as u64 <= shown);
        assert!(track.times_ns().take(5000).count() as u64 <= shown);
        // Any answer is one; there must be one.
        let _ = (track.entry_ns(half), track.stretches_ns().count());
        if track.has_ordered_edits() && track.n_samples < 5000 {
            let times = track.times.iter_in(i64::MIN, i64::MAX);
            let is_shown = |time: &i64| matches!(track.place(*time), Placed::Shown { .. });
            let n_placed = times.filter(is_shown).count() as u64;
            // A time of 2^63 - 1 lies in no stretch.
            assert!(n_placed == shown, "{n_placed} placed, {shown} shown");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn changed_files_are_refused_or_answer_consistently(
        which in 0..3,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let file = match which {
            0 => assembled(15_000),
            1 => piece(true, 0).1,
            _ => piece(false, 0).1,
        };
        if let Ok(Some(index)) = read_bytes(&mutated(file, changes)) {
            ask(&index);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let file = [&b"\0\0\0\x08ftyp\0\0\x01\0moov\0\0\0\x24trak"[..], &bytes].concat();
        if let Ok(Some(index)) = read_bytes(&file) {
            ask(&index);
        }
    }
}
