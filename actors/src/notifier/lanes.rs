//! How many deliveries each receiver has in hand, and when the next may go. No IO.
//!
//! A slow receiver would else hold every slot, and one with a thousand deliveries waiting would hold
//! the consumer's whole `max_ack_pending`. What cannot go now is put off: acked, and brought back by
//! a timer - spread over time at the pace at which this receiver has lately answered.

use std::collections::HashMap;
use std::time::Duration;

use bus_schema::id::EndpointId;

use super::deliver::Attempted;

/// Deliveries in hand per receiver. A dead one then holds a sixteenth of all slots.
pub(crate) const IN_FLIGHT_MAX: u32 = 4;
/// The least that a delivery is put off: below it, a timer would cost more than it spares.
const PUT_OFF_MS_MIN: u64 = 1_000;
/// The most: a receiver that is well again gets what waits for it within ten minutes.
const PUT_OFF_MS_MAX: u64 = 600_000;
/// A receiver that has not answered yet is taken to need this long.
const TOOK_MS_FIRST: u64 = 1_000;
/// The closest that two deliveries are put off to: 200 a second for one receiver.
const PACE_MS_MIN: u64 = 5;
/// Receivers remembered. Forgetting an idle one loses only its pace.
const LANES_MAX: usize = 4_096;

/// All receivers that something was sent to lately.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    by_endpoint: HashMap<EndpointId, Lane>,
}

#[derive(Debug, Clone, Copy)]
struct Lane {
    in_flight: u32,
    /// How long an attempt has taken, averaged over the last few.
    took_ms: u64,
    /// Nothing goes before, because the receiver asked for it.
    closed_until_ms: u64,
    /// Up to when deliveries have been put off: the next one comes after it.
    line_ends_ms: u64,
}

/// Whether a delivery may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Now; its end must be told.
    Go,
    /// In so long.
    PutOff(Duration),
}

// === impl Lanes ===

impl Lanes {
    /// Whether a delivery to this receiver may go now.
    pub(crate) fn admit(&mut self, endpoint: &EndpointId, now_ms: u64) -> Admission {
        if self.by_endpoint.len() >= LANES_MAX {
            self.forget(now_ms);
        }
        let first = Lane {
            in_flight: 0,
            took_ms: TOOK_MS_FIRST,
            closed_until_ms: 0,
            line_ends_ms: 0,
        };
        let lane = self.by_endpoint.entry(endpoint.clone()).or_insert(first);
        if now_ms >= lane.closed_until_ms && lane.in_flight < IN_FLIGHT_MAX {
            lane.in_flight += 1;
            return Admission::Go;
        }
        let opens_ms = now_ms.max(lane.closed_until_ms);
        let pace_ms = (lane.took_ms / u64::from(IN_FLIGHT_MAX)).max(PACE_MS_MIN);
        lane.line_ends_ms = lane.line_ends_ms.max(opens_ms) + pace_ms;
        // A line longer than the longest wait is cut: it forms again when its head comes back.
        let longest_ms = (opens_ms - now_ms).max(PUT_OFF_MS_MAX);
        lane.line_ends_ms = lane.line_ends_ms.min(now_ms + longest_ms);
        let wait_ms = (lane.line_ends_ms - now_ms).max(PUT_OFF_MS_MIN);
        Admission::PutOff(Duration::from_millis(wait_ms))
    }

    /// An admitted delivery has ended, one way or another.
    pub(crate) fn attempted(&mut self, attempted: &Attempted, now_ms: u64) {
        let Some(lane) = self.by_endpoint.get_mut(&attempted.endpoint) else {
            return;
        };
        lane.in_flight = lane.in_flight.saturating_sub(1);
        let took_ms = u64::try_from(attempted.took.as_millis()).unwrap_or(u64::MAX);
        lane.took_ms = (lane.took_ms * 3 + took_ms.min(PUT_OFF_MS_MAX)) / 4;
        if let Some(closed) = attempted.closed_for {
            let closed_ms = u64::try_from(closed.as_millis()).unwrap_or(u64::MAX);
            lane.closed_until_ms = lane.closed_until_ms.max(now_ms.saturating_add(closed_ms));
        }
    }

    /// Makes room. Receivers with something in hand stay, or they would be given too much.
    fn forget(&mut self, now_ms: u64) {
        self.by_endpoint
            .retain(|_, lane| lane.in_flight > 0 || lane.line_ends_ms > now_ms);
        if self.by_endpoint.len() >= LANES_MAX {
            self.by_endpoint.retain(|_, lane| lane.in_flight > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(n: usize) -> EndpointId {
        format!("e{n}").parse().unwrap()
    }

    fn ended(n: usize, took_ms: u64, closed_for: Option<Duration>) -> Attempted {
        Attempted {
            endpoint: endpoint(n),
            took: Duration::from_millis(took_ms),
            closed_for,
        }
    }

    fn put_off_ms(lanes: &mut Lanes, n: usize, now_ms: u64) -> u64 {
        match lanes.admit(&endpoint(n), now_ms) {
            Admission::PutOff(wait) => u64::try_from(wait.as_millis()).unwrap(),
            Admission::Go => 0,
        }
    }

    #[test]
    fn a_full_receiver_is_spared_and_others_are_not_kept_waiting() {
        let mut lanes = Lanes::default();
        for _ in 0..IN_FLIGHT_MAX {
            assert_eq!(lanes.admit(&endpoint(1), 0), Admission::Go);
        }
        assert!(put_off_ms(&mut lanes, 1, 0) >= PUT_OFF_MS_MIN);
        assert_eq!(lanes.admit(&endpoint(2), 0), Admission::Go);
        lanes.attempted(&ended(1, 100, None), 10);
        assert_eq!(lanes.admit(&endpoint(1), 10), Admission::Go);
        assert!(put_off_ms(&mut lanes, 1, 10) > 0);
    }

    #[test]
    fn what_is_put_off_comes_back_at_the_receivers_own_pace() {
        let mut lanes = Lanes::default();
        for n in [1, 2] {
            for _ in 0..100 {
                assert_eq!(lanes.admit(&endpoint(n), 0), Admission::Go);
                // One answers in 40 ms, the other never within the limit.
                lanes.attempted(&ended(n, if n == 1 { 40 } else { 20_000 }, None), 0);
            }
            (0..IN_FLIGHT_MAX)
                .for_each(|_| assert_eq!(lanes.admit(&endpoint(n), 0), Admission::Go));
        }
        let last = |lanes: &mut Lanes, n| (0..100).map(|_| put_off_ms(lanes, n, 0)).last().unwrap();
        let (fast, slow) = (last(&mut lanes, 1), last(&mut lanes, 2));
        assert!((900..=1_100).contains(&fast), "100 at 4 in 40 ms: {fast}");
        assert!(
            (490_000..=510_000).contains(&slow),
            "100 at 4 in 20 s: {slow}"
        );
        for _ in 0..1_000 {
            put_off_ms(&mut lanes, 2, 0);
        }
        assert_eq!(put_off_ms(&mut lanes, 2, 0), PUT_OFF_MS_MAX);
    }

    #[test]
    fn a_receiver_that_asks_for_time_gets_it_for_all_its_deliveries() {
        let mut lanes = Lanes::default();
        assert_eq!(lanes.admit(&endpoint(1), 0), Admission::Go);
        lanes.attempted(&ended(1, 10, Some(Duration::from_secs(3_600))), 0);
        let first = put_off_ms(&mut lanes, 1, 1_000);
        let second = put_off_ms(&mut lanes, 1, 1_000);
        assert!((3_599_000..3_601_000).contains(&first), "{first}");
        assert!(second >= first);
        assert_eq!(lanes.admit(&endpoint(1), 3_600_000), Admission::Go);
    }

    #[test]
    fn the_memory_has_a_limit_and_keeps_who_has_something_in_hand() {
        let mut lanes = Lanes::default();
        for _ in 0..IN_FLIGHT_MAX {
            assert_eq!(lanes.admit(&endpoint(0), 0), Admission::Go);
        }
        for n in 1..3 * LANES_MAX {
            assert_eq!(lanes.admit(&endpoint(n), 0), Admission::Go);
            lanes.attempted(&ended(n, 1, Some(Duration::from_secs(60))), 0);
        }
        assert!(lanes.by_endpoint.len() <= LANES_MAX);
        assert!(put_off_ms(&mut lanes, 0, 0) > 0);
    }
}
