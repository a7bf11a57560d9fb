//! The samples of an MP4, by the boxes as another crate reads them: what an encoder would hand us.

use std::path::Path;

use bytes::Bytes;
use mp4_atom::{Any, Avcc, Codec, DecodeMaybe as _, Encode as _, Moov, Stbl, StszSamples};
use worker::mp4::{CodecConfig, Track};

pub(crate) struct SourceTrack {
    pub(crate) track: Track,
    pub(crate) samples: Vec<SourceSample>,
}

pub(crate) struct SourceSample {
    /// As shown, in the track's units, with the edit list applied.
    pub(crate) pts: i64,
    pub(crate) duration: u32,
    pub(crate) is_sync: bool,
    pub(crate) data: Bytes,
}

/// Tracks in the file's order. Sound keeps its priming, pictures begin at 0.
pub(crate) fn tracks(path: &Path) -> Vec<SourceTrack> {
    let file = Bytes::from(std::fs::read(path).expect("the file is there"));
    let mut rest = &file[..];
    let moov = loop {
        match Any::decode_maybe(&mut rest)
            .expect("boxes")
            .expect("a moov")
        {
            Any::Moov(moov) => break moov,
            _ => continue,
        }
    };
    let Moov { trak, mvhd, .. } = moov;
    let tracks = trak.iter();
    tracks
        .map(|trak| source_track(trak, mvhd.timescale, &file))
        .collect()
}

fn source_track(trak: &mp4_atom::Trak, movie_timescale: u32, file: &Bytes) -> SourceTrack {
    let stbl = &trak.mdia.minf.stbl;
    let elst = trak.edts.as_ref().and_then(|edts| edts.elst.as_ref());
    let edit = elst.and_then(|elst| elst.entries.last()?.media_time);
    let media_time = i64::try_from(edit.unwrap_or(0)).expect("a small edit");
    let empty = elst.map_or(0, |elst| {
        let empty = elst.entries.iter().filter(|e| e.media_time.is_none());
        empty.map(|e| e.segment_duration).sum()
    });
    // To the nearest unit, as the demuxer does that we are compared with.
    let movie_timescale = u64::from(movie_timescale);
    let delay = empty * u64::from(trak.mdia.mdhd.timescale) + movie_timescale / 2;
    let delay = i64::try_from(delay / movie_timescale).expect("a small edit");
    let config = config(&stbl.stsd.codecs[0]);
    let is_video = matches!(config, CodecConfig::Avc { .. });
    SourceTrack {
        track: Track {
            timescale: trak.mdia.mdhd.timescale,
            config,
            language: None,
            priming: if is_video {
                0
            } else {
                u32::try_from(media_time).expect("small")
            },
        },
        samples: samples(stbl, if is_video { media_time - delay } else { 0 }, file),
    }
}

fn config(codec: &Codec) -> CodecConfig {
    match codec {
        Codec::Avc1(avc1) => CodecConfig::Avc {
            avcc: avcc(&avc1.avcc),
            width: avc1.visual.width,
            height: avc1.visual.height,
            par: (1, 1),
        },
        Codec::Mp4a(mp4a) => CodecConfig::Aac {
            asc: {
                let config = &mp4a.esds.es_desc.dec_config;
                let specific = config.dec_specific.as_ref().expect("a configuration");
                Bytes::from(specific.raw.clone())
            },
            channels: mp4a.audio.channel_count,
            sample_rate_hz: mp4a.audio.sample_rate.integer().into(),
        },
        other => unreachable!("{other:?} is not what was asked for"),
    }
}

fn avcc(avcc: &Avcc) -> Bytes {
    let mut buf = Vec::new();
    avcc.encode(&mut buf).expect("it was just read");
    Bytes::from(buf).slice(8..)
}

fn samples(stbl: &Stbl, media_time: i64, file: &Bytes) -> Vec<SourceSample> {
    let StszSamples::Different { sizes } = &stbl.stsz.samples else {
        unreachable!("frames of one size");
    };
    let runs = stbl.stts.entries.iter();
    let durations: Vec<u32> = runs
        .flat_map(|run| std::iter::repeat_n(run.sample_delta, run.sample_count as usize))
        .collect();
    let runs = stbl.ctts.iter().flat_map(|ctts| &ctts.entries);
    let mut offsets =
        runs.flat_map(|run| std::iter::repeat_n(run.sample_offset, run.sample_count as usize));
    let places = places(stbl, sizes);
    let mut dts = 0;
    let mut samples = Vec::new();
    for (n, (at, size)) in places.iter().zip(sizes).enumerate() {
        let is_sync = stbl.stss.as_ref().is_none_or(|stss| {
            stss.entries
                .contains(&u32::try_from(n + 1).expect("few samples"))
        });
        samples.push(SourceSample {
            pts: dts + offsets.next().unwrap_or(0) - media_time,
            duration: durations[n],
            is_sync,
            data: file.slice(*at..at + *size as usize),
        });
        dts += i64::from(durations[n]);
    }
    samples
}

fn places(stbl: &Stbl, sizes: &[u32]) -> Vec<usize> {
    let stco = stbl.stco.as_ref().expect("a small file");
    let mut places = Vec::new();
    for (chunk, offset) in stco.entries.iter().enumerate() {
        let mut entries = stbl.stsc.entries.iter().rev();
        let entry = entries.find(|entry| entry.first_chunk as usize <= chunk + 1);
        let mut at = *offset as usize;
        for _ in 0..entry.expect("a first entry").samples_per_chunk {
            places.push(at);
            at += sizes[places.len() - 1] as usize;
        }
    }
    places
}
