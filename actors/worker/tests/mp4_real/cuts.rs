//! Files in fragments, and files that were cut: the index tells how far the samples reach.

use worker::mp4::Error;

use crate::ffmpeg::{self, make};
use crate::index::{FILM, SECOND, check_with_slack, folder, index_of, read};

#[test]
fn fragmented_files_are_walked() {
    if !ffmpeg::is_here("fragments") {
        return;
    }
    let dir = folder();
    for flags in [
        "frag_keyframe+empty_moov",
        "frag_keyframe",
        "frag_keyframe+empty_moov+default_base_moof",
        "frag_keyframe+delay_moov+omit_tfhd_offset",
        "cmaf+frag_keyframe",
    ] {
        // ffmpeg moves pictures of fragments by up to three frames of reordering.
        let slack_ns = SECOND / 10 + 1;
        let arguments = [FILM, &["-bf", "3", "-movflags", flags]].concat();
        let (path, index) = check_with_slack(&dir, "fragmented.mp4", &arguments, slack_ns);
        assert!(index.is_fragmented, "{flags}");
        let keyframes = index.video().expect("a picture").keyframes_ns();
        assert_eq!(keyframes.expect("some").len(), 4, "{flags}");
        let size = std::fs::metadata(&path).expect("it is there").len();
        // Cut in the last fragment.
        let file = std::fs::read(&path).expect("it is there");
        let cut = dir.path().join("cut.mp4");
        std::fs::write(&cut, &file[..file.len() - 20_000]).expect("room");
        let index = index_of(&cut);
        assert!(index.is_truncated(size - 20_000), "{flags}");
    }
}

#[test]
fn cut_files_are_told_from_whole_ones() {
    if !ffmpeg::is_here("truncation") {
        return;
    }
    let dir = folder();
    let front = [FILM, &["-movflags", "+faststart"]].concat();
    let path = make(dir.path().join("front.mp4"), &front);
    let file = std::fs::read(&path).expect("it is there");
    for percent in [40, 99] {
        let size = file.len() * percent / 100;
        std::fs::write(&path, &file[..size]).expect("room");
        assert!(index_of(&path).is_truncated(size as u64), "{percent} %");
    }
    let path = make(dir.path().join("end.mp4"), FILM);
    let file = std::fs::read(&path).expect("it is there");
    for percent in [1, 40, 99] {
        std::fs::write(&path, &file[..file.len() * percent / 100]).expect("room");
        assert!(
            matches!(read(&path), Err(Error::Truncated { .. })),
            "{percent} %"
        );
    }
    let path = make(dir.path().join("film.mkv"), FILM);
    assert!(matches!(read(&path), Ok(None)), "not of this kind");
}
