//! When pictures of a broadcast are due, by the table of what it was remuxed into.
//!
//! Of a broadcast that lost bytes on its way some pictures cannot be decoded, and which ones depends on
//! where decoding begins. Were each chunk to show what it finds, chunks of one film would not fit
//! together. So every time of the table gets a picture: its own, or the one that was shown before.

use std::collections::VecDeque;

use bus_schema::task::ChunkSpec;

use super::window::{Place, Window, to_ns};
use crate::engine::source::Source;
use crate::engine::{Result, table};

/// Times of a chunk's pictures that are not shown yet, in the film's time, or its clip's.
#[derive(Debug)]
pub(super) struct Due {
    times_ns: VecDeque<u64>,
    end_ns: u64,
    /// Whether the film, or its clip, has none behind these.
    is_last: bool,
    tolerance_ns: u64,
}

impl Due {
    /// Of a broadcast's chunk; `None` of what is no broadcast, or has no table.
    ///
    /// # Errors
    /// What is wrong with the table.
    pub(super) fn of(spec: &ChunkSpec, source: &Source) -> Result<Option<Self>> {
        if !spec.facts.may_lack {
            return Ok(None);
        }
        let found = table::read(source)?;
        let Some(track) = found.as_ref().and_then(|found| found.index.video()) else {
            return Ok(None);
        };
        let (from_ns, until_ns) = match spec.clip.map(|clip| clip.span()) {
            Some(clip) => (clip.start_ns, clip.end_ns.unwrap_or(u64::MAX)),
            None => (0, u64::MAX),
        };
        let shown = track.times_ns().filter(|ns| *ns < until_ns);
        let shown = shown.filter_map(|ns| ns.checked_sub(from_ns));
        let end_ns = track.end_ns().unwrap_or(0).min(until_ns);
        let window = Window::new(spec.span, spec.video.timescale, spec.segment_ns);
        let timescale = spec.video.timescale;
        Ok(Some(Self::new(
            &window,
            timescale,
            shown,
            end_ns.saturating_sub(from_ns),
        )))
    }

    /// Those within a window, of a film's in their order; the film ends at `film_end_ns`.
    fn new(
        window: &Window,
        timescale: u32,
        film_ns: impl Iterator<Item = u64>,
        film_end_ns: u64,
    ) -> Self {
        let (mut times_ns, mut end_ns, mut is_last) = (VecDeque::new(), film_end_ns, true);
        for time_ns in film_ns {
            // Each by itself: of two at one time the window shows one after the other, later on.
            match window.clone().place(time_ns) {
                Place::Before => {}
                Place::Inside { .. } => times_ns.push_back(time_ns),
                Place::Behind { .. } => {
                    (end_ns, is_last) = (time_ns, false);
                    break;
                }
            }
        }
        Self {
            times_ns,
            end_ns,
            is_last,
            // Decoders hand on the very times; a unit is for rounding.
            tolerance_ns: to_ns(1, timescale),
        }
    }

    /// Whether every picture was shown.
    pub(super) fn is_over(&self) -> bool {
        self.times_ns.is_empty()
    }

    /// Whether there is none, and none behind.
    pub(super) fn is_none(&self) -> bool {
        self.times_ns.is_empty() && self.is_last
    }

    /// Where the last picture ends: at the next one, or with the film.
    pub(super) fn end_ns(&self) -> u64 {
        self.end_ns
    }

    /// Whether a picture of this time is not due: it is of before the chunk, or comes again.
    pub(super) fn is_early(&self, time_ns: u64) -> bool {
        let next = self.times_ns.front();
        next.is_some_and(|next| time_ns.saturating_add(self.tolerance_ns) < *next)
    }

    /// The next picture that should have come before one of this time.
    pub(super) fn missed(&mut self, time_ns: u64) -> Option<u64> {
        let next = *self.times_ns.front()?;
        if next.saturating_add(self.tolerance_ns) >= time_ns {
            return None;
        }
        self.times_ns.pop_front()
    }

    /// The time of a picture, where it is due.
    pub(super) fn take(&mut self, time_ns: u64) -> Option<u64> {
        let next = *self.times_ns.front()?;
        if next.abs_diff(time_ns) > self.tolerance_ns {
            return None;
        }
        self.times_ns.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bus_schema::plan::Span;

    const MS: u64 = 1_000_000;

    fn due(start_ms: u64, end_ms: Option<u64>) -> Due {
        let span = Span {
            start_ns: start_ms * MS,
            end_ns: end_ms.map(|ms| ms * MS),
        };
        let film = [0, 40, 80, 80, 120, 160].map(|ms| ms * MS);
        let window = Window::new(span, 90_000, 1_000 * MS);
        Due::new(&window, 90_000, film.into_iter(), 200 * MS)
    }

    #[test]
    fn every_time_of_a_film_is_due_in_one_chunk() {
        for (start_ms, end_ms, n, ends_ms) in [
            (0, Some(80), 2, 80),
            (80, Some(90), 2, 120),
            (90, None, 2, 200),
            (170, None, 0, 200),
        ] {
            let due = due(start_ms, end_ms);
            assert_eq!(due.times_ns.len(), n, "{start_ms}");
            assert_eq!(due.end_ns(), ends_ms * MS, "{start_ms}");
        }
    }

    #[test]
    fn what_does_not_come_is_missed_and_what_comes_twice_is_early() {
        let mut due = due(40, None);
        assert!(due.is_early(0), "it is of the chunk before");
        assert!(!due.is_early(40 * MS - 1), "rounded");
        assert_eq!(due.missed(40 * MS), None);
        assert_eq!(due.take(40 * MS), Some(40 * MS));
        assert!(due.is_early(40 * MS), "it comes again");
        let at_80: Vec<u64> = std::iter::from_fn(|| due.missed(120 * MS)).collect();
        assert_eq!(at_80, [80 * MS, 80 * MS]);
        assert_eq!(due.take(130 * MS), None, "no picture is due then");
        assert_eq!(due.take(120 * MS + 1), Some(120 * MS));
        let rest: Vec<u64> = std::iter::from_fn(|| due.missed(u64::MAX)).collect();
        assert_eq!(rest, [160 * MS]);
        assert!(due.is_over());
    }
}
