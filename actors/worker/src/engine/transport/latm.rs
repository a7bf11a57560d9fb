//! AAC in LATM, as many countries broadcast it: each packet of sound within a frame of its own, and the
//! decoder's configuration beside it (ISO/IEC 14496-3, 1.7). What is taken out are bare packets.

use crate::mp4::remux::bits::Bits;

/// What frames begin with, in 11 bits; 13 bits of their length follow.
const SYNC: u32 = 0x2b7;
const HEAD_BYTES: usize = 3;
/// Audio object types with further fields in front of their own: spectral band replication, and that with
/// parametric stereo.
const REPLICATED: [u32; 2] = [5, 29];
/// Object types whose configuration is that of AAC: main, low complexity, scalable rate, long-term prediction.
const GENERAL: std::ops::RangeInclusive<u32> = 1..=4;
/// Rates by `samplingFrequencyIndex` (ISO/IEC 14496-3, table 1.18), and the one that says that the rate follows.
const RATES_HZ: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];
const RATE_FOLLOWS: u32 = 15;
/// No sound that is broadcast has a lower one.
const RATE_HZ_MIN: u32 = 7_350;
/// Most bits of a configuration: what follows it in the longest ones is of no use to AAC.
const CONFIG_BITS_MAX: u32 = 512;

/// Takes packets out of one stream.
#[derive(Debug, Default)]
pub(super) struct Latm {
    config: Option<Config>,
    /// Bytes of a frame that is not whole yet.
    pending: Vec<u8>,
}

/// What a decoder has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    /// `AudioSpecificConfig`, filled up to whole bytes.
    pub(super) bytes: Vec<u8>,
    /// The rate of what is coded, before any replication, and how many samples of that a packet has.
    pub(super) rate_hz: u32,
    pub(super) packet_samples: u32,
}

/// A configuration as it lies there.
#[derive(Debug, Clone, Copy)]
struct Specific {
    n_bits: u32,
    rate_hz: u32,
    packet_samples: u32,
}

impl Latm {
    /// The latest configuration.
    pub(super) fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// Takes the next bytes; returns the packets in the frames that are whole by now, and whether the first of
    /// these frames began earlier. What is damaged, or in a layout that broadcasts do not use, is left out.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let is_begun = self.has_begun();
        let mut all = std::mem::take(&mut self.pending);
        all.extend_from_slice(bytes);
        let mut rest = all.as_slice();
        let mut packets = Vec::new();
        while let Some((head, behind)) = rest.split_first_chunk::<HEAD_BYTES>() {
            let [a, b, c] = head.map(u32::from);
            let head = a << 16 | b << 8 | c;
            if head >> 13 != SYNC {
                rest = rest.get(1..).unwrap_or(&[]);
                continue;
            }
            let length = (head & 0x1fff) as usize;
            let Some((frame, behind)) = behind.split_at_checked(length) else {
                break;
            };
            packets.extend(self.packet(frame));
            rest = behind;
        }
        self.pending = rest.to_vec();
        (packets, is_begun)
    }

    /// Whether a frame has begun that is not whole yet.
    pub(super) fn has_begun(&self) -> bool {
        match self.pending.as_slice() {
            [] => false,
            [first] => u32::from(*first) == SYNC >> 3,
            [first, second, ..] => u32::from(*first) << 3 | u32::from(*second) >> 5 == SYNC,
        }
    }

    /// What is pending will not be completed.
    pub(super) fn lose(&mut self) {
        self.pending.clear();
    }

    /// The packet in a frame (`AudioMuxElement`).
    fn packet(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let mut bits = Bits::new(frame);
        let is_same = bits.bit()?;
        if !is_same {
            self.config = Some(config(&mut bits)?);
        }
        self.config.as_ref()?;
        payload(&mut bits).filter(|packet| !packet.is_empty())
    }
}

/// `PayloadLengthInfo` and `PayloadMux` of the only sound; `None` where the frame ends before.
fn payload(bits: &mut Bits<'_>) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let more = bits.number(8)?;
        length += more;
        if more != 255 {
            break;
        }
    }
    let byte = |_| bits.number(8).and_then(|byte| u8::try_from(byte).ok());
    (0..length).map(byte).collect()
}

/// `StreamMuxConfig`; `None` where the frame ends before it does, or for an unusual layout.
fn config(bits: &mut Bits<'_>) -> Option<Config> {
    let is_later = bits.bit()?;
    // `audioMuxVersionA`, of which nothing but 0 is defined.
    if is_later && bits.bit()? {
        return None;
    }
    if is_later {
        long_number(bits)?;
    }
    let is_in_step = bits.bit()?;
    // Further frames within, programmes, and layers.
    let (n_frames, n_programmes, n_layers) = (bits.number(6)?, bits.number(4)?, bits.number(3)?);
    if !is_in_step || n_frames + n_programmes + n_layers > 0 {
        return None;
    }
    let told = if is_later {
        Some(long_number(bits)?)
    } else {
        None
    };
    let specific = specific(&mut bits.clone())?;
    let n_bits = told.unwrap_or(specific.n_bits);
    if n_bits > CONFIG_BITS_MAX {
        return None;
    }
    let bytes = copied(bits, n_bits)?;
    // `frameLengthType`: the packet's length stands before it.
    if bits.number(3)? != 0 {
        return None;
    }
    bits.number(8)?;
    if bits.bit()? {
        // Other data would follow the packet; how much it is does not matter.
        if is_later {
            long_number(bits)?;
        } else {
            while bits.bit()? {
                bits.number(8)?;
            }
            bits.number(8)?;
        }
    }
    if bits.bit()? {
        bits.number(8)?;
    }
    Some(Config {
        bytes,
        rate_hz: specific.rate_hz,
        packet_samples: specific.packet_samples,
    })
}

/// `LatmGetValue`: how many bytes, and these.
fn long_number(bits: &mut Bits<'_>) -> Option<u32> {
    let n_bytes = bits.number(2)? + 1;
    bits.number(8 * n_bytes)
}

/// What an `AudioSpecificConfig` says that is not told its length; `None` where the frame ends before it does, and
/// for what is no AAC of a usual layout.
fn specific(bits: &mut Bits<'_>) -> Option<Specific> {
    let mut n_bits = 0;
    let mut kind = object_type(bits, &mut n_bits)?;
    let rate_hz = rate(bits, &mut n_bits)?;
    let channels = bits.number(4)?;
    n_bits += 4;
    if REPLICATED.contains(&kind) {
        rate(bits, &mut n_bits)?;
        kind = object_type(bits, &mut n_bits)?;
    }
    // A layout of its own would follow.
    if !GENERAL.contains(&kind) || channels == 0 || rate_hz < RATE_HZ_MIN {
        return None;
    }
    let is_short = bits.bit()?;
    n_bits += 1;
    // `dependsOnCoreCoder`, with its delay, and whether there is an extension.
    n_bits += 1;
    if bits.bit()? {
        bits.number(14)?;
        n_bits += 14;
    }
    n_bits += 1;
    let is_extended = bits.bit()?;
    (!is_extended).then_some(Specific {
        n_bits,
        rate_hz,
        packet_samples: if is_short { 960 } else { 1_024 },
    })
}

fn object_type(bits: &mut Bits<'_>, n_bits: &mut u32) -> Option<u32> {
    *n_bits += 5;
    let kind = bits.number(5)?;
    if kind != 31 {
        return Some(kind);
    }
    *n_bits += 6;
    Some(32 + bits.number(6)?)
}

fn rate(bits: &mut Bits<'_>, n_bits: &mut u32) -> Option<u32> {
    *n_bits += 4;
    let index = bits.number(4)?;
    if index == RATE_FOLLOWS {
        *n_bits += 24;
        return bits.number(24);
    }
    RATES_HZ.get(index as usize).copied()
}

/// So many bits as bytes, the last one filled up with zeros.
fn copied(bits: &mut Bits<'_>, n_bits: u32) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut left = n_bits;
    while left > 0 {
        let n = left.min(8);
        bytes.push(u8::try_from(bits.number(n)? << (8 - n)).ok()?);
        left -= n;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame of these bits.
    fn frame(text: &str) -> Vec<u8> {
        let mut bits = text.replace(' ', "");
        while !bits.len().is_multiple_of(8) {
            bits.push('0');
        }
        let length = bits.len() / 8;
        let whole = format!("{SYNC:011b}{length:013b}{bits}");
        let bytes = whole.as_bytes().chunks_exact(8);
        let byte = |bits: &[u8]| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap();
        bytes.map(byte).collect()
    }

    /// AAC of low complexity, 48 kHz, stereo, of usual frames.
    const LOW_COMPLEXITY: &str = "00010 0011 0010 000";

    /// With its configuration, and a packet of two bytes.
    fn first(specific: &str) -> Vec<u8> {
        frame(&format!(
            "0 0 1 000000 0000 000 {specific} 000 11111111 0 0 00000010 10101010 11001100"
        ))
    }

    fn taken(latm: &mut Latm, bytes: &[u8]) -> Vec<Vec<u8>> {
        latm.take(bytes).0
    }

    #[test]
    fn packets_are_taken_out_wherever_frames_are_cut() {
        let same = frame("1 00000001 11110000");
        let film = [&same[..], &first(LOW_COMPLEXITY), &same, &same].concat();
        for each in 1..film.len() {
            let mut latm = Latm::default();
            let packets: Vec<Vec<u8>> = film
                .chunks(each)
                .flat_map(|bytes| taken(&mut latm, bytes))
                .collect();
            // The first one comes before any configuration.
            assert_eq!(
                packets,
                [vec![0xaa, 0xcc], vec![0xf0], vec![0xf0]],
                "{each}"
            );
            let config = latm.config().unwrap();
            assert_eq!(config.bytes, [0x11, 0x90]);
            assert_eq!((config.rate_hz, config.packet_samples), (48_000, 1_024));
        }
    }

    #[test]
    fn what_is_lost_does_not_shift_what_follows() {
        let mut latm = Latm::default();
        let one = first(LOW_COMPLEXITY);
        assert!(taken(&mut latm, &one[..7]).is_empty());
        latm.lose();
        let (packets, is_begun) = latm.take(&[&[1, 2, 3][..], &one].concat());
        assert_eq!((packets, is_begun), (vec![vec![0xaa, 0xcc]], false));
        taken(&mut latm, &one[..4]);
        assert!(latm.take(&one[4..]).1, "it began before");
    }

    #[test]
    fn high_efficiency_and_later_versions_are_read() {
        let mut latm = Latm::default();
        // Replicated from 24 to 48 kHz.
        let replicated = "00101 0110 0010 0011 00010 000";
        assert_eq!(taken(&mut latm, &first(replicated)), [[0xaa, 0xcc]]);
        let config = latm.config().unwrap();
        assert_eq!(config.bytes, [0x2b, 0x11, 0x88, 0x00]);
        assert_eq!(config.rate_hz, 24_000);
        let later = frame(&format!(
            "0 1 0 00 00000000 1 000000 0000 000 00 00010000 {LOW_COMPLEXITY} 000 11111111 1 00 00000000 1 \
             01010101 00000001 10101010"
        ));
        let mut latm = Latm::default();
        assert_eq!(taken(&mut latm, &later), [[0xaa]]);
        assert_eq!(latm.config().unwrap().bytes, [0x11, 0x90]);
    }

    #[test]
    fn what_broadcasts_do_not_use_gives_nothing() {
        for unusual in [
            "0 1 1",
            "0 0 0 000000 0000 000",
            "0 0 1 000001 0000 000",
            "0 0 1 000000 0001 000",
            "0 0 1 000000 0000 000 00010 0011 0000 000",
            "0 0 1 000000 0000 000 10111 0011 0010 000",
        ] {
            let padded = format!("{unusual} {}", "0".repeat(80));
            let mut latm = Latm::default();
            assert!(taken(&mut latm, &frame(&padded)).is_empty(), "{unusual}");
            assert_eq!(latm.config(), None, "{unusual}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let text: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
            taken(&mut Latm::default(), &frame(&text));
            taken(&mut Latm::default(), &bytes);
        }
    }
}
