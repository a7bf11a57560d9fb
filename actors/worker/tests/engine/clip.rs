//! Clips, made by ffmpeg once per run of this binary; and what ffprobe and ffmpeg say of files.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use super::folder;

/// Where this run's clips lie.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| folder::of_run("clips"));

/// Whether a test that needs ffmpeg can run; says so when it cannot.
pub(crate) fn has_ffmpeg(test: &str) -> bool {
    let found = Command::new("ffmpeg")
        .arg("-version")
        .output()
        .is_ok_and(|o| o.status.success());
    if !found {
        eprintln!("SKIPPED {test}: ffmpeg is not installed");
    }
    found
}

/// A clip made with these arguments of ffmpeg.
pub(crate) fn make(name: &str, arguments: &str) -> PathBuf {
    /// Several tests use the same clip.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().expect("no clip fails to be made");
    let path = place(name, arguments.as_bytes());
    if path.exists() {
        return path;
    }
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-y"])
        .args(split(arguments))
        .arg(&path);
    let output = command.output().expect("ffmpeg starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {arguments}: {errors}");
    path
}

/// A file of these bytes.
pub(crate) fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = place(name, bytes);
    // At once, since another test may write and read the same.
    let own = path.with_extension(format!("{:?}", std::thread::current().id()));
    std::fs::write(&own, bytes).expect("a clip can be written");
    std::fs::rename(&own, &path).expect("a clip can be named");
    path
}

/// Where a file lies: two tests may give one name to different ones.
fn place(name: &str, made_of: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    made_of.hash(&mut hasher);
    let folder = FOLDER.join(format!("{:016x}", hasher.finish()));
    std::fs::create_dir_all(&folder).expect("the folder of clips can be written");
    folder.join(name)
}

/// The first `part` of 100 of a file.
pub(crate) fn cut(name: &str, path: &Path, part: usize) -> PathBuf {
    let bytes = std::fs::read(path).expect("a clip can be read");
    write(name, &bytes[..bytes.len() * part / 100])
}

/// Arguments are separated by blanks; those in single quotes hold blanks themselves.
fn split(arguments: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for c in arguments.chars() {
        match c {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            _ => words.last_mut().expect("there is a first word").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A moving picture and a tone: seconds, frames a second, size, further arguments.
pub(crate) fn film(name: &str, seconds: u32, rate: &str, size: &str, rest: &str) -> PathBuf {
    make(
        name,
        &format!(
            "-f lavfi -i testsrc2=s={size}:r={rate}:d={seconds} \
             -f lavfi -i sine=f=440:r=48000:d={seconds} \
             -c:v libx264 -preset ultrafast -bf 2 -g 50 -pix_fmt yuv420p -c:a aac {rest}"
        ),
    )
}

/// What ffprobe prints for these entries of the picture, line by line.
fn probe(path: &Path, entries: &str) -> Vec<String> {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-count_frames",
            "-of",
            "csv=p=0",
        ])
        .args(["-show_entries", entries])
        .arg(path)
        .output()
        .expect("ffprobe starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .map(|line| line.trim_end_matches(',').to_owned())
        .collect()
}

/// Times of the frames that decode, in seconds, in the order of presentation, from the first one
/// on.
pub(crate) fn frame_times(path: &Path) -> Vec<f64> {
    let lines = probe(path, "frame=best_effort_timestamp_time");
    let mut times: Vec<f64> = lines
        .iter()
        .filter_map(|line| line.split(',').next()?.parse().ok())
        .collect();
    times.sort_by(f64::total_cmp);
    let first = times.first().copied().unwrap_or(0.0);
    times.iter().map(|time| time - first).collect()
}

/// Width and height.
pub(crate) fn size(path: &Path) -> (u32, u32) {
    let lines = probe(path, "stream=width,height");
    let mut numbers = lines[0].split(',').map(|n| n.parse().expect("a number"));
    (
        numbers.next().expect("a width"),
        numbers.next().expect("a height"),
    )
}

/// Width, height and pixel aspect as ffprobe tells them: `640,360,1:1`.
pub(crate) fn shape(path: &Path) -> String {
    probe(path, "stream=width,height,sample_aspect_ratio").swap_remove(0)
}

/// Sampling, range, matrix, transfer, primaries and the place of chroma, as ffprobe tells them.
pub(crate) fn colours(path: &Path) -> String {
    let entries = "stream=pix_fmt,color_range,color_space,color_transfer,color_primaries,\
                   chroma_location";
    probe(path, entries).swap_remove(0)
}

/// The picture's codec as ffprobe calls it.
pub(crate) fn codec(path: &Path) -> String {
    probe(path, "stream=codec_name").swap_remove(0)
}

/// Mean SSIM of one film's frames against another's, scaled to the size of the first; both must have as many.
pub(crate) fn ssim(path: &Path, source: &Path) -> f64 {
    let (width, height) = size(path);
    let scaled = format!("[1:v]scale={width}:{height}:flags=bicubic[s];[0:v][s]ssim");
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostats", "-i"])
        .arg(path)
        .arg("-i")
        .arg(source)
        .args(["-lavfi", &scaled, "-f", "null", "-"])
        .output()
        .expect("ffmpeg starts");
    let text = String::from_utf8_lossy(&output.stderr);
    let all = text.rsplit_once(" All:").expect("ffmpeg tells the SSIM").1;
    let number = all.split_whitespace().next().expect("a number follows");
    number.parse().expect("a number")
}

/// The picture's first frame as red, green and blue bytes, as its own tags say.
pub(crate) fn rgb(path: &Path) -> Vec<u8> {
    rgb_by(
        path,
        "scale=flags=accurate_rnd+full_chroma_int,format=rgb24",
    )
}

/// The picture's first frame as these filters make it, which end with red, green and blue bytes.
pub(crate) fn rgb_by(path: &Path, filters: &str) -> Vec<u8> {
    decode(path, &["-vf", filters, "-frames:v", "1", "-f", "rawvideo"])
}

/// Whether ffmpeg was built with a filter.
pub(crate) fn has_filter(name: &str) -> bool {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-filters"])
        .output()
        .expect("ffmpeg starts");
    let list = String::from_utf8_lossy(&output.stdout);
    list.lines()
        .any(|line| line.split_whitespace().nth(1) == Some(name))
}

/// A picture's frames as raw grey bytes, scaled to `width` x `height`: the grey of colours as seen,
/// since a picture's own luma depends on its matrix.
pub(crate) fn grey(path: &Path, width: u32, height: u32) -> Vec<u8> {
    decode(
        path,
        &[
            "-vf",
            &format!("scale={width}:{height},format=rgb24,format=gray"),
            "-f",
            "rawvideo",
        ],
    )
}

/// Sound as one channel of 48,000 samples a second.
pub(crate) fn samples(path: &Path) -> Vec<f32> {
    floats(&decode(
        path,
        &["-map", "0:a:0", "-ac", "1", "-ar", "48000", "-f", "f32le"],
    ))
}

/// Sound as one channel of its own rate.
pub(crate) fn native(path: &Path) -> Vec<f32> {
    floats(&decode(path, &["-map", "0:a:0", "-ac", "1", "-f", "f32le"]))
}

/// As [`heard_at`] of 48,000 samples a second.
pub(crate) fn heard(path: &Path) -> Vec<f32> {
    heard_at(path, 48_000)
}

/// Sound as one channel of so many samples a second, from time 0 of the file's own clock on: what is
/// before that is left out, as players leave it out, and a late beginning is preceded by silence.
pub(crate) fn heard_at(path: &Path, rate: u32) -> Vec<f32> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-copyts", "-i"])
        .arg(path)
        .args(["-map", "0:a:0", "-ac", "1"])
        .args(["-af", &format!("aresample={rate}:async=1:first_pts=0")])
        .args(["-f", "f32le", "-"])
        .output()
        .expect("ffmpeg starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", path.display());
    floats(&output.stdout)
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let samples = bytes.chunks_exact(4);
    samples
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}

/// Sound as left and right of 48,000 samples a second.
pub(crate) fn stereo(path: &Path) -> Vec<[f32; 2]> {
    let bytes = decode(
        path,
        &["-map", "0:a:0", "-ac", "2", "-ar", "48000", "-f", "f32le"],
    );
    let value = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    bytes
        .chunks_exact(8)
        .map(|both| [value(&both[..4]), value(&both[4..])])
        .collect()
}

/// Channels and samples a second of the first sound.
pub(crate) fn channels_and_rate(path: &Path) -> (u32, u32) {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "a:0", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=sample_rate,channels"])
        .arg(path)
        .output()
        .expect("ffprobe starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<u32> = text
        .trim()
        .split(',')
        .filter_map(|n| n.parse().ok())
        .collect();
    (numbers[1], numbers[0])
}

fn decode(path: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-fps_mode", "passthrough"])
        .args(arguments)
        .arg("-")
        .output()
        .expect("ffmpeg starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
