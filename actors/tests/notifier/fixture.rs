//! A bus of the test's own with job records on it, and who brings back what was put off.

use std::time::Duration;

use actors::notifier::queue::{PutBack, put_back};
use actors::notifier::{Arguments, Message, Notifier, Options};
use async_nats::jetstream::consumer::pull;
use bus_schema::JobId;
use bus_schema::codec::{Envelope, decode, encode};
use bus_schema::fact::Fact;
use bus_schema::record::JobRecord;
use bus_schema::subject::Subject;
use bus_schema::timer::Timer;
use nats::server::TestServer;
use nats::{Bus, Delivery, Register, Subscription, Timers};
use ractor::{Actor, ActorRef};
use serde_json::json;
use tokio::task::JoinSet;

/// Long enough for the slowest machine; a test that needs it hangs.
const DEADLINE: Duration = Duration::from_secs(60);
/// How soon an impatient bus gives to another what was not acked. 30 s in earnest: with less, a
/// machine under load would see deliveries made twice.
const ACK_WAIT: Duration = Duration::from_secs(2);
/// Five seconds become half a millisecond, a day becomes 9 s.
pub(crate) const TIME_SCALE: f64 = 0.000_1;
/// 32 bytes.
pub(crate) const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
pub(crate) const SECRET_BYTES: &[u8] = b"0123456789abcdef0123456789abcdef";
/// When all facts happen: 2023-11-14T22:13:20Z.
const AT_MS: u64 = 1_700_000_000_000;

pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) bus: Bus,
    jobs: Register<JobRecord>,
    /// Brings back what is due, as the control plane's intake does.
    _due: JoinSet<()>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let (server, bus) = TestServer::start_with_topology().await.expect("a bus");
        let mut due = JoinSet::new();
        due.spawn(bring_back(bus.clone()));
        let jobs = Register::new(&bus, "jobs");
        Self {
            server,
            bus,
            jobs,
            _due: due,
        }
    }

    /// With a bus that soon gives to another what a killed Notifier had in hand.
    pub(crate) async fn start_impatient() -> Self {
        let world = Self::start().await;
        let bus = &world.bus;
        for (stream, consumer) in [
            ("JOBS", "notifier"),
            ("WEBHOOKS", "webhooks"),
            ("TIMERS", "due"),
        ] {
            let stream = bus.js.get_stream(stream).await.expect("the stream");
            let found = stream
                .get_consumer::<pull::Config>(consumer)
                .await
                .expect("the consumer");
            let config = found.cached_info().config.clone();
            let config = pull::Config {
                durable_name: config.durable_name,
                filter_subject: config.filter_subject,
                max_ack_pending: config.max_ack_pending,
                ack_wait: ACK_WAIT,
                ..pull::Config::default()
            };
            stream
                .update_consumer(config)
                .await
                .expect("a shorter wait");
        }
        world
    }

    pub(crate) async fn notifier(&self) -> ActorRef<Message> {
        self.notifier_with(Options {
            allow_loopback: true,
            time_scale: TIME_SCALE,
        })
        .await
    }

    pub(crate) async fn notifier_with(&self, options: Options) -> ActorRef<Message> {
        let arguments = Arguments {
            bus: self.bus.clone(),
            jobs: self.jobs.clone(),
            timers: Timers::new(&self.bus),
            secret: SECRET.to_owned(),
            options,
        };
        Actor::spawn(None, Notifier, arguments)
            .await
            .expect("it starts")
            .0
    }

    /// A job that reports to this address.
    pub(crate) async fn job(&self, webhook_url: Option<&str>) -> JobId {
        let id = JobId::random(AT_MS);
        let record = json!({
            "v": 1, "id": id, "tenant": "default", "state": "running", "priority": 50,
            "request": {
                "filename": "film.mp4", "content_type": "video/mp4", "preset": "hls-adaptive",
                "webhook_url": webhook_url, "metadata": {"order": "7"}, "external_id": "film-7",
            },
            "source": {"key": "inputs/default/film", "bytes": 1},
            "times": {"created_ms": AT_MS}, "n_facts": 1, "n_timers": 0,
        });
        let record: JobRecord = serde_json::from_value(record).expect("a record");
        self.jobs
            .create(id.as_str(), &record)
            .await
            .expect("written");
        id
    }

    pub(crate) async fn fact(&self, job: JobId, n: u64, fact: &Fact) {
        let subject = Subject::Fact {
            job,
            kind: fact.kind(),
            n,
        };
        let payload = encode(&Envelope::new(format!("{job}.{n}"), AT_MS, fact)).expect("encodes");
        self.bus
            .publish_once(subject, payload)
            .await
            .expect("published");
    }

    /// A job whose end is told to this address; the id that its delivery must bear.
    pub(crate) async fn completed_job(&self, webhook_url: &str) -> String {
        let job = self.job(Some(webhook_url)).await;
        self.fact(job, 1, &completed()).await;
        format!("{job}-1")
    }

    /// Messages that lie in a stream.
    pub(crate) async fn count(&self, stream: &str) -> u64 {
        let mut stream = self.bus.js.get_stream(stream).await.expect("the stream");
        stream.info().await.expect("its state").state.messages
    }

    /// Waits until a stream holds so many messages.
    pub(crate) async fn until_count(&self, stream: &str, n: u64) {
        let what = format!("{n} messages in {stream}");
        until(&what, || async {
            (self.count(stream).await == n).then_some(())
        })
        .await;
    }

    /// Waits until every fact was looked at and finished.
    pub(crate) async fn until_facts_done(&self) {
        let stream = self.bus.js.get_stream("JOBS").await.expect("the stream");
        until("the end of all facts", || async {
            let mut consumer = stream
                .get_consumer::<pull::Config>("notifier")
                .await
                .expect("the consumer");
            let info = consumer.info().await.expect("its state");
            (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
        })
        .await;
    }

    /// The reason in the n-th dead letter, from 1.
    pub(crate) async fn dead_reason(&self, n: u64) -> String {
        let stream = self.bus.js.get_stream("DEAD").await.expect("the stream");
        let letter = stream.get_raw_message(n).await.expect("a dead letter");
        let reason = letter
            .headers
            .get(nats::delivery::header::REASON)
            .expect("a reason");
        reason.as_str().to_owned()
    }
}

pub(crate) fn completed() -> Fact {
    Fact::Completed {
        after_ms: 5_000,
        warnings: Vec::new(),
    }
}

async fn bring_back(bus: Bus) {
    let mut due = Subscription::open(&bus, Timers::STREAM, Timers::CONSUMER)
        .await
        .expect("timers");
    let mut in_hand = JoinSet::new();
    while let Ok(delivery) = due.next(1).await {
        in_hand.spawn(bring_one_back(bus.clone(), delivery));
    }
}

async fn bring_one_back(bus: Bus, delivery: Delivery) {
    let timer = decode::<Timer>(&delivery.payload).expect("a timer").body;
    let Timer::Webhook { delivery: webhook } = timer else {
        return delivery.abandon();
    };
    let finished = match put_back(&bus, &webhook).await {
        Ok(PutBack::Done) => delivery.ack().await,
        Ok(PutBack::NotYet) | Err(_) => delivery.retry_after(Duration::from_millis(20)).await,
    };
    // It comes again.
    drop(finished);
}

/// Waits for a condition.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let wait = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect(what)
}
