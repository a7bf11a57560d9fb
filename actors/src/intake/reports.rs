//! Workers' reports.

use bus_schema::codec::decode;
use bus_schema::report::Report;
use bus_schema::subject::Subject;
use nats::Delivery;

use super::Intake;
use crate::job::actor::{Handled, Message as ToJob};

impl Intake {
    /// The subject is what the bus allowed the worker to say; the body must agree with it.
    pub(super) async fn reported(&self, delivery: &Delivery) -> Handled {
        let Ok(Subject::Report { worker, job, n }) = delivery.subject.parse() else {
            return Handled::Dead(format!("`{}` names no task", delivery.subject));
        };
        let report = match decode::<Report>(&delivery.payload) {
            Ok(envelope) => envelope.body,
            Err(error) => return Handled::Dead(error.to_string()),
        };
        if (&report.worker, report.job, report.task) != (&worker, job, n) {
            return Handled::Dead("the report is of another task than its subject".to_owned());
        }
        self.ask(job, |reply| ToJob::Report(Box::new(report), reply))
            .await
    }
}
