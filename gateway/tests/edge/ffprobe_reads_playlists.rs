//! The final playlists and the DASH manifest are what a foreign reader takes them for: every frame of every
//! rendition, from segments that lie in the folders of different attempts.

use std::path::Path;
use std::process::Command;

use bus_schema::id::TaskNumber;
use gateway::playlist::{self, Details};
use serde_json::Value;
use tempfile::TempDir;

use crate::sample_job::{LADDER, SAMPLE_RATE, SECOND_NS, SampleJob, TIMESCALE};

const DURATION_S: u32 = 10;

/// `None` with a printed reason where the tools are not installed.
#[expect(clippy::print_stdout, reason = "a test that cannot run here is named")]
fn tools() -> Option<()> {
    for tool in ["ffmpeg", "ffprobe"] {
        if Command::new(tool).arg("-version").output().is_err() {
            println!("skipped: {tool} is not installed (apt install ffmpeg)");
            return None;
        }
    }
    Some(())
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.trim().is_empty(),
        "{command:?}: {errors}"
    );
    String::from_utf8(output.stdout).expect("text")
}

/// CMAF segments of four seconds in `folder`; their durations in seconds.
fn encode(folder: &Path, source: &str, options: &[&str]) -> Vec<f64> {
    std::fs::create_dir_all(folder).expect("a folder");
    let segments = folder.join("%d.m4s");
    let list = folder.join("list.m3u8");
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-f", "lavfi", "-i", source])
        .args(options);
    command.args([
        "-f",
        "hls",
        "-hls_time",
        "4",
        "-hls_segment_type",
        "fmp4",
        "-hls_playlist_type",
        "vod",
    ]);
    command
        .args([
            "-hls_fmp4_init_filename",
            "init.mp4",
            "-hls_segment_filename",
        ])
        .arg(segments)
        .arg(&list);
    run(&mut command);
    let list = std::fs::read_to_string(list).expect("a playlist");
    let lines = list
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:"));
    lines
        .map(|line| line.trim_end_matches(',').parse().expect("seconds"))
        .collect()
}

/// Moves one encoded segment to where an attempt would have put it.
fn place(root: &Path, from: &Path, number: usize, attempt: &str, rendition: &str) {
    let folder = root.join(attempt).join(rendition);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::copy(from.join("init.mp4"), folder.join("init.mp4")).expect("an init segment");
    std::fs::copy(
        from.join(format!("{number}.m4s")),
        folder.join(format!("{number:06}.m4s")),
    )
    .expect("a segment");
}

fn make(root: &Path) -> SampleJob {
    let mut job = SampleJob::running(u64::from(DURATION_S) * SECOND_NS, true);
    for (name, width, height, _) in LADDER {
        let encoded = root.join("encoded").join(name);
        let source = format!("testsrc2=size={width}x{height}:rate=25:duration={DURATION_S}");
        let timescale = TIMESCALE.to_string();
        let x264 = [
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            // Frames in another order than they are shown in, as the worker's are.
            "-bf",
            "2",
            "-g",
            "100",
            "-keyint_min",
            "100",
        ];
        let more = [
            "-sc_threshold",
            "0",
            "-pix_fmt",
            "yuv420p",
            "-video_track_timescale",
            timescale.as_str(),
        ];
        let durations = encode(
            &encoded,
            &source,
            &[x264.as_slice(), more.as_slice()].concat(),
        );
        assert_eq!(durations, [4.0, 4.0, 2.0]);
        for (number, attempt) in ["t2a1", "t3a1", "t3a1"].into_iter().enumerate() {
            place(root, &encoded, number, attempt, name);
        }
    }
    let encoded = root.join("encoded/audio");
    let source = format!("sine=frequency=440:sample_rate={SAMPLE_RATE}:duration={DURATION_S}");
    let durations = encode(&encoded, &source, &["-c:a", "aac", "-ac", "2"]);
    for number in 0..durations.len() {
        place(root, &encoded, number, "t1a1", "audio");
    }
    job.finish_chunk(0, 1);
    job.finish_chunk(1, 1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds of a short test"
    )]
    let units: Vec<u32> = durations
        .iter()
        .map(|s| (s * f64::from(SAMPLE_RATE)).round() as u32)
        .collect();
    job.finish_part(1, &units);
    job.finish_task(TaskNumber(1), 1);
    job
}

/// (kind, width, frames) of each stream that is read to its end.
fn streams(path: &Path) -> Vec<(String, u64, u64)> {
    if path.extension().is_none_or(|extension| extension != "mpd") {
        return read(path, &["-allowed_extensions", "ALL"]);
    }
    // One at a time: ffprobe's reader of manifests, unlike that of playlists, ends with the first stream
    // that ends, and so loses the last frame of others where frames are reordered - also of manifests
    // that ffmpeg wrote.
    let n_streams = read(path, &["-read_intervals", "%+#1"]).len();
    let mut streams: Vec<_> = (0..n_streams)
        .flat_map(|index| read(path, &["-select_streams", &index.to_string()]))
        .collect();
    streams.sort();
    streams
}

fn read(path: &Path, options: &[&str]) -> Vec<(String, u64, u64)> {
    let mut command = Command::new("ffprobe");
    command
        .args(["-v", "error"])
        .args(options)
        .args(["-count_frames", "-of", "json"])
        .args(["-show_entries", "stream=codec_type,width,nb_read_frames"])
        .arg(path);
    let probed: Value = serde_json::from_str(&run(&mut command)).expect("JSON");
    let mut streams: Vec<(String, u64, u64)> = probed["streams"]
        .as_array()
        .expect("streams")
        .iter()
        .map(|stream| {
            let frames = stream["nb_read_frames"]
                .as_str()
                .and_then(|n| n.parse().ok())
                .unwrap_or(0);
            (
                stream["codec_type"].as_str().unwrap_or_default().to_owned(),
                stream["width"].as_u64().unwrap_or(0),
                frames,
            )
        })
        .collect();
    streams.sort();
    streams
}

#[test]
fn ffprobe_finds_every_frame_of_every_rendition() {
    let Some(()) = tools() else { return };
    let root = TempDir::new().unwrap();
    let job = make(root.path());
    let details =
        Details::read(&job.record, |key| job.details.get(key).map(Vec::as_slice)).unwrap();
    let files = playlist::finish(&job.record, &details).unwrap();
    for file in &files {
        std::fs::write(root.path().join(&file.name), &file.text).unwrap();
    }
    for name in ["master.m3u8", "manifest.mpd"] {
        let found = streams(&root.path().join(name));
        let video: Vec<(u64, u64)> = found
            .iter()
            .filter(|s| s.0 == "video")
            .map(|s| (s.1, s.2))
            .collect();
        assert_eq!(video, [(640, 250), (1280, 250)], "{name}: {found:?}");
        // 480,000 samples in frames of 1,024, and the encoder's priming.
        let audio: Vec<u64> = found
            .iter()
            .filter(|s| s.0 == "audio")
            .map(|s| s.2)
            .collect();
        assert!(
            !audio.is_empty() && audio.iter().all(|frames| (468..=471).contains(frames)),
            "{name}: {found:?}"
        );
    }
    assert_eq!(
        streams(&root.path().join("720p.m3u8")),
        [("video".to_owned(), 1280, 250)]
    );
    // What a job that has all its pieces but is not completed is served: the same, as an event.
    let growing = playlist::media(&job.record, &details, &"360p".parse().unwrap()).unwrap();
    std::fs::write(root.path().join("growing.m3u8"), growing).unwrap();
    assert_eq!(
        streams(&root.path().join("growing.m3u8")),
        [("video".to_owned(), 640, 250)]
    );
}
