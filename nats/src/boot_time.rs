//! A clock that counts through suspend, for deadlines that others act upon.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// An instant of `CLOCK_BOOTTIME`.
///
/// `CLOCK_MONOTONIC` stands still while a machine sleeps: a leader that wakes up would believe that
/// its lease has just been renewed, while the server let it expire long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootInstant(Duration);

// === impl BootInstant ===

impl BootInstant {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        let now = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(now.tv_nsec).unwrap_or(0);
        Self(Duration::new(seconds, nanos))
    }

    /// This much later.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }

    /// How long until this instant; zero when it has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_sub(Self::now().0)
    }
}
