//! Whatever happens to a transport stream on its way, what is there of it is at its own time; and what ways there
//! are of carrying a film in one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bus_schema::source::SourceFacts;

use super::broadcast::{H264, Harm, PACKET_BYTES, beeps, check, film, harmed};
use super::{clip, frames, task};

const PICTURE_PID: u16 = 0x100;
const SOUND_PID: u16 = 0x101;

/// A film of which every frame is another, with a beep each second.
fn beeping(name: &str, rest: &str) -> PathBuf {
    clip::make(
        name,
        &format!(
            "-f lavfi -i testsrc2=s=320x180:r=25:d=8 -f lavfi -i sine=f=100:b=10:r=48000:d=8 -c:v libx264 \
             -pix_fmt yuv420p {H264} -b:a 192k {rest}"
        ),
    )
}

/// A packet, whose place is told in parts of the whole, as it arrives: not at all, once, or more often.
type Way = fn(f64, &mut Vec<u8>) -> usize;

fn arrived(whole: &Path, way: Way, name: &str) -> PathBuf {
    let bytes = std::fs::read(whole).expect("a clip can be read");
    let n = bytes.len() / PACKET_BYTES;
    let mut all = Vec::new();
    for (at, packet) in bytes.chunks_exact(PACKET_BYTES).enumerate() {
        let mut packet = packet.to_vec();
        for _ in 0..way(at as f64 / n as f64, &mut packet) {
            all.extend_from_slice(&packet);
        }
    }
    clip::write(name, &all)
}

fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]])
}

fn is_between(at: f64) -> bool {
    (0.4..0.6).contains(&at)
}

/// What is seen and heard of a source.
async fn shown(source: &Path) -> (SourceFacts, Vec<frames::Frame>, Vec<usize>) {
    let (facts, read) = task::ingested(source).await;
    let seen = frames::decoded(&read, 90_000, &[0]);
    let made = task::run(task::audio(&read, &facts.audio[0], 0), &read).await;
    assert_eq!(made.failure, None, "{}", source.display());
    let sound = task::join("audio", &[&made], "transport-heard.mp4");
    (facts, seen, beeps(&clip::heard(&sound)))
}

#[tokio::test]
async fn what_is_behind_a_hole_is_at_its_own_time() {
    if !clip::has_ffmpeg("what_is_behind_a_hole_is_at_its_own_time") {
        return;
    }
    for coding in ["aac", "mp2"] {
        let whole = beeping(&format!("holes-{coding}.ts"), &format!("-c:a {coding}"));
        let (_, expected, expected_beeps) = shown(&whole).await;
        let times: BTreeMap<u64, u64> =
            expected.iter().map(|one| (one.hash, one.time_ns)).collect();
        assert!(times.len() >= 199 && expected_beeps.len() >= 7);
        let ways: [(&str, Way, usize, usize); 5] = [
            ("all", |at, _| usize::from(!is_between(at)), 150, 5),
            (
                "picture",
                |at, packet| usize::from(!(is_between(at) && pid(packet) == PICTURE_PID)),
                150,
                7,
            ),
            (
                "sound",
                |at, packet| usize::from(!(is_between(at) && pid(packet) == SOUND_PID)),
                199,
                5,
            ),
            (
                "scrambled-picture",
                |at, packet| scrambled(at, packet, PICTURE_PID),
                150,
                7,
            ),
            (
                "scrambled-sound",
                |at, packet| scrambled(at, packet, SOUND_PID),
                199,
                5,
            ),
        ];
        for (name, way, least_seen, least_heard) in ways {
            let source = arrived(&whole, way, &format!("hole-{coding}-{name}.ts"));
            let (facts, seen, heard) = shown(&source).await;
            let known = seen
                .iter()
                .filter_map(|one| Some((one, times.get(&one.hash)?)));
            let known: Vec<_> = known.collect();
            assert!(
                known.len() >= least_seen,
                "{coding}, {name}: {} seen",
                known.len()
            );
            for (one, time_ns) in known {
                assert_eq!(one.time_ns, *time_ns, "{coding}, {name}");
            }
            let is_known =
                |ms: &&usize| expected_beeps.iter().any(|other| other.abs_diff(**ms) <= 3);
            let in_step = heard.iter().filter(is_known).count();
            assert!(
                in_step >= least_heard && in_step + 1 >= heard.len(),
                "{coding}, {name}: {heard:?} of {expected_beeps:?}"
            );
            let told = facts.broadcast.expect("a hole");
            assert!((1..=2).contains(&told.gaps), "{coding}, {name}: {told:?}");
            assert!(told.unread.is_empty(), "{coding}, {name}: {told:?}");
        }
    }
}

/// As far as anybody without the key can tell.
fn scrambled(at: f64, packet: &mut [u8], wanted: u16) -> usize {
    if is_between(at) && pid(packet) == wanted {
        packet[3] |= 0xc0;
        packet[20..].fill(0x5a);
    }
    1
}

#[tokio::test]
async fn packets_that_are_sent_twice_change_nothing() {
    if !clip::has_ffmpeg("packets_that_are_sent_twice_change_nothing") {
        return;
    }
    let whole = film("lossy-264.ts", H264);
    let twice: Way = |_, packet| if packet[3] & 0x10 == 0 { 1 } else { 2 };
    let source = arrived(&whole, twice, "twice.ts");
    let (expected, expected_read) = task::ingested(&whole).await;
    let (facts, read) = task::ingested(&source).await;
    assert_eq!(facts, expected);
    assert_eq!(
        std::fs::read(read).expect("an intermediate"),
        std::fs::read(expected_read).expect("an intermediate")
    );
}

#[tokio::test]
async fn sound_of_which_no_table_says_what_it_is_is_found() {
    if !clip::has_ffmpeg("sound_of_which_no_table_says_what_it_is_is_found") {
        return;
    }
    for coding in ["aac", "mp2", "ac3"] {
        let rest = format!("{H264} -c:a {coding} -mpegts_m2ts_mode 1 -metadata:s:a:0 language=ger");
        let (facts, _) = check(&film(&format!("blu-ray-{coding}.m2ts"), &rest)).await;
        let told: Vec<_> = facts.audio.iter().map(|one| one.codec.as_str()).collect();
        assert_eq!((told, facts.broadcast), (vec![coding], None));
        assert_eq!(facts.audio[0].language.as_deref(), Some("de"));
    }
}

#[tokio::test]
async fn sound_in_latm_is_the_same_as_without() {
    if !clip::has_ffmpeg("sound_in_latm_is_the_same_as_without") {
        return;
    }
    let film = film("latm.mp4", H264);
    let made = |name: &str, flags: &str| {
        let film = film.display();
        clip::make(name, &format!("-i {film} -c copy {flags} -f mpegts"))
    };
    let (bare, latm) = (made("adts.ts", ""), made("latm.ts", "-mpegts_flags latm"));
    let (expected, expected_read) = task::ingested(&bare).await;
    let (facts, read) = task::ingested(&latm).await;
    assert!(facts.intermediate.is_some(), "{facts:?}");
    assert_eq!((&facts.index, facts.broadcast), (&expected.index, None));
    for from_ms in [0, 3_000] {
        assert_eq!(
            frames::sound(&read, from_ms),
            frames::sound(&expected_read, from_ms)
        );
    }
    let (facts, _) = check(&harmed(&latm, Harm::Lost(20), 5)).await;
    assert_eq!(facts.audio.len(), 1);
}

/// ffmpeg calls AAC so that it copies out of other frames, and leaves it in those.
#[tokio::test]
async fn sound_that_a_table_calls_latm_may_be_none() {
    if !clip::has_ffmpeg("sound_that_a_table_calls_latm_may_be_none") {
        return;
    }
    let bare = film("adts-only.ts", H264);
    let arguments = format!("-i {} -c copy -mpegts_flags latm", bare.display());
    let called = clip::make("adts-called-latm.ts", &arguments);
    let (facts, _) = check(&called).await;
    assert_eq!((facts.audio.len(), facts.broadcast), (1, None));
}

#[tokio::test]
async fn a_picture_whose_beginning_was_overwritten_does_not_end_the_film() {
    if !clip::has_ffmpeg("a_picture_whose_beginning_was_overwritten_does_not_end_the_film") {
        return;
    }
    let hevc = "-c:v libx265 -x265-params log-level=none -preset ultrafast -g 25";
    for (name, coding) in [("lossy-264.ts", H264), ("overwritten-hevc.ts", hevc)] {
        let mut bytes = std::fs::read(film(name, coding)).expect("a clip");
        let packets = bytes.chunks_exact_mut(PACKET_BYTES);
        let begins = packets.filter(|packet| pid(packet) == PICTURE_PID && packet[1] & 0x40 != 0);
        for packet in begins.skip(10).step_by(40) {
            let field = if packet[3] & 0x20 == 0 {
                0
            } else {
                1 + usize::from(packet[4])
            };
            let unit = 4 + field;
            let body = unit + 9 + usize::from(packet[unit + 8]);
            packet[body..body + 10].fill(0x5a);
        }
        let source = clip::write(&format!("overwritten-{name}"), &bytes);
        let (facts, _) = check(&source).await;
        let frames = facts.video.expect("a picture").frames.expect("counted");
        assert!((190..=200).contains(&frames), "{name}: {frames}");
    }
}

/// Such a source is decoded from its start by every task.
#[tokio::test]
async fn sound_that_is_not_remuxed_is_in_step_too() {
    if !clip::has_ffmpeg("sound_that_is_not_remuxed_is_in_step_too") {
        return;
    }
    let opus = beeping("beeps-opus.ts", "-c:a libopus");
    let (facts, seen, heard) = shown(&opus).await;
    assert!(
        facts.intermediate.is_none() && facts.audio[0].codec == "opus",
        "{facts:?}"
    );
    let (expected, others, expected_heard) = shown(&beeping("beeps-other.ts", "-c:a mp2")).await;
    let first = |facts: &SourceFacts, seen: &[frames::Frame]| {
        let video = facts.video.as_ref().expect("a picture");
        (
            seen.len(),
            video.duration_ns,
            seen[0].time_ns - video.start_ns,
        )
    };
    assert_eq!(first(&facts, &seen), first(&expected, &others));
    // From the first picture on, since the one sound begins a little before it, and the other does not.
    let from_picture = |heard: &[usize], seen: &[frames::Frame]| -> Vec<usize> {
        let first_ms = usize::try_from(seen[0].time_ns / 1_000_000).expect("hours");
        heard.iter().map(|ms| ms - first_ms.min(*ms)).collect()
    };
    let (heard, expected) = (
        from_picture(&heard, &seen),
        from_picture(&expected_heard, &others),
    );
    assert_eq!(heard.len(), expected.len(), "{heard:?} {expected:?}");
    for (ms, other) in heard.iter().zip(&expected) {
        assert!(ms.abs_diff(*other) <= 10, "{heard:?} {expected:?}");
    }
}

/// Nothing says how large the picture is where no keyframe comes.
#[tokio::test]
async fn a_picture_without_a_keyframe_leaves_its_sound() {
    if !clip::has_ffmpeg("a_picture_without_a_keyframe_leaves_its_sound") {
        return;
    }
    let whole = film("one-keyframe.ts", "-preset medium -g 1000 -sc_threshold 0");
    let bytes = std::fs::read(whole).expect("a clip");
    let from = bytes.len() / PACKET_BYTES / 2 * PACKET_BYTES;
    let source = clip::write("no-keyframe.ts", &bytes[from..]);
    let (facts, read) = task::ingested(&source).await;
    assert!(facts.video.is_none(), "{facts:?}");
    let told = facts.broadcast.expect("something is left out");
    assert!(
        told.unread[0].is_video && told.unread[0].codec == "H.264",
        "{told:?}"
    );
    let made = task::run(task::audio(&read, &facts.audio[0], 0), &read).await;
    assert_eq!(made.failure, None);
}

#[tokio::test]
async fn a_second_recording_in_other_codecs_is_left_out_and_told() {
    if !clip::has_ffmpeg("a_second_recording_in_other_codecs_is_left_out_and_told") {
        return;
    }
    let one = std::fs::read(film("lossy-264.ts", H264)).expect("a clip");
    let other = film("other.ts", "-c:v mpeg2video -bf 2 -g 15 -b:v 2M -c:a mp2");
    let other = std::fs::read(other).expect("a clip");
    let source = clip::write("joined-codecs.ts", &[one, other].concat());
    let (facts, _) = check(&source).await;
    assert_eq!(facts.video.expect("a picture").frames, Some(200));
    let told = facts.broadcast.expect("something is left out");
    let unread: Vec<_> = told
        .unread
        .iter()
        .map(|stream| (stream.is_video, stream.codec.as_str(), stream.is_late))
        .collect();
    assert_eq!(
        unread,
        [(true, "MPEG-2 video", true), (false, "MPEG audio", true)]
    );
    // In the same codecs, as other streams of another programme.
    let whole = film("lossy-264.ts", H264);
    let moved = clip::make(
        "moved.ts",
        &format!(
            "-i {} -map 0 -c copy -mpegts_start_pid 0x1f00 -mpegts_pmt_start_pid 0x1e00",
            whole.display()
        ),
    );
    let both = [whole, moved].map(|path| std::fs::read(path).expect("a clip"));
    let (facts, _) = check(&clip::write("joined-streams.ts", &both.concat())).await;
    let told = facts.broadcast.expect("something is left out");
    assert_eq!(told.unread.len(), 2, "{told:?}");
    assert!(told.unread.iter().all(|stream| stream.is_late), "{told:?}");
}

#[tokio::test]
async fn packets_with_parity_behind_them_are_read() {
    if !clip::has_ffmpeg("packets_with_parity_behind_them_are_read") {
        return;
    }
    let whole = film("lossy-264.ts", H264);
    let bytes = std::fs::read(&whole).expect("a clip");
    let with_parity = |packet: &[u8]| [packet, &[0x5a; 16]].concat();
    let long: Vec<u8> = bytes
        .chunks_exact(PACKET_BYTES)
        .flat_map(with_parity)
        .collect();
    let source = clip::write("parity.ts", &long);
    let (facts, read) = task::ingested(&source).await;
    let (expected, expected_read) = task::ingested(&whole).await;
    assert_eq!(
        (&facts.video, &facts.audio),
        (&expected.video, &expected.audio)
    );
    assert_eq!(facts.broadcast, None);
    let of = |read: &Path| frames::decoded(read, 90_000, &[0, 3_000]);
    frames::compare("204", &of(&read), &of(&expected_read), 0);
    // Its counters are read as well.
    let lost = [&long[..204 * 500], &long[204 * 510..]].concat();
    let (facts, _) = task::ingested(&clip::write("parity-lost.ts", &lost)).await;
    assert!(facts.broadcast.is_some_and(|told| told.lost_packets >= 8));
}
