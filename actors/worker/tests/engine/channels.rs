//! Sounds of one, two and many channels become one or two of which none is lost, none is moved to
//! another side, and none clips; what is sound alone is packaged as that.

use bus_schema::task::TaskSpec;

use super::{clip, task};

/// Peaks of left and right of what comes out of a WAV with these channels.
async fn peaks(name: &str, layout: &str, channels: &[&str]) -> [f32; 2] {
    let source = clip::make(
        &format!("channels-{name}.wav"),
        &format!(
            "-f lavfi -i 'aevalsrc={}:c={layout}:s=48000:d=1' -c:a pcm_s16le",
            channels.join("|")
        ),
    );
    let facts = task::facts(&source).await;
    assert_eq!(facts.audio[0].channels as usize, channels.len(), "{name}");
    let made = task::run(task::audio(&source, &facts.audio[0], 0), &source).await;
    assert_eq!(made.failure, None, "{name}");
    let joined = task::join("audio", &[&made], &format!("channels-{name}.mp4"));
    // From the first half second on, where the encoder has settled.
    let both = clip::stereo(&joined);
    let half = &both[24_000..both.len().min(45_000)];
    [0, 1].map(|side| half.iter().map(|pair| pair[side].abs()).fold(0.0, f32::max))
}

fn assert_near(name: &str, found: [f32; 2], expected: [f32; 2]) {
    for (found, expected) in found.iter().zip(expected) {
        // 0.5 dB for the codec, and its noise where there is silence.
        let tolerance = 0.06 * expected + 0.004;
        assert!(
            (found - expected).abs() < tolerance,
            "{name}: a peak of {found}, not {expected}"
        );
    }
}

#[tokio::test]
async fn every_channel_of_a_surround_sound_is_heard_on_its_side() {
    if !clip::has_ffmpeg("every_channel_of_a_surround_sound_is_heard_on_its_side") {
        return;
    }
    const TONE: &str = "0.5*sin(2*PI*1000*t)";
    // ITU-R BS.775: the centre and what is behind 3 dB lower, and all of it so that no side clips.
    let all = 1.0 + 2.0 * std::f32::consts::FRAC_1_SQRT_2;
    let (front, lower) = (0.5 / all, 0.5 * std::f32::consts::FRAC_1_SQRT_2 / all);
    let places = [
        ("front left", [front, 0.0]),
        ("front right", [0.0, front]),
        ("centre", [lower, lower]),
        ("effects", [0.0, 0.0]),
        ("back left", [lower, 0.0]),
        ("back right", [0.0, lower]),
    ];
    for (n, (place, expected)) in places.into_iter().enumerate() {
        let mut channels = ["0"; 6];
        channels[n] = TONE;
        let found = peaks(&format!("5.1-{n}"), "5.1", &channels).await;
        assert_near(place, found, expected);
    }
    let mut channels = ["0"; 8];
    channels[7] = TONE;
    let all = all + std::f32::consts::FRAC_1_SQRT_2;
    let lower = 0.5 * std::f32::consts::FRAC_1_SQRT_2 / all;
    assert_near(
        "7.1 side right",
        peaks("7.1-7", "7.1", &channels).await,
        [0.0, lower],
    );
}

#[tokio::test]
async fn full_level_in_all_channels_does_not_clip() {
    if !clip::has_ffmpeg("full_level_in_all_channels_does_not_clip") {
        return;
    }
    let full = "0.99*sin(2*PI*500*t)";
    let found = peaks("5.1-full", "5.1", &[full; 6]).await;
    assert!(
        found.iter().all(|peak| (0.9..1.03).contains(peak)),
        "{found:?}"
    );
}

#[tokio::test]
async fn one_and_two_channels_stay_as_they_are() {
    if !clip::has_ffmpeg("one_and_two_channels_stay_as_they_are") {
        return;
    }
    let (loud, quiet) = ("0.5*sin(2*PI*1000*t)", "0.1*sin(2*PI*700*t)");
    assert_near(
        "stereo",
        peaks("stereo", "stereo", &[loud, quiet]).await,
        [0.5, 0.1],
    );
    let source = clip::make(
        "channels-mono.wav",
        "-f lavfi -i 'aevalsrc=0.5*sin(2*PI*1000*t):s=22050:d=1' -c:a pcm_s16le",
    );
    let facts = task::facts(&source).await;
    assert_eq!(
        (facts.audio[0].channels, facts.audio[0].sample_rate_hz),
        (1, 22_050)
    );
    let mut spec = task::audio(&source, &facts.audio[0], 0);
    if let TaskSpec::Audio(spec) = &mut spec {
        (spec.audio.channels, spec.audio.sample_rate_hz) = (1, 44_100);
    }
    let made = task::run(spec, &source).await;
    assert_eq!(made.failure, None);
    let path = task::join("audio", &[&made], "channels-mono.mp4");
    assert_eq!(clip::channels_and_rate(&path), (1, 44_100));
    let peak = clip::samples(&path)
        .iter()
        .fold(0.0_f32, |peak, s| peak.max(s.abs()));
    assert!((0.46..0.58).contains(&peak), "{peak}");
}

/// Clicks at known samples are heard at those samples: sound lies on an absolute grid, and the
/// encoder's priming is not shown.
#[tokio::test]
async fn a_click_is_heard_at_its_own_sample() {
    if !clip::has_ffmpeg("a_click_is_heard_at_its_own_sample") {
        return;
    }
    let clicks: [usize; 4] = [1_500, 48_000, 95_232, 200_001];
    let when: Vec<String> = clicks.iter().map(|n| format!("eq(n\\,{n})")).collect();
    let source = clip::make(
        "clicks.wav",
        &format!(
            "-f lavfi -i 'aevalsrc=0.9*({}):s=48000:d=6' -c:a pcm_s16le",
            when.join("+")
        ),
    );
    let facts = task::facts(&source).await;
    let made = task::run(task::audio(&source, &facts.audio[0], 0), &source).await;
    assert_eq!(made.failure, None);
    let heard = clip::heard(&task::join("audio", &[&made], "clicks.mp4"));
    for click in clicks {
        let around = &heard[click - 1_000..click + 1_000];
        let loudest = around
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        let (at, level) = loudest.expect("samples");
        assert_eq!(at + click - 1_000, click, "heard at another sample");
        assert!(
            level.abs() > 0.2,
            "the click of sample {click} has a level of {level}"
        );
    }
}
