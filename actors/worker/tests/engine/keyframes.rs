//! The first bytes of a segment, as many as are reported, show its first frame and no other: what
//! players read who follow a playlist of keyframes alone.

use bus_schema::plan::Span;

use super::clip;
use super::task;

/// Small enough to be compared whole, large enough to have detail.
const GREY: (u32, u32) = (64, 36);

#[tokio::test]
async fn a_segment_s_first_bytes_show_its_first_frame() {
    if !clip::has_ffmpeg("a_segment_s_first_bytes_show_its_first_frame") {
        return;
    }
    let source = clip::film("keyframes.mp4", 4, "25", "320x180", "");
    let facts = task::facts(&source)
        .await
        .video
        .expect("there is a picture");
    let span = Span {
        start_ns: 0,
        end_ns: None,
    };
    let made = task::run(task::chunk(&source, &facts, span, 1, &[(160, 90)]), &source).await;
    let result = made.chunk.as_ref().expect("the chunk has a result");
    assert_eq!(result.check(), Ok(()));
    let rendition = &result.renditions[0];
    assert_eq!(rendition.keyframe_bytes.len(), 4, "{rendition:?}");
    let init = &made.objects["90p/init.mp4"];
    let frame_bytes = (GREY.0 * GREY.1) as usize;
    for (n, bytes) in rendition.keyframe_bytes.iter().enumerate() {
        let segment = &made.objects[&format!("90p/{n:06}.m4s")];
        let decode = |name: &str, media: &[u8]| {
            let file = clip::write(name, &[init, media].concat());
            clip::grey(&file, GREY.0, GREY.1)
        };
        let alone = decode("keyframe.mp4", &segment[..*bytes as usize]);
        let all = decode("segment.mp4", segment);
        assert_eq!(all.len(), 25 * frame_bytes, "segment {n}");
        assert_eq!(alone.len(), frame_bytes, "segment {n}: one frame");
        assert_eq!(alone, all[..frame_bytes], "segment {n}: the first");
        // A byte less, and it is not whole.
        let less = [init, &segment[..*bytes as usize - 1]].concat();
        let less = clip::frame_times(&clip::write("less.mp4", &less));
        assert_eq!(less.len(), 0, "segment {n}");
    }
}
