//! Broadcasts lose packets on their way, hold what nobody here reads, and begin in the midst: what is there
//! is shown in step, whatever the number of chunks, and what is not is told.

use std::path::{Path, PathBuf};

use bus_schema::plan::Span;
use bus_schema::report::ErrorCode;
use bus_schema::source::{SourceFacts, VideoFacts};

use super::clip;
use super::task::{self, Made, SECOND_NS};

pub(crate) const PACKET_BYTES: usize = 188;
/// A keyframe every second, B-frames.
pub(crate) const H264: &str = "-preset medium -bf 3 -g 25 -keyint_min 25 -sc_threshold 0";
const MPEG2: &str = "-c:v mpeg2video -bf 2 -g 15 -b:v 2M -c:a mp2";

pub(crate) fn film(name: &str, rest: &str) -> PathBuf {
    clip::film(name, 8, "25", "320x180", rest)
}

/// Numbers by chance, the same for the same seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).expect("48 bits") % n
    }
}

/// What happens to a broadcast on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// So many packets are lost, each by itself.
    Lost(usize),
    /// So many packets arrive without what was in them.
    Emptied(usize),
    /// So many bytes arrive as others.
    Changed(usize),
}

pub(crate) fn harmed(whole: &Path, harm: Harm, seed: u64) -> PathBuf {
    let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut bytes = std::fs::read(whole).expect("a clip can be read");
    let n_packets = bytes.len() / PACKET_BYTES;
    match harm {
        Harm::Lost(n) => {
            for lost in 0..n {
                let at = draw.below(n_packets - lost) * PACKET_BYTES;
                bytes.drain(at..at + PACKET_BYTES);
            }
        }
        Harm::Emptied(n) => {
            for _ in 0..n {
                let at = draw.below(n_packets) * PACKET_BYTES;
                bytes[at + 4..at + PACKET_BYTES].fill(0);
            }
        }
        Harm::Changed(n) => {
            for _ in 0..n {
                let at = draw.below(bytes.len());
                bytes[at] = draw.below(256).to_le_bytes()[0];
            }
        }
    }
    clip::write(&format!("harmed-{harm:?}-{seed}.ts"), &bytes)
}

/// Chunks that begin at these times, each of which has to succeed; their frames fit together.
async fn chunks(read: &Path, video: &VideoFacts, starts_s: &[u64]) -> Vec<Made> {
    let mut all: Vec<Made> = Vec::new();
    let mut next = None;
    for (index, start_s) in starts_s.iter().enumerate() {
        let span = Span {
            start_ns: start_s * SECOND_NS,
            end_ns: starts_s.get(index + 1).map(|s| s * SECOND_NS),
        };
        let made = task::run(task::chunk(read, video, span, 2, &[(160, 90)]), read).await;
        assert_eq!(made.failure, None, "{} at {start_s} s", read.display());
        let chunk = made.chunk.as_ref().expect("a chunk");
        assert_eq!(chunk.check(), Ok(()));
        if !chunk.durations.is_empty() {
            assert!(next.is_none_or(|next| next == chunk.start), "{chunk:?}");
            let units = chunk.durations.iter().map(|units| u64::from(*units));
            next = Some(chunk.start + units.sum::<u64>());
        }
        all.push(made);
    }
    all
}

fn counts(made: &[Made]) -> (u64, u64) {
    let chunks = made.iter().filter_map(|made| made.chunk.as_ref());
    chunks.fold((0, 0), |(frames, held), chunk| {
        (frames + chunk.frames, held + chunk.held)
    })
}

/// A harmed broadcast becomes a film: the same frames, however it is cut, and sound to its end.
pub(crate) async fn check(source: &Path) -> (SourceFacts, u64) {
    let what = source.display().to_string();
    let (facts, read) = task::ingested(source).await;
    let video = facts.video.as_ref().expect("a picture");
    let whole = counts(&chunks(&read, video, &[0]).await);
    let parts = counts(&chunks(&read, video, &[0, 2, 4, 6]).await);
    if facts.intermediate.is_some() {
        assert_eq!(video.frames, Some(whole.0), "{what}");
    }
    assert_eq!(parts.0, whole.0, "{what}");
    if let Some(audio) = facts.audio.first() {
        let made = task::run(task::audio(&read, audio, 0), &read).await;
        assert_eq!(made.failure, None, "{what}");
    }
    (facts, whole.1)
}

#[tokio::test]
async fn a_broadcast_that_lost_packets_is_the_same_film_in_every_chunk() {
    if !clip::has_ffmpeg("a_broadcast_that_lost_packets_is_the_same_film_in_every_chunk") {
        return;
    }
    for (name, coding) in [("lossy-264.ts", H264), ("lossy-mpeg2.ts", MPEG2)] {
        let whole = film(name, coding);
        let (facts, held) = check(&whole).await;
        assert_eq!(
            (facts.broadcast, held),
            (None, 0),
            "{name}: nothing is missing"
        );
        let n_frames = facts.video.expect("a picture").frames.expect("counted");
        for (harm, seeds) in [
            (Harm::Lost(1), 1..=2),
            (Harm::Lost(3), 3..=5),
            (Harm::Lost(50), 6..=7),
        ] {
            for seed in seeds {
                let (facts, held) = check(&harmed(&whole, harm, seed)).await;
                let Harm::Lost(n) = harm else { continue };
                let told = facts.broadcast.expect("losses");
                // Of those that are full of nothing, or hold tables, none is missed.
                let most = told.lost_packets + 10;
                assert!(
                    (told.lost_packets..=most).contains(&(n as u64)) && told.gaps > 0,
                    "{name}, {harm:?}: {told:?}"
                );
                let kept = facts.video.expect("a picture").frames.expect("counted");
                assert!(
                    kept <= n_frames && kept + 3 * n as u64 >= n_frames,
                    "{name}, {harm:?}, {seed}: {kept} of {n_frames}"
                );
                assert!(
                    held <= n as u64 * 3,
                    "{name}, {harm:?}, {seed}: {held} held"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_broadcast_that_was_damaged_is_the_same_film_in_every_chunk() {
    if !clip::has_ffmpeg("a_broadcast_that_was_damaged_is_the_same_film_in_every_chunk") {
        return;
    }
    for (name, coding) in [("lossy-264.ts", H264), ("lossy-mpeg2.ts", MPEG2)] {
        let whole = film(name, coding);
        for (harm, seeds) in [(Harm::Emptied(3), 1..=2), (Harm::Changed(20), 3..=4)] {
            for seed in seeds {
                check(&harmed(&whole, harm, seed)).await;
            }
        }
    }
}

#[tokio::test]
async fn a_broadcast_thrice_in_a_row_is_three_films_long() {
    if !clip::has_ffmpeg("a_broadcast_thrice_in_a_row_is_three_films_long") {
        return;
    }
    let bytes = std::fs::read(film("lossy-264.ts", H264)).expect("a clip");
    let looped = clip::write("lossy-looped.ts", &bytes.repeat(3));
    let (facts, held) = check(&looped).await;
    assert_eq!(
        (facts.video.expect("a picture").frames, held),
        (Some(600), 0)
    );
    assert!(facts.duration_ns.abs_diff(24 * SECOND_NS) < SECOND_NS / 5);
}

/// Where tones begin, in milliseconds.
pub(crate) fn beeps(samples: &[f32]) -> Vec<usize> {
    const MS: usize = 48;
    // The tone beneath reaches an eighth, and a beep of ffmpeg's is twice as loud.
    let loud = samples
        .chunks(MS)
        .map(|ms| ms.iter().any(|sample| sample.abs() > 0.25));
    let loud: Vec<bool> = loud.collect();
    let begins = |&ms: &usize| loud[ms] && !loud[ms.saturating_sub(300)..ms].contains(&true);
    (0..loud.len()).filter(begins).collect()
}

#[tokio::test]
async fn sound_that_was_lost_is_silence_and_what_follows_is_in_step() {
    if !clip::has_ffmpeg("sound_that_was_lost_is_silence_and_what_follows_is_in_step") {
        return;
    }
    for coding in ["aac", "mp2", "ac3"] {
        let whole = clip::make(
            &format!("beeps-{coding}.ts"),
            &format!(
                "-f lavfi -i testsrc2=s=320x180:r=25:d=8 -f lavfi -i sine=f=100:b=10:r=48000:d=8 \
                 -c:v libx264 -pix_fmt yuv420p {H264} -c:a {coding} -b:a 192k"
            ),
        );
        let heard = async |source: &Path| {
            let (facts, read) = task::ingested(source).await;
            let made = task::run(task::audio(&read, &facts.audio[0], 0), &read).await;
            assert_eq!(made.failure, None, "{coding}");
            let sound = task::join("audio", &[&made], &format!("beeps-{coding}.mp4"));
            clip::heard(&sound)
        };
        let (before, after) = (
            heard(&whole).await,
            heard(&harmed(&whole, Harm::Lost(40), 11)).await,
        );
        let (expected, found) = (beeps(&before), beeps(&after));
        assert!(expected.len() >= 7, "{coding}: {expected:?}");
        // Those that fell into a hole are missed; of the others none is moved.
        assert!(found.len() + 4 >= expected.len(), "{coding}: {found:?}");
        let is_close = |ms: &&usize| expected.iter().any(|other| other.abs_diff(**ms) <= 3);
        let in_step = found.iter().filter(is_close).count();
        assert!(
            in_step + 2 >= found.len(),
            "{coding}: {found:?} {expected:?}"
        );
        assert!(before.len().abs_diff(after.len()) < 48_000 / 4, "{coding}");
    }
}

#[tokio::test]
async fn sound_that_nobody_here_reads_is_named() {
    if !clip::has_ffmpeg("sound_that_nobody_here_reads_is_named") {
        return;
    }
    let both = "-map 0:v -map 1:a -map 1:a -c:a:0 dca -c:a:1 ac3 -strict -2 \
                -metadata:s:a:0 language=eng";
    let (facts, _) = check(&film("dts-and-ac3.ts", &format!("{H264} {both}"))).await;
    let codecs: Vec<&str> = facts
        .audio
        .iter()
        .map(|audio| audio.codec.as_str())
        .collect();
    assert_eq!(codecs, ["ac3"]);
    let told = facts.broadcast.expect("something is left out");
    let unread = &told.unread[0];
    assert_eq!((told.unread.len(), told.gaps), (1, 0), "{told:?}");
    assert_eq!(
        (
            unread.pid,
            unread.codec.as_str(),
            unread.language.as_deref()
        ),
        (257, "DTS", Some("eng"))
    );
    assert!(!unread.is_scrambled && !unread.is_video);
    let alone = film("dts-alone.ts", "-vn -c:a dca -strict -2");
    let refused = task::probe(&alone).await.failure.expect("a refusal");
    assert_eq!(refused.code, ErrorCode::Unsupported);
    assert!(refused.message.contains("which is DTS"), "{refused:?}");
}

/// Scrambles a stream as far as anybody without the key can tell.
fn scrambled(whole: &Path, pids: &[u16]) -> PathBuf {
    let mut bytes = std::fs::read(whole).expect("a clip can be read");
    for packet in bytes.chunks_exact_mut(PACKET_BYTES) {
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        if pids.contains(&pid) && packet[3] & 0x10 != 0 {
            packet[3] |= 0x80;
            let field = if packet[3] & 0x20 != 0 {
                1 + usize::from(packet[4])
            } else {
                0
            };
            let mut key = Draw(0x5851_f42d_4c95_7f2d);
            for byte in &mut packet[4 + field..] {
                *byte ^= key.below(256).to_le_bytes()[0];
            }
        }
    }
    clip::write("scrambled.ts", &bytes)
}

#[tokio::test]
async fn what_is_scrambled_is_refused_by_that_word() {
    if !clip::has_ffmpeg("what_is_scrambled_is_refused_by_that_word") {
        return;
    }
    let whole = film("lossy-264.ts", H264);
    for pids in [&[0x100, 0x101][..], &[0x100]] {
        let refused = task::probe(&scrambled(&whole, pids)).await.failure;
        let refused = refused.expect("a refusal");
        assert_eq!(refused.code, ErrorCode::Unsupported, "{refused:?}");
        let begins = "The picture of the broadcast is scrambled";
        assert!(refused.message.starts_with(begins), "{refused:?}");
    }
    let (facts, _) = check(&scrambled(&whole, &[0x101])).await;
    let told = facts.broadcast.expect("something is left out");
    assert!(
        facts.audio.is_empty() && told.unread[0].is_scrambled,
        "{told:?}"
    );
}

/// When ffmpeg shows the first packet of a stream that has these flags.
fn first_s_of(source: &Path, stream: &str, flags: &str) -> f64 {
    let output = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-of", "csv=p=0", "-select_streams", stream])
        .args(["-show_entries", "packet=pts_time,flags"])
        .arg(source)
        .output()
        .expect("ffprobe starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines().filter_map(|line| line.split_once(','));
    let found = lines.find(|(time, told)| told.contains(flags) && *time != "N/A");
    found.expect("such a packet").0.parse().expect("a time")
}

#[tokio::test]
async fn what_a_recording_lacks_of_its_picture_at_first_is_told() {
    if !clip::has_ffmpeg("what_a_recording_lacks_of_its_picture_at_first_is_told") {
        return;
    }
    let long = "-preset medium -bf 2 -g 100 -keyint_min 100 -sc_threshold 0";
    for (name, coding, second) in [
        ("lead-264.ts", long.to_owned(), 4.0),
        (
            "lead-hevc.ts",
            format!(
                "-c:v libx265 -x265-params log-level=none:keyint=100:min-keyint=100:scenecut=0 {}",
                "-preset ultrafast"
            ),
            4.0,
        ),
        (
            "lead-mpeg2.ts",
            "-c:v mpeg2video -bf 2 -g 100 -sc_threshold 1000000000 -b:v 2M -c:a mp2".to_owned(),
            4.0,
        ),
    ] {
        let whole = film(name, &coding);
        let bytes = std::fs::read(&whole).expect("a clip");
        let at = bytes.len() / PACKET_BYTES / 4 * PACKET_BYTES;
        let source = clip::write(&format!("cut-{name}"), &bytes[at..]);
        let (facts, _) = check(&source).await;
        let video = facts.video.expect("a picture");
        let told = facts.broadcast.expect("a beginning that is missing");
        // The first picture of the cut file is that of a quarter of the bytes; the sound tells the same.
        let first_s =
            clip::frame_times(&whole).len() as f64 / 25.0 - (video.duration_ns as f64 / 1e9);
        assert!(
            (first_s - second).abs() < 0.1,
            "{name}: begins at {first_s}"
        );
        let lead_s = told.lead_ns as f64 / 1e9;
        assert!((0.5..3.5).contains(&lead_s), "{name}: {lead_s}");
        // Sound before it is kept, and both are in step: the picture begins as much later.
        let start_s = video.start_ns as f64 / 1e9;
        let (first, key) = (
            first_s_of(&source, "a:0", ""),
            first_s_of(&source, "v:0", "K"),
        );
        assert!(
            (start_s - (key - first)).abs() < 0.001,
            "{name}: {start_s}, {first} to {key}"
        );
        assert_eq!(facts.audio.len(), 1);
    }
}
