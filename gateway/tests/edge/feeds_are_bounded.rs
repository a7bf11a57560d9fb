//! Feeds open with a ticket, once; who does not read, or talks, is closed with a code and may come back.

use bus_schema::fact::Fact;
use bus_schema::id::JobId;
use serde_json::json;

use crate::fixture::{DEADLINE, Fixture};
use crate::socket::{Heard, Socket, ticket};

async fn open(fixture: &Fixture, job: JobId, query: &str) -> Result<Socket, (u16, String)> {
    Socket::connect(fixture, &format!("/v1/jobs/{job}/live{query}"), None).await
}

#[tokio::test]
async fn a_ticket_opens_its_own_job_once() {
    let fixture = Fixture::start().await;
    let (job, other) = (fixture.running_job(), fixture.running_job());
    let refused = Some((403, "invalid_ticket".to_owned()));
    let own = ticket(&fixture, job).await;
    assert!(open(&fixture, job, &format!("?ticket={own}")).await.is_ok());
    assert_eq!(
        open(&fixture, job, &format!("?ticket={own}")).await.err(),
        refused,
        "used"
    );
    let own = ticket(&fixture, job).await;
    assert_eq!(
        open(&fixture, other, &format!("?ticket={own}")).await.err(),
        refused,
        "another's"
    );
    assert_eq!(open(&fixture, job, "").await.err(), refused);
    assert_eq!(open(&fixture, job, "?ticket=").await.err(), refused);
    assert_eq!(
        open(&fixture, job, "?ticket=0123456789abcdef0123456789abcdef")
            .await
            .err(),
        refused
    );
    assert_eq!(
        open(&fixture, job, "?ticket=x&n=y").await.err(),
        Some((400, "invalid_query".to_owned()))
    );
    let unknown = JobId::random(1);
    assert_eq!(
        open(&fixture, unknown, "?ticket=x").await.err(),
        Some((404, "unknown_job".to_owned()))
    );
}

/// More than the line's buffers and the session's queue hold together.
#[tokio::test]
async fn a_slow_reader_is_closed_and_comes_back_for_exactly_the_rest() {
    const LAST: u64 = 500;
    let fixture = Fixture::start().await;
    let job = fixture.running_job();
    let mut socket = Socket::open(&fixture, job, 0).await;
    // From here on it is live: what it does not read waits in its queue.
    assert_eq!(socket.frame().await["type"], "hello");
    let bulky = || Fact::Completed {
        after_ms: 0,
        warnings: vec!["x".repeat(100_000)],
    };
    let fact = |n| Fact::Authorized {
        filename: "x".repeat(100_000),
        bytes: n,
    };
    for n in 1..LAST {
        fixture.publish(job, n, fact(n)).await;
    }
    fixture.publish(job, LAST, bulky()).await;
    let mut seen = 0;
    loop {
        match socket.next().await {
            Heard::Frame(frame) if frame["type"] == "authorized" => {
                assert_eq!(frame["n"], seen + 1);
                seen += 1;
            }
            Heard::Frame(frame) => assert_ne!(frame["type"], "completed", "it was not slow at all"),
            // A line whose window stayed shut cannot even carry the close frame.
            Heard::Closed(4408) | Heard::Broken => break,
            Heard::Closed(code) => panic!("closed with {code}"),
        }
    }
    let mut socket = Socket::open(&fixture, job, seen).await;
    assert_eq!(
        socket.frame().await,
        json!({"type": "hello", "job": job, "n": seen, "recovered": true})
    );
    for n in seen + 1..=LAST {
        assert_eq!(socket.fact().await["n"], n);
    }
    assert_eq!(socket.closed().await, 1000);
}

#[tokio::test]
async fn a_client_that_talks_is_closed() {
    let fixture = Fixture::start().await;
    let job = fixture.running_job();
    let mut socket = Socket::open(&fixture, job, 0).await;
    for _ in 0..100 {
        if socket.say("hello?").await.is_err() {
            break;
        }
    }
    assert_eq!(socket.closed().await, 4413);
}

#[tokio::test]
async fn a_gateway_that_stops_tells_its_clients_to_come_back() {
    let fixture = Fixture::start().await;
    let job = fixture.running_job();
    let mut socket = Socket::open(&fixture, job, 0).await;
    assert_eq!(socket.frame().await["type"], "hello");
    let path = format!(
        "/v1/jobs/{job}/events?ticket={}",
        ticket(&fixture, job).await
    );
    let mut events = fixture.get(&path).await;
    assert_eq!(events.status(), 200);
    fixture.shutdown.cancel();
    assert_eq!(socket.closed().await, 1012);
    while events.chunk().await.expect("events end in order").is_some() {}
    let stopped = tokio::time::timeout(DEADLINE, fixture.edge.stopped()).await;
    assert!(matches!(stopped, Ok(Ok(()))), "{stopped:?}");
}

#[tokio::test]
async fn the_next_free_port_is_taken() {
    let first = gateway::edge::bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let taken = first.local_addr().unwrap();
    assert!(
        gateway::edge::bind(taken)
            .await
            .unwrap_err()
            .to_string()
            .contains("gateway.listen")
    );
    let second = gateway::edge::bind_first_free(taken)
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    assert!(
        second.port() > taken.port() && second.port() - taken.port() < 100,
        "{taken} {second}"
    );
}
