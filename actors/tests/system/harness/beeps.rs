//! Whether sound and picture are together: a film that flashes and beeps each second tells.

use super::films::run;

/// Samples a second of the sound as it is listened to.
const RATE: f64 = 48_000.0;
/// Brighter than this is a flash: the film is black else.
const FLASH: u8 = 128;
/// Louder than a fifth of full scale is a beep, which has four fifths; what an encoder smears before
/// it is much fainter.
const BEEP: i16 = i16::MAX / 5;
/// Beeps are a second apart: after one, listen again after half.
const QUIET: usize = 24_000;

/// What a film shows and when, in its seconds.
#[derive(Debug)]
pub(crate) struct Flashes {
    /// The first picture.
    pub(crate) begin_s: f64,
    /// Those that are lit.
    pub(crate) at_s: Vec<f64>,
}

/// When the picture flashes.
pub(crate) fn flashes(film: &str) -> Flashes {
    let gray =
        "-map 0:v:0 -fps_mode passthrough -vf scale=1:1:flags=area,format=gray -f rawvideo -";
    let luma = run("ffmpeg", "-v error -i", film, gray);
    let times = "-v error -select_streams v:0 -show_entries frame=pts_time -of csv=p=0";
    let times = String::from_utf8(run("ffprobe", times, film, "")).expect("text");
    let times: Vec<f64> = times
        .lines()
        .map(|line| line.trim_end_matches(','))
        // Frames with side data have a line for it, too.
        .filter(|line| !line.is_empty())
        .map(|line| line.parse().expect("a time"))
        .collect();
    assert_eq!(times.len(), luma.len(), "a time for each picture");
    let begin_s = *times.first().expect("a picture");
    let lit = luma.iter().zip(times).filter(|(luma, _)| **luma > FLASH);
    let at_s = lit.map(|(_, time)| time).collect();
    Flashes { begin_s, at_s }
}

/// When the sound beeps, in seconds of the film.
pub(crate) fn beeps(film: &str) -> Vec<f64> {
    // What the film does not play at its start is silence here, so that a place is a time.
    let heard = "-map 0:a:0 -af aresample=48000:async=1:first_pts=0 -ac 1 -f s16le -";
    let bytes = run("ffmpeg", "-v error -copyts -i", film, heard);
    let samples: Vec<i16> = bytes
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let is_beep = |sample: &i16| sample.saturating_abs() > BEEP;
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = samples
        .get(at..)
        .and_then(|rest| rest.iter().position(is_beep))
    {
        let sample = u32::try_from(at + next).expect("a minute of samples");
        found.push(f64::from(sample) / RATE);
        at += next + QUIET;
    }
    found
}
