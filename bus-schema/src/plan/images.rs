//! The still images of a plan: their sizes, and which frames they show.

use serde::{Deserialize, Serialize};

use crate::request::images::{ImageFormat, ImagesRequest, Poster, THUMBNAILS_MAX, Thumbnails};
use crate::source::VideoFacts;

/// Side of a storyboard's tile that is the longer one, in pixels.
const TILE_PX: u32 = 160;
/// Tiles in a row and in a column of a sheet: in 16:9 one of 1600 x 900 pixels.
const TILES_A_SIDE: u32 = 10;
/// Most tiles: ten sheets.
const TILES_MAX: u64 = 1_000;
/// Distance of tiles in a film that is neither short nor long.
const TILE_MS: u64 = 10_000;
/// Tiles that a short film has at least, as far as they are a second apart.
const TILES_MIN: u64 = 100;
/// The part of a film, in percent, that its poster is taken from: titles and endings give away little,
/// or too much.
const POSTER_PERCENT: [u64; 2] = [5, 65];

/// The still images of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagesPlan {
    /// As what they are stored.
    pub format: ImageFormat,
    /// Each image is made in each of these sizes.
    pub sizes: Vec<ImageSize>,
    /// Length of the picture that they are taken from, from 0 on.
    pub end_ns: u64,
    /// The image that stands for the film.
    pub poster: Poster,
    /// Further ones.
    pub thumbnails: Thumbnails,
    /// Small images of the whole film.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storyboard: Option<StoryboardPlan>,
}

/// Size of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSize {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Sheets of small images at regular times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryboardPlan {
    /// Size of each small image.
    pub tile: ImageSize,
    /// Small images in a row of a sheet.
    pub columns: u32,
    /// Rows of a sheet; the last one has as many as it needs.
    pub rows: u32,
    /// Each small image stands for so much time, and shows a frame of it.
    pub interval_ns: u64,
    /// How many small images.
    pub n_tiles: u32,
}

/// A frame to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The one that is shown at this time.
    At {
        /// Stream time.
        ns: u64,
    },
    /// The one of this span that shows most.
    Best {
        /// First nanosecond of the span.
        start_ns: u64,
        /// First nanosecond behind it.
        end_ns: u64,
    },
}

impl ImagesPlan {
    /// The images of a film with this picture that ends then.
    #[must_use]
    pub fn new(asked: &ImagesRequest, facts: &VideoFacts, end_ns: u64) -> Self {
        let mut sizes: Vec<ImageSize> = Vec::new();
        for width in &asked.widths {
            let size = ImageSize::of(facts, (*width).min(facts.width));
            if !sizes.contains(&size) {
                sizes.push(size);
            }
        }
        let thumbnails = match &asked.thumbnails {
            Thumbnails::Interval { ms } => {
                let least = end_ns
                    .div_ceil(u64::from(THUMBNAILS_MAX))
                    .div_ceil(1_000_000);
                Thumbnails::Interval {
                    ms: (*ms).max(least),
                }
            }
            others => others.clone(),
        };
        Self {
            format: asked.format,
            sizes,
            end_ns,
            poster: asked.poster,
            thumbnails,
            storyboard: asked
                .has_storyboard
                .then(|| StoryboardPlan::new(facts, end_ns)),
        }
    }

    /// The poster's frame, if there is a poster.
    #[must_use]
    pub fn poster_pick(&self) -> Option<Pick> {
        match self.poster {
            Poster::None => None,
            // Of an uploaded image it is what stands in for it.
            Poster::Automatic | Poster::Uploaded { .. } => {
                let [start_ns, end_ns] = POSTER_PERCENT.map(|percent| self.end_ns / 100 * percent);
                Some(Pick::Best { start_ns, end_ns })
            }
            Poster::At { ms } => Some(at(ms)),
        }
    }

    /// The thumbnails' frames in order, given the times at which scenes begin. The number of a
    /// thumbnail is its place here, from 1. At most [`THUMBNAILS_MAX`].
    #[must_use]
    pub fn thumbnail_picks(&self, scenes_ns: &[u64]) -> Vec<Pick> {
        let most = THUMBNAILS_MAX as usize;
        match &self.thumbnails {
            Thumbnails::None => Vec::new(),
            Thumbnails::Automatic { count } => {
                let parts = u64::from((*count).clamp(1, THUMBNAILS_MAX));
                let edge = |n: u64| self.end_ns / parts * n;
                let part = |n| Pick::Best {
                    start_ns: edge(n),
                    end_ns: edge(n + 1),
                };
                (0..parts).map(part).collect()
            }
            Thumbnails::Times { ms } => ms.iter().copied().map(at).take(most).collect(),
            Thumbnails::Interval { ms } => {
                let all = (0..).map(|n: u64| n.saturating_mul(*ms));
                all.take_while(|ms| ms.saturating_mul(1_000_000) < self.end_ns)
                    .take(most)
                    .map(at)
                    .collect()
            }
            Thumbnails::Scenes { .. } => {
                // A millisecond into the frame, whatever was rounded.
                let into = |ns: &u64| Pick::At {
                    ns: ns.saturating_add(1_000_000),
                };
                scenes_ns.iter().map(into).take(most).collect()
            }
        }
    }

    /// Whether it has to be known where scenes begin before the images can be made.
    #[must_use]
    pub fn needs_scenes(&self) -> bool {
        matches!(self.thumbnails, Thumbnails::Scenes { .. })
    }
}

impl ImageSize {
    /// Of a picture as it is shown, this wide.
    fn of(facts: &VideoFacts, width: u32) -> Self {
        let (of_wide, of_high) = (
            u64::from(facts.width.max(1)),
            u64::from(facts.height.max(1)),
        );
        let height = (u64::from(width) * of_high + of_wide / 2) / of_wide;
        // Both formats end at 2^14 pixels or a little later.
        let height = u32::try_from(height).unwrap_or(u32::MAX).clamp(1, 16_383);
        Self {
            width: width.clamp(1, 16_383),
            height,
        }
    }
}

impl StoryboardPlan {
    fn new(facts: &VideoFacts, end_ns: u64) -> Self {
        let (width, height) = (facts.width.max(1), facts.height.max(1));
        let wide = if width >= height {
            TILE_PX
        } else {
            (u64::from(TILE_PX) * u64::from(width) / u64::from(height))
                .try_into()
                .unwrap_or(TILE_PX)
        };
        let tile = ImageSize::of(facts, wide.max(2));
        let tile = ImageSize {
            // A ribbon is one, and yet there is something to see.
            height: tile.height.clamp(2, TILE_PX),
            ..tile
        };
        let end_ms = end_ns.div_ceil(1_000_000).max(1);
        let interval_ms = (end_ms / TILES_MIN)
            .clamp(1_000, TILE_MS)
            .max(end_ms.div_ceil(TILES_MAX));
        Self {
            tile,
            columns: TILES_A_SIDE,
            rows: TILES_A_SIDE,
            interval_ns: interval_ms * 1_000_000,
            n_tiles: u32::try_from(end_ms.div_ceil(interval_ms)).unwrap_or(u32::MAX),
        }
    }

    /// How many sheets there are.
    #[must_use]
    pub fn n_sheets(&self) -> u32 {
        self.n_tiles.div_ceil(self.a_sheet())
    }

    /// Where a small image lies: its sheet, and the pixels from the left and from the top.
    #[must_use]
    pub fn place(&self, tile: u32) -> (u32, u32, u32) {
        let (sheet, on_sheet) = (tile / self.a_sheet(), tile % self.a_sheet());
        let columns = self.columns.max(1);
        let (column, row) = (on_sheet % columns, on_sheet / columns);
        let (x, y) = (
            column.saturating_mul(self.tile.width),
            row.saturating_mul(self.tile.height),
        );
        (sheet, x, y)
    }

    /// The size of a sheet.
    #[must_use]
    pub fn sheet(&self, sheet: u32) -> ImageSize {
        let columns = self.columns.max(1);
        let before = sheet.saturating_mul(self.a_sheet());
        let n_tiles = self.n_tiles.saturating_sub(before).clamp(1, self.a_sheet());
        ImageSize {
            width: self.tile.width.saturating_mul(n_tiles.min(columns)),
            height: self.tile.height.saturating_mul(n_tiles.div_ceil(columns)),
        }
    }

    /// Small images on a whole sheet.
    fn a_sheet(&self) -> u32 {
        self.columns.saturating_mul(self.rows).max(1)
    }
}

fn at(ms: u64) -> Pick {
    Pick::At {
        ns: ms.saturating_mul(1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn facts(width: u32, height: u32) -> VideoFacts {
        VideoFacts {
            codec: "h264".to_owned(),
            width,
            height,
            coded_width: width,
            coded_height: height,
            rotation_deg: 0,
            fps_num: 25,
            fps_den: 1,
            timescale: 90_000,
            frames: None,
            may_lack: false,
            bit_depth: 8,
            is_interlaced: false,
            start_ns: 0,
            duration_ns: 0,
            transfer: None,
            primaries: None,
        }
    }

    fn plan(thumbnails: Thumbnails, end_s: u64) -> ImagesPlan {
        let asked = ImagesRequest {
            format: ImageFormat::Jpeg,
            widths: vec![320, 3_840, 1_920],
            poster: Poster::Automatic,
            thumbnails,
            has_storyboard: true,
        };
        ImagesPlan::new(&asked, &facts(1_280, 720), end_s * SECOND_NS)
    }

    #[test]
    fn no_image_is_larger_than_the_film() {
        let sizes = plan(Thumbnails::None, 10).sizes;
        let sizes: Vec<_> = sizes.iter().map(|size| (size.width, size.height)).collect();
        assert_eq!(sizes, [(320, 180), (1_280, 720)]);
    }

    #[test]
    fn thumbnails_come_when_they_are_asked_for() {
        let at = |s: u64| Pick::At { ns: s * SECOND_NS };
        let every = plan(Thumbnails::Interval { ms: 4_000 }, 10);
        assert_eq!(every.thumbnail_picks(&[]), [at(0), at(4), at(8)]);
        let named = plan(
            Thumbnails::Times {
                ms: vec![9_000, 1_000],
            },
            10,
        );
        assert_eq!(named.thumbnail_picks(&[]), [at(9), at(1)]);
        let chosen = plan(Thumbnails::Automatic { count: 2 }, 10);
        let part = |start_s, end_s| Pick::Best {
            start_ns: start_s * SECOND_NS,
            end_ns: end_s * SECOND_NS,
        };
        assert_eq!(chosen.thumbnail_picks(&[]), [part(0, 5), part(5, 10)]);
        let scenes = plan(Thumbnails::Scenes { count_max: 5 }, 10);
        let scene = Pick::At { ns: 3_001_000_000 };
        assert_eq!(scenes.thumbnail_picks(&[3 * SECOND_NS]), [scene]);
        let many = plan(Thumbnails::Interval { ms: 100 }, 24 * 3_600);
        assert_eq!(many.thumbnail_picks(&[]).len(), THUMBNAILS_MAX as usize);
    }

    #[test]
    fn storyboards_cover_every_film_on_few_sheets() {
        for end_ms in [
            0, 1, 999, 1_000, 5_280, 100_000, 1_000_001, 36_000_000, 86_400_000,
        ] {
            let board = StoryboardPlan::new(&facts(1_920, 1_080), end_ms * 1_000_000);
            let all_ns = board.interval_ns * u64::from(board.n_tiles);
            assert!(all_ns >= end_ms * 1_000_000, "{end_ms}: {board:?}");
            assert!(
                all_ns < end_ms * 1_000_000 + board.interval_ns || end_ms == 0,
                "{end_ms}: {board:?}"
            );
            assert!(
                board.n_sheets() <= 10 && board.n_tiles >= 1,
                "{end_ms}: {board:?}"
            );
            let (sheet, x, y) = board.place(board.n_tiles - 1);
            assert_eq!(sheet + 1, board.n_sheets());
            let size = board.sheet(sheet);
            assert!(x + board.tile.width <= size.width && y + board.tile.height <= size.height);
            assert!(size.height <= 1_600 && size.width <= 1_600);
        }
        let tall = StoryboardPlan::new(&facts(1_080, 1_920), SECOND_NS);
        assert_eq!((tall.tile.width, tall.tile.height), (90, 160));
        let ribbon = StoryboardPlan::new(&facts(2, 4_000), SECOND_NS);
        assert_eq!((ribbon.tile.width, ribbon.tile.height), (2, 160));
    }
}
