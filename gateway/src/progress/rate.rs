//! How fast a job goes: a moving mean over wall time, so that one slow chunk does not frighten.

/// Time constant of the mean. Chunks of 16 s end every few seconds; shorter would follow each of them.
const TAU_MS: f64 = 10_000.0;
/// Shortest time between two samples: progress comes in bursts.
const SAMPLE_MS: u64 = 500;
/// A meter that begins in the midst of a job first hears what is there already: that is not speed.
const SETTLE_MS: u64 = 1_000;
/// Time observed before an estimate is shown.
const TRUST_MS: u64 = 2_000;
/// What has not grown for so long stands still: the mean still falls, and says nothing any more.
const STILL_MS: u64 = 10_000;
/// Beyond a month it is not an estimate.
const ETA_MAX_MS: f64 = 30.0 * 86_400_000.0;

/// A moving mean of a fraction's growth.
#[derive(Debug, Default)]
pub(super) struct Rate {
    seen_ms: Option<u64>,
    base: Option<Sample>,
    grown_ms: u64,
    observed_ms: u64,
    per_ms: f64,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at_ms: u64,
    fraction: f64,
}

impl Rate {
    /// Takes in where the job stands. Call it as often as you like.
    pub(super) fn sample(&mut self, fraction: f64, now_ms: u64) {
        let seen_ms = *self.seen_ms.get_or_insert(now_ms);
        let now = Sample {
            at_ms: now_ms,
            fraction,
        };
        let Some(base) = self.base else {
            if now_ms.saturating_sub(seen_ms) >= SETTLE_MS {
                self.base = Some(now);
                self.grown_ms = now_ms;
            }
            return;
        };
        let passed_ms = now_ms.saturating_sub(base.at_ms);
        if passed_ms < SAMPLE_MS {
            return;
        }
        self.base = Some(now);
        if fraction > base.fraction {
            self.grown_ms = now_ms;
        }
        self.observed_ms = self.observed_ms.saturating_add(passed_ms);
        let (passed, observed) = (millis(passed_ms), millis(self.observed_ms));
        let current = (fraction - base.fraction).max(0.0) / passed;
        // The plain mean first; a moving one when it has more to move over than its time constant.
        let weight = (1.0 - (-passed / TAU_MS).exp()).max(passed / observed);
        self.per_ms += weight * (current - self.per_ms);
    }

    /// What is known when it is over.
    pub(super) fn set_mean(&mut self, took_ms: u64) {
        self.per_ms = 1.0 / millis(took_ms.max(1));
        self.observed_ms = self.observed_ms.max(TRUST_MS);
    }

    /// Whether nothing has grown for a while.
    pub(super) fn is_still(&self, now_ms: u64) -> bool {
        self.base.is_some() && now_ms.saturating_sub(self.grown_ms) >= STILL_MS
    }

    /// Fraction a second; `None` while it cannot be trusted.
    pub(super) fn per_s(&self) -> Option<f64> {
        (self.observed_ms >= TRUST_MS).then_some(self.per_ms * 1_000.0)
    }

    /// How long the rest takes at this speed; `None` while that cannot be trusted, or is too long.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded above, positive"
    )]
    pub(super) fn eta_ms(&self, rest: f64) -> Option<u64> {
        let eta_ms = rest.max(0.0) / self.per_s()? * 1_000.0;
        (eta_ms <= ETA_MAX_MS).then_some(eta_ms as u64)
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
fn millis(ms: u64) -> f64 {
    ms as f64
}
