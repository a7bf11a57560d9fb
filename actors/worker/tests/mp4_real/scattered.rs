//! Copies of files whose media lies in several boxes, as some recorders write it.

use tempfile::TempDir;

use crate::copied::{check, places, plan, top_boxes};
use crate::ffmpeg::{self, make, packets};
use crate::index::FILM;

#[test]
fn media_in_several_places_is_found() {
    if !ffmpeg::is_here("media_in_several_places_is_found") {
        return;
    }
    let dir = TempDir::new().unwrap();
    let source = make(dir.path().join("one.mp4"), &[FILM, &["-bf", "2"]].concat());
    let split = dir.path().join("two.mp4");
    std::fs::write(&split, split_media(&std::fs::read(&source).unwrap())).unwrap();
    let kinds = top_boxes(&std::fs::read(&split).unwrap());
    assert_eq!(kinds.iter().filter(|kind| *kind == "mdat").count(), 2);
    assert_eq!(plan(&split).1.unwrap().ranges.len(), 2);
    check(&dir, &split);
    // The index may also stand between the two.
    let bytes = std::fs::read(&split).unwrap();
    let middle = dir.path().join("middle.mp4");
    std::fs::write(&middle, index_between(&bytes)).unwrap();
    assert_eq!(
        top_boxes(&std::fs::read(&middle).unwrap()),
        ["ftyp", "free", "mdat", "moov", "mdat"]
    );
    assert_eq!(packets(&check(&dir, &middle)), packets(&source));
}

/// Chunk offsets of all tracks, by where they stand in the file.
fn chunk_offsets(bytes: &[u8]) -> Vec<(usize, u32)> {
    let tables = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, kind)| kind == b"stco");
    let mut offsets = Vec::new();
    for (at, _) in tables {
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four"));
        let first = at + 12;
        let places = (0..number(at + 8) as usize).map(|entry| first + 4 * entry);
        offsets.extend(places.map(|place| (place, number(place))));
    }
    offsets
}

/// Moves all chunks from an offset on.
fn move_chunks(bytes: &mut [u8], from: u32, by: u32) {
    for (place, offset) in chunk_offsets(bytes) {
        if offset >= from {
            bytes[place..place + 4].copy_from_slice(&(offset + by).to_be_bytes());
        }
    }
}

/// The media in two boxes, cut where a chunk begins.
fn split_media(bytes: &[u8]) -> Vec<u8> {
    let boxes = places(bytes);
    let (_, at, size) = boxes
        .iter()
        .find(|(kind, ..)| kind == "mdat")
        .expect("media");
    let mut offsets: Vec<u32> = chunk_offsets(bytes)
        .into_iter()
        .map(|(_, offset)| offset)
        .collect();
    offsets.sort_unstable();
    let middle = offsets[offsets.len() / 2];
    let cut = middle as usize;
    let mut file = bytes.to_vec();
    move_chunks(&mut file, middle, 8);
    let first = u32::try_from(cut - at).expect("small");
    file[*at..at + 4].copy_from_slice(&first.to_be_bytes());
    let second = u32::try_from(at + size - cut + 8).expect("small");
    let header = [&second.to_be_bytes()[..], b"mdat"].concat();
    file.splice(cut..cut, header);
    file
}

/// The index, which stood last, between two boxes of media.
fn index_between(bytes: &[u8]) -> Vec<u8> {
    let boxes = places(bytes);
    let (_, index, size) = boxes.last().expect("an index").clone();
    let (_, second, _) = boxes[boxes.len() - 2].clone();
    let mut file = bytes.to_vec();
    let by = u32::try_from(size).expect("small");
    move_chunks(&mut file, u32::try_from(second).expect("small"), by);
    let moov = file.split_off(index);
    file.splice(second..second, moov);
    file
}
