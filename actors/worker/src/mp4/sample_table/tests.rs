use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::mp4::{CodecConfig, PieceWriter};

fn track() -> Track {
    Track {
        timescale: 90_000,
        config: CodecConfig::Avc {
            avcc: Bytes::from_static(&[1, 0x64, 0, 0x1f, 0xff, 0xe0, 0]),
            width: 1280,
            height: 720,
            par: (1, 1),
        },
        language: Some("en".to_owned()),
        priming: 0,
    }
}

fn sample(bytes: usize, duration: u32, composition_offset: i32, is_sync: bool) -> Sample {
    Sample {
        duration,
        composition_offset,
        is_sync,
        data: Bytes::from(vec![7; bytes]),
    }
}

fn piece(segments: &[Vec<Sample>]) -> SampleTable {
    let mut writer = PieceWriter::new(track(), 3, 1_000_000).unwrap();
    for samples in segments {
        writer.segment(samples).unwrap();
    }
    writer.finish()
}

fn any_sample() -> impl Strategy<Value = Sample> {
    (0usize..3000, 0u32..100_000, any::<i16>(), any::<bool>())
        .prop_map(|(bytes, duration, offset, sync)| sample(bytes, duration, offset.into(), sync))
}

fn any_piece() -> impl Strategy<Value = Vec<Vec<Sample>>> {
    let segment = proptest::collection::vec(any_sample(), 1..20);
    proptest::collection::vec(segment, 0..5)
}

#[test]
fn a_film_takes_about_six_bytes_a_sample() {
    // 29.97 frames with three B-frames between references, of sizes that need two or three bytes.
    let offsets = [0, 4, 1, -1, -2].map(|frames| frames * 3003);
    let segments: Vec<Vec<Sample>> = (0..4)
        .map(|n| {
            let frame =
                |i: usize| sample(700 + (i * 7919 + n) % 40_000, 3003, offsets[i % 5], i == 0);
            (0..120).map(frame).collect()
        })
        .collect();
    let table = piece(&segments);
    let bytes = table.encode().unwrap().len();
    assert!(bytes * 2 <= 480 * 13, "{bytes} bytes for 480 samples");
    assert_eq!(
        SampleTable::decode(&table.encode().unwrap()).unwrap(),
        close(table)
    );
}

/// What was read has no open runs; what is being written has.
fn close(table: SampleTable) -> SampleTable {
    let close = |column: &RunColumn, n| RunColumn::read(column.to_bytes(), n, |_| true).unwrap();
    SampleTable {
        durations: close(&table.durations, table.n_samples),
        offsets: close(&table.offsets, table.n_samples),
        sync: close(&table.sync, table.n_samples),
        ..table
    }
}

#[test]
fn two_tables_in_one_object_are_refused() {
    let bytes = piece(&[vec![sample(1, 1, 0, true)]]).encode().unwrap();
    SampleTable::decode(&bytes).unwrap();
    SampleTable::decode(&[bytes.clone(), bytes].concat()).unwrap_err();
}

proptest! {
    #[test]
    fn every_table_is_read_back_as_it_was_written(segments in any_piece()) {
        let table = piece(&segments);
        let read = SampleTable::decode(&table.encode().unwrap()).unwrap();
        let samples: Vec<&Sample> = segments.iter().flatten().collect();
        let expand = |runs: Vec<(u32, i64)>| -> Vec<i64> {
            runs.into_iter().flat_map(|(n, v)| std::iter::repeat_n(v, n as usize)).collect()
        };
        prop_assert_eq!(read.sizes().map(|s| s as usize).collect::<Vec<_>>(),
            samples.iter().map(|s| s.data.len()).collect::<Vec<_>>());
        prop_assert_eq!(expand(read.durations().map(|(n, v)| (n, v.into())).collect()),
            samples.iter().map(|s| i64::from(s.duration)).collect::<Vec<_>>());
        prop_assert_eq!(expand(read.composition_offsets().map(|(n, v)| (n, v.into())).collect()),
            samples.iter().map(|s| i64::from(s.composition_offset)).collect::<Vec<_>>());
        prop_assert_eq!(expand(read.sync_runs().map(|(n, v)| (n, v.into())).collect()),
            samples.iter().map(|s| i64::from(s.is_sync)).collect::<Vec<_>>());
        prop_assert_eq!(read.end() - read.start(),
            samples.iter().map(|s| u64::from(s.duration)).sum::<u64>());
        prop_assert_eq!(read, close(table));
    }

    #[test]
    fn changed_bytes_are_refused_or_a_consistent_table(
        segments in any_piece(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = piece(&segments).encode().unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(table) = SampleTable::decode(&bytes) {
            let payload: u64 = table.segments().iter().map(|s| u64::from(s.payload_bytes)).sum();
            prop_assert_eq!(table.sizes().map(u64::from).sum::<u64>(), payload);
            prop_assert_eq!(table.sizes().count(), table.n_samples() as usize);
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(SampleTable::decode(&bytes));
    }
}
