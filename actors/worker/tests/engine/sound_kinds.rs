//! Sound of every usual kind comes out at its own place, to the sample, and as loud as it was.

use bus_schema::task::TaskSpec;

use super::{clip, task};

/// How a source is made: its file's name, and what ffmpeg is told of its sound.
const KINDS: &[(&str, &str)] = &[
    ("aac.mp4", "-c:a aac -b:a 192k"),
    ("alac.m4a", "-c:a alac"),
    ("ac3.mp4", "-c:a ac3 -b:a 192k"),
    ("eac3.mp4", "-c:a eac3 -b:a 192k"),
    ("mp3.mp4", "-c:a libmp3lame -b:a 192k"),
    ("opus.mp4", "-c:a libopus -b:a 192k"),
    ("s16.mov", "-c:a pcm_s16le"),
    ("s24.mov", "-c:a pcm_s24be"),
    ("aac.mkv", "-c:a aac -b:a 192k"),
    ("opus.mkv", "-c:a libopus -b:a 192k"),
    ("flac.mkv", "-c:a flac"),
    ("ac3.mkv", "-c:a ac3 -b:a 192k"),
    ("mp3.mkv", "-c:a libmp3lame -b:a 192k"),
    ("vorbis.webm", "-c:a libvorbis -q:a 6"),
    ("opus.webm", "-c:a libopus -b:a 192k"),
    (
        "s16.avi",
        "-f lavfi -i testsrc2=s=64x64:d=3 -c:v mpeg4 -c:a pcm_s16le",
    ),
    (
        "mp3.avi",
        "-f lavfi -i testsrc2=s=64x64:d=3 -c:v mpeg4 -c:a libmp3lame -b:a 192k",
    ),
    ("ms.mov", "-c:a adpcm_ms"),
    ("ima.mov", "-ac 2 -c:a adpcm_ima_wav"),
    ("ima.mkv", "-c:a adpcm_ima_wav"),
    (
        "ms.avi",
        "-f lavfi -i testsrc2=s=64x64:d=3 -c:v mpeg4 -c:a adpcm_ms",
    ),
    (
        "ima.avi",
        "-f lavfi -i testsrc2=s=64x64:d=3 -c:v mpeg4 -ac 2 -c:a adpcm_ima_wav",
    ),
    ("ms.wav", "-ac 2 -c:a adpcm_ms"),
    ("ima.wav", "-ac 2 -c:a adpcm_ima_wav"),
    ("mono.wav", "-c:a adpcm_ima_wav"),
    ("u8.wav", "-c:a pcm_u8"),
    ("s16.wav", "-c:a pcm_s16le"),
    ("s32.wav", "-c:a pcm_s32le"),
    ("f32.wav", "-c:a pcm_f32le"),
    ("vorbis.ogg", "-c:a libvorbis -q:a 6"),
    ("opus.ogg", "-c:a libopus -b:a 192k"),
    ("sound.flac", "-c:a flac"),
    ("sound.mp3", "-c:a libmp3lame -b:a 192k"),
    ("mono.mp3", "-ac 1 -c:a libmp3lame -q:a 2"),
    ("plain.mp3", "-c:a libmp3lame -b:a 192k -write_xing 0"),
    ("adts.aac", "-c:a aac -b:a 192k"),
];

/// Samples a second, of what goes in and of what the planner then asks for.
const RATES: &[(u32, u32)] = &[
    (8_000, 48_000),
    (11_025, 44_100),
    (22_050, 44_100),
    (32_000, 48_000),
    (44_100, 44_100),
    (96_000, 48_000),
];

/// Three seconds of coloured noise that comes and goes, which fits upon itself at one place only.
fn source(name: &str, rate: u32, codec: &str) -> std::path::PathBuf {
    clip::make(
        &format!("sound-kind-{name}"),
        &format!(
            "-f lavfi -i 'anoisesrc=c=pink:a=0.5:r={rate}:seed=7:d=3,tremolo=f=2:d=0.9' {codec}"
        ),
    )
}

/// The source's own sound. A file that is a bare stream has no clock: it begins with what it holds.
fn before(path: &std::path::Path, rate: u32) -> Vec<f32> {
    match path.extension().and_then(|name| name.to_str()) {
        Some("mp3" | "aac") => clip::samples(path),
        _ => clip::heard_at(path, rate),
    }
}

/// By how many samples `b` lies behind `a`, and how well they fit there (1 is perfectly).
fn lag(a: &[f32], b: &[f32]) -> (i64, f64) {
    const FROM: usize = 60_000;
    const LENGTH: usize = 6_000;
    const MOST: usize = 1_200;
    let window = &a[FROM..FROM + LENGTH];
    let power = |samples: &[f32]| samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
    let fits = (0..=2 * MOST).map(|shift| {
        let other = &b[FROM + shift - MOST..][..LENGTH];
        let product: f64 = window
            .iter()
            .zip(other)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum();
        let fit = product / (power(window) * power(other)).sqrt().max(f64::MIN_POSITIVE);
        (i64::try_from(shift).expect("small") - 1_200, fit)
    });
    fits.max_by(|x, y| x.1.total_cmp(&y.1)).expect("some shift")
}

/// What comes out of a source at this rate lies where it lay.
async fn check(name: &str, path: &std::path::Path, rate: u32) {
    let (facts, read) = task::ingested(path).await;
    let from = facts.audio[0].sample_rate_hz;
    let mut spec = task::audio(&read, &facts.audio[0], 0);
    if let TaskSpec::Audio(spec) = &mut spec {
        spec.audio.sample_rate_hz = rate;
    }
    let made = task::run(spec, &read).await;
    assert_eq!(made.failure, None, "{name}");
    let after = task::join("audio", &[&made], &format!("sound-kind-out-{name}.mp4"));
    let (before, after) = (before(path, rate), clip::heard_at(&after, rate));
    let (lag, fit) = lag(&before, &after);
    assert!(
        fit > 0.9,
        "{name}: it fits {fit} to its source, {lag} samples late"
    );
    // Where samples lie between those of the source, it is rounded: by less than one of the source's.
    let rounding = rate.div_ceil(from.max(1)) - 1;
    assert!(
        lag.abs() <= i64::from(rounding),
        "{name}: {lag} samples late"
    );
    let more = after.len().abs_diff(before.len());
    assert!(
        more < 1_024,
        "{name}: {} samples of {}",
        after.len(),
        before.len()
    );
}

#[tokio::test]
async fn sound_of_every_kind_lies_where_it_lay() {
    if !clip::has_ffmpeg("sound_of_every_kind_lies_where_it_lay") {
        return;
    }
    for (name, codec) in KINDS {
        let path = source(name, 48_000, codec);
        check(name, &path, 48_000).await;
    }
}

/// A parser of these has to see a frame before it knows how many channels there are.
#[tokio::test]
async fn channels_and_rate_are_told_of_what_a_container_tells_little_of() {
    let test = "channels_and_rate_are_told_of_what_a_container_tells_little_of";
    if !clip::has_ffmpeg(test) {
        return;
    }
    for (name, codec, channels) in [
        ("ac3", "ac3", 6),
        ("eac3", "eac3", 6),
        ("mp3", "libmp3lame", 2),
        ("mp2", "mp2", 2),
    ] {
        for container in ["mp4", "mkv"] {
            let path = clip::make(
                &format!("told-{name}.{container}"),
                &format!(
                    "-f lavfi -i testsrc2=s=160x90:r=25:d=2 -f lavfi -i sine=f=440:r=48000:d=2 \
                     -c:v libx264 -preset ultrafast -pix_fmt yuv420p -ac {channels} -c:a {codec}"
                ),
            );
            let facts = task::facts(&path).await;
            let told = &facts.audio[0];
            assert_eq!(
                (told.codec.as_str(), told.channels, told.sample_rate_hz),
                (name, channels, 48_000),
                "in {container}"
            );
        }
    }
}

#[tokio::test]
async fn sound_of_every_rate_lies_where_it_lay() {
    if !clip::has_ffmpeg("sound_of_every_rate_lies_where_it_lay") {
        return;
    }
    for (from, to) in RATES {
        let name = format!("{from}.wav");
        let path = source(&name, *from, "-c:a pcm_s16le");
        check(&name, &path, *to).await;
    }
}

/// A minute is long enough to tell a clock that runs wrong by one in a thousand.
#[tokio::test]
async fn sound_in_blocks_keeps_its_time() {
    if !clip::has_ffmpeg("sound_in_blocks_keeps_its_time") {
        return;
    }
    for (name, coding) in [
        ("ms.wav", "-ac 2 -c:a adpcm_ms"),
        ("mono.wav", "-ac 1 -c:a adpcm_ms"),
        ("ima.wav", "-ac 2 -c:a adpcm_ima_wav"),
        (
            "ima.avi",
            "-f lavfi -i testsrc2=s=64x64:d=60:r=5 -c:v mpeg4 -ac 1 -c:a adpcm_ima_wav",
        ),
    ] {
        let path = clip::make(
            &format!("minute-{name}"),
            &format!(
                "-f lavfi -i 'anoisesrc=c=pink:a=0.5:r=16000:seed=3:d=60,tremolo=f=0.3:d=0.9' {coding}"
            ),
        );
        let (facts, read) = task::ingested(&path).await;
        let told_ns = facts.audio[0].duration_ns;
        assert!(
            told_ns.abs_diff(60_000_000_000) < 200_000_000,
            "{name}: {told_ns} ns"
        );
        let made = task::run(task::audio(&read, &facts.audio[0], 0), &read).await;
        assert_eq!(made.failure, None, "{name}");
        let after = clip::heard(&task::join("audio", &[&made], &format!("after-{name}.mp4")));
        let before = clip::heard(&path);
        let from = 57 * 48_000;
        let (lag, fit) = lag(&before[from..], &after[from..]);
        assert!(
            lag.abs() <= 2 && fit > 0.9,
            "{name}: {lag} samples late, {fit}"
        );
    }
}

/// GStreamer knows the tag of LAME itself, which hides what it tells from ffmpeg's: both are ours.
#[tokio::test]
async fn an_mp3_of_lame_itself_lies_where_it_lay() {
    if !clip::has_ffmpeg("an_mp3_of_lame_itself_lies_where_it_lay") {
        return;
    }
    let name = "lame.mp3";
    let by_ffmpeg = source("sound.mp3", 48_000, "-c:a libmp3lame -b:a 192k");
    let mut bytes = std::fs::read(by_ffmpeg).expect("a clip can be read");
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|w| w == what);
    let tag = find(&bytes, b"Info").expect("a first frame with a tag");
    let at = tag + find(&bytes[tag..], b"Lav").expect("ffmpeg leaves its name");
    bytes[at..at + 4].copy_from_slice(b"LAME");
    check(name, &clip::write("sound-kind-lame.mp3", &bytes), 48_000).await;
}

/// A bare stream has no table of where its times are, and its bit rate tells that of its loud parts alone.
#[tokio::test]
async fn an_attempt_that_goes_on_in_a_bare_stream_finds_its_place() {
    if !clip::has_ffmpeg("an_attempt_that_goes_on_in_a_bare_stream_finds_its_place") {
        return;
    }
    for (name, codec) in [
        ("bare.mp3", "-c:a libmp3lame -q:a 3"),
        ("bare.aac", "-c:a aac -q:a 1"),
    ] {
        let path = clip::make(
            name,
            &format!(
                "-f lavfi -i 'anoisesrc=c=pink:a=0.5:r=48000:seed=5:d=12,tremolo=f=0.3:d=0.95' {codec}"
            ),
        );
        let facts = task::facts(&path).await;
        let before = clip::samples(&path);
        let length_ns = before.len() as u64 * 1_000_000_000 / 48_000;
        let told_ns = facts.audio[0].duration_ns;
        assert!(
            told_ns.abs_diff(length_ns) < 25_000_000,
            "{name}: {told_ns} ns"
        );
        let mut first = task::run(task::audio(&path, &facts.audio[0], 0), &path).await;
        let second = task::run(task::audio(&path, &facts.audio[0], 1), &path).await;
        assert_eq!((&first.failure, &second.failure), (&None, &None), "{name}");
        let of_first = ["audio/init.mp4", "audio/000000.m4s", "audio/000001.m4s"];
        first
            .objects
            .retain(|name, _| of_first.contains(&name.as_str()));
        let joined = task::join("audio", &[&first, &second], &format!("joined-{name}.mp4"));
        let after = clip::heard(&joined);
        for at_s in [1, 5, 9] {
            let from = at_s * 48_000;
            let (lag, fit) = lag(&before[from..], &after[from..]);
            assert!(
                lag == 0 && fit > 0.9,
                "{name}: {lag} samples late at {at_s} s, {fit}"
            );
        }
    }
}
