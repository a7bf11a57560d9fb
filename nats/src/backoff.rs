//! Waiting between tries: doubling, with a cap, and an end.

use std::time::Duration;

use tokio::time::Instant;

/// The first wait: longer than a leader election's noise is not needed for a lost packet.
const FIRST_WAIT: Duration = Duration::from_millis(25);
/// The longest wait: a server that is back is used within this.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// A bounded series of waits.
#[derive(Debug)]
pub(crate) struct Backoff {
    wait: Duration,
    ends_at: Option<Instant>,
}

// === impl Backoff ===

impl Backoff {
    /// Waits that end this long from now.
    pub(crate) fn within(patience: Duration) -> Self {
        Self {
            wait: FIRST_WAIT,
            ends_at: Some(Instant::now() + patience),
        }
    }

    /// Waits without an end, for loops whose owner ends them.
    pub(crate) fn endless() -> Self {
        Self {
            wait: FIRST_WAIT,
            ends_at: None,
        }
    }

    /// Starts again with the shortest wait.
    pub(crate) fn reset(&mut self) {
        self.wait = FIRST_WAIT;
    }

    /// Waits; false, at once, when the patience is over.
    pub(crate) async fn wait(&mut self) -> bool {
        if self
            .ends_at
            .is_some_and(|ends_at| Instant::now() + self.wait > ends_at)
        {
            return false;
        }
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(WAIT_MAX);
        true
    }
}
