//! The control plane, played: it invites, answers claims, and hears heartbeats and reports.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::consumer::{FromConsumer as _, PullConsumer, pull};
use bus_schema::claim::{ClaimReply, ClaimRequest, Go, Held, SignedRequest, Want};
use bus_schema::codec::{Envelope, decode, encode};
use bus_schema::control::Control;
use bus_schema::heartbeat::Heartbeat;
use bus_schema::id::{Attempt, JobId, TaskNumber, Token, WorkerName};
use bus_schema::report::{Outcome, Report};
use bus_schema::subject::{CLAIM_ALL, HEARTBEAT_ALL, Subject};
use bus_schema::task::{Invitation, ProbeSpec, TaskClass, TaskKind, TaskSpec};
use futures_util::StreamExt as _;
use nats::Bus;
use nats::server::TestServer;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::storage::Storage;

/// To catch a hang, not to measure.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(10);
/// How long an invitation that nobody finished lies: far beyond [`DEADLINE`], so that one which is
/// not given back fails its test.
const ACK_WAIT: Duration = Duration::from_secs(600);
/// All reports, as workers make them.
const REPORT_ALL: &str = "report.>";

/// The control plane.
#[derive(Debug)]
pub(crate) struct Plane {
    pub(crate) server: TestServer,
    pub(crate) bus: Bus,
    pub(crate) storage: Storage,
    heard: Arc<Mutex<Heard>>,
    _ears: JoinSet<()>,
}

/// What was heard so far, in order.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) heartbeats: Vec<Heartbeat>,
    pub(crate) claims: Vec<ClaimRequest>,
    pub(crate) reports: Vec<Report>,
    /// Claims that ask for a task are not answered.
    pub(crate) is_mute: bool,
    /// No claim is answered.
    pub(crate) is_away: bool,
    attempts: HashMap<JobId, u16>,
}

impl Plane {
    pub(crate) async fn start() -> Self {
        let (server, bus) = TestServer::start_with_topology().await.expect("a server");
        for class in TaskClass::ALL {
            let name = format!("workers-{class}");
            keep_for_long(&bus, &name).await;
        }
        let storage = Storage::start().await;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let mut ears = JoinSet::new();
        hear(&bus, HEARTBEAT_ALL, &heard, &mut ears, |heard, bytes| {
            let envelope = decode::<Heartbeat>(bytes).expect("a heartbeat");
            heard.heartbeats.push(envelope.body);
        })
        .await;
        hear(&bus, REPORT_ALL, &heard, &mut ears, |heard, bytes| {
            let envelope = decode::<Report>(bytes).expect("a report");
            heard.reports.push(envelope.body);
        })
        .await;
        let claims = bus.client.subscribe(CLAIM_ALL).await.expect("subscribed");
        ears.spawn(answer_all(
            bus.clone(),
            claims,
            Arc::clone(&heard),
            (storage.url(), storage.size()),
        ));
        bus.settle(DEADLINE).await.expect("settled");
        Self {
            server,
            bus,
            storage,
            heard,
            _ears: ears,
        }
    }

    pub(crate) fn heard(&self) -> MutexGuard<'_, Heard> {
        lock(&self.heard)
    }

    /// Waits until what was heard holds something.
    pub(crate) async fn until<T>(&self, what: &str, look: impl Fn(&Heard) -> Option<T>) -> T {
        until(what, async || look(&self.heard())).await
    }

    /// Invites to probe the source of a new job.
    pub(crate) async fn invite(&self) -> JobId {
        let job = JobId::random(1);
        self.invite_again(job).await;
        job
    }

    pub(crate) async fn invite_again(&self, job: JobId) {
        let (task, kind) = (TaskNumber(0), TaskKind::Probe);
        let subject = Subject::Task {
            class: TaskClass::Light,
            kind,
            job,
            n: task,
        };
        let payload = message(&subject, Invitation { job, task, kind });
        let published = self.bus.publish(subject.to_string(), payload).await;
        published.expect("an invitation is published");
    }

    pub(crate) async fn cancel(&self, worker: &WorkerName, job: JobId) {
        let subject = Subject::Control {
            worker: worker.clone(),
        };
        let payload = message(&subject, Control::Cancel { job, task: None });
        self.bus.tell(subject, payload).await.expect("told");
    }

    /// The outcome of a job's next attempt, from the `n`-th report of it on.
    pub(crate) async fn outcome(&self, job: JobId, n: usize) -> Outcome {
        let look = |heard: &Heard| {
            let mut of_job = heard.reports.iter().filter(|report| report.job == job);
            of_job.nth(n).map(|report| report.outcome.clone())
        };
        self.until("the job is reported", look).await
    }

    /// Waits until a heartbeat that was not heard yet says this.
    pub(crate) async fn heartbeat(&self, what: &str, says: impl Fn(&Heartbeat) -> bool) -> String {
        let n = self.heard().heartbeats.len();
        let look = |heard: &Heard| {
            let mut later = heard.heartbeats.iter().skip(n);
            later.find(|beat| says(beat)).map(|beat| beat.run.clone())
        };
        self.until(what, look).await
    }

    /// Invitations that nobody has finished.
    pub(crate) async fn n_invitations(&self) -> u64 {
        let stream = self.bus.js.get_stream("TASKS").await.expect("the stream");
        stream.cached_info().state.messages
    }

    pub(crate) async fn no_invitation_is_left(&self) {
        let look = async || (self.n_invitations().await == 0).then_some(());
        until("every invitation is finished", look).await;
    }
}

/// Looks until there is something; a hang fails the test with a name.
pub(crate) async fn until<T, Fut>(what: &str, mut look: impl FnMut() -> Fut) -> T
where
    Fut: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(POLL).await;
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn message<T: Serialize>(subject: &Subject, body: T) -> Vec<u8> {
    encode(&Envelope::new(subject.to_string(), 1, body)).expect("it can be encoded")
}

async fn keep_for_long(bus: &Bus, consumer: &str) {
    let stream = bus.js.get_stream("TASKS").await.expect("the stream");
    let there: PullConsumer = stream.get_consumer(consumer).await.expect("the consumer");
    let config = there.cached_info().config.clone();
    let config = pull::Config::try_from_consumer_config(config).expect("a pull consumer");
    let config = pull::Config {
        ack_wait: ACK_WAIT,
        ..config
    };
    stream.update_consumer(config).await.expect("updated");
}

async fn hear(
    bus: &Bus,
    subject: &'static str,
    heard: &Arc<Mutex<Heard>>,
    ears: &mut JoinSet<()>,
    note: fn(&mut Heard, &[u8]),
) {
    let mut messages = bus.client.subscribe(subject).await.expect("subscribed");
    let heard = Arc::clone(heard);
    ears.spawn(async move {
        while let Some(message) = messages.next().await {
            note(&mut lock(&heard), &message.payload);
        }
    });
}

async fn answer_all(
    bus: Bus,
    mut claims: async_nats::Subscriber,
    heard: Arc<Mutex<Heard>>,
    source: (String, u64),
) {
    while let Some(claim) = claims.next().await {
        let request = decode::<ClaimRequest>(&claim.payload)
            .expect("a claim")
            .body;
        let answer = answer(&mut lock(&heard), request, &source);
        let (Some(answer), Some(inbox)) = (answer, claim.reply) else {
            continue;
        };
        let envelope = Envelope::new(claim.subject.to_string(), 1, answer);
        let payload = encode(&envelope).expect("it can be encoded");
        let sent = bus.client.publish(inbox, payload.into()).await;
        sent.expect("an answer is sent");
    }
}

fn answer(heard: &mut Heard, request: ClaimRequest, source: &(String, u64)) -> Option<ClaimReply> {
    let (url, source_bytes) = source;
    if heard.is_away || heard.is_mute && request.held.is_none() {
        heard.claims.push(request);
        return None;
    }
    let (held, spec) = match &request.held {
        Some(held) => (held.clone(), None),
        None => {
            let attempts = heard.attempts.entry(request.job).or_default();
            *attempts += 1;
            let held = Held {
                attempt: Attempt(*attempts),
                token: Token::random(),
            };
            let spec = ProbeSpec {
                source_bytes: *source_bytes,
            };
            (held, Some(Box::new(TaskSpec::Probe(spec))))
        }
    };
    let address = |want: &Want| {
        assert_eq!(*want, Want::Source);
        SignedRequest {
            method: "GET".to_owned(),
            url: url.clone(),
            headers: std::collections::BTreeMap::new(),
            expires_at_ms: u64::MAX,
        }
    };
    let addresses = request.want.iter().map(address).collect();
    heard.claims.push(request);
    Some(ClaimReply::Go(Go {
        held,
        deadline_ms: u64::MAX,
        spec,
        addresses,
        intermediate: None,
    }))
}
