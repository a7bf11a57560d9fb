//! A connection tells its state, outlives its server, and knows when it is heard.

use std::time::Duration;

use futures_util::StreamExt;
use nats::server::TestServer;
use nats::{ErrorKind, connect};

use crate::fixture::{DEADLINE, eventually, within};

#[tokio::test]
async fn says_since_when_it_hears() {
    let mut server = TestServer::start().await.expect("a server");
    let bus = server.bus().await.expect("a connection");
    let before = *bus.connection().borrow();
    assert_eq!(before.epoch, 1);
    server.kill_9().await.expect("killed");
    eventually("the loss is noticed", async || {
        bus.connection().borrow().since.is_none()
    })
    .await;
    assert_eq!(bus.connection().borrow().hearing_for(), Duration::ZERO);
    server.restart().await.expect("restarted");
    bus.ready(DEADLINE).await.expect("connected again");
    let after = *bus.connection().borrow();
    assert_eq!(after.epoch, 2);
    assert!(
        after.since > before.since,
        "silence before the loss must not count"
    );
}

#[tokio::test]
async fn connects_to_a_server_that_comes_later() {
    let mut server = TestServer::start().await.expect("a server");
    server.stop().await.expect("stopped");
    let bus = connect(&server.control(), "early")
        .await
        .expect("no error while it is away");
    let error = bus
        .ready(Duration::from_millis(50))
        .await
        .expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    server.restart().await.expect("started");
    bus.ready(DEADLINE).await.expect("connected");
}

/// The client's `flush` returns before the server has read the subscription: a request from another
/// connection then finds nobody, now and then.
#[tokio::test]
async fn a_settled_subscription_is_heard_by_others() {
    let server = TestServer::start().await.expect("a server");
    let (asker, answerer) = (
        server.bus().await.expect("a bus"),
        server.bus().await.expect("another"),
    );
    for round in 0..200 {
        let subject = format!("question.{round}");
        let mut questions = answerer
            .client
            .subscribe(subject.clone())
            .await
            .expect("subscribed");
        answerer.settle(DEADLINE).await.expect("settled");
        let answer = async {
            let question = questions.next().await.expect("a question");
            let reply = question.reply.expect("somewhere to answer");
            answerer
                .client
                .publish(reply, "yes".into())
                .await
                .expect("answered");
        };
        let (answer, ()) = within("an answer", async {
            tokio::join!(asker.request(subject, "", DEADLINE), answer)
        })
        .await;
        assert_eq!(answer.expect("heard").as_ref(), b"yes", "round {round}");
    }
}

/// Its clones are closed with it; what was said before has been sent.
#[tokio::test]
async fn leaves_for_good_with_everything_said() {
    let server = TestServer::start().await.expect("a server");
    let (leaving, staying) = (
        server.bus().await.expect("a bus"),
        server.bus().await.expect("another"),
    );
    let mut heard = staying.client.subscribe("last.words").await.expect("heard");
    staying.settle(DEADLINE).await.expect("settled");
    for n in 0_u8..200 {
        leaving.tell("last.words", vec![n]).await.expect("told");
    }
    let clone = leaving.clone();
    within("it leaves", leaving.close(DEADLINE)).await;
    for n in 0_u8..200 {
        let message = within("it is heard", heard.next()).await.expect("a word");
        assert_eq!(message.payload[..], [n]);
    }
    assert_eq!(clone.connection().borrow().since, None);
    let late = clone.settle(DEADLINE).await.expect_err("it is closed");
    assert_eq!(late.kind(), ErrorKind::Unavailable);
    // Nobody is left to be lost by it.
    within("it leaves again", clone.close(DEADLINE)).await;
}
