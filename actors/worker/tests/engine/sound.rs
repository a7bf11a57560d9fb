//! Sound is in time with the picture from start to end, and cut without a seam wherever an attempt
//! begins.

use bus_schema::plan::Span;
use worker::mp4::SampleTable;

use super::clip;
use super::task::{self, Made};

/// Samples that the encoder puts before the sound's own.
const PRIMING: u32 = 1_024;

/// Transcodes the first audio track from a part on.
async fn sound(source: &std::path::Path, parts_done: u32) -> Made {
    let facts = task::facts(source).await;
    let made = task::run(task::audio(source, &facts.audio[0], parts_done), source).await;
    assert_eq!(made.failure, None, "{}", source.display());
    assert_eq!(
        made.n_parts,
        Some(parts_done + u32::try_from(made.parts.len()).expect("a few parts"))
    );
    let mut at = None;
    for part in &made.parts {
        assert!(
            at.is_none_or(|at| at == part.start),
            "a gap before part {}",
            part.part
        );
        at = Some(part.start + part.durations.iter().map(|d| u64::from(*d)).sum::<u64>());
        let table = &made.objects[&format!("audio/samples-{}", part.part)];
        let table = SampleTable::decode(table).expect("the table can be read");
        assert_eq!(table.track().priming, PRIMING);
        let mut durations: Vec<u32> = table.segments().iter().map(|s| s.duration).collect();
        if part.part == 0 {
            assert_eq!(
                (table.start(), part.start),
                (0, 0),
                "the priming comes first"
            );
            durations[0] -= PRIMING;
        } else {
            assert_eq!(table.start(), part.start + u64::from(PRIMING));
        }
        assert_eq!(durations, part.durations);
    }
    made
}

/// Onsets: samples or frames that are the first loud or bright ones after quiet or dark ones.
fn onsets(levels: &[f32], threshold: f32, quiet: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut since = quiet;
    for (n, level) in levels.iter().enumerate() {
        if level.abs() > threshold {
            if since >= quiet {
                found.push(n);
            }
            since = 0;
        } else {
            since += 1;
        }
    }
    found
}

#[tokio::test]
async fn beeps_are_heard_when_flashes_are_seen() {
    if !clip::has_ffmpeg("beeps_are_heard_when_flashes_are_seen") {
        return;
    }
    for (name, codecs) in [
        ("flash.mp4", "-c:v libx264 -preset ultrafast -bf 2 -c:a aac"),
        (
            "flash.mkv",
            "-c:v libx264 -preset ultrafast -bf 2 -c:a libopus",
        ),
    ] {
        let source = clip::make(
            name,
            &format!(
                "-f lavfi -i color=black:s=160x90:r=25:d=9 \
                 -f lavfi -i 'aevalsrc=if(lt(mod(t\\,1)\\,0.08)\\,0.8*sin(2*PI*1000*t)\\,0):s=48000:d=9' \
                 -vf 'drawbox=color=white:t=fill:enable=lt(mod(n\\,25)\\,2)' -pix_fmt yuv420p {codecs}"
            ),
        );
        let facts = task::facts(&source).await;
        let video = facts.video.expect("there is a picture");
        let span = Span {
            start_ns: 0,
            end_ns: None,
        };
        let picture = task::run(task::chunk(&source, &video, span, 2, &[(160, 90)]), &source).await;
        let start = picture.chunk.as_ref().expect("a chunk").start;
        let start_s = start as f64 / f64::from(video.timescale);
        let joined = task::join("90p", &[&picture], &format!("{name}-picture.mp4"));
        let times = clip::frame_times(&joined);
        let bright: Vec<f32> = clip::grey(&joined, 1, 1)
            .iter()
            .map(|b| f32::from(*b))
            .collect();
        assert_eq!(bright.len(), times.len());
        let seen: Vec<f64> = onsets(&bright, 128.0, 5)
            .iter()
            .map(|n| start_s + times[*n])
            .collect();
        let made = sound(&source, 0).await;
        let heard = clip::heard(&task::join("audio", &[&made], &format!("{name}-sound.mp4")));
        let heard: Vec<f64> = onsets(&heard, 0.2, 9_600)
            .iter()
            .map(|n| *n as f64 / 48_000.0)
            .collect();
        assert_eq!(
            (seen.len(), heard.len()),
            (9, 9),
            "{name}: {seen:?} {heard:?}"
        );
        for (seen, heard) in seen.iter().zip(&heard) {
            assert!(
                (seen - heard).abs() < 0.025,
                "{name}: seen at {seen}, heard at {heard}"
            );
        }
    }
}

#[tokio::test]
async fn an_attempt_that_goes_on_behind_another_leaves_no_seam() {
    if !clip::has_ffmpeg("an_attempt_that_goes_on_behind_another_leaves_no_seam") {
        return;
    }
    let source = clip::make(
        "sweep.mkv",
        "-f lavfi -i testsrc2=s=160x90:r=25:d=11 \
         -f lavfi -i 'aevalsrc=0.4*sin(2*PI*(300+40*t)*t):s=48000:d=11' \
         -c:v libx264 -preset ultrafast -g 60 -pix_fmt yuv420p -c:a flac",
    );
    let once = sound(&source, 0).await;
    assert_eq!(once.parts.len(), 3);
    let (mut first, second) = (sound(&source, 0).await, sound(&source, 1).await);
    let strip =
        |part: &bus_schema::attempt::AudioPart| (part.part, part.start, part.durations.clone());
    let of = |made: &Made| made.parts.iter().map(strip).collect::<Vec<_>>();
    assert_eq!(of(&once)[1..], of(&second)[..]);
    // What the first attempt left behind is its part 0 alone.
    first.objects.retain(|name, _| {
        ["audio/init.mp4", "audio/000000.m4s", "audio/000001.m4s"].contains(&name.as_str())
    });
    let joined = clip::heard(&task::join("audio", &[&first, &second], "seam.mp4"));
    let whole = clip::heard(&task::join("audio", &[&once], "whole.mp4"));
    assert_eq!(joined.len(), whole.len());
    // Two encodings of the same sound differ by their own noise: the joined one has no more of it.
    let before = clip::samples(&source);
    let noise = |made: &[f32]| -> f64 {
        let pairs = made.iter().zip(&before);
        pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum()
    };
    let (of_joined, of_whole) = (noise(&joined), noise(&whole));
    assert!(of_joined < 2.0 * of_whole, "{of_joined}, not {of_whole}");
    let click = joined
        .iter()
        .zip(&whole)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(click < 0.1, "{click}");
}

#[tokio::test]
async fn late_sound_is_preceded_by_silence_and_many_channels_become_two() {
    if !clip::has_ffmpeg("late_sound_is_preceded_by_silence_and_many_channels_become_two") {
        return;
    }
    let source = clip::make(
        "late.mp4",
        "-f lavfi -i testsrc2=s=160x90:r=25:d=4 -itsoffset 1.5 \
         -f lavfi -i 'aevalsrc=0.5*sin(880*PI*t):s=44100:d=2.5' -ac 6 \
         -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac",
    );
    let facts = task::facts(&source).await;
    assert_eq!(
        (facts.audio[0].channels, facts.audio[0].sample_rate_hz),
        (6, 44_100)
    );
    let made = sound(&source, 0).await;
    let samples = clip::heard(&task::join("audio", &[&made], "late-joined.mp4"));
    let begins = onsets(&samples, 0.05, 4_800)[0];
    assert!(
        begins.abs_diff(72_000) < 1_200,
        "it begins at sample {begins}"
    );
    let ends = samples
        .iter()
        .rposition(|s| s.abs() > 0.05)
        .expect("there is sound");
    assert!(
        ends.abs_diff(4 * 48_000) < 2_400,
        "it ends at sample {ends}"
    );
}
