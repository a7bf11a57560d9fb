//! A sound begins at its first sample, as loud and as clear as it goes on, and ends at its last: what
//! the encoder puts before the beginning is in the segments and in the file, and is not heard.

use std::path::{Path, PathBuf};

use bus_schema::task::TaskSpec;

use super::task::Made;
use super::{clip, task};

/// Samples of an access unit.
const UNIT: usize = 1_024;

/// Seven seconds of noise that is loud from its first sample on, and of no whole number of units.
fn noise(rate: u32, channels: u32) -> PathBuf {
    clip::make(
        &format!("priming-{rate}-{channels}.wav"),
        &format!(
            "-f lavfi -i 'anoisesrc=c=brown:a=0.9:r={rate}:seed=11:d=7.003' -ac {channels} -c:a pcm_s16le"
        ),
    )
}

async fn encoded(source: &Path, rate: u32, channels: u32, parts_done: u32) -> Made {
    let facts = task::facts(source).await;
    let mut spec = task::audio(source, &facts.audio[0], parts_done);
    if let TaskSpec::Audio(spec) = &mut spec {
        (spec.audio.sample_rate_hz, spec.audio.channels) = (rate, channels);
    }
    let made = task::run(spec, source).await;
    assert_eq!(made.failure, None, "{}", source.display());
    made
}

/// Power of what differs, unit by unit.
fn noise_by_unit(before: &[f32], after: &[f32]) -> Vec<f64> {
    let pairs: Vec<(&f32, &f32)> = before.iter().zip(after).collect();
    let power = |unit: &[(&f32, &f32)]| {
        let squares = unit.iter().map(|(a, b)| f64::from(*a - *b).powi(2));
        squares.sum()
    };
    pairs.chunks_exact(UNIT).map(power).collect()
}

/// The first unit has about as much of the coder's noise as any other; the length is the source's. Without
/// the priming it would fade in, and differ from the source by half of its power: seven times as much.
fn check(what: &str, before: &[f32], after: &[f32]) {
    let noise = noise_by_unit(before, after);
    let (first, others) = noise.split_first().expect("a unit");
    let most = others.iter().copied().fold(0.0, f64::max);
    assert!(
        *first < 2.0 * most,
        "{what}: noise of {first} at first, then at most {most}"
    );
    let power: f64 = before.iter().map(|s| f64::from(*s).powi(2)).sum();
    let all: f64 = noise.iter().sum();
    assert!(all < 0.05 * power, "{what}: noise of {all} in {power}");
    // ffmpeg decodes the last unit to its own end.
    assert!(
        (before.len()..before.len() + UNIT).contains(&after.len()),
        "{what}: {} samples of {}",
        after.len(),
        before.len()
    );
}

#[tokio::test]
async fn a_sound_begins_as_clear_as_it_goes_on() {
    if !clip::has_ffmpeg("a_sound_begins_as_clear_as_it_goes_on") {
        return;
    }
    for (rate, channels) in [(48_000, 2), (44_100, 1)] {
        let source = noise(rate, channels);
        let made = encoded(&source, rate, channels, 0).await;
        let name = format!("priming-{rate}-{channels}");
        let before = clip::native(&source);
        let fragments = task::join("audio", &[&made], &format!("{name}-fragments.mp4"));
        let file = task::assemble_sound(&[(&made, 0..9)], &format!("{name}-file.mp4"));
        check(
            &format!("{name}: fragments"),
            &before,
            &clip::heard_at(&fragments, rate),
        );
        check(
            &format!("{name}: the file"),
            &before,
            &clip::heard_at(&file, rate),
        );
        // Nothing but the priming is left out by a player that knows no clock.
        assert_eq!(clip::native(&file), clip::heard_at(&file, rate), "{name}");
        let shown: u64 = made
            .parts
            .iter()
            .flat_map(|part| &part.durations)
            .map(|d| u64::from(*d))
            .sum();
        assert_eq!(shown, before.len() as u64, "{name}: to the sample");
    }
}

/// Two runs of the encoder never come to the same bits, however long they have seen the same sound: what
/// can be asked of the seam is that it has no more noise than any other place.
#[tokio::test]
async fn a_seam_of_two_attempts_is_a_place_like_any_other() {
    if !clip::has_ffmpeg("a_seam_of_two_attempts_is_a_place_like_any_other") {
        return;
    }
    let source = noise(48_000, 2);
    let first = encoded(&source, 48_000, 2, 0).await;
    let second = encoded(&source, 48_000, 2, 1).await;
    let before = clip::native(&source);
    let of = |made: &[(&Made, std::ops::Range<u32>)], name: &str| {
        let after = clip::heard_at(&task::assemble_sound(made, name), 48_000);
        check(name, &before, &after);
        noise_by_unit(&before, &after)
    };
    let whole = of(&[(&first, 0..9)], "priming-one.mp4");
    let joined = of(&[(&first, 0..1), (&second, 1..9)], "priming-two.mp4");
    let seam = usize::try_from(second.parts[0].start).expect("small") / UNIT;
    assert_eq!(whole[..seam - 1], joined[..seam - 1], "the same part");
    let most = |noise: &[f64]| noise.iter().copied().fold(0.0, f64::max);
    let (at_seam, elsewhere) = (most(&joined[seam - 1..seam + 8]), most(&whole[1..]));
    assert!(
        at_seam <= elsewhere,
        "noise of {at_seam}, not of {elsewhere}"
    );
}
