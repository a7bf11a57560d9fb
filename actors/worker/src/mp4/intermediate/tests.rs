//! What is written is read back by the index.

use bytes::Bytes;

use super::*;
use crate::mp4::index;

fn sample(bytes: u32, time: i64, duration: u32, is_sync: bool) -> NewSample {
    NewSample {
        bytes,
        time,
        duration,
        is_sync,
    }
}

fn picture() -> Vec<u8> {
    entry::picture(*b"avc1", (1280, 720), (4, 3), &[])
}

fn sound() -> Vec<u8> {
    let config = entry::audio_descriptor(entry::object_type::AAC, &[0x11, 0x90]);
    entry::sound(*b"mp4a", 2, 16, 48_000, &config)
}

fn read(head: &[u8], size: u64) -> index::MovieIndex {
    let read = |offset: u64, len: u32| {
        let from = usize::try_from(offset).unwrap();
        let mut bytes = head.get(from..).unwrap_or(&[]).to_vec();
        bytes.resize(len as usize, 0);
        Ok(Bytes::from(bytes))
    };
    index::read(read, size).unwrap().unwrap()
}

/// I P B B at 25 frames a second, and sound that begins 40 ms later.
fn film() -> Tables {
    let mut tables = Tables::default();
    let video = tables.add(true, 90_000, 5_000_000_000).unwrap();
    let audio = tables.add(false, 48_000, 5_040_000_000).unwrap();
    for (n, (time, is_sync)) in [(0, true), (10_800, false), (3_600, false), (7_200, false)]
        .into_iter()
        .enumerate()
    {
        tables
            .push(video, sample(1_000, time, 3_600, is_sync))
            .unwrap();
        tables
            .push(
                audio,
                sample(100, 1_024 * i64::try_from(n).unwrap(), 1_024, true),
            )
            .unwrap();
    }
    tables
}

#[test]
fn times_and_keyframes_are_what_was_pushed() {
    let tables = film();
    let (picture, sound) = (picture(), sound());
    let heads = [(0, &picture, (1280, 720)), (1, &sound, (0, 0))];
    let heads = heads.map(|(table, entry, size)| TrackHead {
        table,
        entry,
        language: "deu",
        size,
    });
    let head = tables.head(&heads).unwrap();
    let index = read(&head, head.len() as u64 + tables.payload_bytes());
    assert_eq!(index.media_end, head.len() as u64 + 4_400);
    let [video, audio] = index.tracks.as_slice() else {
        panic!("{index:?}");
    };
    let ms: Vec<u64> = video.times_ns().map(|ns| ns / 1_000_000).collect();
    assert_eq!(ms, [0, 40, 80, 120]);
    assert_eq!(video.keyframes_ns(), Some(vec![0]));
    assert_eq!(video.end_ns(), Some(160_000_000));
    assert_eq!((video.codec, video.par), (*b"avc1", (4, 3)));
    assert_eq!((video.coded_width, video.coded_height), (1280, 720));
    assert_eq!(audio.start_ns(), Some(40_000_000));
    assert_eq!(audio.frames_shown(), 4);
    assert_eq!(audio.language.as_deref(), Some("deu"));
    assert_eq!((audio.channels, audio.sample_rate_hz), (2, 48_000));
    assert!(index.tracks.iter().all(index::TrackIndex::has_plain_edits));
    assert!(!index.is_fragmented && !index.is_quicktime);
}

#[test]
fn sound_without_coding_is_one_run() {
    let mut tables = Tables::default();
    let track = tables.add(false, 44_100, 0).unwrap();
    for _ in 0..10 {
        tables.push_pcm(track, 4_410, 4).unwrap();
    }
    tables.push_pcm(track, 1, 6).unwrap_err();
    let entry = entry::sound(*b"sowt", 2, 16, 44_100, &[]);
    let head = TrackHead {
        table: track,
        entry: &entry,
        language: "und",
        size: (0, 0),
    };
    let head = tables.head(&[head]).unwrap();
    let index = read(&head, head.len() as u64 + tables.payload_bytes());
    let sound = &index.tracks[0];
    assert_eq!((sound.n_samples, sound.channels), (44_100, 2));
    assert_eq!(sound.sample_rate_hz, 44_100);
    assert_eq!(sound.end_ns(), Some(1_000_000_000));
    assert!(head.len() < 2_000, "{}", head.len());
}

#[test]
fn times_that_no_table_can_tell_are_refused() {
    let mut tables = Tables::default();
    let track = tables.add(true, 90_000, 0).unwrap();
    for time in [0, 1 << 40, 3_600] {
        tables.push(track, sample(10, time, 3_600, true)).unwrap();
    }
    let entry = picture();
    let head = TrackHead {
        table: track,
        entry: &entry,
        language: "und",
        size: (16, 16),
    };
    assert!(matches!(tables.head(&[head]), Err(Error::Damaged { .. })));
}

#[test]
fn tracks_and_samples_have_limits() {
    let mut tables = Tables::default();
    for _ in 0..TRACKS_MAX {
        tables.add(false, 48_000, 0).unwrap();
    }
    let refused = tables.add(false, 48_000, 0);
    assert!(
        matches!(refused, Err(Error::TooLarge { .. })),
        "{refused:?}"
    );
    tables.n_samples = SAMPLES_MAX - 1;
    tables.push(0, sample(1, 0, 1, true)).unwrap();
    let refused = tables.push(0, sample(1, 1, 1, true));
    assert!(
        matches!(refused, Err(Error::TooLarge { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_head_over_its_limit_is_refused() {
    let head = |n: i64| {
        let mut tables = Tables::default();
        let video = tables.add(true, 90_000, 0).unwrap();
        let audio = tables.add(false, 48_000, 0).unwrap();
        for n in 0..n {
            // Nothing in a row is the same, and every sample is a chunk of its own.
            let time = n * 3_600 + n % 2 * 1_000;
            tables.push(video, sample(1, time, 3_600, true)).unwrap();
            tables.push(audio, sample(1, time, 1_024, true)).unwrap();
        }
        let (picture, sound) = (picture(), sound());
        let track = |table, entry| TrackHead {
            table,
            entry,
            language: "und",
            size: (0, 0),
        };
        tables.head(&[track(video, &picture), track(audio, &sound)])
    };
    let per_pair = head(2_000).unwrap().len() - head(1_000).unwrap().len();
    let per_pair = i64::try_from(per_pair / 1_000).unwrap();
    let fits = i64::try_from(HEAD_BYTES_MAX).unwrap() / (per_pair + 1);
    assert!(matches!(
        head(fits * 11 / 10),
        Err(Error::TooLarge {
            limit: HEAD_BYTES_MAX,
            ..
        })
    ));
    let whole = head(fits * 9 / 10).unwrap();
    assert!(whole.len() as u64 <= HEAD_BYTES_MAX);
}
