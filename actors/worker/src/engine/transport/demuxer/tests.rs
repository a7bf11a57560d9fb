//! Broadcasts made packet by packet, taken apart.

mod made;

use proptest::prelude::*;

use self::made::{FILM, Made, PICTURE, SECOND, SOUND, TABLE, film, listing, picture, seconds};
use super::*;
use crate::engine::transport::tables::section;

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
fn tables_that_say_the_same_again_end_nothing() {
    let mut made = film();
    // The programme's table moves to other packets, and is announced as another.
    made.programmes(&[(0x1001, &FILM)]);
    let mut next = section(2, &listing(&[(PICTURE, 0x24), (SOUND, 0x0f)]));
    next[5] &= !1;
    let end = next.len() - 4;
    let check = crate::engine::transport::tables::crc(&next[..end]);
    next[end..].copy_from_slice(&check.to_be_bytes());
    made.section(0x1001, next);
    seconds(&mut made, 14);
    let outputs = demuxed(&made.bytes);
    assert_eq!(frames(&outputs, 0).len(), 8);
    assert_eq!(frames(&outputs, 1).len(), 8);
    // Two programmes of the same streams.
    let mut made = Made::default();
    made.programmes(&[(TABLE, &FILM), (0x1001, &FILM)]);
    seconds(&mut made, 10);
    assert_eq!(frames(&demuxed(&made.bytes), 0).len(), 4);
}

#[test]
fn the_first_programme_with_a_picture_is_read() {
    let radio = [(0x200, 0x03)];
    let mut made = Made::default();
    made.programmes(&[(0x1002, &radio), (0x1001, &FILM), (TABLE, &[(0x300, 0x1b)])]);
    for n in 0..4 {
        made.shown(0x200, 0xc0, (10 + n) * SECOND, &[7; 100]);
        made.shown(0x300, 0xe0, (10 + n) * SECOND, &picture(7, 100));
    }
    seconds(&mut made, 10);
    let outputs = demuxed(&made.bytes);
    let pids: Vec<u16> = streams(&outputs).into_iter().map(|(pid, _)| pid).collect();
    assert_eq!(pids, [PICTURE, SOUND]);
    // One that is listed and not there does not keep the others back.
    let mut made = Made::default();
    made.programmes(&[(TABLE, &[(0x300, 0x1b)]), (0x1002, &radio)]);
    made.shown(0x200, 0xc0, SECOND, &[7; 100]);
    assert_eq!(streams(&demuxed(&made.bytes)).len(), 1);
}

#[test]
fn a_table_of_several_packets_may_come_twice_packet_by_packet() {
    let mut listed = FILM.to_vec();
    listed.extend((0..60).map(|n| (0x200 + n, 0x05)));
    let mut made = Made::of(&listed);
    seconds(&mut made, 10);
    let twice = made.bytes.chunks(188).flat_map(|packet| [packet; 2]);
    let twice: Vec<&[u8]> = twice.collect();
    assert!(demuxed(&twice.concat()) == demuxed(&made.bytes));
    assert_eq!(frames(&demuxed(&made.bytes), 0).len(), 4);
}

#[test]
fn a_picture_ends_where_the_next_begins_whatever_it_says() {
    let mut made = Made::of(&FILM);
    for n in 0..3 {
        let body = picture(1, 70_000);
        let mut unit = Made::default();
        // As many packets has each.
        let counter = u8::try_from(n * 381 % 16).unwrap();
        unit.counters.insert(PICTURE, counter);
        unit.shown(PICTURE, 0xe0, (10 + n) * SECOND, &body);
        // Behind the packet's head, the prefix and the kind of stream: a length modulo 65,536.
        unit.bytes[8..10].copy_from_slice(&(70_000 - 65_536_u32 + 12).to_be_bytes()[2..]);
        made.bytes.extend(unit.bytes);
        made.shown(SOUND, 0xc0, (10 + n) * SECOND, &[7; 100]);
    }
    let outputs = demuxed(&made.bytes);
    let lengths = outputs.iter().filter_map(|output| match output {
        Output::Frame(0, frame) => Some(frame.bytes.len()),
        _ => None,
    });
    assert_eq!(lengths.collect::<Vec<_>>(), [70_004; 3]);
}

#[test]
fn text_may_come_at_any_time() {
    let mut made = Made::default();
    let mut body = listing(&FILM);
    body.extend([
        0x06, 0xe1, 0x02, 0xf0, 10, 0x59, 8, b'f', b'r', b'a', 0x10, 0, 1, 0, 1,
    ]);
    made.tables(&[]);
    made.section(TABLE, section(2, &body));
    seconds(&mut made, 10);
    let outputs = demuxed(&made.bytes);
    assert_eq!(streams(&outputs)[2], (0x102, "subpicture/x-dvb".to_owned()));
}

#[test]
fn units_that_never_end_are_held_up_to_a_limit() {
    let pids: Vec<(u16, u8)> = (0..40).map(|n| (0x200 + n, 0x1b)).collect();
    let mut made = Made::of(&pids);
    for (pid, _) in &pids {
        made.shown(*pid, 0xe0, SECOND, &picture(1, 100));
        made.shown(*pid, 0xe0, SECOND, &[2; 100]);
    }
    let mut demuxer = Demuxer::default();
    demuxer.see(&made.bytes).unwrap();
    assert!(demuxer.state.shown.is_some());
    let mut more = Made::default();
    for (pid, _) in &pids {
        // A third unit that goes on for ever, from the right counter on.
        more.counters.insert(*pid, 2);
        more.unit(*pid, &vec![3; 3 << 20]);
    }
    for packet in more.bytes.chunks_exact_mut(188) {
        packet[1] &= !0x40;
    }
    demuxer.see(&more.bytes).unwrap();
    let held = demuxer
        .state
        .assemblies
        .values()
        .map(Assembly::pending_bytes);
    let held: usize = held.sum();
    assert!(
        held <= PENDING_BYTES_MAX && held == demuxer.state.pending_bytes,
        "{held}"
    );
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
