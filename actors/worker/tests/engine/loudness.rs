//! A level that is asked for is reached as EBU R 128 measures it, or said to be out of reach; and an
//! attempt that goes on behind another's parts goes on at the same level.

use std::path::Path;
use std::process::Command;

use bus_schema::request::loudness::Loudness;
use bus_schema::task::TaskSpec;

use super::task::Made;
use super::{clip, task};

const WISH: Loudness = Loudness {
    target_centilufs: -1_600,
    true_peak_centidb: -100,
};

async fn levelled(source: &Path, wish: Loudness, parts_done: u32) -> Made {
    let facts = task::facts(source).await;
    let mut spec = task::audio(source, &facts.audio[0], parts_done);
    if let TaskSpec::Audio(spec) = &mut spec {
        spec.audio.loudness = Some(wish);
    }
    let made = task::run(spec, source).await;
    assert_eq!(made.failure, None, "{}", source.display());
    made
}

/// Programme loudness in LUFS and true peak in dBTP, as ffmpeg measures them.
fn measured(path: &Path) -> (f64, f64) {
    let output = Command::new("ffmpeg")
        .args(["-nostats", "-hide_banner", "-i"])
        .arg(path)
        .args(["-filter_complex", "ebur128=peak=true", "-f", "null", "-"])
        .output()
        .expect("ffmpeg starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, summary) = text.rsplit_once("Summary:").expect("a summary");
    let number = |name: &str| {
        let line = summary
            .lines()
            .find_map(|line| line.trim().strip_prefix(name));
        let word = line.and_then(|rest| rest.split_whitespace().next());
        word.and_then(|word| word.parse().ok()).expect("a number")
    };
    (number("I:"), number("Peak:"))
}

/// Twelve seconds of noise, quiet and loud in turns; brown, since a coder of 128 kb/s leaves out what
/// is highest in pink noise, which is 0.7 LU of it.
fn noise(name: &str, amplitude: &str) -> std::path::PathBuf {
    clip::make(
        name,
        &format!(
            "-f lavfi -i 'anoisesrc=c=brown:a={amplitude}:r=48000:seed=3:d=12,\
             volume=0.3+0.7*lt(mod(t\\,4)\\,2):eval=frame' -ac 2 -c:a pcm_f32le"
        ),
    )
}

#[tokio::test]
async fn the_target_is_reached_within_half_a_unit() {
    if !clip::has_ffmpeg("the_target_is_reached_within_half_a_unit") {
        return;
    }
    for (name, amplitude, target) in [
        ("quiet.wav", "0.05", -1_600),
        ("loud.wav", "0.9", -2_300),
        ("loud-16.wav", "0.9", -1_900),
    ] {
        let source = noise(name, amplitude);
        let wish = Loudness {
            target_centilufs: target,
            ..WISH
        };
        let made = levelled(&source, wish, 0).await;
        let joined = task::join("audio", &[&made], &format!("levelled-{name}.mp4"));
        let (lufs, peak) = measured(&joined);
        let target = f64::from(target) / 100.0;
        let result = made.loudness.expect("it was measured");
        assert!(
            (lufs - target).abs() <= 0.5,
            "{name}: {lufs} LUFS in place of {target}"
        );
        assert!(peak <= -1.0, "{name}: a true peak of {peak} dBTP");
        assert_eq!(wish.shortfall(result), None, "{name}");
        // Measured alike by others.
        let (source_lufs, _) = measured(&source);
        let ours = f64::from(result.source_centilufs.expect("it is loud")) / 100.0;
        assert!(
            (source_lufs - ours).abs() <= 0.15,
            "{name}: {ours} LUFS, {source_lufs} for ffmpeg"
        );
    }
}

#[tokio::test]
async fn a_peak_is_never_taken_over_its_limit_and_that_is_said() {
    if !clip::has_ffmpeg("a_peak_is_never_taken_over_its_limit_and_that_is_said") {
        return;
    }
    // Quiet noise with a clap in its middle.
    let source = clip::make(
        "clap.wav",
        "-f lavfi -i 'anoisesrc=c=pink:a=0.03:r=48000:seed=5:d=8' \
         -f lavfi -i 'aevalsrc=0.8*sin(2*PI*700*t)*between(t\\,4\\,4.003):s=48000:d=8' \
         -filter_complex amix=normalize=0 -ac 2 -c:a pcm_f32le",
    );
    let made = levelled(&source, WISH, 0).await;
    let result = made.loudness.expect("it was measured");
    let (lufs, peak) = measured(&task::join("audio", &[&made], "levelled-clap.mp4"));
    assert!(peak <= -1.0 && peak > -3.0, "a true peak of {peak} dBTP");
    let said = WISH.shortfall(result).expect("it falls short");
    assert!(
        lufs < -17.0 && said.contains("LUFS in place of -16.0"),
        "{lufs} LUFS: {said}"
    );
}

#[tokio::test]
async fn silence_stays_silence() {
    if !clip::has_ffmpeg("silence_stays_silence") {
        return;
    }
    let source = clip::make("silence.wav", "-f lavfi -i anullsrc=r=48000:cl=stereo -t 4");
    let result = levelled(&source, WISH, 0)
        .await
        .loudness
        .expect("it was measured");
    assert_eq!((result.source_centilufs, result.gain_centidb), (None, 0));
}

#[tokio::test]
async fn an_attempt_that_goes_on_keeps_the_level() {
    if !clip::has_ffmpeg("an_attempt_that_goes_on_keeps_the_level") {
        return;
    }
    let source = noise("quiet.wav", "0.05");
    let (once, resumed) = (
        levelled(&source, WISH, 0).await,
        levelled(&source, WISH, 2).await,
    );
    assert_eq!(once.loudness, resumed.loudness);
    let ends = ["audio/000004.m4s", "audio/000005.m4s", "audio/000006.m4s"];
    let mut first = once;
    let whole = clip::heard(&task::join("audio", &[&first], "level-whole.mp4"));
    first
        .objects
        .retain(|name, _| !ends.contains(&name.as_str()));
    let joined = clip::heard(&task::join(
        "audio",
        &[&first, &resumed],
        "level-joined.mp4",
    ));
    assert_eq!(whole.len(), joined.len());
    let power = |samples: &[f32]| samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
    let tail = 8 * 48_000..whole.len();
    let change = 10.0 * (power(&joined[tail.clone()]) / power(&whole[tail])).log10();
    // Two encodings of the same noise differ by as much; another gain would by far more.
    assert!(change.abs() < 0.3, "{change} dB");
}
