//! What must hold of the reader: it finds in a file what was written into it, and no bytes harm it.
//! Real encoders' files are tested against ffprobe elsewhere.

mod hostile;

use std::io;

use super::*;
use crate::mp4::{CodecConfig, PieceWriter, Sample, Track, TrackPieces, schedule};

const SECOND: u64 = 1_000_000_000;
/// 29.97 frames a second.
const FRAME: u64 = 1001;

fn track(is_video: bool) -> Track {
    let config = if is_video {
        CodecConfig::Avc {
            avcc: Bytes::from_static(&[1, 0x64, 0, 0x1f, 0xff, 0xe0, 0]),
            width: 640,
            height: 360,
            par: (4, 3),
        }
    } else {
        CodecConfig::Aac {
            asc: Bytes::from_static(&[0x11, 0x90]),
            channels: 2,
            sample_rate_hz: 48_000,
        }
    };
    Track {
        timescale: if is_video { 30_000 } else { 48_000 },
        config,
        language: Some("fra".to_owned()),
        priming: if is_video { 0 } else { 1024 },
    }
}

fn video_segment(start: u64) -> Vec<Sample> {
    let pts = [0, 3, 1, 2, 4, 5].map(|n| start + n * FRAME);
    let timings = schedule(&pts, start + 6 * FRAME).unwrap();
    let sample = |(n, timing): (usize, crate::mp4::Timing)| Sample {
        duration: timing.duration,
        composition_offset: timing.composition_offset,
        is_sync: n == 0,
        data: Bytes::from(vec![9; 50 + n]),
    };
    timings.into_iter().enumerate().map(sample).collect()
}

fn audio_segment() -> Vec<Sample> {
    let sample = Sample {
        duration: 1024,
        composition_offset: 0,
        is_sync: true,
        data: Bytes::from(vec![8; 20]),
    };
    vec![sample; 9]
}

/// Five segments of a track, as one piece.
fn piece(is_video: bool, start: u64) -> (PieceWriter, Vec<u8>) {
    let mut writer = PieceWriter::new(track(is_video), 0, start).unwrap();
    let mut stream = writer.init().unwrap();
    for _ in 0..5 {
        let samples = if is_video {
            video_segment(writer.next_decode_time())
        } else {
            audio_segment()
        };
        stream.extend(writer.segment(&samples).unwrap());
    }
    (writer, stream)
}

fn pieces(is_video: bool, start: u64) -> TrackPieces {
    let place = bus_schema::task::Piece {
        task: bus_schema::id::TaskNumber(1),
        attempt: bus_schema::id::Attempt(1),
        part: None,
        first_segment: 0,
        n_segments: 5,
    };
    TrackPieces {
        name: "x".parse().unwrap(),
        pieces: vec![(place, piece(is_video, start).0.finish())],
    }
}

/// An assembled file, with zeros for media.
fn assembled(start: u64) -> Vec<u8> {
    let tracks = (pieces(true, start), pieces(false, 0));
    let assembly = crate::mp4::Assembly::new(Some(tracks.0), [tracks.1]).unwrap();
    let mut file = assembly.header().to_vec();
    file.resize(usize::try_from(assembly.bytes()).unwrap(), 0);
    file
}

fn read_bytes(file: &[u8]) -> Result<Option<MovieIndex>, Error> {
    read_counted(file, file.len() as u64).0
}

/// Reads from a file of which only the first `size` bytes are said to be there; counts the reads.
fn read_counted(file: &[u8], size: u64) -> (Result<Option<MovieIndex>, Error>, usize) {
    let mut n_reads = 0;
    let index = read(
        |offset, len| {
            n_reads += 1;
            let from = usize::try_from(offset).unwrap();
            assert!(
                offset + u64::from(len) <= size,
                "reads stay within the file"
            );
            let bytes = file.get(from..from + len as usize);
            let bytes = bytes.ok_or(io::ErrorKind::UnexpectedEof)?;
            Ok(Bytes::copy_from_slice(bytes))
        },
        size,
    );
    (index, n_reads)
}

fn span(start_ns: u64, end_ns: Option<u64>) -> Span {
    Span { start_ns, end_ns }
}

fn check_video(video: &TrackIndex, start_ns: u64) {
    assert_eq!((video.codec, video.handler), (*b"avc1", *b"vide"));
    assert_eq!((video.coded_width, video.coded_height), (640, 360));
    assert_eq!((video.par, video.rotation_deg), ((4, 3), 0));
    assert_eq!(video.language.as_deref(), Some("fra"));
    assert_eq!(video.frames_shown(), 30);
    assert_eq!(video.constant_step(), Some(1001));
    assert_eq!(video.start_ns(), Some(start_ns));
    assert_eq!(video.end_ns(), Some(start_ns + SECOND * 1001 / 1000));
    let keyframes = video.keyframes_ns().unwrap();
    assert_eq!(keyframes.len(), 5);
    assert_eq!(keyframes[0], start_ns);
}

#[test]
fn an_assembled_file_shows_what_was_put_into_it() {
    let file = assembled(0);
    let index = read_bytes(&file).unwrap().unwrap();
    assert!(!index.is_fragmented && !index.is_quicktime);
    assert!(!index.is_truncated(file.len() as u64));
    assert_eq!(
        index.media_end,
        file.len() as u64,
        "the last sample ends the file"
    );
    assert!(index.is_truncated(file.len() as u64 - 1));
    check_video(index.video().unwrap(), 0);
    let audio = index.audio().next().unwrap();
    assert_eq!((audio.codec, audio.channels), (*b"mp4a", 2));
    assert_eq!(audio.sample_rate_hz, 48_000);
    // The priming is one frame, and not shown.
    assert_eq!((audio.n_samples, audio.frames_shown()), (45, 44));
    assert_eq!(audio.start_ns(), Some(0));
    assert_eq!(audio.keyframes_ns(), None);
}

#[test]
fn a_late_track_is_shown_late() {
    let index = read_bytes(&assembled(15_000)).unwrap().unwrap();
    check_video(index.video().unwrap(), SECOND / 2);
}

#[test]
fn fragments_are_walked() {
    let (_, stream) = piece(true, 0);
    let index = read_bytes(&stream).unwrap().unwrap();
    assert!(index.is_fragmented);
    assert_eq!(index.media_end, stream.len() as u64);
    check_video(index.video().unwrap(), 0);
    let (_, stream) = piece(false, 0);
    let index = read_bytes(&stream).unwrap().unwrap();
    assert_eq!(index.audio().next().unwrap().frames_shown(), 44);
}

#[test]
fn spans_share_the_frames_without_rest() {
    let file = assembled(0);
    let index = read_bytes(&file).unwrap().unwrap();
    let video = index.video().unwrap();
    // The 15th frame is shown at 0.5005 s.
    let half = 500_500_000;
    assert_eq!(video.frames_in(span(0, Some(half))), 15);
    assert_eq!(video.frames_in(span(half, None)), 15);
    assert_eq!(video.frames_in(span(0, Some(half + 1))), 16);
    assert_eq!(video.frames_in(span(20 * SECOND, None)), 0);
    assert_eq!(video.times_ns().filter(|ns| *ns < half).count(), 15);
}

#[test]
fn a_file_cut_anywhere_is_truncated() {
    let file = assembled(0);
    let header_bytes = file.len() - usize::try_from(payload(&file)).unwrap();
    for size in 8..file.len() as u64 {
        match read_counted(&file, size).0 {
            Ok(Some(index)) => {
                assert!(
                    size >= header_bytes as u64 - 8,
                    "the index is whole at {size}"
                );
                assert!(index.is_truncated(size), "{size} of {}", file.len());
            }
            Err(Error::Truncated { .. }) => assert!(size < header_bytes as u64),
            other => panic!("{other:?} at {size}"),
        }
    }
}

fn payload(file: &[u8]) -> u64 {
    let index = read_bytes(file).unwrap().unwrap();
    let (video, audio) = (index.video().unwrap(), index.audio().next().unwrap());
    assert_eq!((video.n_samples, audio.n_samples), (30, 45));
    5 * (50 + 51 + 52 + 53 + 54 + 55) + 45 * 20
}

#[test]
fn an_index_at_the_end_is_found_in_a_few_reads() {
    // The same index, behind 3 GB of media that no test wants to hold.
    let file = assembled(0);
    let ftyp_bytes = 32usize;
    let moov = &file[ftyp_bytes..file.len() - usize::try_from(payload(&file)).unwrap() - 8];
    let media_bytes = 3_000_000_000u64;
    let mut head = file[..ftyp_bytes].to_vec();
    head.extend(u32::try_from(media_bytes).unwrap().to_be_bytes());
    head.extend(b"mdat");
    let size = ftyp_bytes as u64 + media_bytes + moov.len() as u64;
    let mut n_reads = 0;
    let index = read(
        |offset, len| {
            n_reads += 1;
            let byte = |at: u64| {
                let behind = at.checked_sub(ftyp_bytes as u64 + media_bytes);
                let (from, at) = behind.map_or((&head[..], at), |at| (moov, at));
                from.get(usize::try_from(at).unwrap()).copied().unwrap_or(0)
            };
            Ok((offset..offset + u64::from(len)).map(byte).collect())
        },
        size,
    );
    check_video(index.unwrap().unwrap().video().unwrap(), 0);
    assert!(n_reads <= 3, "{n_reads} reads");
}

#[test]
fn other_files_have_no_index_of_this_kind() {
    for file in [
        &b""[..],
        b"\0\0\0",
        b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x86\x81\x01",
        b"RIFF\x24\0\0\0AVI LIST",
        b"not a video at all, whatever its name says",
        &[0; 100],
    ] {
        assert_eq!(read_bytes(file).unwrap(), None);
    }
}

#[test]
fn a_failing_reader_is_told_as_such() {
    let failing = read(|_, _| Err(io::ErrorKind::TimedOut.into()), 1000);
    assert!(matches!(failing, Err(Error::Read(_))));
    let short = read(|_, _| Ok(Bytes::from_static(b"ftyp")), 1000);
    assert!(matches!(short, Err(Error::Read(_))));
}
