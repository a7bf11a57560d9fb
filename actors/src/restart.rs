//! Restart policies: how often a child may be started anew before its supervisor gives up, which
//! then is its own supervisor's business.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How often, and after which pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Restarts within `window`.
    pub restarts_max: usize,
    /// See there.
    pub window: Duration,
    /// Pause before the second restart within the window, doubled for each further one. The first
    /// is at once.
    pub pause: Duration,
}

/// For actors whose failure stops the flow of work: ten times a minute, so that a passing fault of
/// the bus is outlived, and a defect that repeats at once is given up within seconds.
pub const ESSENTIAL: Policy = Policy {
    restarts_max: 10,
    window: Duration::from_secs(60),
    pause: Duration::from_millis(50),
};

/// A child's restarts.
#[derive(Debug, Clone)]
pub struct Restarts {
    policy: Policy,
    at: VecDeque<Instant>,
}

impl Restarts {
    /// None so far.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            at: VecDeque::new(),
        }
    }

    /// Counts one more; after which pause it may be, or `None`: give up.
    pub fn next(&mut self, now: Instant) -> Option<Duration> {
        while self
            .at
            .front()
            .is_some_and(|at| now.duration_since(*at) > self.policy.window)
        {
            self.at.pop_front();
        }
        if self.at.len() >= self.policy.restarts_max {
            return None;
        }
        let n = self.at.len();
        self.at.push_back(now);
        let doublings = u32::try_from(n.saturating_sub(1)).unwrap_or(16).min(16);
        Some(if n == 0 {
            Duration::ZERO
        } else {
            self.policy.pause * 2_u32.pow(doublings)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_and_pauses_double() {
        let second = Duration::from_secs(1);
        let policy = Policy {
            restarts_max: 3,
            window: 10 * second,
            pause: second,
        };
        let mut restarts = Restarts::new(policy);
        let start = Instant::now();
        assert_eq!(restarts.next(start), Some(Duration::ZERO));
        assert_eq!(restarts.next(start), Some(second));
        assert_eq!(restarts.next(start), Some(2 * second));
        assert_eq!(restarts.next(start), None);
        assert_eq!(restarts.next(start + 11 * second), Some(Duration::ZERO));
    }
}
