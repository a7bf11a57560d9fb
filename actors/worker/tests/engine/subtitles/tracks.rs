//! Which tracks there are: what is no text is told of, and a damaged film ends in a result or a reason.

use std::path::PathBuf;

use bus_schema::source::SubtitleForm;

use super::{file, film, plan, spec};
use crate::{clip, task};

#[tokio::test]
async fn pictures_are_told_of_and_chapters_are_no_subtitles() {
    if !clip::has_ffmpeg("pictures_are_told_of_and_chapters_are_no_subtitles") {
        return;
    }
    // A broadcast is remuxed, without them.
    for (name, encoder, codec) in [
        ("pictures.mkv", "dvdsub", "dvd_subtitle"),
        ("pictures.ts", "dvbsub", "dvb_subtitle"),
    ] {
        let arguments = format!("-c:s {encoder} -metadata:s:s:0 language=fre");
        let facts = task::facts(&pictured(name, &arguments)).await.subtitles;
        assert_eq!(facts.len(), 1, "{name}: {facts:?}");
        assert_eq!(facts[0].codec, codec, "{name}");
        assert_eq!(facts[0].form(), SubtitleForm::Pictures, "{name}");
        assert!(
            ["fr", "fre"]
                .map(Some)
                .contains(&facts[0].language.as_deref()),
            "{name}: {facts:?}"
        );
    }

    let chapters = clip::write(
        "chapters.txt",
        b";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=3000\ntitle=One\n[CHAPTER]\n\
          TIMEBASE=1/1000\nSTART=3000\nEND=6000\ntitle=Two\n",
    );
    let source = clip::make(
        "chapters.mp4",
        &format!(
            "-f lavfi -i testsrc2=s=160x90:r=25:d=6 -i {} -map_metadata 1 -map 0:v -c:v libx264 \
             -preset ultrafast -pix_fmt yuv420p",
            chapters.display()
        ),
    );
    assert_eq!(task::facts(&source).await.subtitles, []);
}

/// Of subtitles whose end it does not know ffmpeg may write that the film lasts for seven weeks.
#[tokio::test]
async fn a_duration_of_seven_weeks_is_none() {
    if !clip::has_ffmpeg("a_duration_of_seven_weeks_is_none") {
        return;
    }
    let source = pictured("endless.mkv", "-c:s dvdsub");
    let mut bytes = std::fs::read(&source).expect("the film is there");
    // The element of the duration: a number of eight bytes, in milliseconds.
    let head = [0x44, 0x89, 0x88];
    let at = bytes.windows(head.len()).position(|three| three == head);
    let at = at.expect("a duration") + head.len();
    bytes[at..at + 8].copy_from_slice(&f64::from(u32::MAX).to_be_bytes());
    let facts = task::facts(&clip::write("seven-weeks.mkv", &bytes)).await;
    assert_eq!(facts.duration_ns, 6 * task::SECOND_NS);
}

/// A film with subtitles that ffmpeg has drawn: it makes pictures of pictures alone, so that a transport
/// stream of them is made first.
fn pictured(name: &str, arguments: &str) -> PathBuf {
    let drawn = clip::write("drawn.sup", &sup());
    clip::make(
        name,
        &format!(
            "-f lavfi -i testsrc2=s=160x90:r=25:d=6 -i {} -map 0:v -map 1:s -c:v libx264 \
             -preset ultrafast -pix_fmt yuv420p {arguments}",
            drawn.display()
        ),
    )
}

/// Subtitles of a Blu-ray: a square of four by four pixels from 1 s to 2 s.
fn sup() -> Vec<u8> {
    let segment = |at_s: u32, kind: u8, body: &[u8]| {
        let pts = (at_s * 90_000).to_be_bytes();
        let size = u16::try_from(body.len()).expect("short").to_be_bytes();
        [&b"PG"[..], &pts, &[0; 4], &[kind], &size, body].concat()
    };
    let size = [0, 160, 0, 90];
    let composition =
        |number: u8, objects: &[u8]| [&size[..], &[0x10, 0, number, 0x80, 0, 0], objects].concat();
    let object = [1, 0, 0, 0, 0, 0, 10, 0, 10];
    let window = [1, 0, 0, 10, 0, 10, 0, 4, 0, 4];
    let palette = [0, 0, 1, 235, 128, 128, 255];
    // Four lines of four pixels of colour 1, each ended by two zeros.
    let line = [1, 1, 1, 1, 0, 0];
    let lines = [line; 4].concat();
    let length = u8::try_from(lines.len() + 4).expect("short");
    let picture = [&[0, 0, 0, 0xc0, 0, 0, length, 0, 4, 0, 4][..], &lines].concat();
    [
        segment(1, 0x16, &composition(0, &object)),
        segment(1, 0x17, &window),
        segment(1, 0x14, &palette),
        segment(1, 0x15, &picture),
        segment(1, 0x80, &[]),
        segment(2, 0x16, &composition(1, &[0])),
        segment(2, 0x17, &window),
        segment(2, 0x80, &[]),
    ]
    .concat()
}

#[tokio::test]
async fn a_damaged_film_ends_in_a_result_or_a_reason() {
    if !clip::has_ffmpeg("a_damaged_film_ends_in_a_result_or_a_reason") {
        return;
    }
    let many: String = (0..50)
        .map(|n| {
            format!(
                "{n}\n00:00:0{},{:03} --> 00:00:06,000\nCue {n}\n\n",
                n / 10,
                n % 10 * 100
            )
        })
        .collect();
    for (name, arguments) in [("flips.mkv", "-c:s srt"), ("flips.mp4", "-c:s mov_text")] {
        let source = film(name, &[("many.srt", &many)], arguments);
        let facts = task::facts(&source).await.subtitles;
        let sound = std::fs::read(&source).expect("the clip");
        // A generator of Knuth's, so that every run damages the same bytes.
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(state >> 33).expect("31 bits") % below
        };
        for n in 0..30 {
            let mut bytes = sound.clone();
            for _ in 0..=n * 4 {
                let at = random(bytes.len());
                bytes[at] ^= 1 << random(8);
            }
            bytes.truncate(bytes.len() - random(bytes.len() / 2) * (n % 2));
            let path = clip::write(&format!("flipped-{name}"), &bytes);
            let made = task::run(spec(&path, &facts, None), &path).await;
            match (&made.subtitles, &made.failure) {
                (Some(result), None) => {
                    assert_eq!(result.check(&plan(&facts)), Ok(()), "{name} {n}");
                    if result.tracks[0].cues > 0 {
                        file(&made, 0);
                    }
                }
                (None, Some(error)) => assert!(!error.code.is_passing(), "{name} {n}: {error:?}"),
                _ => panic!("{name} {n}: {made:?}"),
            }
        }
    }
}
