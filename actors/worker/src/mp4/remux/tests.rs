//! Places beyond what files of a test can hold, and indexes that contradict themselves. Real files are
//! copied elsewhere.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::mp4::index;

const GIB: u64 = 1 << 30;

/// A made-up source: one picture, and maybe sound.
#[derive(Debug, Clone)]
struct Film {
    size: u64,
    tracks: Vec<Tables>,
}

#[derive(Debug, Clone)]
struct Tables {
    kind: [u8; 4],
    /// Of every sample.
    sample_bytes: u32,
    samples_per_chunk: u32,
    chunks: Vec<u64>,
    is_wide: bool,
    durations: Vec<(u32, u32)>,
    reference_flags: u32,
}

fn atom(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes()[..], kind, body].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

impl Tables {
    fn picture(chunks: &[u64]) -> Self {
        Self {
            kind: *b"vide",
            sample_bytes: 1000,
            samples_per_chunk: 2,
            chunks: chunks.to_vec(),
            is_wide: true,
            durations: vec![(u32::try_from(2 * chunks.len()).unwrap(), 512)],
            reference_flags: 1,
        }
    }

    fn sound(chunks: &[u64]) -> Self {
        Self {
            kind: *b"soun",
            sample_bytes: 100,
            ..Self::picture(chunks)
        }
    }

    fn n_samples(&self) -> u32 {
        u32::try_from(self.chunks.len()).unwrap() * self.samples_per_chunk
    }

    fn entry(&self) -> Vec<u8> {
        if self.kind == *b"vide" {
            let sps = [0x67, 66, 0xc0, 13, 0xda, 0x05, 0x06, 0x40];
            let avcc = [&[1, 66, 0xc0, 13, 0xff, 0xe1, 0, 8][..], &sps, &[0]].concat();
            let mut body = vec![0; 78];
            body[24..28].copy_from_slice(&[1, 64, 0, 180]);
            body.extend(atom(b"avcC", &avcc));
            atom(b"avc1", &body)
        } else {
            let mut body = vec![0; 28];
            body[17] = 2;
            let asc = [5, 2, 0x11, 0x90];
            let decoder = [&[4, 17, 0x40][..], &[0; 12], &asc].concat();
            let stream = [&[3, 22, 0, 1, 0][..], &decoder].concat();
            body.extend(atom(b"esds", &[&[0; 4][..], &stream].concat()));
            atom(b"mp4a", &body)
        }
    }

    fn atom(&self) -> Vec<u8> {
        let full = |kind: &[u8; 4], numbers: &[u32]| atom(kind, &words(&[&[0], numbers].concat()));
        let n_chunks = u32::try_from(self.chunks.len()).unwrap();
        let stsd = [words(&[0, 1]), self.entry()].concat();
        let runs = self.durations.iter().flat_map(|(n, units)| [*n, *units]);
        let n_runs = u32::try_from(self.durations.len()).unwrap();
        let stts = [vec![n_runs], runs.collect()].concat();
        let offsets: Vec<u8> = if self.is_wide {
            self.chunks.iter().flat_map(|o| o.to_be_bytes()).collect()
        } else {
            let narrow = self.chunks.iter().map(|o| u32::try_from(*o).unwrap());
            narrow.flat_map(u32::to_be_bytes).collect()
        };
        let kind = if self.is_wide { b"co64" } else { b"stco" };
        let tables = [
            atom(b"stsd", &stsd),
            full(b"stts", &stts),
            full(b"stsc", &[1, 1, self.samples_per_chunk, 1]),
            full(b"stsz", &[self.sample_bytes, self.n_samples()]),
            atom(kind, &[words(&[0, n_chunks]), offsets].concat()),
        ];
        let url = atom(b"url ", &words(&[self.reference_flags]));
        let dinf = atom(b"dinf", &atom(b"dref", &[words(&[0, 1]), url].concat()));
        let minf = [dinf, atom(b"stbl", &tables.concat())].concat();
        let mdia = [
            full(b"mdhd", &[0, 0, 12_800, 51_200, 0x55c4_0000]),
            atom(b"hdlr", &[&[0; 8][..], &self.kind, &[0; 13]].concat()),
            atom(b"minf", &minf),
        ];
        let matrix = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
        let tkhd = [
            &[0, 0, 1, 0, 4000, 0, 0, 0, 0][..],
            &matrix,
            &[320 << 16, 180 << 16],
        ];
        let boxes = [full(b"tkhd", &tkhd.concat()), atom(b"mdia", &mdia.concat())];
        atom(b"trak", &boxes.concat())
    }
}

impl Film {
    fn new(size: u64, tracks: &[Tables]) -> Self {
        Self {
            size,
            tracks: tracks.to_vec(),
        }
    }

    /// The file up to the end of its index.
    fn bytes(&self) -> Vec<u8> {
        let mvhd = words(&[0, 0, 0, 1000, 4000, 0x1_0000]);
        let tracks: Vec<u8> = self.tracks.iter().flat_map(Tables::atom).collect();
        let moov = [atom(b"mvhd", &[mvhd, vec![0; 76]].concat()), tracks].concat();
        [atom(b"ftyp", b"isom\0\0\0\0isom"), atom(b"moov", &moov)].concat()
    }

    fn remux(&self) -> Result<Remux, Error> {
        let (index, moov) = read(&self.bytes(), self.size)?.expect("a film");
        Remux::new(&index, &moov, self.size)
    }
}

/// Reads an index; what lies behind the bytes at hand is zeros.
fn read(bytes: &[u8], size: u64) -> Result<Option<(MovieIndex, Bytes)>, Error> {
    let reader = |offset: u64, len: u32| {
        let from = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let mut read = bytes[from..].to_vec();
        read.resize(len as usize, 0);
        Ok(Bytes::from(read))
    };
    let found = index::read_whole(reader, size)?;
    Ok(found.map(|found| (found.index, found.moov)))
}

/// Where the chunks of each track of a head are, and how many bits tell it.
fn places(head: &[u8]) -> Vec<(usize, Vec<u64>)> {
    let tables = head.windows(4).enumerate();
    let tables = tables.filter(|(_, kind)| kind == b"stco" || kind == b"co64");
    let read = |(at, kind): (usize, &[u8])| {
        let width = if kind == b"co64" { 8 } else { 4 };
        let number = |from: usize, width: usize| {
            let bytes = head[from..from + width].iter();
            bytes.fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))
        };
        let n = usize::try_from(number(at + 8, 4)).unwrap();
        let entries = (0..n).map(|entry| number(at + 12 + entry * width, width));
        (8 * width, entries.collect())
    };
    tables.map(read).collect()
}

#[test]
fn offsets_are_as_wide_as_the_copy_needs_them() {
    let near = Film::new(9 * GIB, &[Tables::picture(&[8 * GIB, 8 * GIB + 2000])]);
    let remux = near.remux().unwrap();
    let base = remux.head.len() as u64;
    assert_eq!(places(&remux.head), [(32, vec![base, base + 2000])]);
    assert_eq!(
        remux.ranges,
        [SourceRange {
            offset: 8 * GIB,
            bytes: 4000
        }]
    );
    assert!(
        remux
            .head
            .ends_with(&[&4008u32.to_be_bytes()[..], b"mdat"].concat())
    );

    let mut large = Tables::picture(&[GIB, 5 * GIB]);
    (large.sample_bytes, large.samples_per_chunk) = (3 << 30, 1);
    large.durations = vec![(2, 512)];
    let remux = Film::new(8 * GIB, &[large]).remux().unwrap();
    let base = remux.head.len() as u64;
    assert_eq!(places(&remux.head), [(64, vec![base, base + 3 * GIB])]);
    assert_eq!(remux.ranges.len(), 2);
    let end = [
        &1u32.to_be_bytes()[..],
        b"mdat",
        &(6 * GIB + 16).to_be_bytes(),
    ]
    .concat();
    assert!(remux.head.ends_with(&end));
}

#[test]
fn the_last_place_of_32_bits_is_told_in_32() {
    // The payload ends where the 32 bits do, or a byte behind.
    let film = |sample_bytes: u32| {
        let mut tables = Tables::picture(&[GIB]);
        (tables.sample_bytes, tables.samples_per_chunk) = (sample_bytes, 1);
        tables.durations = vec![(1, 512)];
        Film::new(9 * GIB, &[tables]).remux().unwrap()
    };
    let head_bytes = u32::try_from(film(1).head.len()).unwrap();
    let bits = |sample_bytes| places(&film(sample_bytes).head)[0].0;
    assert_eq!(bits(u32::MAX - head_bytes), 32);
    assert_eq!(bits(u32::MAX - head_bytes + 1), 64);
}

#[test]
fn tracks_take_turns_as_in_the_source() {
    let picture = Tables::picture(&[10_000, 14_200]);
    let sound = Tables::sound(&[12_000, 13_000]);
    let remux = Film::new(1 << 20, &[sound, picture]).remux().unwrap();
    let base = remux.head.len() as u64;
    let expected = [
        (32, vec![base, base + 2400]),
        (32, vec![base + 2000, base + 2200]),
    ];
    assert_eq!(places(&remux.head), expected, "the picture stands first");
    let ranges: Vec<(u64, u64)> = remux.ranges.iter().map(|r| (r.offset, r.bytes)).collect();
    assert_eq!(ranges, [(10_000, 2200), (13_000, 200), (14_200, 2000)]);
    assert_eq!(remux.frames, 4);
}

#[test]
fn an_index_that_contradicts_itself_is_refused() {
    let good = Film::new(
        1 << 20,
        &[Tables::picture(&[10_000, 14_000]), Tables::sound(&[12_000])],
    );
    good.remux().unwrap();
    let changed = |change: fn(&mut Film)| {
        let mut film = good.clone();
        change(&mut film);
        let found = read(&film.bytes(), film.size).unwrap().expect("a film");
        let facts = facts(&found.0, &found.1, film.size);
        assert!(!facts.is_consistent, "{film:?}");
        film.remux().unwrap_err()
    };
    let cut = changed(|film| film.size = 15_999);
    assert!(matches!(cut, Error::Truncated { .. }), "{cut}");
    let ways: [fn(&mut Film); 4] = [
        |film| film.tracks[1].chunks = vec![11_900],
        |film| film.tracks[0].durations = vec![(3, 512)],
        |film| film.tracks[0].durations = vec![(4, 512), (1, 512)],
        |film| film.tracks[1].reference_flags = 0,
    ];
    for change in ways {
        let error = changed(change);
        assert!(!matches!(error, Error::Truncated { .. }), "{error}");
    }
}

#[test]
fn more_places_than_a_copy_may_have_are_refused() {
    // Every chunk stands alone: as many ranges as chunks.
    let film = |n: usize| {
        let chunks: Vec<u64> = (1..=n as u64).map(|n| n * (1 << 20)).collect();
        Film::new(1 << 50, &[Tables::picture(&chunks)]).remux()
    };
    assert_eq!(film(RANGES_MAX).unwrap().ranges.len(), RANGES_MAX);
    let error = film(RANGES_MAX + 1).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

#[test]
fn a_head_over_its_limit_is_known_before_it_is_written() {
    let film = Film::new(1 << 20, &[Tables::picture(&[10_000])]);
    let (index, moov) = read(&film.bytes(), film.size).unwrap().expect("a film");
    let movie = SourceMovie::read(&index, &moov).unwrap();
    let layout = |n_chunks: u64| Layout {
        ranges: Vec::new(),
        payload_bytes: 0,
        chunks: vec![vec![0; usize::try_from(n_chunks).unwrap()]],
    };
    head::check_size(&movie, &layout(1)).unwrap();
    let error = head::check_size(&movie, &layout(HEAD_BYTES_MAX / 8)).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever an index says: a reason, or ranges within the file that fit the head.
    #[test]
    fn changed_indexes_are_refused_or_copied_within_bounds(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let film = Film::new(1 << 20, &[Tables::picture(&[10_000, 14_000]), Tables::sound(&[12_000])]);
        let mut bytes = film.bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(Some((index, moov))) = read(&bytes, film.size) {
            let facts = facts(&index, &moov, film.size);
            let has_words = facts.h264.is_some() && (facts.aac.is_some() || index.audio().next().is_none());
            if facts.is_consistent && has_words && !index.is_fragmented {
                prop_assert!(Remux::new(&index, &moov, film.size).is_ok(), "a promise is kept");
            }
            if let Ok(remux) = Remux::new(&index, &moov, film.size) {
                prop_assert!(facts.is_consistent);
                let file = CopiedFile::new(remux.head, &remux.ranges, film.size, 1);
                prop_assert!(file.is_ok() || remux.ranges.is_empty());
            }
        }
    }
}
