//! Broadcasts made packet by packet, taken apart.

use proptest::prelude::*;

use super::*;
use crate::engine::transport::tables::section;

const TABLE: u16 = 0x1000;
const PICTURE: u16 = 0x100;
const SOUND: u16 = 0x101;
const SECOND: u64 = 90_000;

/// A broadcast in the making: packets with their counters.
#[derive(Default)]
struct Made {
    bytes: Vec<u8>,
    counters: BTreeMap<u16, u8>,
}

impl Made {
    /// With tables that list these streams: number and type.
    fn of(streams: &[(u16, u8)]) -> Self {
        let mut made = Self::default();
        made.tables(streams);
        made
    }

    fn tables(&mut self, streams: &[(u16, u8)]) {
        let entry = |(pid, kind): &(u16, u8)| {
            let [high, low] = (0xe000 | pid).to_be_bytes();
            [*kind, high, low, 0xf0, 0]
        };
        let listed: Vec<u8> = streams.iter().flat_map(entry).collect();
        let [high, low] = (0xe000 | TABLE).to_be_bytes();
        let pointed = |section: Vec<u8>| [vec![0], section].concat();
        // A run of packets, without which they would be none.
        (0..5).for_each(|_| self.unit(0x1fff, &[0xff; 184]));
        self.unit(0, &pointed(section(0, &[0, 1, high, low])));
        self.unit(
            TABLE,
            &pointed(section(2, &[&[0xe1, 0, 0xf0, 0][..], &listed].concat())),
        );
    }

    /// What is a unit, or a section behind its pointer, in as many packets as it takes.
    fn unit(&mut self, pid: u16, unit: &[u8]) {
        for (n, payload) in unit.chunks(184).enumerate() {
            let counter = self.counters.entry(pid).or_default();
            let [high, low] = pid.to_be_bytes();
            let begins = if n == 0 { 0x40 } else { 0 };
            let stuffing = 184 - payload.len();
            let field = if stuffing > 0 { 0x20 } else { 0 };
            self.bytes
                .extend([0x47, begins | high, low, field | 0x10 | *counter]);
            *counter = (*counter + 1) & 15;
            if stuffing > 0 {
                // An adaptation field of that length, with no flags.
                let mut stuffed = vec![0xff; stuffing];
                stuffed[0] = u8::try_from(stuffing - 1).unwrap();
                stuffed.get_mut(1).into_iter().for_each(|flags| *flags = 0);
                self.bytes.extend(stuffed);
            }
            self.bytes.extend(payload);
        }
    }

    /// A unit that is shown then.
    fn shown(&mut self, pid: u16, stream_id: u8, time: u64, body: &[u8]) {
        let byte = |shift: u32, low: u64| (time >> shift & low).to_le_bytes()[0];
        let stamp = [
            0x21 | byte(30, 7) << 1,
            byte(22, 0xff),
            byte(15, 0x7f) << 1 | 1,
            byte(7, 0xff),
            byte(0, 0x7f) << 1 | 1,
        ];
        let head = [0, 0, 1, stream_id, 0, 0, 0x80, 0x80, 5];
        self.unit(pid, &[&head[..], &stamp, body].concat());
    }
}

/// A picture of so many bytes, and behind it parameters, with which alone one begins.
fn picture(filled: u8, bytes: usize) -> Vec<u8> {
    let mut body = vec![filled; bytes];
    body.extend([0, 0, 1, 0x67]);
    body
}

/// What comes out, whatever the pieces in which it is read.
fn demuxed(bytes: &[u8]) -> Vec<Output> {
    let of = |each: usize| {
        let mut demuxer = Demuxer::default();
        let mut outputs = Vec::new();
        for piece in bytes.chunks(each) {
            outputs.extend(demuxer.see(piece).unwrap());
        }
        outputs.extend(demuxer.finish().unwrap());
        outputs
    };
    let outputs = of(usize::MAX);
    for each in [188, 1_000] {
        assert!(of(each) == outputs, "read by {each} bytes");
    }
    outputs
}

fn streams(outputs: &[Output]) -> Vec<(u16, String)> {
    let [Output::Streams(streams), ..] = outputs else {
        panic!("{outputs:?}");
    };
    let stream = |shown: &Shown| (shown.pid, shown.caps.split(',').next().unwrap().to_owned());
    streams.iter().map(stream).collect()
}

/// Frames of a stream: when they are shown, in milliseconds, and their first bytes.
fn frames(outputs: &[Output], wanted: usize) -> Vec<(i64, u8)> {
    let frame = |output: &Output| match output {
        Output::Frame(place, frame) if *place == wanted => {
            Some((frame.time.shown_ns? / 1_000_000, frame.bytes[0]))
        }
        _ => None,
    };
    outputs.iter().filter_map(frame).collect()
}

/// Four seconds of a picture each second, and of sound that begins half a second earlier.
fn film() -> Made {
    let mut made = Made::of(&[(PICTURE, 0x1b), (SOUND, 0x03)]);
    for n in 0..4_u8 {
        let time = 10 * SECOND + u64::from(n) * SECOND;
        made.shown(PICTURE, 0xe0, time, &picture(n, 1_000));
        made.shown(SOUND, 0xc0, time - SECOND / 2, &[n; 500]);
    }
    made
}

#[test]
fn streams_are_told_before_their_frames_which_come_at_their_times() {
    let outputs = demuxed(&film().bytes);
    let expected = [(PICTURE, "video/x-h264"), (SOUND, "audio/mpeg")];
    assert_eq!(
        streams(&outputs),
        expected.map(|(pid, caps)| (pid, caps.to_owned()))
    );
    assert_eq!(
        frames(&outputs, 0),
        [(500, 0), (1_500, 1), (2_500, 2), (3_500, 3)]
    );
    assert_eq!(
        frames(&outputs, 1),
        [(0, 0), (1_000, 1), (2_000, 2), (3_000, 3)]
    );
}

#[test]
fn a_hole_moves_nothing_and_a_packet_that_comes_twice_adds_nothing() {
    let whole = film().bytes;
    let packets: Vec<&[u8]> = whole.chunks(188).collect();
    // The tables are two packets behind five, each second is six of picture and three of sound.
    let holed = [&packets[..7 + 9], &packets[7 + 2 * 9..]].concat().concat();
    let outputs = demuxed(&holed);
    assert_eq!(frames(&outputs, 0), [(500, 0), (2_500, 2), (3_500, 3)]);
    assert_eq!(frames(&outputs, 1), [(0, 0), (2_000, 2), (3_000, 3)]);
    let twice: Vec<&[u8]> = packets.iter().flat_map(|packet| [*packet; 2]).collect();
    assert!(demuxed(&twice.concat()) == demuxed(&whole));
}

#[test]
fn a_picture_that_lost_a_packet_is_what_is_left_of_it() {
    let whole = film().bytes;
    let packets: Vec<&[u8]> = whole.chunks(188).collect();
    let lossy = [&packets[..9], &packets[10..]].concat().concat();
    let outputs = demuxed(&lossy);
    let picture = outputs.iter().find_map(|output| match output {
        Output::Frame(0, frame) => Some(frame),
        _ => None,
    });
    let picture = picture.unwrap();
    assert!(picture.is_behind_loss && picture.bytes.len() == 1_004 - 184);
}

#[test]
fn what_is_listed_and_not_there_is_not_waited_for_beyond_the_end() {
    let mut made = Made::of(&[(PICTURE, 0x1b), (0x102, 0x0f)]);
    made.shown(PICTURE, 0xe0, SECOND, &picture(1, 10));
    let outputs = demuxed(&made.bytes);
    assert_eq!(streams(&outputs).len(), 1);
    assert_eq!(frames(&outputs, 0), [(0, 1)]);
    assert_eq!(demuxed(&Made::of(&[]).bytes), [Output::Streams(Vec::new())]);
    assert_eq!(demuxed(&[0x47; 10_000]), [Output::Streams(Vec::new())]);
}

#[test]
fn what_comes_before_the_first_table_is_not_lost() {
    let whole = film().bytes;
    let packets: Vec<&[u8]> = whole.chunks(188).collect();
    let late = [&packets[7..16], &packets[..7], &packets[16..]]
        .concat()
        .concat();
    assert_eq!(frames(&demuxed(&late), 0), frames(&demuxed(&whole), 0));
}

#[test]
fn a_picture_that_never_begins_does_not_keep_its_sound_back() {
    let mut made = Made::of(&[(PICTURE, 0x1b), (SOUND, 0x03)]);
    for n in 0..4_u8 {
        let time = SECOND + u64::from(n) * SECOND;
        made.shown(PICTURE, 0xe0, time, &[n; 1_000]);
        made.shown(SOUND, 0xc0, time, &[n; 500]);
    }
    let outputs = demuxed(&made.bytes);
    assert_eq!(streams(&outputs), [(SOUND, "audio/mpeg".to_owned())]);
    assert_eq!(frames(&outputs, 0).len(), 4);
}

#[test]
fn sound_that_no_table_names_is_found_by_a_look_into_it() {
    let mut made = Made::of(&[(PICTURE, 0x1b), (SOUND, 0x06)]);
    made.shown(PICTURE, 0xe0, SECOND, &picture(1, 10));
    made.shown(SOUND, 0xc0, SECOND, &[0xff, 0xf1, 0x4c, 0x80, 0, 0]);
    made.shown(PICTURE, 0xe0, 2 * SECOND, &picture(1, 10));
    made.shown(SOUND, 0xc0, 2 * SECOND, &[0xff, 0xf1, 0x4c, 0x80, 0, 0]);
    let outputs = demuxed(&made.bytes);
    assert_eq!(streams(&outputs)[1], (SOUND, "audio/mpeg".to_owned()));
    assert_eq!(frames(&outputs, 1).len(), 2);
}

#[test]
fn a_number_that_becomes_another_stream_s_ends_the_first() {
    let mut made = film();
    made.tables(&[(PICTURE, 0x24), (SOUND, 0x03)]);
    for n in 0..4_u8 {
        let time = 14 * SECOND + u64::from(n) * SECOND;
        made.shown(PICTURE, 0xe0, time, &picture(9, 1_000));
        made.shown(SOUND, 0xc0, time - SECOND / 2, &[n; 500]);
    }
    let outputs = demuxed(&made.bytes);
    assert_eq!(frames(&outputs, 0).len(), 4);
    assert_eq!(frames(&outputs, 1).len(), 8);
}

proptest! {
    #[test]
    fn any_bytes_end(changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..60)) {
        let mut bytes = film().bytes;
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        demuxed(&bytes);
    }
}
