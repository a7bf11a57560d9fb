//! No bytes whatever make a reader panic, and what is read is the same when it is written and read again.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::{every, golden};

/// Deeper than any stack: every level is a byte on the wire.
const LEVELS: usize = 100_000;

/// A change to bytes that were good.
#[derive(Debug, Clone)]
enum Damage {
    /// Another byte.
    Set(Index, u8),
    /// Bytes more, among them lengths of 2^32 - 1.
    Insert(Index, Vec<u8>),
    /// Bytes less.
    Remove(Index, usize),
    /// An end before the end.
    Truncate(Index),
    /// A piece of it once more, elsewhere.
    Repeat(Index, Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    // Markers of MessagePack and of JSON are met more often than by chance.
    let byte = prop_oneof![
        any::<u8>(),
        0x80_u8..=0xdf,
        proptest::sample::select(b"{}[]\",:0-.eE\\tn".to_vec()),
    ];
    let huge = (0xc4_u8..=0xdf).prop_map(|marker| vec![marker, 255, 255, 255, 255]);
    let inserted = prop_oneof![vec(byte.clone(), 1..8), huge];
    prop_oneof![
        (any::<Index>(), byte).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (any::<Index>(), inserted).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (any::<Index>(), 1..16_usize).prop_map(|(at, n)| Damage::Remove(at, n)),
        any::<Index>().prop_map(Damage::Truncate),
        (any::<Index>(), any::<Index>(), 1..64_usize)
            .prop_map(|(from, to, n)| Damage::Repeat(from, to, n)),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let end = bytes.len();
        let at = |index: &Index| index.index(end + 1);
        match self {
            Self::Set(index, byte) => {
                if let Some(old) = bytes.get_mut(at(index)) {
                    *old = *byte;
                }
            }
            Self::Insert(index, more) => {
                bytes.splice(at(index)..at(index), more.iter().copied());
            }
            Self::Remove(index, n) => {
                bytes.drain(at(index)..end.min(at(index) + n));
            }
            Self::Truncate(index) => bytes.truncate(at(index)),
            Self::Repeat(from, to, n) => {
                let piece = bytes[at(from)..end.min(at(from) + n)].to_vec();
                bytes.splice(at(to)..at(to), piece);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..512)) {
        every::read(&bytes);
    }

    #[test]
    fn any_body_in_a_good_envelope(body in vec(any::<u8>(), 0..256)) {
        let mut bytes = rmp_serde::to_vec_named(&serde_json::json!({ "v": 1, "id": "m", "at_ms": 1, "w": 0 })).unwrap();
        // The last field becomes the body.
        bytes.truncate(bytes.len() - 3);
        bytes.extend(b"\xa4body");
        bytes.extend(body);
        every::read(&bytes);
    }

    #[test]
    fn damaged_goldens(which in any::<Index>(), damages in vec(damage(), 1..6)) {
        thread_local!(static GOLDENS: Vec<golden::Golden> = golden::all());
        let mut bytes = GOLDENS.with(|goldens| which.get(goldens).bytes().to_vec());
        for damage in damages {
            damage.apply(&mut bytes);
        }
        every::read(&bytes);
    }
}

/// Each on a thread of 2 MiB, as tests and the runtime's threads have.
#[test]
fn depth_does_not_exhaust_the_stack() {
    let levels = |open: &str| open.repeat(LEVELS).into_bytes();
    // Arrays of one, maps of one with the key `a`, and with the array as the key itself.
    for level in [&b"\x91"[..], b"\x81\xa1a", b"\x81\x91"] {
        let deep = level.repeat(LEVELS);
        every::read(&deep);
        for n_levels in [500, 1_000, LEVELS] {
            for field in ["body", "unknown"] {
                let mut bytes = b"\x85\xa1v\x01\xa2id\xa1m\xa5at_ms\x01".to_vec();
                bytes.push(0xa0 | u8::try_from(field.len()).unwrap());
                bytes.extend(field.as_bytes());
                bytes.extend(level.repeat(n_levels));
                every::read(&bytes);
            }
        }
        // As a field of a fact, which is kept until its type is known.
        let mut bytes = b"\x84\xa1v\x01\xa2id\xa1m\xa5at_ms\x01\xa4body\x82\xa1x".to_vec();
        bytes.extend(level.repeat(1_000));
        every::read(&bytes);
    }
    for open in ["[", "{\"a\":", "{\"tasks\":[", "{\"renditions\":[{\"a\":"] {
        every::read(&levels(open));
    }
}
