//! One attempt in hand: what it may ask, and what it says.

use std::time::Duration;

use bus_schema::claim::{ClaimReply, ClaimRequest, Go, Held, SignedRequest, WANTS_MAX, Want};
use bus_schema::codec::{Envelope, decode, encode};
use bus_schema::id::{JobId, TaskNumber, WorkerName};
use bus_schema::progress::Progress;
use bus_schema::report::{Outcome, Report};
use bus_schema::subject::Subject;
use nats::Bus;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::halt::Halt;
use super::now_ms;
use crate::protocol::Position;

/// How long one claim waits for its answer at first, and twice as long each time that it is asked again: what a file of
/// eight hours is made of takes some seconds to look up, and an answer that nobody waits for any more voids the attempt.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// And at most.
const ANSWER_PATIENCE_MAX: Duration = Duration::from_secs(80);
/// Pause before asking again.
const PAUSE: Duration = Duration::from_millis(500);
/// How long the control plane may be away before an attempt gives up: a deploy takes a minute.
const CONTROL_PLANE_PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long the bus may be away before a report is given up, and with it the attempt.
const REPORT_PATIENCE: Duration = Duration::from_secs(60 * 60);

/// An attempt.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) bus: Bus,
    pub(crate) worker: WorkerName,
    pub(crate) run: String,
    pub(crate) job: JobId,
    pub(crate) task: TaskNumber,
    pub(crate) held: Held,
    pub(crate) stop: CancellationToken,
}

/// Asks for a task, or for more of an attempt, until there is an answer.
pub(crate) async fn ask(
    bus: &Bus,
    request: &ClaimRequest,
    stop: &CancellationToken,
) -> Result<ClaimReply, Halt> {
    let ClaimRequest {
        worker, job, task, ..
    } = request;
    let subject = Subject::Claim {
        worker: worker.clone(),
        job: *job,
        n: *task,
    }
    .to_string();
    let envelope = Envelope::new(subject.clone(), now_ms(), request);
    let payload = encode(&envelope).map_err(Halt::defect)?;
    let until = Instant::now() + CONTROL_PLANE_PATIENCE;
    let mut patience = ANSWER_PATIENCE;
    loop {
        let answer = tokio::select! {
            answer = bus.request(subject.clone(), payload.clone(), patience) => answer,
            () = stop.cancelled() => return Err(stopped()),
        };
        match answer
            .map_err(|error| error.to_string())
            .and_then(|bytes| decode::<ClaimReply>(&bytes).map_err(|error| error.to_string()))
        {
            Ok(envelope) => return Ok(envelope.body),
            Err(error) if Instant::now() < until => {
                tracing::debug!(%job, %task, error, "a claim is asked again");
                patience = longer(patience);
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = stop.cancelled() => return Err(stopped()),
                }
            }
            Err(error) => {
                tracing::warn!(%job, %task, error, "claims are not answered");
                let s = CONTROL_PLANE_PATIENCE.as_secs();
                let message = format!(
                    "The control plane has not answered for {s} s: the task is tried again."
                );
                return Err(Halt::unavailable(message));
            }
        }
    }
}

/// How long the next answer is waited for, where one was for so long in vain.
fn longer(patience: Duration) -> Duration {
    patience.saturating_mul(2).min(ANSWER_PATIENCE_MAX)
}

/// It is not wanted any more, or the worker leaves.
pub(crate) fn stopped() -> Halt {
    Halt::Gone("it was stopped".to_owned())
}

impl Attempt {
    fn request(&self, want: Vec<Want>) -> ClaimRequest {
        ClaimRequest {
            worker: self.worker.clone(),
            run: self.run.clone(),
            job: self.job,
            task: self.task,
            held: Some(self.held.clone()),
            want,
        }
    }

    /// Addresses for all of these, in their order.
    pub(crate) async fn addresses(&self, want: &[Want]) -> Result<Vec<SignedRequest>, Halt> {
        let mut addresses = Vec::with_capacity(want.len());
        for want in want.chunks(WANTS_MAX) {
            let Go {
                addresses: some, ..
            } = self.confirm(want.to_vec()).await?;
            if some.len() != want.len() {
                return Err(Halt::defect("an address that the task needs is refused"));
            }
            addresses.extend(some);
        }
        Ok(addresses)
    }

    /// Asks whether the attempt is still ours.
    pub(crate) async fn check(&self) -> Result<(), Halt> {
        self.confirm(Vec::new()).await.map(drop)
    }

    async fn confirm(&self, want: Vec<Want>) -> Result<Go, Halt> {
        match ask(&self.bus, &self.request(want), &self.stop).await? {
            ClaimReply::Go(go) => Ok(go),
            ClaimReply::Gone { reason } => Err(Halt::Gone(reason)),
            ClaimReply::Later { .. } => Err(Halt::Gone("another attempt has it".to_owned())),
        }
    }

    /// Reports; returns when the report is stored.
    pub(crate) async fn report(&self, outcome: Outcome) -> Result<(), Halt> {
        let subject = Subject::Report {
            worker: self.worker.clone(),
            job: self.job,
            n: self.task,
        }
        .to_string();
        let report = Report {
            worker: self.worker.clone(),
            job: self.job,
            task: self.task,
            held: self.held.clone(),
            outcome,
        };
        let envelope = Envelope::new(subject.clone(), now_ms(), &report);
        let payload = encode(&envelope).map_err(Halt::defect)?;
        let until = Instant::now() + REPORT_PATIENCE;
        loop {
            match self.bus.publish(subject.clone(), payload.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_retry() && Instant::now() < until => {
                    tracing::warn!(job = %self.job, task = %self.task, %error, "a report waits");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(Halt::Gone(format!("the report was not taken: {error}"))),
            }
        }
    }

    /// Says how far it is; lost when nobody listens, and that is fine.
    pub(crate) async fn progress(&self, position: Position) {
        let subject = Subject::Progress {
            worker: self.worker.clone(),
            job: self.job,
            task: self.task,
        };
        let Position {
            done_ns,
            total_ns,
            frames_per_s,
        } = position;
        let progress = Progress {
            worker: self.worker.clone(),
            job: self.job,
            task: self.task,
            attempt: self.held.attempt,
            done_ns,
            total_ns,
            frames_per_s,
        };
        let Ok(payload) = encode(&Envelope::new(subject.to_string(), now_ms(), &progress)) else {
            return;
        };
        if let Err(error) = self.bus.tell(subject, payload).await {
            tracing::debug!(%error, "progress was not sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_late_is_waited_for_longer_each_time() {
        let each = std::iter::successors(Some(ANSWER_PATIENCE), |last| Some(longer(*last)));
        let seconds: Vec<u64> = each.take(7).map(|each| each.as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 80, 80, 80]);
    }
}
