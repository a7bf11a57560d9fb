//! The index of a source: what an MP4 or MOV says of its tracks, exactly and without decoding.
//!
//! A few ranged reads find `moov`, at either end; a fragmented file is walked from fragment to
//! fragment. The result tells how many frames a player shows and when, so that a chunk's frames can be
//! counted against it, and how far into the file the samples reach, so that a file that was cut is
//! known before anything is decoded.

pub(in crate::mp4) mod boxes;
mod builder;
mod edits;
mod file;
mod fragment;
mod movie;
mod overlay;
mod sample_entry;
pub(in crate::mp4) mod tables;
mod times;

use bus_schema::plan::Span;
use bytes::Bytes;

use super::error::Error;
use edits::Edits;
pub use overlay::Patch;
use times::Times;

/// The largest `moov`, and the largest `moof`, that is read: 24 h of 60 fps with reordered frames and a
/// table entry for each chunk take about 110 MB.
pub const MOVIE_BYTES_MAX: u64 = 128 << 20;

/// Most frames of a picture: 19 h at 60 fps. Their times take 8 bytes each while they are sorted.
pub const FRAMES_MAX: u64 = 1 << 22;

/// Most tracks that are looked at.
pub const TRACKS_MAX: usize = 64;

/// Most fragments that are walked, a ranged read each: 11 h of two-second fragments.
pub const FRAGMENTS_MAX: usize = 20_000;

/// Sample entries of still pictures, which QuickTime keeps as covers.
pub(in crate::mp4) const STILL: [&[u8; 4]; 6] =
    [b"jpeg", b"png ", b"tiff", b"gif ", b"BMP ", b"WRLE"];

/// What an MP4 or MOV tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovieIndex {
    /// Whether the file says that it is QuickTime, or is too old to say anything.
    pub is_quicktime: bool,
    /// Whether samples are in fragments (`moof`).
    pub is_fragmented: bool,
    /// Tracks in the file's order.
    pub tracks: Vec<TrackIndex>,
    /// The first byte behind the last that any sample uses.
    pub media_end: u64,
    /// Whether the file ends inside a fragment's own index.
    pub is_cut: bool,
}

/// One track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackIndex {
    /// Its number in the file.
    pub track_id: u32,
    /// Whether it is played when nobody chooses.
    pub is_enabled: bool,
    /// What it is: `vide`, `soun`, `text`, ...
    pub handler: [u8; 4],
    /// Its sample entry: `avc1`, `hvc1`, `mp4a`, ...
    pub codec: [u8; 4],
    /// Units per second.
    pub timescale: u32,
    /// Samples in the file, shown or not.
    pub n_samples: u64,
    /// Pixels as coded; 0 for anything but a picture.
    pub coded_width: u16,
    /// Pixels as coded; 0 for anything but a picture.
    pub coded_height: u16,
    /// Clockwise quarter turns to apply before showing, in degrees: 0, 90, 180, 270.
    pub rotation_deg: u16,
    /// Pixel aspect ratio, width to height; 1 to 1 when the file tells none.
    pub par: (u32, u32),
    /// Channels of sound as the sample entry tells; its decoder may know better.
    pub channels: u16,
    /// Samples of sound per second as the sample entry tells; 0 when unknown.
    pub sample_rate_hz: u32,
    /// ISO 639-2 or BCP 47, where known.
    pub language: Option<String>,
    times: Times,
    edits: Edits,
    /// Units of the last sample.
    last_duration: u32,
    /// Where samples begin that lie in fragments, where others lie in the index's tables.
    fragments_from: Option<i64>,
    /// Media times at which decoding can begin; `None` when it can at every sample.
    keyframes: Option<Vec<i64>>,
}

/// Reads the index of a file of `size` bytes. `reader` gets an offset and a length within the file and
/// returns exactly these bytes.
///
/// `Ok(None)` when it is not an ISO base media file.
///
/// # Errors
/// [`Error::Truncated`] when the file ends before its index does, [`Error::Damaged`] when its index
/// contradicts itself, [`Error::TooLarge`] when the index is over a limit (such a file may be fine, and
/// is to be treated as one that has no index), [`Error::Read`] from `reader`.
pub fn read(
    reader: impl FnMut(u64, u32) -> std::io::Result<Bytes>,
    size: u64,
) -> Result<Option<MovieIndex>, Error> {
    Ok(read_whole(reader, size)?.map(|found| found.index))
}

/// An index, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it says.
    pub index: MovieIndex,
    /// The body of `moov` that it was read from.
    pub moov: Bytes,
    /// Where that body lies in the file.
    pub moov_offset: u64,
    /// Where the body of a fragmented file's `mfra` lies, and that body.
    random_access: Option<(u64, Bytes)>,
}

impl Found {
    /// What has to be written over the file for a demuxer to show it every sample at its own media
    /// time: no edits, and no durations to stop at; and where one track is wanted `alone`, none but that,
    /// unless the file is of fragments. Empty for an index that contradicts itself.
    #[must_use]
    pub fn without_edits(&self, alone: Option<u32>) -> Vec<Patch> {
        overlay::without_edits(self, alone)
    }
}

/// When a sample is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// Not at all.
    Hidden,
    /// From this stream time on, to `until_ns` at the latest.
    Shown {
        /// Stream time.
        time_ns: u64,
        /// Stream time at which its edit ends; `u64::MAX` for one without an end.
        until_ns: u64,
    },
    /// Not at all, and nothing that follows it in the media is.
    Over,
}

/// As [`read`], with the body of `moov` that the index was read from.
///
/// # Errors
/// As [`read`].
pub fn read_whole(
    reader: impl FnMut(u64, u32) -> std::io::Result<Bytes>,
    size: u64,
) -> Result<Option<Found>, Error> {
    file::read(reader, size)
}

impl MovieIndex {
    /// The film: the first track with a moving picture. Where there is none, the first with a picture at
    /// all; covers and chapters' pictures are tracks of their own in some files, and may come first.
    #[must_use]
    pub fn video(&self) -> Option<&TrackIndex> {
        let rank = |track: &TrackIndex| {
            let is_still = STILL.contains(&&track.codec);
            (track.n_samples > 1, !is_still)
        };
        let pictures = self.tracks.iter().filter(|track| track.is_video());
        let shown = pictures.filter(|track| track.n_samples > 0);
        // Of equals the first one.
        shown.reduce(|best, next| if rank(next) > rank(best) { next } else { best })
    }

    /// The track of this number.
    #[must_use]
    pub fn track(&self, track_id: u32) -> Option<&TrackIndex> {
        self.tracks.iter().find(|track| track.track_id == track_id)
    }

    /// The tracks with sound, in the file's order.
    pub fn audio(&self) -> impl Iterator<Item = &TrackIndex> {
        self.tracks.iter().filter(|track| track.handler == *b"soun")
    }

    /// Whether samples lie behind a file end at `size`, or the file ends inside its index.
    #[must_use]
    pub fn is_truncated(&self, size: u64) -> bool {
        self.is_cut || self.media_end > size
    }
}

impl TrackIndex {
    /// Whether this is a picture.
    #[must_use]
    pub fn is_video(&self) -> bool {
        self.handler == *b"vide"
    }

    /// Samples that a player shows, by the edit list.
    #[must_use]
    pub fn frames_shown(&self) -> u64 {
        let windows = self.edits.windows().iter();
        windows
            .map(|window| self.times.count_in(window.from, window.until))
            .sum()
    }

    /// Whether its edit list, if there is one, does no more than delay the beginning and begin within the
    /// media; it may still end before the media does.
    #[must_use]
    pub fn has_plain_edits(&self) -> bool {
        self.edits.is_plain()
    }

    /// Whether one pass over the media shows all that the edit list says: each stretch once, in the
    /// media's own order and at its own pace.
    #[must_use]
    pub fn has_ordered_edits(&self) -> bool {
        self.edits.is_ordered()
    }

    /// When a sample of this media time is shown, in units of the timescale.
    #[must_use]
    pub fn place(&self, media_time: i64) -> Placed {
        let mut windows = self.edits.windows().iter();
        let Some(window) = windows.find(|window| media_time < window.until) else {
            return Placed::Over;
        };
        if media_time < window.from {
            return Placed::Hidden;
        }
        Placed::Shown {
            time_ns: window.stream_time_ns(media_time, self.timescale),
            until_ns: match window.until {
                i64::MAX => u64::MAX,
                until => window.stream_time_ns(until, self.timescale),
            },
        }
    }

    /// The stretches that are shown: from and to which media time, and when the first is shown, all in
    /// nanoseconds; the last one may have no end.
    pub fn stretches_ns(&self) -> impl Iterator<Item = (i128, i128, u64)> {
        let ns = |units: i64| match units {
            i64::MIN => i128::MIN,
            i64::MAX => i128::MAX,
            units => i128::from(units) * 1_000_000_000 / i128::from(self.timescale.max(1)),
        };
        let windows = self.edits.windows().iter();
        windows.map(move |window| {
            // Without an edit list media times are stream times.
            let shown_from = match window.from {
                i64::MIN => 0,
                from => window.stream_time_ns(from, self.timescale),
            };
            (ns(window.from), ns(window.until), shown_from)
        })
    }

    /// Where decoding has to begin for everything from a stream time on to be right: the media time of a
    /// keyframe in nanoseconds, rounded up; `None` for the beginning, which is also where samples lie that
    /// a demuxer of fragments does not find. For sound, which can be decoded from any sample on, this is
    /// the first sample needed.
    #[must_use]
    pub fn entry_ns(&self, stream_ns: u64) -> Option<u64> {
        let mut windows = self.edits.windows().iter();
        let first = windows.find_map(|window| {
            let from = window.media_time_at(stream_ns, self.timescale);
            let from = from.max(window.from);
            (from < window.until).then_some(from)
        })?;
        let entry = match &self.keyframes {
            // Frames behind a keyframe in the order of presentation need nothing before it.
            Some(keyframes) => {
                let behind = keyframes.partition_point(|keyframe| *keyframe <= first);
                let at = behind.checked_sub(1).filter(|at| *at > 0)?;
                *keyframes.get(at)?
            }
            None => self.times.last_before(first.saturating_add(1))?,
        };
        if self.fragments_from.is_some_and(|from| entry < from) {
            return None;
        }
        let units = u128::try_from(entry).ok().filter(|units| *units > 0)?;
        let ns = (units * 1_000_000_000).div_ceil(u128::from(self.timescale.max(1)));
        u64::try_from(ns).ok()
    }

    /// Samples whose stream time lies in a span.
    #[must_use]
    pub fn frames_in(&self, span: Span) -> u64 {
        let count = |window: &edits::Window| {
            let from = window.media_time_at(span.start_ns, self.timescale);
            let until = match span.end_ns {
                Some(end_ns) => window.media_time_at(end_ns, self.timescale),
                None => i64::MAX,
            };
            self.times
                .count_in(window.from.max(from), window.until.min(until))
        };
        self.edits.windows().iter().map(count).sum()
    }

    /// Stream time of the first sample that is shown; `None` when none is.
    #[must_use]
    pub fn start_ns(&self) -> Option<u64> {
        let first = |window: &edits::Window| {
            let first = self.times.first_at_or_after(window.from)?;
            (first < window.until).then(|| window.stream_time_ns(first, self.timescale))
        };
        self.edits.windows().iter().filter_map(first).min()
    }

    /// Stream time at which the last sample that is shown ends; `None` when none is shown.
    #[must_use]
    pub fn end_ns(&self) -> Option<u64> {
        let end = |window: &edits::Window| {
            let last = self.times.last_before(window.until)?;
            if last < window.from {
                return None;
            }
            // A sample that others follow behind the edit is shown to the edit's end.
            let own_end = last.saturating_add(i64::from(self.last_duration));
            let is_final = self.times.first_at_or_after(window.until).is_none();
            let end = if is_final { own_end } else { window.until };
            Some(window.stream_time_ns(end.min(window.until), self.timescale))
        };
        self.edits.windows().iter().filter_map(end).max()
    }

    /// Time from the first sample shown to the end of the last.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        let (start, end) = (self.start_ns(), self.end_ns());
        end.unwrap_or(0).saturating_sub(start.unwrap_or(0))
    }

    /// Stream times of all samples shown, in the order of the edits.
    pub fn times_ns(&self) -> impl Iterator<Item = u64> {
        self.edits.windows().iter().flat_map(|window| {
            let times = self.times.iter_in(window.from, window.until);
            times.map(|time| window.stream_time_ns(time, self.timescale))
        })
    }

    /// Units from each sample to the next, when they are all the same: a constant frame rate is
    /// `timescale / step`.
    #[must_use]
    pub fn constant_step(&self) -> Option<u32> {
        self.times.constant_step()
    }

    /// Stream times of the keyframes that are shown; `None` when every frame is one.
    #[must_use]
    pub fn keyframes_ns(&self) -> Option<Vec<u64>> {
        let keyframes = self.keyframes.as_ref()?;
        let shown = self.edits.windows().iter().flat_map(|window| {
            let times = keyframes.iter().copied();
            let inside = times.filter(|time| (window.from..window.until).contains(time));
            inside.map(|time| window.stream_time_ns(time, self.timescale))
        });
        Some(shown.collect())
    }
}

#[cfg(test)]
mod tests;
