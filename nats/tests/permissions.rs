//! A worker may do its work, under its name, and nothing else: not even by the reply of a message
//! that it may send, nor by a header of one.

use async_nats::{ConnectOptions, Event, HeaderMap};
use bus_schema::control::Control;
use bus_schema::task::{Invitation, TaskKind};
use bus_schema::{Envelope, JobId, TaskNumber, decode, encode};
use bytes::Bytes;
use futures_util::StreamExt;
use nats::server::TestServer;
use nats::{Credentials, Published};
use tokio::sync::mpsc;

use crate::fixture::{DEADLINE, count, eventually, within};

/// Everything that a worker could want to say and must not.
const FORBIDDEN_PUBLISHES: [&str; 24] = [
    "$JS.API.INFO",
    "$JS.API.STREAM.INFO.JOBS",
    "$JS.API.STREAM.DELETE.TASKS",
    "$JS.API.CONSUMER.CREATE.TASKS.mine.>",
    "$JS.API.CONSUMER.MSG.NEXT.TASKS.workers-cpu",
    "APPJS.STREAM.PURGE.TASKS",
    "APPJS.CONSUMER.MSG.NEXT.REPORTS.reports",
    "APPJS.CONSUMER.DELETE.TASKS.workers-cpu",
    "$JS.ACK.REPORTS.reports.1.1.1.1.0",
    "$JS.FC.TASKS.workers-cpu",
    "progress.w2.j1.1",
    "heartbeat.w2",
    "report.w2.j1.1",
    "claim.w2.j1.1",
    "control.w1",
    "control.w2",
    "task.cpu.chunk.j1.1",
    "job.j1.queued.1",
    "timer.t1",
    "webhook.e1.j1.1",
    "storage.embedded",
    "$KV.machines.w1",
    "$KV.jobs.j1",
    "$SYS.REQ.SERVER.PING",
];

/// And to hear.
const FORBIDDEN_SUBSCRIPTIONS: [&str; 9] = [
    ">",
    "_INBOX.>",
    "_INBOX_w2.>",
    "control.*",
    "control.w2",
    "live.job.>",
    "progress.>",
    "$JS.ACK.>",
    "$KV.>",
];

/// A worker's connection that keeps the server's complaints.
async fn listening(credentials: &Credentials) -> (async_nats::Client, mpsc::Receiver<String>) {
    let (sender, complaints) = mpsc::channel(256);
    let (user, password) = (credentials.user.clone(), credentials.password.clone());
    let client = ConnectOptions::with_user_and_password(user, password)
        .custom_inbox_prefix(&credentials.inbox_prefix)
        .event_callback(move |event| {
            let sender = sender.clone();
            async move {
                if let Event::ServerError(error) = event {
                    sender
                        .send(error.to_string())
                        .await
                        .expect("the test listens");
                }
            }
        })
        .connect(credentials.url.as_str())
        .await
        .expect("connected");
    (client, complaints)
}

#[tokio::test]
async fn what_is_not_its_work_is_refused() {
    let (server, bus) = TestServer::start_with_topology().await.expect("a server");
    let (client, mut complaints) = listening(&server.worker(1).expect("a user")).await;
    for subject in FORBIDDEN_PUBLISHES {
        client
            .publish(subject, Bytes::from_static(b"{}"))
            .await
            .expect("sent");
        let complaint = within(subject, complaints.recv())
            .await
            .expect("a complaint");
        let is_it = complaint
            .to_lowercase()
            .contains("permissions violation for publish")
            && complaint.contains(subject);
        assert!(is_it, "{subject}: {complaint}");
    }
    for subject in FORBIDDEN_SUBSCRIPTIONS {
        let _silent = client.subscribe(subject).await.expect("sent");
        let complaint = within(subject, complaints.recv())
            .await
            .expect("a complaint");
        let is_it = complaint
            .to_lowercase()
            .contains("permissions violation for subscription")
            && complaint.contains(subject);
        assert!(is_it, "{subject}: {complaint}");
    }
    for stream in [
        "JOBS",
        "TASKS",
        "TIMERS",
        "WEBHOOKS",
        "STORAGE",
        "REPORTS",
        "KV_machines",
    ] {
        assert_eq!(count(&bus, stream).await, 0, "{stream}");
    }
}

/// The server does not check the reply subject: in one account the confirmation of an allowed
/// message would be stored as a lease, a task or a fact.
#[tokio::test]
async fn a_reply_subject_reaches_no_stream() {
    let (server, bus) = TestServer::start_with_topology().await.expect("a server");
    bus.publish("task.cpu.chunk.j1.1", "t")
        .await
        .expect("published");
    let worker = server.worker_bus(1).await.expect("a worker");
    let targets = [
        "$KV.machines.w2",
        "$KV.jobs.j1",
        "task.cpu.chunk.j9.1",
        "job.j9.queued.1",
        "report.w2.j1.1",
    ];
    let messages = [
        ("progress.w1.j1.1", "50"),
        ("heartbeat.w1", "alive"),
        ("report.w1.j1.1", "done"),
        (
            "APPJS.CONSUMER.MSG.NEXT.TASKS.workers-cpu",
            r#"{"batch":1,"expires":1000000000}"#,
        ),
        ("APPJS.CONSUMER.INFO.TASKS.workers-cpu", ""),
        ("$JS.ACK.TASKS.workers-cpu.1.99.99.1.0", "+ACK"),
    ];
    for target in targets {
        for (subject, payload) in messages {
            let payload = Bytes::from_static(payload.as_bytes());
            worker
                .client
                .publish_with_reply(subject, target, payload)
                .await
                .expect("sent");
        }
    }
    // After these are confirmed, what was sent before has been dealt with.
    worker
        .publish("report.w1.j1.2", "fence")
        .await
        .expect("confirmed");
    within("the messages arrived", async {
        eventually("reports", async || count(&bus, "REPORTS").await == 6).await;
    })
    .await;
    for (stream, expected) in [
        ("KV_machines", 0),
        ("KV_jobs", 0),
        ("JOBS", 0),
        ("TASKS", 1),
    ] {
        assert_eq!(count(&bus, stream).await, expected, "{stream}");
    }
}

/// A worker can make answers arrive among another's orders, for replies are delivered inside the
/// workers' account. It cannot choose their bytes: acks, consumer states, invitations. None of them
/// is an order, so a worker that decodes strictly, and ignores what fails, obeys the control plane
/// alone.
#[tokio::test]
async fn what_a_reply_subject_brings_among_orders_is_no_order() {
    let (server, bus) = TestServer::start_with_topology().await.expect("a server");
    let invitation = Invitation {
        job: JobId::random(0),
        task: TaskNumber(1),
        kind: TaskKind::Chunk,
    };
    let invitation = encode(&Envelope::new("i".to_owned(), 0, invitation)).expect("encoded");
    bus.publish("task.cpu.chunk.j1.1", invitation)
        .await
        .expect("published");
    let (evil, good) = (
        server.worker_bus(1).await.expect("a worker"),
        server.worker_bus(2).await.expect("w2"),
    );
    let mut orders = good
        .client
        .subscribe("control.w2")
        .await
        .expect("subscribed");
    good.settle(DEADLINE).await.expect("settled");
    let pull = Bytes::from_static(br#"{"batch":1,"expires":1000000000}"#);
    for (subject, payload) in [
        ("APPJS.CONSUMER.MSG.NEXT.TASKS.workers-cpu", pull),
        ("APPJS.CONSUMER.INFO.TASKS.workers-cpu", Bytes::new()),
        ("report.w1.j1.1", Bytes::from_static(b"r")),
    ] {
        evil.client
            .publish_with_reply(subject, "control.w2", payload)
            .await
            .expect("sent");
    }
    evil.publish("report.w1.j1.2", "fence")
        .await
        .expect("confirmed");
    let drain = encode(&Envelope::new("o".to_owned(), 0, Control::Drain)).expect("encoded");
    bus.tell("control.w2", drain).await.expect("told");
    loop {
        let order = within("an order", orders.next()).await.expect("an order");
        if let Ok(order) = decode::<Control>(&order.payload) {
            assert_eq!((order.id.as_str(), order.body), ("o", Control::Drain));
            break;
        }
    }
}

/// `Nats-Rollup: all` on an allowed subject would wipe a stream that allows rollups.
#[tokio::test]
async fn a_header_reaches_nobody_elses_messages() {
    let (server, bus) = TestServer::start_with_topology().await.expect("a server");
    let (evil, good) = (
        server.worker_bus(1).await.expect("a worker"),
        server.worker_bus(2).await.expect("another"),
    );
    for (subject, stream) in [
        ("heartbeat", "HEARTBEATS"),
        ("progress", "PROGRESS"),
        ("report", "REPORTS"),
    ] {
        let of = |worker: &str| match subject {
            "heartbeat" => format!("{subject}.{worker}"),
            _ => format!("{subject}.{worker}.j1.1"),
        };
        good.publish(of("w2"), "good").await.expect("stored");
        for (name, value) in [
            ("Nats-Rollup", "all"),
            ("Nats-Rollup", "sub"),
            ("Nats-Schedule", "@at 2020-01-01T00:00:00Z"),
            ("Nats-TTL", "1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value);
            headers.insert("Nats-Schedule-Target", of("w2").as_str());
            let refused = evil.publish_with(of("w1"), headers, "evil").await;
            assert!(refused.is_err(), "{subject} took {name}: {value}");
        }
        assert_eq!(count(&bus, stream).await, 1, "{stream}");
    }
    // A message id cannot suppress another's report: reports carry none.
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", "w2-j1-2");
    evil.publish_with("report.w1.j1.2", headers, "evil")
        .await
        .expect("stored");
    let report = good
        .publish_once("report.w2.j1.2", "good")
        .await
        .expect("stored");
    assert!(matches!(report, Published::Stored(_)));
}

#[tokio::test]
async fn a_gateway_does_not_remake_streams_or_invite_workers() {
    let (server, _bus) = TestServer::start_with_topology().await.expect("a server");
    let (client, mut complaints) = listening(&server.gateway()).await;
    for subject in [
        "$JS.API.STREAM.DELETE.JOBS",
        "task.cpu.chunk.j1.1",
        "report.w1.j1.1",
        "$KV.machines.w1",
    ] {
        client.publish(subject, Bytes::new()).await.expect("sent");
        let complaint = within(subject, complaints.recv())
            .await
            .expect("a complaint");
        assert!(complaint.contains(subject), "{complaint}");
    }
    let gateway = nats::connect(&server.gateway(), "gateway")
        .await
        .expect("an address");
    let jobs: nats::Register<u32> = nats::Register::new(&gateway, "jobs");
    jobs.create("j1", &1).await.expect("a gateway makes jobs");
}
