//! Opus in a transport stream: its packets lie behind heads of their own, and how its channels are laid out
//! is told by the programme's table ("Transport stream format for Opus", opus-codec.org).

/// A packet's head begins with these bits.
const PREFIX: u16 = 0x7fe0;
const PREFIX_MASK: u16 = 0xffe0;
/// Bits of the head's second byte: samples to be left out at both ends, and an extension, follow the length.
const TRIMMED_AT_START: u8 = 0x10;
const TRIMMED_AT_END: u8 = 0x08;
const EXTENDED: u8 = 0x04;

/// How many streams there are for so many channels, how many of them are stereo, and which channel is in
/// which: the order of Vorbis (RFC 7845, 5.1.1.2).
const LAYOUTS: [(u8, u8, &[u8]); 8] = [
    (1, 0, &[0]),
    (1, 1, &[0, 1]),
    (2, 1, &[0, 2, 1]),
    (2, 2, &[0, 1, 2, 3]),
    (3, 2, &[0, 4, 1, 2, 3]),
    (4, 2, &[0, 4, 1, 2, 3, 5]),
    (4, 3, &[0, 4, 1, 2, 3, 5, 6]),
    (5, 3, &[0, 6, 1, 2, 3, 4, 5, 7]),
];

/// What a pipeline has to be told of a layout, which is the number of channels up to 8; `None` for two sounds in
/// one, and other layouts that nobody broadcasts.
pub(super) fn caps(layout: u8) -> Option<String> {
    let place = usize::from(layout).checked_sub(1)?;
    let (streams, coupled, order) = LAYOUTS.get(place)?;
    if layout <= 2 {
        return Some(format!(
            "audio/x-opus,channel-mapping-family=0,channels={layout},rate=48000"
        ));
    }
    let order: Vec<String> = order.iter().map(u8::to_string).collect();
    Some(format!(
        "audio/x-opus,channel-mapping-family=1,channels={layout},rate=48000,stream-count={streams},\
         coupled-count={coupled},channel-mapping=(int)<{}>",
        order.join(",")
    ))
}

/// The packets of a unit; what does not begin as one ends it.
pub(super) fn packets(mut rest: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while let Some((packet, behind)) = packet(rest) {
        if !packet.is_empty() {
            packets.push(packet.to_vec());
        }
        rest = behind;
    }
    packets
}

fn packet(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, mut rest) = bytes.split_first_chunk::<2>()?;
    if u16::from_be_bytes(*head) & PREFIX_MASK != PREFIX {
        return None;
    }
    let [_, flags] = head;
    let mut length = 0;
    loop {
        let (more, behind) = rest.split_first()?;
        rest = behind;
        length += usize::from(*more);
        if *more != u8::MAX {
            break;
        }
    }
    for trim in [TRIMMED_AT_START, TRIMMED_AT_END] {
        if flags & trim != 0 {
            rest = rest.get(2..)?;
        }
    }
    if flags & EXTENDED != 0 {
        let (length, behind) = rest.split_first()?;
        rest = behind.get(usize::from(*length)..)?;
    }
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_lie_behind_their_heads() {
        let long = [9; 300];
        let unit = [
            &[0x7f, 0xe0, 2, 5, 6][..],
            &[0x7f, 0xf8, 1, 0, 100, 0, 50, 7],
            &[0x7f, 0xe4, 1, 3, 0, 0, 0, 8],
            &[0x7f, 0xe0, 255, 45],
            &long,
        ]
        .concat();
        let expected = [&[5, 6][..], &[7], &[8], &long];
        assert_eq!(packets(&unit), expected);
        assert_eq!(packets(&unit[..20]).len(), 2, "the third is cut");
        assert!(packets(&unit[1..]).is_empty());
    }

    #[test]
    fn layouts_are_told() {
        gstreamer::init().unwrap();
        for layout in 1..=8 {
            let caps: gstreamer::Caps = caps(layout).unwrap().parse().unwrap();
            assert!(caps.is_fixed());
        }
        assert_eq!((caps(0), caps(9)), (None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            packets(&bytes);
        }
    }
}
