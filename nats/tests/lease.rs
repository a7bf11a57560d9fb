//! A lease ends when it should: never before its TTL, always after it, whoever took it before.

use std::time::Duration;

use nats::server::TestServer;
use nats::{ErrorKind, Leases, Revision, WatchEvent};

use crate::fixture::{eventually, within};

const TTL: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(60);

/// The client's `create_with_ttl` writes a key that lives for ever when the last entry is a marker:
/// the normal case of a worker that comes back.
#[tokio::test]
async fn a_key_made_anew_expires_again() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let leases = Leases::new(&bus, "machines");
    let mut revision = Revision(0);
    for round in 0..2 {
        let lease = within("taken", leases.acquire("w1", "here", TTL))
            .await
            .expect("free");
        assert!(Revision(lease.epoch()) > revision, "epochs grow");
        revision = Revision(lease.epoch());
        eventually(&format!("expiry {round}"), async || {
            leases.get("w1").await.expect("read").is_none()
        })
        .await;
    }
    // After a deletion, too.
    let lease = leases.acquire("w1", "here", LONG).await.expect("free");
    lease.release().await.expect("released");
    leases.put("w1", "here", TTL, None).await.expect("free");
    eventually("expiry after a deletion", async || {
        leases.get("w1").await.expect("read").is_none()
    })
    .await;
}

#[tokio::test]
async fn fractions_of_a_second_are_refused() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let leases = Leases::new(&bus, "machines");
    for ttl in [
        Duration::ZERO,
        Duration::from_millis(900),
        Duration::from_millis(1500),
    ] {
        let error = leases
            .acquire("w1", "here", ttl)
            .await
            .expect_err("cut off by the client");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{ttl:?}");
        let error = leases
            .put("w1", "here", ttl, None)
            .await
            .expect_err("likewise");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{ttl:?}");
    }
    assert!(leases.get("w1").await.expect("read").is_none());
}

#[tokio::test]
async fn one_holder_at_a_time_and_the_old_one_is_told() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let leases = Leases::new(&bus, "control");
    let mut old = leases.acquire("leader", "old", TTL).await.expect("free");
    let error = leases
        .acquire("leader", "new", LONG)
        .await
        .expect_err("held");
    assert!(error.is_conflict(), "{error}");
    eventually("it expires", async || {
        leases.get("leader").await.expect("read").is_none()
    })
    .await;
    assert!(
        !old.is_valid(Duration::ZERO),
        "the holder must know before the server does"
    );
    let mut new = leases
        .acquire("leader", "new", LONG)
        .await
        .expect("free again");
    assert_eq!(
        old.renew("old").await.expect_err("taken").kind(),
        ErrorKind::Lost
    );
    assert!(new.epoch() > old.epoch());
    let before = new.valid_until();
    new.renew("new").await.expect("renewed");
    assert!(new.valid_until() > before && new.is_valid(Duration::from_secs(30)));
    let error = old.release().await.expect_err("not his any more");
    assert!(error.is_conflict(), "{error}");
    let (value, _) = leases.get("leader").await.expect("read").expect("held");
    assert_eq!(value.as_ref(), b"new");
}

/// A holder that waited for a stalled server would act on after somebody else has taken over.
#[tokio::test]
async fn a_renewal_does_not_outlast_the_lease() {
    let (server, bus) = TestServer::start_with_topology().await.expect("a server");
    let leases = Leases::new(&bus, "control");
    let mut lease = leases.acquire("leader", "me", TTL * 2).await.expect("free");
    server.freeze().await.expect("frozen");
    let error = lease.renew("me").await.expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
    assert!(!lease.is_valid(Duration::ZERO));
    server.thaw().expect("thawed");
}

#[tokio::test]
async fn an_expiry_during_an_outage_is_seen_after_it() {
    let (mut server, bus) = TestServer::start_with_topology().await.expect("a server");
    let leases = Leases::new(&bus, "machines");
    let mut watch = leases.watch().await.expect("watching");
    assert_eq!(watch.next().await, WatchEvent::CaughtUp);
    let lease = leases.acquire("w1", "here", TTL).await.expect("free");
    let put = within("the lease is seen", watch.next()).await;
    assert!(
        matches!(&put, WatchEvent::Put { key, .. } if key == "w1"),
        "{put:?}"
    );
    server.kill_9().await.expect("killed");
    while lease.is_valid(Duration::ZERO) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.restart().await.expect("restarted");
    let gone = within("the expiry is seen", watch.next()).await;
    assert!(
        matches!(&gone, WatchEvent::Gone { key, .. } if key == "w1"),
        "{gone:?}"
    );
}

#[tokio::test]
async fn listing_names_the_living_only() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let leases = Leases::new(&bus, "machines");
    for worker in ["w1", "w2", "w3"] {
        leases
            .put(worker, worker.to_owned(), LONG, None)
            .await
            .expect("free");
    }
    let (_, revision) = leases.get("w2").await.expect("read").expect("held");
    let again = leases
        .put("w2", "renewed", LONG, Some(revision))
        .await
        .expect("renewed");
    let error = leases
        .put("w2", "stale", LONG, Some(revision))
        .await
        .expect_err("stale");
    assert!(error.is_conflict(), "{error}");
    leases.end("w2", again).await.expect("ended");
    let keys: Vec<String> = leases
        .list()
        .await
        .expect("listed")
        .into_iter()
        .map(|(key, ..)| key)
        .collect();
    assert_eq!(keys, ["w1", "w3"]);
}
