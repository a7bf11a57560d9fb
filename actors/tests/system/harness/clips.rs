//! Films to transcode: a real one, and some that ffmpeg makes for the purpose.

use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::sync::Mutex;

use super::{find_program, skipped, tools};

/// One makes a clip, the others find it.
static MAKING: Mutex<()> = Mutex::const_new(());

/// A real film of 5.3 s: 1280x720, 25 frames a second, with sound.
pub(crate) struct Real {
    pub(crate) path: PathBuf,
}

impl Real {
    /// Its frames, as its index counts them.
    pub(crate) const FRAMES: u64 = 132;
    /// How long its picture is.
    pub(crate) const SECONDS: f64 = 5.28;

    /// Unless the set-up has not fetched it, which is said aloud.
    pub(crate) fn find(test: &str) -> Option<Self> {
        let path = tools().join("media/bigbuckbunny.mp4");
        if !path.is_file() {
            skipped(test, "no .tools/media/bigbuckbunny.mp4 (run the set-up)");
            return None;
        }
        has_ffmpeg(test).then_some(Self { path })
    }
}

/// Whether films can be made and looked at; said aloud where not.
pub(crate) fn has_ffmpeg(test: &str) -> bool {
    let is_here = ["ffmpeg", "ffprobe"]
        .iter()
        .all(|name| find_program(name).is_some());
    if !is_here {
        skipped(test, "ffmpeg and ffprobe are not installed");
    }
    is_here
}

/// Every second a flash of one frame, and with it a beep of 40 ms: 24 s of 25 frames a second.
pub(crate) async fn beeps() -> PathBuf {
    let flash =
        "color=c=black:s=320x180:r=25:d=24,drawbox=c=white:t=fill:enable='lt(mod(t,1),0.039)'";
    let beep = "aevalsrc='if(lt(mod(t,1),0.04),0.8*sin(2*PI*1000*t),0)':s=48000:d=24";
    made(
        "beeps.mp4",
        &["-f", "lavfi", "-i", flash, "-f", "lavfi", "-i", beep],
    )
    .await
}

/// Seconds of [`long`], and of [`long_silent`].
pub(crate) const LONG_S: u64 = 60;
/// Frames of [`long`], and of [`long_silent`].
pub(crate) const LONG_FRAMES: u64 = LONG_S * 25;

/// A minute that is a few seconds' work: long enough to be killed in its middle.
pub(crate) async fn long() -> PathBuf {
    let picture = format!("testsrc2=s=640x360:r=25:d={LONG_S}");
    let sound = format!("sine=f=440:r=48000:d={LONG_S}");
    let inputs = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
    made("long.mp4", &inputs).await
}

/// Twelve seconds of noise in more bytes than two parts of an upload have; with a track of time codes
/// between the others, and the index behind.
pub(crate) async fn heavy() -> PathBuf {
    let picture = "nullsrc=s=640x360:r=25:d=12,geq=random(1)*255:128:128";
    let sound = "sine=f=440:r=48000:d=12";
    let inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound];
    let rest = ["-timecode", "01:00:00:00", "-qp", "20"];
    made("heavy.mov", &[&inputs[..], &rest[..]].concat()).await
}

/// Two seconds in a container that is not copied.
pub(crate) async fn matroska() -> PathBuf {
    let picture = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=2"];
    made("matroska.mkv", &picture).await
}

/// Two seconds without sound.
pub(crate) async fn silent() -> PathBuf {
    let picture = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=2"];
    made("silent.mp4", &picture).await
}

/// Two seconds without a picture.
pub(crate) async fn sound() -> PathBuf {
    let sound = ["-f", "lavfi", "-i", "sine=f=440:r=48000:d=2"];
    made("sound.m4a", &sound).await
}

/// Three seconds with three tracks of sound: 440 Hz in German, 880 Hz in English as the default and
/// under a name, 1,760 Hz in no language that is told.
pub(crate) async fn tongues() -> PathBuf {
    let picture = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=3"];
    let sines = ["440", "880", "1760"].map(|f| format!("sine=f={f}:r=48000:d=3"));
    let sines = sines
        .iter()
        .flat_map(|sine| ["-f", "lavfi", "-i", sine.as_str()]);
    let words = "-map 0 -map 1 -map 2 -map 3 -metadata:s:a:0 language=deu -metadata:s:a:1 language=eng \
                 -metadata:s:a:1 title=Original -disposition:a:0 0 -disposition:a:1 default \
                 -disposition:a:2 0 -metadata title=Film";
    let arguments: Vec<&str> = picture
        .into_iter()
        .chain(sines)
        .chain(words.split_whitespace())
        .collect();
    made("tongues.mkv", &arguments).await
}

/// Seconds of [`duet`].
pub(crate) const DUET_S: u64 = 8;

/// A film with two tracks of sound: 440 Hz in English, and 1,000 Hz in German.
pub(crate) async fn duet() -> PathBuf {
    let picture = format!("testsrc2=s=320x180:r=25:d={DUET_S}");
    let sines = ["440", "1000"].map(|f| format!("sine=f={f}:r=48000:d={DUET_S}"));
    let sines = sines
        .iter()
        .flat_map(|sine| ["-f", "lavfi", "-i", sine.as_str()]);
    let words = "-map 0 -map 1 -map 2 -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu \
                 -disposition:a:0 default -disposition:a:1 0";
    let arguments: Vec<&str> = ["-f", "lavfi", "-i", &picture]
        .into_iter()
        .chain(sines)
        .chain(words.split_whitespace())
        .collect();
    made("duet.mp4", &arguments).await
}

/// When the cue that is looked for is shown, in milliseconds from and to; and its text.
pub(crate) const CUE: (u64, u64, &str) = (1_200, 3_400, "<i>Guten</i> Tag & <hallo>");

/// The real film with subtitles: German as text in italics, English as text that is forced, and French
/// as pictures.
pub(crate) async fn titled(film: &Real) -> PathBuf {
    let (from_ms, to_ms, words) = CUE;
    let time = |ms: u64| format!("00:00:{:02},{:03}", ms / 1_000, ms % 1_000);
    let german = format!("1\n{} --> {}\n{words}\n", time(from_ms), time(to_ms));
    let english =
        "1\n00:00:00,000 --> 00:00:01,000\nA sign\n\n2\n00:00:04,000 --> 00:00:05,000\nEnd\n";
    let german = written("german.srt", german);
    let english = written("english.srt", english);
    let french = written("french.sup", blu_ray_subtitles());
    let film = film.path.to_str().expect("a plain path");
    let words = "-map 0:v -map 0:a -map 1:s -map 2:s -map 3:s -c:v copy -c:a copy -c:s:0 copy -c:s:1 ass \
                 -c:s:2 dvdsub -metadata:s:s:0 language=ger -metadata:s:s:1 language=eng \
                 -metadata:s:s:1 title=Signs -metadata:s:s:2 language=fre -disposition:s:0 0 \
                 -disposition:s:1 forced -disposition:s:2 0";
    let inputs = ["-i", film, "-i", &german, "-i", &english, "-i", &french];
    let arguments: Vec<&str> = inputs.into_iter().chain(words.split_whitespace()).collect();
    made("titled.mkv", &arguments).await
}

/// Subtitles as a Blu-ray has them: a square of four by four pixels from 1 s to 2 s.
fn blu_ray_subtitles() -> Vec<u8> {
    let segment = |at_s: u32, kind: u8, body: &[u8]| {
        let pts = (at_s * 90_000).to_be_bytes();
        let size = u16::try_from(body.len()).expect("short").to_be_bytes();
        [&b"PG"[..], &pts, &[0; 4], &[kind], &size, body].concat()
    };
    let composition = |number: u8, objects: &[u8]| {
        [&[2, 128, 1, 104, 0x10, 0, number, 0x80, 0, 0][..], objects].concat()
    };
    let window = [1, 0, 0, 10, 0, 10, 0, 4, 0, 4];
    let lines = [[1, 1, 1, 1, 0, 0]; 4].concat();
    let length = u8::try_from(lines.len() + 4).expect("short");
    let picture = [&[0, 0, 0, 0xc0, 0, 0, length, 0, 4, 0, 4][..], &lines].concat();
    [
        segment(1, 0x16, &composition(0, &[1, 0, 0, 0, 0, 0, 10, 0, 10])),
        segment(1, 0x17, &window),
        segment(1, 0x14, &[0, 0, 1, 235, 128, 128, 255]),
        segment(1, 0x15, &picture),
        segment(1, 0x80, &[]),
        segment(2, 0x16, &composition(1, &[0])),
        segment(2, 0x17, &window),
        segment(2, 0x80, &[]),
    ]
    .concat()
}

/// Writes a file that clips are made from, under a name of its own, and gives its path.
pub(crate) fn written(name: &str, content: impl AsRef<[u8]>) -> String {
    let folder = folder();
    // As a whole: other tests may be reading it.
    let (path, draft) = (
        folder.join(name),
        folder.join(format!("{}-{name}", std::process::id())),
    );
    std::fs::write(&draft, content).expect("written");
    std::fs::rename(&draft, &path).expect("renamed");
    path.to_str().expect("a plain path").to_owned()
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clips");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Makes a clip once for all runs; the index stands in front.
pub(crate) async fn made(name: &str, arguments: &[&str]) -> PathBuf {
    let folder = folder();
    let path = folder.join(name);
    // A clip lies beside the command that made it: a changed command makes another clip.
    let recipe = folder.join(format!("{name}.recipe"));
    let _turn = MAKING.lock().await;
    let wanted = arguments.join("\n");
    let is_made = std::fs::read_to_string(&recipe).is_ok_and(|text| text == wanted);
    if is_made && path.is_file() {
        return path;
    }
    let draft = folder.join(format!("{}-{name}", std::process::id()));
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-v", "error", "-y"])
        .args(arguments);
    if !arguments.contains(&"copy") {
        command.args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "50"]);
        command.args(["-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k"]);
    }
    command.args(["-movflags", "+faststart"]).arg(&draft);
    let status = command.status().expect("ffmpeg runs");
    assert!(status.success(), "{command:?}");
    std::fs::rename(&draft, &path).expect("renamed");
    std::fs::write(&recipe, wanted).expect("written");
    path
}
