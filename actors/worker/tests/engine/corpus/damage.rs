//! Ways to damage a file, each repeatable by its seed.

/// Names of boxes and elements whose neighbours are counts, sizes and offsets.
const MARKS: [&[u8]; 14] = [
    b"moov", b"trak", b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"elst", b"tkhd", b"mdhd",
    b"trun", b"tfdt", b"RIFF", b"avcC",
];
/// Numbers that break arithmetic: nothing, almost nothing, signs, ends.
const EXTREMES: [u32; 8] = [
    0,
    1,
    7,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    0x0100_0000,
];
/// Bytes in front that hold most containers' heads.
const HEAD_BYTES: usize = 1_024;

/// A kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The file ends early.
    Cut,
    /// A few bytes anywhere are others.
    Sparse,
    /// Hundreds of bytes anywhere are others.
    Dense,
    /// A few bytes of the head are others.
    Head,
    /// A number beside a box's name is an extreme one.
    Number,
    /// A run of bytes is zero.
    Zero,
    /// A run of bytes is missing: all behind it moves.
    Missing,
    /// A run of bytes is there twice.
    Twice,
    /// Two runs changed places.
    Swapped,
    /// Noise behind the end.
    Longer,
}

pub(super) const KINDS: [Kind; 10] = [
    Kind::Cut,
    Kind::Sparse,
    Kind::Dense,
    Kind::Head,
    Kind::Number,
    Kind::Zero,
    Kind::Missing,
    Kind::Twice,
    Kind::Swapped,
    Kind::Longer,
];

impl Kind {
    /// Damages a file of at least a few hundred bytes.
    pub(super) fn apply(self, mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
        let len = bytes.len();
        match self {
            Self::Cut => bytes.truncate(random.below(len)),
            Self::Sparse => random.overwrite(&mut bytes, 4),
            Self::Dense => random.overwrite(&mut bytes, 400),
            Self::Head => random.overwrite(&mut bytes[..HEAD_BYTES.min(len)], 8),
            Self::Number => number(&mut bytes, random),
            Self::Zero => {
                let (from, to) = random.run(len);
                bytes[from..to].fill(0);
            }
            Self::Missing => {
                let (from, to) = random.run(len);
                bytes.drain(from..to);
            }
            Self::Twice => {
                let (from, to) = random.run(len);
                let again = bytes[from..to].to_vec();
                bytes.splice(to..to, again);
            }
            Self::Swapped => {
                let half = len / 2;
                let (from, to) = random.run(half);
                let (front, back) = bytes.split_at_mut(half);
                front[from..to].swap_with_slice(&mut back[from..to]);
            }
            Self::Longer => {
                let more = 1 + random.below(5_000);
                bytes.extend(std::iter::repeat_with(|| random.byte()).take(more));
            }
        }
        bytes
    }
}

/// Overwrites the size of a box, or one of the numbers that follow its name.
fn number(bytes: &mut [u8], random: &mut Random) {
    let places: Vec<usize> = MARKS
        .iter()
        .flat_map(|mark| {
            bytes
                .windows(mark.len())
                .enumerate()
                .filter(move |(_, window)| window == mark)
                .map(|(at, _)| at)
                .collect::<Vec<_>>()
        })
        .collect();
    // A format without such names has its numbers in its head.
    let at = if places.is_empty() {
        random.below(HEAD_BYTES.min(bytes.len() - 4))
    } else {
        // From the size in front of the name to the first few numbers behind it.
        let offsets = [0, 8, 12, 16, 20];
        (places[random.below(places.len())] + offsets[random.below(offsets.len())])
            .saturating_sub(4)
    };
    let value = EXTREMES[random.below(EXTREMES.len())].to_be_bytes();
    let end = (at + 4).min(bytes.len());
    bytes[at..end].copy_from_slice(&value[..end - at]);
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): the same
/// numbers for the same seed, for ever.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// Up to `n_max` bytes, at least one, get other values.
    fn overwrite(&mut self, bytes: &mut [u8], n_max: usize) {
        for _ in 0..=self.below(n_max) {
            let at = self.below(bytes.len());
            bytes[at] ^= self.byte() | 1;
        }
    }

    /// A run within `len` bytes, at most a quarter of them.
    fn run(&mut self, len: usize) -> (usize, usize) {
        let from = self.below(len);
        let to = from + 1 + self.below(len / 4);
        (from, to.min(len))
    }
}
