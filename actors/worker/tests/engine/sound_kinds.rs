//! Sound of every usual kind comes out at its own place, to the sample, and as loud as it was.

use super::{clip, task};

/// How a source is made: its file's name, and what ffmpeg is told of its sound; and how many samples
/// later than ffmpeg's own decoder we hear it. GStreamer 1.22 keeps what an MP3's encoder puts before the
/// beginning (23 ms), and takes the first time stamp of Vorbis in WebM for that of its first block (3 ms).
const KINDS: &[(&str, &str, i64)] = &[
    ("aac.mp4", "-c:a aac -b:a 192k", 0),
    ("alac.m4a", "-c:a alac", 0),
    ("ac3.mp4", "-c:a ac3 -b:a 192k", 0),
    ("s16.mov", "-c:a pcm_s16le", 0),
    ("s24.mov", "-c:a pcm_s24be", 0),
    ("aac.mkv", "-c:a aac -b:a 192k", 0),
    ("opus.mkv", "-c:a libopus -b:a 192k", 0),
    ("flac.mkv", "-c:a flac", 0),
    ("ac3.mkv", "-c:a ac3 -b:a 192k", 0),
    ("vorbis.webm", "-c:a libvorbis -q:a 6", 144),
    ("opus.webm", "-c:a libopus -b:a 192k", 0),
    (
        "s16.avi",
        "-f lavfi -i testsrc2=s=64x64:d=3 -c:v mpeg4 -c:a pcm_s16le",
        0,
    ),
    ("u8.wav", "-c:a pcm_u8", 0),
    ("s16.wav", "-c:a pcm_s16le", 0),
    ("s32.wav", "-c:a pcm_s32le", 0),
    ("f32.wav", "-c:a pcm_f32le", 0),
    ("vorbis.ogg", "-c:a libvorbis -q:a 6", 0),
    ("opus.ogg", "-c:a libopus -b:a 192k", 0),
    ("sound.flac", "-c:a flac", 0),
    ("sound.mp3", "-c:a libmp3lame -b:a 192k", 1_105),
];

/// Three seconds of coloured noise that comes and goes, which fits upon itself at one place only.
fn source(name: &str, codec: &str) -> std::path::PathBuf {
    clip::make(
        &format!("sound-kind-{name}"),
        &format!(
            "-f lavfi -i 'anoisesrc=c=pink:a=0.5:r=48000:seed=7:d=3,tremolo=f=2:d=0.9' {codec}"
        ),
    )
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

#[tokio::test]
async fn sound_of_every_kind_lies_where_it_lay() {
    if !clip::has_ffmpeg("sound_of_every_kind_lies_where_it_lay") {
        return;
    }
    for (name, codec, late) in KINDS {
        let path = source(name, codec);
        let facts = task::facts(&path).await;
        let made = task::run(task::audio(&path, &facts.audio[0], 0), &path).await;
        assert_eq!(made.failure, None, "{name}");
        let after = task::join("audio", &[&made], &format!("sound-kind-out-{name}.mp4"));
        let (before, after) = (clip::samples(&path), clip::samples(&after));
        let (lag, fit) = lag(&before, &after);
        assert!(
            fit > 0.9,
            "{name}: it fits {fit} to its source, {lag} samples late"
        );
        assert_eq!(lag, *late, "{name}: samples late");
        // The last block is filled up, and the encoder gives one more.
        let more = after.len().abs_diff(before.len());
        assert!(
            more < 3 * 1_024,
            "{name}: {} samples of {}",
            after.len(),
            before.len()
        );
    }
}
