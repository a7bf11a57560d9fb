//! Scenes and chapters, out of what the chunks of a film reported. The same arithmetic for whoever
//! writes them down.

use crate::attempt::{ChunkResult, SceneChange};

/// Most chapters: in a film that has more the shortest one is made longer.
pub const CHAPTERS_MAX: u64 = 500;
/// Shortest time between scenes that thumbnails show.
const SCENE_NS_MIN: u64 = 1_000_000_000;

/// A chapter, in stream time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chapter {
    /// Time of its first frame; 0 for the first.
    pub start_ns: u64,
    /// Where the next one begins, or the film ends.
    pub end_ns: u64,
}

/// The changes of scene of a film by their times, given the results of its chunks in order.
pub fn changes<'a>(
    chunks: impl IntoIterator<Item = &'a ChunkResult>,
    timescale: u32,
) -> Vec<(u64, u16)> {
    let to_ns = |units: u64| {
        let scale = u128::from(timescale.max(1));
        u64::try_from((u128::from(units) * 1_000_000_000 + scale / 2) / scale).unwrap_or(u64::MAX)
    };
    let all = chunks.into_iter().flat_map(|chunk| &chunk.scenes);
    all.map(|change: &SceneChange| (to_ns(change.at), change.score_permille))
        .collect()
}

/// Chapters of a film that ends at `end_ns`: each begins at the first change that leaves the one
/// before, and itself, at least `length_ns_min`. There are none where nothing changes.
#[must_use]
pub fn chapters(changes: &[(u64, u16)], length_ns_min: u64, end_ns: u64) -> Vec<Chapter> {
    let length_ns = length_ns_min.max(end_ns / CHAPTERS_MAX).max(1);
    let mut starts_ns = vec![0];
    let mut last_ns = 0;
    for &(at_ns, _) in changes {
        let is_long = at_ns.saturating_sub(last_ns) >= length_ns;
        if is_long && end_ns.saturating_sub(at_ns) >= length_ns {
            starts_ns.push(at_ns);
            last_ns = at_ns;
        }
    }
    if starts_ns.len() == 1 {
        return Vec::new();
    }
    let ends_ns = starts_ns.iter().skip(1).copied().chain([end_ns]);
    let chapter = |(&start_ns, end_ns)| Chapter { start_ns, end_ns };
    starts_ns.iter().zip(ends_ns).map(chapter).collect()
}

/// The first frames of the film and of the scenes that differ most, at most so many, in order and at
/// least a second apart.
#[must_use]
pub fn scenes(changes: &[(u64, u16)], count_max: u32) -> Vec<u64> {
    let mut strongest: Vec<(u64, u16)> = changes.to_vec();
    // Of equal ones the earlier.
    strongest.sort_by_key(|(at_ns, score)| (std::cmp::Reverse(*score), *at_ns));
    let mut chosen: Vec<u64> = vec![0];
    for (at_ns, _) in strongest {
        if chosen.len() >= count_max as usize {
            break;
        }
        if chosen.iter().all(|one| one.abs_diff(at_ns) >= SCENE_NS_MIN) {
            chosen.push(at_ns);
        }
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn at(seconds: &[u64]) -> Vec<(u64, u16)> {
        seconds.iter().map(|s| (s * SECOND_NS, 100)).collect()
    }

    #[test]
    fn chapters_begin_at_changes_that_are_far_enough_apart() {
        let starts = |changes: &[u64], end_s: u64| {
            let chapters = chapters(&at(changes), 30 * SECOND_NS, end_s * SECOND_NS);
            chapters
                .iter()
                .map(|one| one.start_ns / SECOND_NS)
                .collect::<Vec<_>>()
        };
        assert_eq!(starts(&[10, 29, 30, 31, 59, 60, 95], 120), [0, 30, 60]);
        assert_eq!(starts(&[40], 120), [0, 40]);
        assert_eq!(starts(&[29], 120), [] as [u64; 0]);
        assert_eq!(starts(&[], 120), [] as [u64; 0]);
        // Thousands become hundreds.
        let many: Vec<u64> = (0..86_400).collect();
        let n = starts(&many, 86_400).len();
        assert!((401..=500).contains(&n), "{n}");
    }

    #[test]
    fn the_scenes_that_differ_most_are_shown_in_order() {
        let changes =
            [(5, 200), (6, 900), (8, 300), (20, 250)].map(|(s, score)| (s * SECOND_NS, score));
        let shown = |n| {
            scenes(&changes, n)
                .iter()
                .map(|ns| ns / SECOND_NS)
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(1), [0]);
        assert_eq!(shown(3), [0, 6, 8]);
        assert_eq!(shown(50), [0, 5, 6, 8, 20]);
    }

    proptest! {
        #[test]
        fn chapters_cover_the_film_without_gaps(
            mut changes in prop::collection::vec(0_u64..10_000 * SECOND_NS, 0..200),
            length_s in 1_u64..100,
            end_s in 1_u64..10_000,
        ) {
            changes.sort_unstable();
            let changes: Vec<(u64, u16)> = changes.into_iter().map(|ns| (ns, 1)).collect();
            let chapters = chapters(&changes, length_s * SECOND_NS, end_s * SECOND_NS);
            let mut at_ns = 0;
            for chapter in &chapters {
                prop_assert_eq!(chapter.start_ns, at_ns);
                prop_assert!(chapter.end_ns - chapter.start_ns >= length_s * SECOND_NS);
                at_ns = chapter.end_ns;
            }
            prop_assert!(chapters.is_empty() || at_ns == end_s * SECOND_NS);
        }
    }
}
