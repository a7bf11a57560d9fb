//! Tracks of sound are told apart: by number, language, name, and which of them is the default.

use super::{clip, task};

/// Two tracks of which the second is the default; the file has a name of its own.
fn clip(name: &str) -> std::path::PathBuf {
    clip::make(
        name,
        "-f lavfi -i testsrc2=s=160x90:r=25:d=2 -f lavfi -i sine=f=440:d=2 -f lavfi -i sine=f=880:d=2 \
         -map 0 -map 1 -map 2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac \
         -metadata title=Film -metadata:s:a:0 language=ger -metadata:s:a:1 language=fra \
         -metadata:s:a:1 title=Original -disposition:a:0 0 -disposition:a:1 default",
    )
}

#[tokio::test]
async fn a_container_tells_languages_names_and_the_default() {
    if !clip::has_ffmpeg("a_container_tells_languages_names_and_the_default") {
        return;
    }
    for (name, has_titles) in [
        ("tracks.mkv", true),
        ("tracks.mp4", false),
        ("tracks.mov", false),
    ] {
        let source = clip(name);
        let facts = task::facts(&source).await;
        let told: Vec<_> = facts
            .audio
            .iter()
            .map(|track| {
                let language = track
                    .language
                    .as_deref()
                    .and_then(bus_schema::language::tag);
                (
                    track.track,
                    language,
                    track.title.as_deref(),
                    track.is_default,
                )
            })
            .collect();
        let title = has_titles.then_some("Original");
        let [de, fr] = ["de", "fr"].map(|tag| Some(tag.to_owned()));
        // What is told of a track is of the one that is encoded under its number, however often its
        // container is opened.
        for (facts, hertz) in facts.audio.iter().zip([440.0, 880.0]).cycle().take(6) {
            let made = task::run(task::audio(&source, facts, 0), &source).await;
            let joined = task::join("audio", &[&made], &format!("{name}-{}.mp4", facts.track));
            let samples = clip::samples(&joined);
            let middle = &samples[24_000..72_000];
            let crossings = middle
                .windows(2)
                .filter(|pair| (pair[0] < 0.0) != (pair[1] < 0.0));
            let heard = crossings.count() as f64 / 2.0;
            assert!(
                (heard - hertz).abs() < 5.0,
                "{name}: {heard} Hz in place of {hertz}"
            );
        }
        assert_eq!(told, [(0, de, None, false), (1, fr, title, true)], "{name}");
    }
}

#[tokio::test]
async fn of_two_films_every_task_takes_the_same() {
    if !clip::has_ffmpeg("of_two_films_every_task_takes_the_same") {
        return;
    }
    let source = clip::make(
        "two-films.mkv",
        "-f lavfi -i testsrc2=s=320x180:r=25:d=4 -f lavfi -i testsrc=s=160x90:r=25:d=4 -map 0 -map 1 -c:v libx264 \
         -preset ultrafast -g 25 -pix_fmt yuv420p",
    );
    let first = task::facts(&source).await.video.expect("a picture");
    for _ in 0..8 {
        let again = task::facts(&source).await.video.expect("a picture");
        assert_eq!(again.width, first.width);
    }
}
