//! What must hold of a file before any player sees it: its bytes are where its index says, its parts
//! are the file, and its plan is small.

mod drift;
mod store;

use bus_schema::id::{Attempt, TaskNumber};
use bytes::Bytes;
use mp4_atom::{Decode as _, Moov, StszSamples};
use proptest::prelude::*;

use super::*;
use crate::mp4::{CodecConfig, Sample, Track};
use store::{Store, audio_samples, audio_track, film, new_store, video_samples, video_track};

/// The samples of a track as the file's own index finds them.
fn samples_by_index(file: &[u8], track: usize) -> Vec<Vec<u8>> {
    let mut rest = file;
    mp4_atom::Ftyp::decode(&mut rest).unwrap();
    let moov = Moov::decode(&mut rest).unwrap();
    let stbl = &moov.trak[track].mdia.minf.stbl;
    let StszSamples::Different { sizes } = &stbl.stsz.samples else {
        panic!("sizes are written one by one");
    };
    let offsets: Vec<u64> = match (&stbl.stco, &stbl.co64) {
        (Some(stco), None) => stco.entries.iter().copied().map(u64::from).collect(),
        (None, Some(co64)) => co64.entries.clone(),
        other => panic!("one table of offsets, not {other:?}"),
    };
    let mut samples = Vec::new();
    let mut sizes = sizes.iter();
    for (chunk, offset) in offsets.iter().enumerate() {
        let entries = stbl.stsc.entries.iter().rev();
        let entry = entries
            .clone()
            .find(|e| e.first_chunk as usize <= chunk + 1);
        let mut at = usize::try_from(*offset).unwrap();
        for _ in 0..entry.unwrap().samples_per_chunk {
            let end = at + *sizes.next().unwrap() as usize;
            samples.push(file[at..end].to_vec());
            at = end;
        }
    }
    assert!(sizes.next().is_none(), "every sample is in a chunk");
    samples
}

#[test]
fn every_sample_is_where_the_index_says() {
    let mut store = new_store();
    let (video, audio) = film(&mut store, &[1, 4, 2], 30);
    let assembly = Assembly::new(Some(video), [audio]).unwrap();
    let file = store.whole(&assembly);
    assert_eq!(file.len() as u64, assembly.bytes());
    assert_eq!(assembly.frames(), 7 * 30);
    let expected = |make: &dyn Fn(usize) -> Vec<Sample>| -> Vec<Vec<u8>> {
        let samples = (0..7).flat_map(|segment| make(segment * 100));
        samples.map(|sample| sample.data.to_vec()).collect()
    };
    assert_eq!(
        samples_by_index(&file, 0),
        expected(&|seed| video_samples(seed, 0, 1001, 30))
    );
    assert_eq!(
        samples_by_index(&file, 1),
        expected(&|seed| audio_samples(seed, 33))
    );
}

#[test]
fn edits_show_the_first_frame_first_and_skip_the_priming() {
    let mut store = new_store();
    let (video, audio) = film(&mut store, &[2], 30);
    let assembly = Assembly::new(Some(video), [audio]).unwrap();
    let file = store.whole(&assembly);
    let mut rest = &file[..];
    mp4_atom::Ftyp::decode(&mut rest).unwrap();
    let moov = Moov::decode(&mut rest).unwrap();
    let edits = |track: usize| {
        let elst = moov.trak[track].edts.as_ref().unwrap().elst.as_ref();
        elst.unwrap().entries.clone()
    };
    let offsets = moov.trak[0].mdia.minf.stbl.ctts.as_ref().unwrap();
    // The second frame in decode order is shown two frames late, the two behind it one frame early.
    assert_eq!(edits(0)[0].media_time, Some(1001));
    assert_eq!(offsets.entries[0].sample_offset, 1001);
    assert_eq!(edits(0)[0].segment_duration, 60 * 1001);
    assert_eq!(edits(1)[0].media_time, Some(1024));
    // 66 AAC frames less one, in 30,000ths, rounded up.
    assert_eq!(
        edits(1)[0].segment_duration,
        (65 * 1024 * 30_000u64).div_ceil(48_000)
    );
    assert_eq!(moov.mvhd.duration, 60 * 1001);
}

#[test]
fn a_track_that_begins_late_is_delayed() {
    let mut store = new_store();
    let video = store.track("720p", &video_track(1000), 500, &[1], |seed, start| {
        video_samples(seed, start, 40, 25)
    });
    let assembly = Assembly::new(Some(video), []).unwrap();
    assert_eq!(assembly.duration_ms(), 1500);
    let mut rest = assembly.header();
    mp4_atom::Ftyp::decode(&mut rest).unwrap();
    let moov = Moov::decode(&mut rest).unwrap();
    let elst = moov.trak[0].edts.as_ref().unwrap().elst.as_ref().unwrap();
    assert_eq!(elst.entries[0].media_time, None);
    assert_eq!(elst.entries[0].segment_duration, 500);
    assert_eq!(elst.entries[1].segment_duration, 1000);
}

#[test]
fn pieces_that_do_not_continue_one_another_are_refused_by_number() {
    type Change<'a> = &'a dyn Fn(&mut Store, &mut TrackPieces);
    let refused = |change: Change<'_>| {
        let mut store = new_store();
        let (mut video, _) = film(&mut store, &[1, 1, 1], 12);
        change(&mut store, &mut video);
        Assembly::new(Some(video), []).unwrap_err()
    };
    let other_start = |store: &mut Store, video: &mut TrackPieces| {
        let late = store.track(
            "720p",
            &video_track(30_000),
            99,
            &[1, 1, 1],
            |seed, start| video_samples(seed, start, 1001, 12),
        );
        video.pieces[2].1 = late.pieces[2].1.clone();
    };
    let other_decoder = |store: &mut Store, video: &mut TrackPieces| {
        let mut track = video_track(30_000);
        if let CodecConfig::Avc { width, .. } = &mut track.config {
            *width = 1278;
        }
        let other = store.track("720p", &track, 0, &[1, 1, 1], |seed, start| {
            video_samples(seed, start, 1001, 12)
        });
        video.pieces[1].1 = other.pieces[1].1.clone();
    };
    let cases: [(usize, Change<'_>); 5] = [
        (2, &other_start),
        (1, &other_decoder),
        (1, &|_, video| drop(video.pieces.remove(1))),
        (1, &|_, video| video.pieces[1].0.first_segment = 7),
        (0, &|_, video| video.pieces[0].0.n_segments = 2),
    ];
    for (expected, change) in cases {
        match refused(change) {
            Error::Mismatch { piece, .. } => assert_eq!(piece, expected),
            other => panic!("{other}"),
        }
    }
    Assembly::new(None, []).map(|a| a.bytes()).unwrap_err();
}

#[test]
fn sound_alone_is_a_file_too() {
    let mut store = new_store();
    let (_, audio) = film(&mut store, &[3], 20);
    let assembly = Assembly::new(None, [audio]).unwrap();
    assert_eq!(assembly.frames(), 0);
    let file = store.whole(&assembly);
    assert_eq!(file[8..12], *b"M4A ");
    assert_eq!(samples_by_index(&file, 0).len(), 3 * 23);
}

/// A track's pieces without their media: 8 h of it are too many bytes for a test.
fn table_only(track: &Track, pieces: u32, segments: u32, segment: &[Sample]) -> TrackPieces {
    let mut at = 0;
    let piece = |n: u32| {
        let mut table = SampleTable::new(track.clone(), at);
        let payload: usize = segment.iter().map(|sample| sample.data.len()).sum();
        for _ in 0..segments {
            table.push(segment, payload + 2000).unwrap();
        }
        at = table.end();
        let place = Piece {
            task: TaskNumber(n + 2),
            attempt: Attempt(1),
            part: None,
            first_segment: n * segments,
            n_segments: segments,
        };
        (place, table)
    };
    TrackPieces {
        name: "x".parse().unwrap(),
        pieces: (0..pieces).map(piece).collect(),
    }
}

/// 8 h of 30 fps at 8 Mbps and of sound, as tables.
fn eight_hours() -> (TrackPieces, TrackPieces) {
    static MEDIA: [u8; 70_000] = [0; 70_000];
    let mut video = video_samples(0, 0, 1, 120);
    for (n, sample) in video.iter_mut().enumerate() {
        sample.duration *= 3000;
        sample.composition_offset *= 3000;
        sample.data = Bytes::from_static(&MEDIA[..(n * 7919) % 66_000 + 300]);
    }
    let mut audio = audio_samples(0, 188);
    for (n, sample) in audio.iter_mut().enumerate() {
        sample.data = Bytes::from_static(&MEDIA[..300 + n]);
    }
    (
        table_only(&video_track(90_000), 1800, 4, &video),
        table_only(&audio_track(), 360, 20, &audio),
    )
}

#[test]
fn eight_hours_fit_into_some_megabytes() {
    let (video, audio) = eight_hours();
    let sizes = |track: &TrackPieces| -> usize {
        let tables = track.pieces.iter();
        tables.map(|(_, table)| table.encode().unwrap().len()).sum()
    };
    let table_bytes = sizes(&video) + sizes(&audio);
    let assembly = Assembly::new(Some(video), [audio]).unwrap();
    assert_eq!(assembly.frames(), 864_000);
    assert!(assembly.bytes() > 1 << 32, "offsets need 64 bits");
    let plan_bytes = size_of_val(assembly.copies());
    let header_bytes = assembly.header().len();
    println!("tables {table_bytes}, header {header_bytes}, copies {plan_bytes}");
    // The header is the file's own index, four to twelve bytes a sample, which nobody can make smaller.
    assert!(table_bytes < 9 << 20, "{table_bytes}");
    assert!(header_bytes < 16 << 20, "{header_bytes}");
    assert!(plan_bytes < 1 << 20, "{plan_bytes}");

    // 10,000 parts of 16 MiB hold 156 GiB: this size needs no raising.
    let parts = assembly.parts(16 << 20);
    assert_eq!(parts.part_bytes(), 16 << 20);
    let total: u64 = parts.iter().map(|part| part.bytes).sum();
    assert_eq!(total, assembly.bytes());
    let mut rest = assembly.header();
    mp4_atom::Ftyp::decode(&mut rest).unwrap();
    let moov = Moov::decode(&mut rest).unwrap();
    let stbl = &moov.trak[0].mdia.minf.stbl;
    assert!(stbl.stco.is_none() && stbl.co64.is_some());
    assert_eq!(rest, [&[0, 0, 0, 1], &b"mdat"[..], &rest[8..]].concat());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn parts_are_the_file_whatever_their_size(
        pieces in proptest::collection::vec(1usize..4, 1..4),
        frames in 4u64..40,
        part_bytes in 64u64..5000,
    ) {
        let mut store = new_store();
        let (video, audio) = film(&mut store, &pieces, frames);
        let assembly = Assembly::new(Some(video), [audio]).unwrap();
        let file = store.whole(&assembly);
        // Far under S3's smallest part, so that boundaries fall everywhere.
        let parts = crate::mp4::parts::Parts::of_exactly(&assembly, part_bytes);
        let n_parts = parts.n_parts();
        let mut joined = Vec::new();
        for (part, number) in parts.iter().zip(1u32..) {
            prop_assert_eq!(part.number, number);
            prop_assert_eq!(part.offset, joined.len() as u64);
            prop_assert!(part.bytes == part_bytes || number == n_parts);
            let bytes = store.read(&part, assembly.header());
            prop_assert_eq!(bytes.len() as u64, part.bytes);
            prop_assert_eq!(Some(part), parts.get(number));
            joined.extend(bytes);
        }
        prop_assert_eq!(joined, file);
        prop_assert_eq!(parts.get(0), None);
        prop_assert_eq!(parts.get(n_parts + 1), None);
    }
}
