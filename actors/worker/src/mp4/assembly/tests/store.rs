//! Pieces as tasks write them, and a store that keeps their objects by name.

use std::collections::HashMap;

use bus_schema::id::{Attempt, RenditionName, TaskNumber};
use bus_schema::object_key;
use bus_schema::task::Piece;
use bytes::Bytes;

use crate::mp4::{
    Assembly, CodecConfig, PART_BYTES_MIN, Part, PartSource, PieceWriter, Sample, SampleTable,
    Timing, Track, TrackPieces, schedule,
};

pub(super) fn video_track(timescale: u32) -> Track {
    Track {
        timescale,
        config: CodecConfig::Avc {
            // One SPS and one PPS, as short as the format allows.
            avcc: Bytes::from_static(&[
                1, 0x42, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x42, 0, 0x1f, 1, 0, 1, 0x68,
            ]),
            width: 1280,
            height: 720,
            par: (1, 1),
        },
        language: None,
        priming: 0,
    }
}

pub(super) fn audio_track() -> Track {
    Track {
        timescale: 48_000,
        config: CodecConfig::Aac {
            asc: Bytes::from_static(&[0x11, 0x90]),
            channels: 2,
            sample_rate_hz: 48_000,
        },
        language: Some("deu".to_owned()),
        priming: 1024,
    }
}

/// Media whose every byte tells where it came from.
pub(super) fn media(seed: usize, bytes: usize) -> Bytes {
    let byte = |at: usize| u8::try_from((seed * 31 + at * 7) % 251).unwrap();
    (0..bytes).map(byte).collect()
}

pub(super) fn video_samples(seed: usize, start: u64, frame: u64, n_samples: u64) -> Vec<Sample> {
    // Decode order of each group of four: 0 3 1 2.
    let order = |n: u64| match n % 4 {
        1 if n + 2 < n_samples => n + 2,
        2 | 3 if n - n % 4 + 3 < n_samples => n - 1,
        _ => n,
    };
    let pts: Vec<u64> = (0..n_samples).map(|n| start + order(n) * frame).collect();
    let timings = schedule(&pts, start + n_samples * frame).unwrap();
    let sample = |(n, timing): (usize, Timing)| Sample {
        duration: timing.duration,
        composition_offset: timing.composition_offset,
        is_sync: n == 0,
        data: media(seed + n, 20 + (seed * 13 + n * 17) % 90),
    };
    timings.into_iter().enumerate().map(sample).collect()
}

pub(super) fn audio_samples(seed: usize, n_samples: usize) -> Vec<Sample> {
    let sample = |n| Sample {
        duration: 1024,
        composition_offset: 0,
        is_sync: true,
        data: media(seed + n, 5 + (seed + n) % 9),
    };
    (0..n_samples).map(sample).collect()
}

/// Writes pieces as tasks would, keeping their objects by the names that they have in storage.
pub(super) struct Store {
    objects: HashMap<String, Vec<u8>>,
}

impl Store {
    fn piece(
        &mut self,
        name: &RenditionName,
        task: u32,
        writer: &mut PieceWriter,
        place: Piece,
        segment: &[Sample],
    ) -> Piece {
        let number = place.first_segment + place.n_segments;
        let dir = object_key::attempt_dir(TaskNumber(task), place.attempt);
        let key = format!("{dir}{}", object_key::segment(name, number));
        self.objects.insert(key, writer.segment(segment).unwrap());
        Piece {
            n_segments: place.n_segments + 1,
            ..place
        }
    }

    pub(super) fn track(
        &mut self,
        name: &str,
        track: &Track,
        start: u64,
        segments_per_piece: &[usize],
        mut samples: impl FnMut(usize, u64) -> Vec<Sample>,
    ) -> TrackPieces {
        let name: RenditionName = name.parse().unwrap();
        let (mut at, mut number) = (start, 0);
        let mut pieces = Vec::new();
        for (task, n_segments) in segments_per_piece.iter().enumerate() {
            let task = u32::try_from(task).unwrap() + 2;
            let mut writer = PieceWriter::new(track.clone(), number, at).unwrap();
            let mut place = Piece {
                task: TaskNumber(task),
                attempt: Attempt(1),
                part: None,
                first_segment: number,
                n_segments: 0,
            };
            for _ in 0..*n_segments {
                let segment = samples(number as usize * 100, writer.next_decode_time());
                place = self.piece(&name, task, &mut writer, place, &segment);
                number += 1;
            }
            at = writer.next_decode_time();
            // As the assembler gets it: through the object.
            let table = SampleTable::decode(&writer.finish().encode().unwrap()).unwrap();
            pieces.push((place, table));
        }
        TrackPieces { name, pieces }
    }

    pub(super) fn read(&self, part: &Part, header: &[u8]) -> Vec<u8> {
        let stretch = |source: &PartSource| match source {
            PartSource::Header { offset, bytes } => header[*offset..offset + bytes].to_vec(),
            PartSource::Object {
                name,
                offset,
                bytes,
            } => {
                let from = usize::try_from(*offset).unwrap();
                let to = from + usize::try_from(*bytes).unwrap();
                self.objects[name][from..to].to_vec()
            }
        };
        part.sources.iter().flat_map(stretch).collect()
    }

    pub(super) fn whole(&self, assembly: &Assembly) -> Vec<u8> {
        let parts = assembly.parts(PART_BYTES_MIN);
        parts
            .iter()
            .flat_map(|part| self.read(&part, assembly.header()))
            .collect()
    }
}

pub(super) fn film(store: &mut Store, pieces: &[usize], frames: u64) -> (TrackPieces, TrackPieces) {
    let video = store.track("720p", &video_track(30_000), 0, pieces, |seed, start| {
        video_samples(seed, start, 1001, frames)
    });
    let audio = store.track("audio", &audio_track(), 0, pieces, |seed, _| {
        audio_samples(seed, usize::try_from(frames).unwrap() + 3)
    });
    (video, audio)
}

pub(super) fn new_store() -> Store {
    Store {
        objects: HashMap::new(),
    }
}
