//! Bars of known colours, side by side: what is made of them tells what became of the colours.

use std::path::Path;

use bus_schema::plan::Span;
use bus_schema::source::VideoFacts;

use super::clip;
use super::task;

/// Each as red, green and blue.
pub(crate) type Colours = [[u8; 3]; 8];

const BAR_PIXELS: u32 = 40;
/// Of a film of bars.
pub(crate) const SIZE: (u32, u32) = (320, 180);

/// What ffmpeg is to read: ten frames of bars, in red, green and blue.
pub(crate) fn input(colours: Colours) -> String {
    let boxes: Vec<String> = (0..)
        .zip(colours)
        .map(|(n, [r, g, b])| {
            let x = n * BAR_PIXELS;
            format!("drawbox=x={x}:y=0:w={BAR_PIXELS}:h=ih:c=0x{r:02x}{g:02x}{b:02x}:t=fill")
        })
        .collect();
    let (boxes, (w, h)) = (boxes.join(","), SIZE);
    format!("-f lavfi -i color=black:s={w}x{h}:r=25:d=0.4,format=gbrp,{boxes}")
}

/// The colours in the middles of the bars of a picture of this size.
pub(crate) fn middles(picture: &[u8], (w, h): (u32, u32)) -> Vec<[u8; 3]> {
    (0..8)
        .map(|n| {
            let x = (n * BAR_PIXELS + BAR_PIXELS / 2) * w / SIZE.0;
            let at = ((h / 2 * w + x) * 3) as usize;
            [picture[at], picture[at + 1], picture[at + 2]]
        })
        .collect()
}

/// The bars of the renditions of a film, which say of themselves what they are, in its own size and in a smaller one.
pub(crate) async fn renditions(source: &Path, facts: &VideoFacts) -> Vec<Vec<[u8; 3]>> {
    let what = source.file_name().expect("a name").to_string_lossy();
    let span = Span {
        start_ns: 0,
        end_ns: None,
    };
    let sizes = [SIZE, (160, 90)];
    let made = task::run(task::chunk(source, facts, span, 2, &sizes), source).await;
    assert_eq!(made.failure, None, "{what}");
    let seen = sizes.map(|(w, h)| {
        let name = format!("{h}p");
        let file = task::join(&name, &[&made], &format!("{what}-{name}.mp4"));
        assert_eq!(
            clip::colours(&file),
            "yuv420p,tv,bt709,bt709,bt709,left",
            "{what}"
        );
        middles(&clip::rgb(&file), (w, h))
    });
    seen.into()
}

/// By how much two colours differ in the part in which they do most.
pub(crate) fn difference(one: [u8; 3], other: [u8; 3]) -> u8 {
    let parts = one.iter().zip(other).map(|(a, b)| a.abs_diff(b));
    parts.max().unwrap_or(0)
}
