//! The time of a write.

use std::sync::atomic::{AtomicU64, Ordering};

use time::OffsetDateTime;

/// The wall clock in nanoseconds, made to rise: no two writes have the same time.
#[derive(Debug)]
pub(super) struct Clock(AtomicU64);

impl Clock {
    /// Goes on after `latest_ns`, even if the wall clock was set back.
    pub(super) fn new(latest_ns: u64) -> Self {
        Self(AtomicU64::new(latest_ns))
    }

    /// Unix time, nanoseconds.
    pub(super) fn tick(&self) -> u64 {
        let now =
            u64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or_default();
        let next = |last: u64| Some(now.max(last + 1));
        match self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next)
        {
            Ok(last) | Err(last) => now.max(last + 1),
        }
    }
}
