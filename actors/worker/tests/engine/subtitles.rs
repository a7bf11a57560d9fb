//! Subtitles as text come out as WebVTT with the times that ffmpeg finds, whatever holds them; nothing of a
//! stranger's words becomes anything but words.

mod tracks;

use std::path::{Path, PathBuf};
use std::process::Command;

use bus_schema::attempt::SubtitlesResult;
use bus_schema::object_key;
use bus_schema::plan::subtitles::{SubtitlePlan, subtitle_names};
use bus_schema::request::clip::Clip;
use bus_schema::source::{SubtitleFacts, SubtitleForm};
use bus_schema::task::{SubtitlesSpec, TaskSpec};

use super::clip;
use super::task::{self, Made};

/// From, to, and what is shown.
type Cue = (u64, u64, String);

const ENGLISH: &str = "1\n00:00:00,500 --> 00:00:01,750\nHello, <i>you</i>\n\n\
    2\n00:00:02,000 --> 00:00:03,001\n<b>Two</b>\nlines & <3\n\n\
    3\n00:00:04,999 --> 00:00:05,500\n\u{fc}ml\u{e4}ut \u{5e9}\u{5dc}\n";
const GERMAN: &str = "1\n00:00:01,000 --> 00:00:02,000\nGuten Tag\n";

/// A film of six seconds with these files of subtitles.
fn film(name: &str, files: &[(&str, &str)], arguments: &str) -> PathBuf {
    let mut inputs = String::new();
    let mut maps = "-map 0:v".to_owned();
    for (place, (file, text)) in (1..).zip(files) {
        let path = clip::write(file, text.as_bytes());
        inputs.push_str(&format!(" -i {}", path.display()));
        maps.push_str(&format!(" -map {place}:s"));
    }
    clip::make(
        name,
        &format!(
            "-f lavfi -i testsrc2=s=160x90:r=25:d=6{inputs} {maps} -c:v libx264 -preset ultrafast -g 25 \
             -pix_fmt yuv420p {arguments}"
        ),
    )
}

fn plan(facts: &[SubtitleFacts]) -> Vec<SubtitlePlan> {
    let plan = |(facts, name): (&SubtitleFacts, _)| SubtitlePlan {
        name,
        track: facts.track,
        language: None,
        title: None,
        is_default: false,
        is_forced: false,
    };
    facts.iter().zip(subtitle_names()).map(plan).collect()
}

fn spec(source: &Path, facts: &[SubtitleFacts], clip: Option<Clip>) -> TaskSpec {
    TaskSpec::Subtitles(SubtitlesSpec {
        source_bytes: task::bytes(source),
        facts: facts.to_vec(),
        subtitles: plan(facts),
        duration_ns: 6 * task::SECOND_NS,
        clip,
    })
}

/// All tracks of text, and what was made of them.
async fn make(source: &Path, clip: Option<Clip>) -> (Vec<SubtitleFacts>, Made) {
    let mut facts = task::facts(source).await.subtitles;
    facts.retain(|track| track.form() == SubtitleForm::Text);
    let made = task::run(spec(source, &facts, clip), source).await;
    assert_eq!(made.failure, None, "{}", source.display());
    let result = result(&made);
    assert_eq!(result.check(&plan(&facts)), Ok(()));
    (facts, made)
}

fn result(made: &Made) -> &SubtitlesResult {
    made.subtitles.as_ref().expect("there is a result")
}

/// The file of a track, whose numbers must be those that were told.
fn file(made: &Made, track: usize) -> String {
    let name = subtitle_names().nth(track).expect("a name");
    let bytes = &made.objects[&object_key::subtitles(&name)];
    let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let told = result(made).tracks[track];
    assert_eq!(
        (told.bytes as usize, told.cues as usize),
        (text.len(), cues(&text).len())
    );
    text
}

/// The cues of a file, read strictly: a block for each, of times and text.
fn cues(text: &str) -> Vec<Cue> {
    let mut blocks = text.trim_end().split("\n\n");
    assert!(
        blocks.next().is_some_and(|head| head.starts_with("WEBVTT")),
        "{text}"
    );
    let cue = |block: &str| {
        let (times, text) = block.split_once('\n').expect("times and text");
        let (from, rest) = times.split_once(" --> ").expect("two times");
        let to = rest.split(' ').next().expect("a time");
        assert!(!text.contains("-->"), "{text}");
        (ms(from), ms(to), text.to_owned())
    };
    blocks.map(cue).collect()
}

/// `01:02.345`, with hours or without.
fn ms(time: &str) -> u64 {
    let (whole, ms) = time.split_once('.').expect("a fraction");
    assert_eq!(ms.len(), 3, "{time}");
    let parts = whole
        .split(':')
        .map(|part| part.parse::<u64>().expect("a number"));
    let seconds = parts.fold(0, |sum, part| sum * 60 + part);
    seconds * 1_000 + ms.parse::<u64>().expect("a number")
}

/// What ffmpeg makes of a track, in the file's own time.
fn by_ffmpeg(source: &Path, track: usize) -> Vec<Cue> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-copyts", "-i"])
        .arg(source)
        .args(["-map", &format!("0:s:{track}"), "-f", "webvtt", "-"])
        .output()
        .expect("ffmpeg starts");
    cues(&String::from_utf8_lossy(&output.stdout))
}

fn times(cues: &[Cue]) -> Vec<(u64, u64)> {
    cues.iter().map(|(from, to, _)| (*from, *to)).collect()
}

fn texts(cues: &[Cue]) -> Vec<&str> {
    cues.iter().map(|(.., text)| text.as_str()).collect()
}

#[tokio::test]
async fn subrip_of_matroska_keeps_its_words_times_and_styles() {
    if !clip::has_ffmpeg("subrip_of_matroska_keeps_its_words_times_and_styles") {
        return;
    }
    let source = film(
        "subrip.mkv",
        &[("english.srt", ENGLISH), ("german.srt", GERMAN)],
        "-c:s srt -metadata:s:s:0 language=eng -metadata:s:s:1 language=ger \
         -metadata:s:s:1 title=Schilder -disposition:s:0 default -disposition:s:1 forced",
    );
    let (facts, made) = make(&source, None).await;
    let told: Vec<_> = facts
        .iter()
        .map(|track| {
            (
                track.codec.as_str(),
                track.language.as_deref(),
                track.title.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("subrip", Some("eng"), None),
            ("subrip", Some("ger"), Some("Schilder")),
        ]
    );
    assert!(facts[0].is_default && !facts[0].is_forced);
    assert!(facts[1].is_forced && !facts[1].is_default);
    let english = cues(&file(&made, 0));
    assert_eq!(
        english,
        [
            (500, 1_750, "Hello, <i>you</i>".to_owned()),
            (2_000, 3_001, "<b>Two</b>\nlines &amp; &lt;3".to_owned()),
            (4_999, 5_500, "\u{fc}ml\u{e4}ut \u{5e9}\u{5dc}".to_owned()),
        ]
    );
    assert_eq!(times(&english), times(&by_ffmpeg(&source, 0)));
    assert_eq!(cues(&file(&made, 1)), by_ffmpeg(&source, 1));
    assert!(result(&made).tracks.iter().all(|track| track.left_out == 0));
}

#[tokio::test]
async fn timed_text_of_an_mp4_keeps_its_words_times_and_styles() {
    if !clip::has_ffmpeg("timed_text_of_an_mp4_keeps_its_words_times_and_styles") {
        return;
    }
    for (name, container, german) in [("timed.mp4", "mp4", "ger"), ("timed.mov", "mov", "deu")] {
        let source = film(
            name,
            &[("english.srt", ENGLISH), ("german.srt", GERMAN)],
            "-c:s mov_text -metadata:s:s:0 language=eng -metadata:s:s:1 language=ger",
        );
        let (facts, made) = make(&source, None).await;
        let told: Vec<_> = facts
            .iter()
            .map(|track| (track.codec.as_str(), track.language.as_deref()))
            .collect();
        assert_eq!(
            told,
            [("mov_text", Some("eng")), ("mov_text", Some(german))],
            "{container}"
        );
        let english = cues(&file(&made, 0));
        assert_eq!(
            texts(&english),
            [
                "Hello, <i>you</i>",
                "<b>Two</b>\nlines &amp; &lt;3",
                "\u{fc}ml\u{e4}ut \u{5e9}\u{5dc}"
            ],
            "{container}"
        );
        for track in [0, 1] {
            let ours = cues(&file(&made, track));
            assert_eq!(
                times(&ours),
                times(&by_ffmpeg(&source, track)),
                "{container}"
            );
        }
        assert!(made.read_bytes < 3 << 20, "{} bytes", made.read_bytes);
    }
}

#[tokio::test]
async fn an_edit_list_moves_cues_with_the_picture() {
    if !clip::has_ffmpeg("an_edit_list_moves_cues_with_the_picture") {
        return;
    }
    let whole = film(
        "edited-from.mp4",
        &[("english.srt", ENGLISH)],
        "-c:s mov_text",
    );
    let source = clip::make(
        "edited-subtitles.mp4",
        &format!("-ss 1.5 -i {} -map 0 -c copy", whole.display()),
    );
    let (_, made) = make(&source, None).await;
    // As they were, less what was cut off. ffmpeg, which wrote the file, does not apply the edits of text
    // when it reads it, and lost the end of the last cue.
    let ours = times(&cues(&file(&made, 0)));
    assert_eq!(ours.get(..2), Some(&[(0, 250), (500, 1_501)][..]));
    assert_eq!(ours.get(2).map(|(from, _)| *from), Some(3_499));
}

#[tokio::test]
async fn styles_places_and_drawings_of_substation_alpha() {
    if !clip::has_ffmpeg("styles_places_and_drawings_of_substation_alpha") {
        return;
    }
    let script = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n\
        Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, \
        Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, \
        Alignment, MarginL, MarginR, MarginV, Encoding\n\
        Style: Default,Arial,20,&H0,&H0,&H0,&H0,0,0,0,0,100,100,0,0,1,1,1,2,10,10,10,1\n\
        Style: Sign,Arial,20,&H0,&H0,&H0,&H0,-1,0,0,0,100,100,0,0,1,1,1,8,10,10,10,1\n\n[Events]\n\
        Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
        Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,one, {\\i1}two{\\i0}\\Nthree\n\
        Dialogue: 0,0:00:02.00,0:00:03.00,Sign,,0,0,0,,{\\pos(1,2)}Shop\n\
        Dialogue: 1,0:00:02.00,0:00:03.00,Sign,,0,0,0,,Shop\n\
        Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 100{\\p0}\n\
        Dialogue: 0,0:00:04.00,0:00:05.00,Default,,0,0,0,,{\\an5}<b>&amp; --> {nothing}\n";
    let source = film("ssa.mkv", &[("script.ass", script)], "-c:s ass");
    let (facts, made) = make(&source, None).await;
    assert_eq!(facts[0].codec, "ass");
    let text = file(&made, 0);
    assert_eq!(
        text,
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\none, <i>two</i>\nthree\n\n\
         00:00:02.000 --> 00:00:03.000 line:0\n<b>Shop</b>\n\n\
         00:00:04.000 --> 00:00:05.000 line:50%\n&lt;b&gt;&amp;amp; --&gt;\n"
    );
}

#[tokio::test]
async fn webvtt_comes_through_webm_and_matroska() {
    if !clip::has_ffmpeg("webvtt_comes_through_webm_and_matroska") {
        return;
    }
    let text = "WEBVTT\n\nname\n00:01.000 --> 00:02.000 line:0 align:start\n<v Mary>Hi <i>you</i></v>\n\n\
                00:02.500 --> 00:03.000\n1 &lt; 2 &amp; 3\n";
    for (name, arguments) in [
        ("webvtt.webm", "-c:v libvpx -c:s copy"),
        ("webvtt.mkv", "-c:s copy"),
    ] {
        let source = film(name, &[("text.vtt", text)], arguments);
        let (facts, made) = make(&source, None).await;
        assert_eq!(facts[0].codec, "webvtt", "{name}");
        assert_eq!(
            file(&made, 0),
            "WEBVTT\n\n00:00:01.000 --> 00:00:02.000 line:0 align:start\nHi <i>you</i>\n\n\
             00:00:02.500 --> 00:00:03.000\n1 &lt; 2 &amp; 3\n",
            "{name}"
        );
    }
}

#[tokio::test]
async fn cues_are_in_the_time_of_the_picture_and_of_a_clip() {
    if !clip::has_ffmpeg("cues_are_in_the_time_of_the_picture_and_of_a_clip") {
        return;
    }
    let source = film(
        "late.mkv",
        &[("english.srt", ENGLISH)],
        "-c:s srt -output_ts_offset 5",
    );
    let facts = task::facts(&source).await;
    let start_ns = facts.video.expect("a picture").start_ns;
    assert_eq!(start_ns, 5 * task::SECOND_NS, "its picture begins late");
    let (_, made) = make(&source, None).await;
    let ours = cues(&file(&made, 0));
    assert_eq!(ours[0].0, 5_500);
    assert_eq!(times(&ours), times(&by_ffmpeg(&source, 0)));

    let clip = Clip {
        start_ms: 6_000,
        end_ms: Some(10_100),
    };
    let (_, made) = make(&source, Some(clip)).await;
    assert_eq!(
        times(&cues(&file(&made, 0))),
        [(0, 750), (1_000, 2_001), (3_999, 4_100)]
    );
    let clip = Clip {
        start_ms: 8_500,
        end_ms: Some(9_500),
    };
    let (_, made) = make(&source, Some(clip)).await;
    assert!(
        made.objects.is_empty(),
        "no cue lies in it, so there is no file"
    );
    assert_eq!(result(&made).tracks[0].cues, 0);
}

#[tokio::test]
async fn hostile_words_stay_words() {
    if !clip::has_ffmpeg("hostile_words_stay_words") {
        return;
    }
    let long = "x".repeat(20_000);
    let text = format!(
        "1\n00:00:00,000 --> 00:00:01,000\n</i><script>alert(1)</script>\nWEBVTT\nNOTE --> x\n\n\
         2\n00:00:01,000 --> 00:00:02,000\n{long}\n\n\
         3\n00:00:02,000 --> 00:00:03,000\n<span foo=\"bar\">&lt;b&gt;{{\\p1}}m 0 0{{\\p0}}&#60;\u{1}\u{7f}\n\n\
         4\n00:00:03,000 --> 00:00:04,000\n<i> </i>\n"
    );
    let source = film("hostile.mkv", &[("hostile.srt", &text)], "-c:s copy");
    let (_, made) = make(&source, None).await;
    assert_eq!(
        cues(&file(&made, 0)),
        [
            (
                0,
                1_000,
                "&lt;script&gt;alert(1)&lt;/script&gt;\nWEBVTT\nNOTE --&gt; x".to_owned()
            ),
            (2_000, 3_000, "&lt;b&gt;&lt;".to_owned()),
        ]
    );
    assert_eq!(result(&made).tracks[0].left_out, 1, "what is too long");
}
