//! Periods: a representation has one init segment in each, so the picture's editions are one apiece.

use crate::playlist::track::{Edition, Segment, Track};

/// A stretch of the presentation.
#[derive(Debug)]
pub(super) struct Period<'a> {
    /// Where it begins in the presentation, in microseconds.
    pub(super) start_us: u64,
    /// What of each track lies in it, in their order.
    pub(super) parts: Vec<Part<'a>>,
}

/// What of a track lies in a period; that may be nothing.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) track: &'a Track,
    pub(super) edition: &'a Edition,
    pub(super) segments: &'a [Segment],
    /// The track's time at which the period begins, in its units.
    pub(super) offset: u64,
}

/// Where the second edition of the picture begins, as its track tells it.
#[derive(Debug, Clone, Copy)]
struct Seam {
    units: u64,
    timescale: u32,
}

impl<'a> Period<'a> {
    /// One, or two where the picture has two editions.
    ///
    /// The second begins with the picture's first frame, rounded up to a microsecond: players cut off what lies
    /// behind the first one's end, and its last frame ends there. Sound that begins a little later, or
    /// reaches a little over, keeps its time.
    pub(super) fn all(tracks: &'a [Track]) -> Vec<Self> {
        let Some(seam) = tracks.iter().find_map(Seam::of) else {
            let parts = tracks.iter().filter_map(Part::whole);
            return vec![Self {
                start_us: 0,
                parts: parts.collect(),
            }];
        };
        let part = |place: usize, track: &'a Track| {
            let (edition, segments) = track.each_edition().nth(place)?;
            Some(Part {
                track,
                edition,
                segments,
                offset: if place == 0 {
                    0
                } else {
                    seam.in_units(track.timescale)
                },
            })
        };
        let period = |place: usize, start_us: u64| Self {
            start_us,
            parts: tracks
                .iter()
                .filter_map(|track| part(place, track))
                .collect(),
        };
        vec![period(0, 0), period(1, seam.in_us())]
    }
}

impl<'a> Part<'a> {
    fn whole(track: &'a Track) -> Option<Self> {
        Some(Self {
            track,
            edition: track.editions.first()?,
            segments: &track.segments,
            offset: 0,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }
}

impl Seam {
    fn of(track: &Track) -> Option<Self> {
        let (_, segments) = track.each_edition().nth(1)?;
        let units = segments.first()?.start;
        (!track.is_audio()).then_some(Self {
            units,
            timescale: track.timescale.max(1),
        })
    }

    fn in_us(self) -> u64 {
        let us = (u128::from(self.units) * 1_000_000).div_ceil(u128::from(self.timescale));
        u64::try_from(us).unwrap_or(u64::MAX)
    }

    /// To the nearest.
    fn in_units(self, timescale: u32) -> u64 {
        let scale = u128::from(self.timescale);
        let units = (u128::from(self.units) * u128::from(timescale) + scale / 2) / scale;
        u64::try_from(units).unwrap_or(u64::MAX)
    }
}
