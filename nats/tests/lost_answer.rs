//! A write whose answer is lost took effect or not, and the caller is told which.

use std::time::Duration;

use nats::bus::REQUEST_TIMEOUT;
use nats::server::TestServer;
use nats::{BootInstant, Leases, Register};

use crate::fixture::{DEADLINE, count};

/// The server stands still while the writes are sent, and does them all later: each first try has
/// timed out by then, each second try finds its own first in the way.
#[tokio::test]
async fn our_own_write_is_no_conflict() {
    let (server, bus) = TestServer::start_with_topology().await.expect("a server");
    let jobs: Register<u32> = Register::new(&bus, "jobs");
    let leases = Leases::new(&bus, "control");
    let old = jobs.create("old", &1).await.expect("created");
    let mut lease = leases
        .acquire("leader", "me", DEADLINE)
        .await
        .expect("free");
    server.freeze().await.expect("frozen");
    let thaw = async {
        tokio::time::sleep(REQUEST_TIMEOUT + Duration::from_millis(500)).await;
        let thawed_at = BootInstant::now();
        server.thaw().expect("thawed");
        thawed_at
    };
    let (created, updated, renewed, acquired, published, thawed_at) = tokio::join!(
        jobs.create("new", &1),
        jobs.update("old", &2, old),
        lease.renew("me again"),
        leases.acquire("sweeper", "me", DEADLINE),
        bus.publish_once("job.j1.queued.1", "f"),
        thaw,
    );
    let created = created.expect("ours");
    let updated = updated.expect("ours");
    renewed.expect("ours");
    let acquired = acquired.expect("ours");
    // They count from when they were sent. From the answer they would be seconds too long, and two
    // would believe that they lead.
    assert!(lease.valid_until() < thawed_at.after(DEADLINE));
    assert!(acquired.valid_until() < thawed_at.after(DEADLINE));
    published.expect("there");
    // The revisions that they were told are the real ones.
    assert_eq!(jobs.load("new").await.expect("read"), Some((1, created)));
    assert_eq!(jobs.load("old").await.expect("read"), Some((2, updated)));
    lease
        .renew("and again")
        .await
        .expect("its revision is right");
    assert_eq!(count(&bus, "JOBS").await, 1);
}

/// And somebody else's is one, although our first try was ambiguous.
#[tokio::test]
async fn anothers_write_is_a_conflict() {
    let (server, bus) = TestServer::start_with_topology().await.expect("a server");
    let jobs: Register<u32> = Register::new(&bus, "jobs");
    let old = jobs.create("old", &1).await.expect("created");
    server.freeze().await.expect("frozen");
    let another: Register<u32> = jobs.clone();
    let thaw = async {
        tokio::time::sleep(REQUEST_TIMEOUT + Duration::from_millis(500)).await;
        server.thaw().expect("thawed");
    };
    // Same connection, sent first, so it is stored first.
    let (theirs, ours, ()) = tokio::join!(
        another.update("old", &7, old),
        jobs.update("old", &2, old),
        thaw
    );
    let theirs = theirs.expect("the first");
    assert!(ours.expect_err("the second").is_conflict());
    assert_eq!(jobs.load("old").await.expect("read"), Some((7, theirs)));
}
