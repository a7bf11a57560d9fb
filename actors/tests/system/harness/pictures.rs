//! Still images, as other people's tools see them.

use std::path::{Path, PathBuf};

use super::films;

/// Width and height of an image, as ffprobe reads it.
pub(crate) fn size_of(path: &Path) -> (u64, u64) {
    let probed = films::probe(path.to_str().expect("a plain path"));
    let image = films::stream(&probed, "video").expect("an image");
    let side = |name: &str| image[name].as_u64().expect("a number");
    (side("width"), side("height"))
}

/// An image whose quarters are red, green, blue and white, in a file of the format of its name.
pub(crate) fn coloured(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let boxes = "drawbox=x=0:y=0:w=iw/2:h=ih/2:c=red:t=fill,drawbox=x=iw/2:y=0:w=iw/2:h=ih/2:c=lime:t=fill,\
                 drawbox=x=0:y=ih/2:w=iw/2:h=ih/2:c=blue:t=fill";
    let before =
        format!("-v error -f lavfi -i color=white:s=900x900,format=rgb24,{boxes} -frames:v 1");
    films::run("ffmpeg", &before, path.to_str().expect("a plain path"), "");
    path
}

/// Checks that an image's quarters have the colours of [`coloured`].
pub(crate) fn assert_coloured(path: &Path) {
    let corners = [[255_u8, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]];
    let size = size_of(path);
    let [wide, high] = [size.0, size.1].map(|side| usize::try_from(side).expect("small"));
    let path = path.to_str().expect("a plain path");
    let rest = "-frames:v 1 -f rawvideo -pix_fmt rgb24 -";
    let pixels = films::run("ffmpeg", "-v error -i", path, rest);
    for (corner, (x, y)) in corners.iter().zip([(1, 1), (3, 1), (1, 3), (3, 3)]) {
        let at = (high * y / 4 * wide + wide * x / 4) * 3;
        let pixel = pixels.get(at..at + 3).expect("a whole picture");
        let is_near = pixel.iter().zip(corner).all(|(a, b)| a.abs_diff(*b) < 24);
        assert!(is_near, "{path}: {pixel:?} in {x}, {y}, not {corner:?}");
    }
}
