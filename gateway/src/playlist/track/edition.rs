//! Editions of a track: what one decoder's configuration applies to.
//!
//! There is one, unless a device failed when a part of the picture was listed: then software makes a second one of
//! what follows. Players learn of it by a discontinuity, which all tracks of a presentation have at the same
//! place (RFC 8216, section 6.2.4), sound and subtitles too, whose times go on as before.

use bus_schema::plan::Plan;

use super::{Segment, Track};
use crate::playlist::details::Details;

const SECOND_NS: u128 = 1_000_000_000;

/// Segments with an init segment of their own, up to the next edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::playlist) struct Edition {
    /// Its first segment, by its place in the track.
    pub(in crate::playlist) first: usize,
    /// Relative to the job's outputs.
    pub(in crate::playlist) init: String,
    /// RFC 6381.
    pub(in crate::playlist) codecs: String,
}

/// Where sound and subtitles have to follow the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::playlist) struct Seam {
    /// Where the second edition of the picture begins, if there is one.
    at_ns: Option<u64>,
    /// Until where sound may be listed. A seam can still come where the picture has not been listed, and what is
    /// listed never changes.
    until_ns: Option<u64>,
    /// Whether no other place can become one.
    is_settled: bool,
}

impl Seam {
    pub(in crate::playlist) fn of(plan: &Plan, details: &Details) -> Self {
        let Some(video) = plan.video.as_ref().filter(|video| video.device().is_some()) else {
            return Self {
                is_settled: true,
                ..Self::default()
            };
        };
        let n_listed = u32::try_from(details.chunks.len()).unwrap_or(u32::MAX);
        let start_ns = |chunk| plan.chunk(chunk).start_ns;
        let takeover = video.takeover.as_ref();
        // Behind chunks without a frame nothing changes for a player.
        let is_seen = |n: u32| {
            let mut before = details.chunks.iter().take(n as usize);
            before.any(|(_, chunk)| !chunk.durations.is_empty())
        };
        Self {
            at_ns: takeover
                .filter(|takeover| is_seen(takeover.from_chunk))
                .map(|takeover| start_ns(takeover.from_chunk)),
            until_ns: (n_listed < plan.n_chunks()).then(|| start_ns(n_listed)),
            is_settled: takeover.is_some() || n_listed >= plan.n_chunks(),
        }
    }

    /// Where a track that is listed as a whole, once and for all, has to be cut: `None` while that is not known, and
    /// `Some(None)` where it is nowhere.
    pub(in crate::playlist) fn for_good_ns(&self) -> Option<Option<u64>> {
        self.is_settled.then_some(self.at_ns)
    }
}

impl Track {
    /// Cuts a track of sound where the picture is cut, and ends it where the picture may yet be. Segments of both
    /// are cut at the same multiples of their length, each at its first frame behind: what lies mostly behind a
    /// cut belongs behind it.
    pub(super) fn follow(&mut self, seam: &Seam) {
        let timescale = u128::from(self.timescale.max(1));
        let is_before = |segment: &Segment, cut_ns: u64| {
            let middle = u128::from(segment.start) + u128::from(segment.duration) / 2;
            middle * SECOND_NS < u128::from(cut_ns) * timescale
        };
        if let Some(until_ns) = seam.until_ns {
            self.segments.retain(|segment| is_before(segment, until_ns));
            // That this is all is said when the picture is whole.
            self.is_whole = false;
            if self.segments.is_empty() {
                self.editions.clear();
            }
        }
        let (Some(at_ns), Some(first)) = (seam.at_ns, self.editions.first()) else {
            return;
        };
        let first = first.clone();
        let cut = self
            .segments
            .partition_point(|segment| is_before(segment, at_ns));
        self.editions.push(Edition {
            first: cut,
            ..first
        });
    }

    /// Each edition with its segments, some of which may be none.
    pub(in crate::playlist) fn each_edition(&self) -> impl Iterator<Item = (&Edition, &[Segment])> {
        let ends = self.editions.iter().skip(1).map(|edition| edition.first);
        let ends = ends.chain([self.segments.len()]);
        self.editions.iter().zip(ends).map(|(edition, end)| {
            let segments = self.segments.get(edition.first..end);
            (edition, segments.unwrap_or_default())
        })
    }

    /// What a player has to be able to decode, each codec once.
    pub(in crate::playlist) fn codecs(&self) -> Vec<&str> {
        let mut codecs: Vec<&str> = Vec::new();
        for edition in &self.editions {
            if !codecs.contains(&edition.codecs.as_str()) {
                codecs.push(&edition.codecs);
            }
        }
        codecs
    }
}
