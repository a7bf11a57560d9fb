//! A control plane that is away for a while holds up nothing that can be done without it.

use bus_schema::report::Outcome;

use super::plane::{Heard, Plane};
use super::running;
use super::storage::Mood;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_at_work_goes_on_while_nobody_says_whether_it_is_wanted() {
    let plane = Plane::start().await;
    let _running = running::start(&plane, 1).await;
    plane.storage.be(Mood::Holding);
    let job = plane.invite().await;
    let at_work = |heard: &Heard| {
        let mut claims = heard.claims.iter();
        claims.find(|claim| !claim.want.is_empty()).map(|_| ())
    };
    plane.until("it has the source's address", at_work).await;
    plane.heard().is_away = true;
    let asks = |heard: &Heard| {
        let mut claims = heard.claims.iter();
        claims
            .find(|claim| claim.held.is_some() && claim.want.is_empty())
            .map(|_| ())
    };
    plane.until("it asks whether it is wanted", asks).await;
    plane.storage.be(Mood::Serving);
    assert!(matches!(plane.outcome(job, 0).await, Outcome::Probed(_)));
}
