//! Reports: what workers tell of their attempts.

use bus_schema::report::{Outcome, Report};

use super::{Handled, JobActor, State, TROUBLE_PAUSE_MS};
use crate::job::{Event, ReportVerdict};
use crate::planner::{self, Means};
use crate::platform::Trouble;

impl JobActor {
    /// Decides what a worker tells, believes what was checked, and applies it.
    pub(super) async fn report(
        &self,
        state: &mut State,
        report: Report,
    ) -> Result<Handled, Trouble> {
        let Report {
            task,
            held,
            outcome,
            ..
        } = report;
        let Some(loaded) = self.load(state).await? else {
            return Ok(Handled::Done);
        };
        match loaded.job.report_verdict(task, &held, &outcome) {
            ReportVerdict::Stale => return Ok(Handled::Done),
            ReportVerdict::Early => {
                return Ok(Handled::Again {
                    after_ms: TROUBLE_PAUSE_MS,
                });
            }
            ReportVerdict::Accept => {}
        }
        let job = loaded.job.clone();
        let outcome = self.checked(&job, task, &held, outcome).await?;
        let plan = match &outcome {
            Outcome::Probed(facts) => {
                let means = Means {
                    ladder: &self.platform.limits.ladder,
                    encoders: &self.platform.board.workers().encoders(),
                };
                Some(planner::plan(facts, &job.record.request, means))
            }
            Outcome::Transcoded(_)
            | Outcome::AudioPart(_)
            | Outcome::AudioDone { .. }
            | Outcome::Assembled(_)
            | Outcome::Remuxed(_)
            | Outcome::Pictured(_)
            | Outcome::Subtitled(_)
            | Outcome::Failed(_)
            | Outcome::Returned { .. } => None,
        };
        let event = Event::Reported {
            task,
            attempt: held.attempt,
            outcome,
            plan,
        };
        self.step(state, &event).await?;
        Ok(Handled::Done)
    }
}
