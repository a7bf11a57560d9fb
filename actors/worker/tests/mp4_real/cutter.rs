//! What the tasks of a job write, in memory: segments cut at keyframes, tables, and the files made of
//! them.

use std::collections::HashMap;

use bus_schema::id::{Attempt, RenditionName, TaskNumber};
use bus_schema::object_key;
use bus_schema::task::Piece;
use worker::mp4::{Assembly, PartSource, PieceWriter, Sample, SampleTable, TrackPieces, schedule};

use crate::demuxer::{SourceSample, SourceTrack};

/// One second, so that a short source has several segments.
const SEGMENT_MS: i64 = 1000;
/// An odd number, so that pieces and seconds do not agree.
const PIECE_SEGMENTS: usize = 3;

/// A track as its tasks leave it in storage.
pub(crate) struct CutTrack {
    pub(crate) name: RenditionName,
    pub(crate) init: Vec<u8>,
    pub(crate) pieces: Vec<(Piece, Vec<u8>)>,
    pub(crate) objects: HashMap<String, Vec<u8>>,
    pub(crate) segments: Vec<Vec<u8>>,
}

/// Cuts a track into segments, each a closed group of samples, and writes them in pieces.
pub(crate) fn cut(source: &SourceTrack, name: &str) -> CutTrack {
    let groups = groups(source);
    let name: RenditionName = name.parse().expect("a name");
    let mut cut = CutTrack {
        name,
        init: worker::mp4::init_segment(&source.track).expect("an init segment"),
        pieces: Vec::new(),
        objects: HashMap::new(),
        segments: Vec::new(),
    };
    for (n, part) in groups.chunks(PIECE_SEGMENTS).enumerate() {
        let first = u32::try_from(n * PIECE_SEGMENTS).expect("few segments");
        let start = part[0].0;
        let task = TaskNumber(u32::try_from(n).expect("few pieces") + 1);
        let mut writer = PieceWriter::new(source.track.clone(), first, start).expect("a writer");
        assert_eq!(
            writer.init().expect("an init segment"),
            cut.init,
            "equal in every piece"
        );
        for ((start, samples), number) in part.iter().zip(first..) {
            assert_eq!(
                writer.next_decode_time(),
                *start,
                "segments continue one another"
            );
            let bytes = writer.segment(samples).expect("a segment");
            let dir = object_key::attempt_dir(task, Attempt(1));
            let key = format!("{dir}{}", object_key::segment(&cut.name, number));
            cut.objects.insert(key, bytes.clone());
            cut.segments.push(bytes);
        }
        let place = Piece {
            task,
            attempt: Attempt(1),
            part: None,
            first_segment: first,
            n_segments: u32::try_from(part.len()).expect("few segments"),
        };
        let table = writer.finish().encode().expect("a table");
        cut.pieces.push((place, table));
    }
    cut
}

/// Samples of each segment, with its first decode time.
fn groups(source: &SourceTrack) -> Vec<(u64, Vec<Sample>)> {
    let step = SEGMENT_MS * i64::from(source.track.timescale) / 1000;
    let mut groups: Vec<&[SourceSample]> = Vec::new();
    let (mut from, mut next) = (0, step);
    for (n, sample) in source.samples.iter().enumerate() {
        if n > from && sample.is_sync && sample.pts >= next {
            groups.push(&source.samples[from..n]);
            from = n;
            next = (sample.pts / step + 1) * step;
        }
    }
    groups.push(&source.samples[from..]);
    let last = source.samples.iter().map(|s| s.pts + i64::from(s.duration));
    let end = last.max().expect("samples");
    let starts = groups.iter().map(|group| group[0].pts).chain([end]);
    let ends: Vec<i64> = starts.skip(1).collect();
    let timed = groups.iter().zip(ends);
    timed.map(|(group, end)| timed_group(group, end)).collect()
}

fn timed_group(group: &[SourceSample], end: i64) -> (u64, Vec<Sample>) {
    let units = |pts: i64| u64::try_from(pts).expect("sources begin at 0");
    let pts: Vec<u64> = group.iter().map(|sample| units(sample.pts)).collect();
    let timings = schedule(&pts, units(end)).expect("a closed group");
    let samples = group.iter().zip(timings).map(|(sample, timing)| Sample {
        duration: timing.duration,
        composition_offset: timing.composition_offset,
        is_sync: sample.is_sync,
        data: sample.data.clone(),
    });
    (pts[0], samples.collect())
}

impl CutTrack {
    /// The init segment and every segment: what a player has fetched in the end.
    pub(crate) fn stream(&self) -> Vec<u8> {
        let segments = self.segments.iter().flatten();
        self.init.iter().chain(segments).copied().collect()
    }

    fn track_pieces(&self) -> TrackPieces {
        let read = |(place, table): &(Piece, Vec<u8>)| {
            (*place, SampleTable::decode(table).expect("a table"))
        };
        TrackPieces {
            name: self.name.clone(),
            pieces: self.pieces.iter().map(read).collect(),
        }
    }
}

/// The MP4 of these tracks, copied together part by part as an upload would be.
pub(crate) fn assemble(video: Option<&CutTrack>, audio: Option<&CutTrack>) -> Vec<u8> {
    let pieces = |track: Option<&CutTrack>| track.map(CutTrack::track_pieces);
    let assembly = Assembly::new(pieces(video), pieces(audio)).expect("pieces that fit");
    let mut objects: HashMap<&String, &Vec<u8>> = HashMap::new();
    for track in video.into_iter().chain(audio) {
        objects.extend(&track.objects);
    }
    let mut file = Vec::new();
    for part in assembly.parts(0).iter() {
        for source in part.sources {
            match source {
                PartSource::Header { offset, bytes } => {
                    file.extend(&assembly.header()[offset..offset + bytes]);
                }
                PartSource::Object {
                    name,
                    offset,
                    bytes,
                } => {
                    let at = usize::try_from(offset).expect("small");
                    let end = at + usize::try_from(bytes).expect("small");
                    file.extend(&objects[&name][at..end]);
                }
            }
        }
    }
    assert_eq!(file.len() as u64, assembly.bytes());
    file
}
