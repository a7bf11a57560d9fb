//! The MP4 that a source without an index is remuxed into, while it is read once.
//!
//! Media is written as it comes; the head - `ftyp`, `moov`, the header of `mdat` - is written last and
//! goes in front, since the objects that the file consists of can be stored in any order. All times of
//! presentation are known by then, so that decode times are these in their order: the first is 0, no edit
//! hides anything, and an edit list does no more than delay a track that begins after another one.

pub mod entry;

mod head;
#[cfg(test)]
mod tests;

use super::error::Error;

/// Most samples of all tracks together: 24 h of 60 frames a second and 30 of sound. They take 12 bytes
/// each while they are collected.
pub const SAMPLES_MAX: u64 = 1 << 23;
/// The largest head that is written: half of what is read of an index.
pub const HEAD_BYTES_MAX: u64 = 64 << 20;
/// Most tracks.
pub const TRACKS_MAX: usize = 32;
/// Units per second of what edits last: those of MPEG's transport and programme streams, in which the
/// beginnings of tracks lie.
pub const MOVIE_TIMESCALE: u32 = 90_000;

/// The tables of all tracks while they are collected.
#[derive(Debug, Default)]
pub struct Tables {
    tracks: Vec<Table>,
    payload_bytes: u64,
    n_samples: u64,
    /// The track that wrote last: its samples go on in the same chunk.
    last: Option<usize>,
}

/// The samples of one track.
#[derive(Debug)]
struct Table {
    is_video: bool,
    timescale: u32,
    /// The time that `times` count from.
    base_ns: u64,
    /// Times of presentation in decode order.
    times: Vec<i64>,
    sizes: Vec<u32>,
    /// Numbers, from 1, of the samples at which decoding can begin.
    sync: Vec<u32>,
    /// The latest of them so far, and how many units that sample lasts.
    latest: Option<i64>,
    last_duration: u32,
    /// Sound without coding: bytes of each sample, and how many there are.
    pcm: Option<(u32, u64)>,
    chunks: Vec<Chunk>,
}

/// Samples of one track that lie one behind the other.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    /// From the first byte of the payload on.
    offset: u64,
    n_samples: u32,
}

/// A sample as it is collected.
#[derive(Debug, Clone, Copy)]
pub struct NewSample {
    /// Its size.
    pub bytes: u32,
    /// Time of presentation, in the track's units from its base on.
    pub time: i64,
    /// How long it lasts, in the track's units.
    pub duration: u32,
    /// Whether decoding can begin at it.
    pub is_sync: bool,
}

/// What the head says of a track beside its samples.
#[derive(Debug, Clone)]
pub struct TrackHead<'a> {
    /// Its number among the tables.
    pub table: usize,
    /// Its sample entry, as [`entry`] makes them.
    pub entry: &'a [u8],
    /// Three letters (ISO 639-2).
    pub language: &'a str,
    /// Pixels as shown; 0 for sound.
    pub size: (u16, u16),
}

impl Tables {
    /// Adds a track whose times are in so many units per second, counted from `base_ns`; returns its
    /// number.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`TRACKS_MAX`].
    pub fn add(&mut self, is_video: bool, timescale: u32, base_ns: u64) -> Result<usize, Error> {
        if self.tracks.len() >= TRACKS_MAX {
            return Err(Error::TooLarge {
                what: "number of tracks",
                limit: TRACKS_MAX as u64,
            });
        }
        self.tracks.push(Table {
            is_video,
            timescale: timescale.max(1),
            base_ns,
            times: Vec::new(),
            sizes: Vec::new(),
            sync: Vec::new(),
            latest: None,
            last_duration: 0,
            pcm: None,
            chunks: Vec::new(),
        });
        Ok(self.tracks.len() - 1)
    }

    /// Appends a sample, whose bytes follow those of the last one of any track.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`SAMPLES_MAX`].
    pub fn push(&mut self, track: usize, sample: NewSample) -> Result<(), Error> {
        self.count(1)?;
        let table = self.tracks.get_mut(track).ok_or(NO_TRACK)?;
        table.times.push(sample.time);
        table.see_time(sample.time, sample.duration);
        table.sizes.push(sample.bytes);
        if sample.is_sync {
            let number = u32::try_from(table.times.len()).unwrap_or(u32::MAX);
            table.sync.push(number);
        }
        table.extend(self.payload_bytes, 1, self.last == Some(track));
        self.payload_bytes += u64::from(sample.bytes);
        self.last = Some(track);
        Ok(())
    }

    /// Appends `n` samples of sound without coding, each of so many bytes and lasting one unit.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over what a table counts; [`Error::Damaged`] for samples of another size than
    /// those before.
    pub fn push_pcm(&mut self, track: usize, n: u32, frame_bytes: u32) -> Result<(), Error> {
        self.count(1)?;
        let table = self.tracks.get_mut(track).ok_or(NO_TRACK)?;
        let (size, before) = table.pcm.unwrap_or((frame_bytes, 0));
        if size != frame_bytes || size == 0 {
            return Err(Error::Damaged {
                what: "samples of sound that change their size",
            });
        }
        let all = before + u64::from(n);
        if all > u64::from(u32::MAX) {
            return Err(Error::TooLarge {
                what: "number of samples of sound",
                limit: u64::from(u32::MAX),
            });
        }
        table.pcm = Some((size, all));
        table.extend(self.payload_bytes, n, self.last == Some(track));
        self.payload_bytes += u64::from(n) * u64::from(frame_bytes);
        self.last = Some(track);
        Ok(())
    }

    /// Gives a sample another time, once it is known.
    pub fn set_time(&mut self, track: usize, sample: usize, time: i64, duration: u32) {
        if let Some(table) = self.tracks.get_mut(track)
            && let Some(place) = table.times.get_mut(sample)
        {
            *place = time;
            table.see_time(time, duration);
        }
    }

    /// Samples of a track.
    #[must_use]
    pub fn n_samples(&self, track: usize) -> usize {
        self.tracks.get(track).map_or(0, |table| {
            let pcm = table.pcm.map_or(0, |(_, n)| n);
            table.times.len() + usize::try_from(pcm).unwrap_or(usize::MAX)
        })
    }

    /// Bytes of all samples.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// The file up to its first sample, of these tracks in this order: their numbers count from 1.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`HEAD_BYTES_MAX`]; [`Error::Damaged`] for times that lie further apart
    /// than a table can tell.
    pub fn head(&self, tracks: &[TrackHead<'_>]) -> Result<Vec<u8>, Error> {
        head::encode(self, tracks)
    }

    fn count(&mut self, n: u64) -> Result<(), Error> {
        self.n_samples += n;
        if self.n_samples > SAMPLES_MAX {
            return Err(Error::TooLarge {
                what: "number of samples",
                limit: SAMPLES_MAX,
            });
        }
        Ok(())
    }
}

/// A defect of the caller's.
const NO_TRACK: Error = Error::Damaged {
    what: "a track that was never added",
};

impl Table {
    fn see_time(&mut self, time: i64, duration: u32) {
        if self.latest.is_none_or(|latest| latest <= time) {
            self.latest = Some(time);
            self.last_duration = duration;
        }
    }

    /// Counts samples to the last chunk, where they lie directly behind it, or to a new one.
    fn extend(&mut self, offset: u64, n: u32, goes_on: bool) {
        match self.chunks.last_mut() {
            Some(chunk) if goes_on => chunk.n_samples = chunk.n_samples.saturating_add(n),
            _ => self.chunks.push(Chunk {
                offset,
                n_samples: n,
            }),
        }
    }
}
