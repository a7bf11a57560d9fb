//! Which frames are wanted, in the order in which a film has them.

use bus_schema::plan::images::{ImagesPlan, Pick, StoryboardPlan};

/// Frames that are looked at for an image that is chosen.
const CANDIDATES: u64 = 4;
/// And for the poster, which is looked at most.
const POSTER_CANDIDATES: u64 = 12;

/// What a frame is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// The poster, which is 0, or a thumbnail by its number.
    Image(u32),
    /// A storyboard's small image.
    Tile(u32),
}

/// A frame that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shot {
    /// The frame that is shown at this time.
    pub(super) at_ns: u64,
    /// One that is so much earlier is as good, if it costs less.
    pub(super) slack_ns: u64,
    /// What for.
    pub(super) subject: Subject,
    /// Whether it is one of several to choose from.
    pub(super) is_candidate: bool,
}

/// All frames that a plan wants, by their times.
pub(super) fn shots(plan: &ImagesPlan, scenes_ns: &[u64]) -> Vec<Shot> {
    let mut shots = Vec::new();
    let mut image = |number, pick, candidates| match pick {
        // Nothing is shown behind the end.
        Pick::At { ns } if ns < plan.end_ns => shots.push(Shot {
            at_ns: ns,
            slack_ns: 0,
            subject: Subject::Image(number),
            is_candidate: false,
        }),
        Pick::At { .. } => {}
        Pick::Best { start_ns, end_ns } => {
            let step_ns = end_ns.saturating_sub(start_ns) / candidates;
            shots.extend((0..candidates).map(|n| Shot {
                at_ns: start_ns + step_ns * n + step_ns / 2,
                slack_ns: step_ns / 2,
                subject: Subject::Image(number),
                is_candidate: true,
            }));
        }
    };
    if let Some(pick) = plan.poster_pick() {
        image(0, pick, POSTER_CANDIDATES);
    }
    for (number, pick) in (1..).zip(plan.thumbnail_picks(scenes_ns)) {
        image(number, pick, CANDIDATES);
    }
    shots.extend(
        plan.storyboard
            .iter()
            .flat_map(|board| tiles(board, plan.end_ns)),
    );
    // Equal times stay in their order.
    shots.sort_by_key(|shot| shot.at_ns);
    shots
}

/// A frame of each small image's time, from about its middle.
fn tiles(board: &StoryboardPlan, end_ns: u64) -> impl Iterator<Item = Shot> {
    let interval_ns = board.interval_ns;
    (0..board.n_tiles).map(move |tile| {
        let start_ns = interval_ns.saturating_mul(u64::from(tile));
        // The last one's time may end with the film.
        let length_ns = end_ns.saturating_sub(start_ns).min(interval_ns);
        Shot {
            at_ns: start_ns.saturating_add(length_ns / 2),
            slack_ns: length_ns / 2,
            subject: Subject::Tile(tile),
            is_candidate: false,
        }
    })
}
