//! The source as GStreamer reads it, by ranges.

mod element;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bus_schema::report::ErrorCode;
use bytes::{Bytes, BytesMut};
use gstreamer as gst;
use gstreamer::glib::object::Cast;

use self::element::Reader;
use super::transport::Transport;
use super::{Error, Result};
use crate::mp4::index::{Found, Patch};

/// The longest read that a demuxer may ask for: a keyframe of uncompressed 2160p is 12 MiB. What a
/// damaged file asks for beyond is refused before memory is found for it.
const READ_BYTES_MAX: u64 = 64 << 20;

/// Bytes by offset, wherever they come from.
pub trait RangeSource: Send {
    /// Size of the whole.
    fn size(&self) -> u64;

    /// Exactly `len` bytes from `offset` on; the caller stays within [`Self::size`].
    ///
    /// # Errors
    /// When the bytes cannot be had.
    fn read(&mut self, offset: u64, len: u64) -> io::Result<Bytes>;
}

/// A source that several pipelines read, one after the other.
#[derive(Clone)]
pub struct Source {
    shared: Arc<Mutex<Shared>>,
    size: u64,
    /// The container's own table, once it was read.
    table: Arc<OnceLock<Result<Option<Arc<Found>>>>>,
    /// Read in place of the bytes that are there.
    patches: Arc<[Patch]>,
    /// Looks at what flows, where it may be a broadcast.
    watch: Option<Transport>,
}

struct Shared {
    ranges: Box<dyn RangeSource>,
    /// Why a read failed: GStreamer would only say that there was a resource error.
    failure: Option<String>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Source {
    /// A source of these ranges.
    #[must_use]
    pub fn new(ranges: Box<dyn RangeSource>) -> Self {
        let size = ranges.size();
        Self {
            shared: Arc::new(Mutex::new(Shared {
                ranges,
                failure: None,
            })),
            size,
            table: Arc::default(),
            patches: Arc::default(),
            watch: None,
        }
    }

    /// The same source, with somebody who looks at what flows from it into pipelines.
    pub(super) fn watched(&self, watch: &Transport) -> Self {
        Self {
            watch: Some(watch.clone()),
            ..self.clone()
        }
    }

    /// The same source as pipelines are to see it, with these bytes in place of its own.
    #[must_use]
    pub fn patched(&self, patches: Vec<Patch>) -> Self {
        Self {
            patches: patches.into(),
            ..self.clone()
        }
    }

    /// The container's own table, read the first time that it is asked for.
    pub(super) fn table(
        &self,
        read: impl FnOnce(&Self) -> Result<Option<Found>>,
    ) -> Result<Option<Arc<Found>>> {
        let found = || Ok(read(self)?.map(Arc::new));
        self.table.get_or_init(found).clone()
    }

    /// Size of the whole.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes from `offset` on, fewer than `len` only at the end.
    ///
    /// # Errors
    /// When the bytes cannot be had, or more are asked for than any sound file needs.
    pub fn read(&self, offset: u64, len: u64) -> io::Result<Bytes> {
        let len = len.min(self.size.saturating_sub(offset));
        if len > READ_BYTES_MAX {
            return Err(io::Error::other(format!("{len} bytes asked for at once")));
        }
        if len == 0 {
            return Ok(Bytes::new());
        }
        let mut shared = self.lock();
        let bytes = shared.ranges.read(offset, len).inspect_err(|error| {
            shared.failure.get_or_insert_with(|| error.to_string());
        })?;
        Ok(self.with_patches(offset, bytes))
    }

    fn with_patches(&self, offset: u64, bytes: Bytes) -> Bytes {
        let end = offset + bytes.len() as u64;
        let is_touched =
            |patch: &&Patch| patch.offset < end && offset < patch.offset + patch.bytes.len() as u64;
        let mut touching = self.patches.iter().filter(is_touched).peekable();
        if touching.peek().is_none() {
            return bytes;
        }
        let mut own = BytesMut::from(bytes.as_ref());
        for patch in touching {
            for (at, byte) in (patch.offset..).zip(&patch.bytes) {
                let place = at
                    .checked_sub(offset)
                    .and_then(|at| usize::try_from(at).ok());
                if let Some(place) = place.and_then(|at| own.get_mut(at)) {
                    *place = *byte;
                }
            }
        }
        own.freeze()
    }

    /// The error of a failed read, if any failed: more telling than what a pipeline made of it.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        let failure = self.lock().failure.clone()?;
        let failure = failure.trim_end_matches('.');
        Some(Error::new(
            ErrorCode::Unavailable,
            format!("The source cannot be read: {failure}. It is tried again."),
        ))
    }

    /// A new element that reads this source from its start.
    ///
    /// # Errors
    /// When the element cannot be made.
    pub fn element(&self) -> Result<gst::Element> {
        Ok(Reader::new(self.clone())?.upcast())
    }

    /// These bytes flow into a pipeline.
    fn flows(&self, offset: u64, bytes: &[u8]) {
        if let Some(watch) = &self.watch {
            watch.see(offset, bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A reader that panicked leaves at worst a block out of its cache.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use gstreamer::prelude::*;

    use super::*;

    struct Zeros(u64);

    impl RangeSource for Zeros {
        fn size(&self) -> u64 {
            self.0
        }

        fn read(&mut self, _: u64, len: u64) -> io::Result<Bytes> {
            Ok(vec![0; usize::try_from(len).unwrap()].into())
        }
    }

    #[test]
    fn patches_are_read_in_place_of_what_is_there_wherever_a_read_begins_and_ends() {
        let source = Source::new(Box::new(Zeros(100)));
        let patch = |offset, bytes: &[u8]| Patch {
            offset,
            bytes: bytes.to_vec(),
        };
        let patched = source.patched(vec![patch(10, &[1, 2, 3, 4]), patch(50, &[5])]);
        let mut whole = [0; 100];
        whole[10..14].copy_from_slice(&[1, 2, 3, 4]);
        whole[50] = 5;
        for from in 0..60 {
            for len in 0..20 {
                let bytes = patched.read(from as u64, len as u64).unwrap();
                assert_eq!(bytes, whole[from..from + len], "{from}+{len}");
            }
        }
        assert!(source.read(0, 100).unwrap().iter().all(|byte| *byte == 0));
    }

    /// Bytes that tell where they lie.
    struct Numbers;

    impl Numbers {
        const SIZE: u64 = 1 << 20;

        fn bytes(offset: u64, len: u64) -> Vec<u8> {
            let byte = |at: u64| u8::try_from((at ^ (at >> 8) ^ (at >> 16)) & 0xff).unwrap();
            (offset..offset + len).map(byte).collect()
        }
    }

    impl RangeSource for Numbers {
        fn size(&self) -> u64 {
            Self::SIZE
        }

        fn read(&mut self, offset: u64, len: u64) -> io::Result<Bytes> {
            Ok(Self::bytes(offset, len).into())
        }
    }

    #[test]
    fn a_read_is_answered_with_its_own_bytes_whatever_was_interrupted_before_it() {
        const READS: u64 = 500_000;
        gst::init().unwrap();
        let source = Source::new(Box::new(Numbers));
        let element = source.element().unwrap();
        let pad = element.static_pad("src").unwrap();
        pad.activate_mode(gst::PadMode::Pull, true).unwrap();
        let (asked, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
        let (mut wrong, mut n_answered) = (Vec::<u64>::new(), 0);
        std::thread::scope(|threads| {
            // What a demuxer does upstream when it seeks, once for each read: more often, and no read is answered.
            threads.spawn(|| {
                let mut seen = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let now = asked.load(Ordering::Relaxed);
                    if now == seen {
                        std::thread::yield_now();
                        continue;
                    }
                    seen = now;
                    pad.send_event(gst::event::FlushStart::new());
                    pad.send_event(gst::event::FlushStop::new(true));
                }
            });
            let answered = (0..READS).filter(|n| {
                let offset = *n * 7_919 % (Numbers::SIZE - 1_000);
                let len = 1 + n % 97;
                asked.store(n + 1, Ordering::Relaxed);
                let answer = pad.range(offset, u32::try_from(len).unwrap());
                let is_right = match &answer {
                    Ok(buffer) => *buffer.map_readable().unwrap() == *Numbers::bytes(offset, len),
                    Err(flow) => *flow == gst::FlowError::Flushing,
                };
                wrong.extend((!is_right).then_some(*n));
                answer.is_ok()
            });
            n_answered = answered.count();
            is_over.store(true, Ordering::Relaxed);
        });
        assert!(
            wrong.is_empty(),
            "{wrong:?} of {n_answered} that were answered"
        );
        assert!(n_answered > 0);
        element.set_state(gst::State::Null).unwrap();
    }

    #[test]
    fn the_last_bytes_fit_into_whatever_a_demuxer_brings() {
        gst::init().unwrap();
        let element = Source::new(Box::new(Numbers)).element().unwrap();
        let pad = element.static_pad("src").unwrap();
        pad.activate_mode(gst::PadMode::Pull, true).unwrap();
        let from = Numbers::SIZE - 10;
        let last = Numbers::bytes(from, 10);
        let own = pad.range(from, 100).unwrap();
        assert_eq!(own.map_readable().unwrap().as_slice(), last);
        let mut brought = gst::Buffer::with_size(100).unwrap();
        pad.range_fill(from, brought.get_mut().unwrap(), 100)
            .unwrap();
        assert_eq!(brought.map_readable().unwrap().as_slice(), last);
        assert_eq!(pad.range(Numbers::SIZE, 1), Err(gst::FlowError::Eos));
        // Who asks for nothing is not at the end.
        assert_eq!(pad.range(from, 0).unwrap().size(), 0);
        element.set_state(gst::State::Null).unwrap();
    }
}
