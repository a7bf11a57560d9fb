//! An edge over a real bus and a real store, each of the test's own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bus_schema::codec::{Envelope, encode};
use bus_schema::fact::Fact;
use bus_schema::id::JobId;
use bus_schema::progress::Progress;
use bus_schema::subject::Subject;
use gateway::edge::{self, Options, Ports};
use gateway::storage::{Options as StorageOptions, Storage};
use gateway::store::{self, Origins, Store, notify};
use nats::Bus;
use nats::server::TestServer;
use reqwest::{Client, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::memory_jobs::MemoryJobs;
use crate::sample_job::SampleJob;

/// To catch a hang; nothing here takes a tenth of it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A running edge.
pub(crate) struct Fixture {
    pub(crate) server: TestServer,
    /// With the control plane's rights, to publish what it would.
    pub(crate) bus: Bus,
    pub(crate) storage: Storage,
    pub(crate) jobs: Arc<MemoryJobs>,
    pub(crate) edge: edge::Handle,
    pub(crate) shutdown: CancellationToken,
    pub(crate) http: Client,
    _store: store::Handle,
    _dir: TempDir,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        let (server, bus) = TestServer::start_with_topology()
            .await
            .expect("nats-server starts");
        let dir = TempDir::new().expect("a temporary folder can be made");
        let (store, storage) = store_in(&dir).await;
        let jobs = Arc::new(MemoryJobs::default());
        let gateway_bus = nats::connect(&server.gateway(), "test-gateway")
            .await
            .expect("an address");
        gateway_bus
            .ready(DEADLINE)
            .await
            .expect("the gateway may connect");
        let ports = Ports {
            jobs: jobs.clone(),
            storage: storage.clone(),
            bus: gateway_bus,
        };
        let listener = edge::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .expect("a free port");
        let shutdown = CancellationToken::new();
        let edge = edge::serve(listener, options, ports, shutdown.clone())
            .await
            .expect("the edge starts");
        Self {
            server,
            bus,
            storage,
            jobs,
            edge,
            shutdown,
            http: client(),
            _store: store,
            _dir: dir,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.edge.url())
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http
            .get(self.url(path))
            .send()
            .await
            .expect("the edge answers")
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.http
            .post(self.url(path))
            .json(body)
            .send()
            .await
            .expect("the edge answers")
    }

    /// Publishes a fact as the control plane does.
    pub(crate) async fn publish(&self, job: JobId, n: u64, fact: Fact) {
        let subject = Subject::Fact {
            job,
            kind: fact.kind(),
            n,
        };
        let payload =
            encode(&Envelope::new(format!("{job}.{n}"), 1_000 + n, fact)).expect("it fits");
        self.bus
            .publish_once(subject.to_string(), payload)
            .await
            .expect("the bus takes it");
    }

    /// Publishes progress as a worker does.
    pub(crate) async fn tell(&self, progress: Progress) {
        let Progress {
            worker, job, task, ..
        } = progress.clone();
        let subject = Subject::Progress { worker, job, task };
        let payload = encode(&Envelope::new(String::new(), 1, progress)).expect("it fits");
        self.bus
            .publish(subject.to_string(), payload)
            .await
            .expect("the bus takes it");
    }

    /// A running job of a minute, known to the control plane.
    pub(crate) fn running_job(&self) -> JobId {
        let job = SampleJob::running(60_000_000_000, true);
        let id = job.record.id;
        self.jobs.put(job);
        id
    }
}

/// Follows no redirect: where they lead is what is looked at.
fn client() -> Client {
    // Another test may have done it.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(DEADLINE)
        .build()
        .expect("a client")
}

async fn store_in(dir: &TempDir) -> (store::Handle, Storage) {
    let options = store::Options {
        dir: dir.path().join("store"),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        access_key: "test-access".to_owned(),
        secret_key: "test-secret".to_owned(),
        region: "us-east-1".to_owned(),
        buckets: vec!["tcoder".to_owned()],
        origins: Origins::Loopback,
        notify_on: Vec::new(),
        sync: store::Sync::Never,
    };
    let nobody = notify::from_fn(|_, _| std::future::ready(Ok::<(), std::io::Error>(())));
    let store = Store::start(options, nobody)
        .await
        .expect("the store starts");
    let storage = Storage::new(&StorageOptions {
        endpoint: Some(store.endpoint()),
        access_key: "test-access".to_owned(),
        secret_key: "test-secret".to_owned(),
        ..StorageOptions::default()
    });
    (store, storage.expect("the options are whole"))
}

/// The problem in a refusal, checked for its shape.
pub(crate) async fn problem(response: Response) -> Value {
    let status = response.status();
    let content_type = response.headers().get("content-type").cloned();
    let text = response.text().await.expect("a body");
    assert_eq!(
        content_type.as_ref().map(|t| t.as_bytes()),
        Some(&b"application/problem+json"[..]),
        "{text}"
    );
    let problem: Value = serde_json::from_str(&text).expect("a problem is JSON");
    let code = problem["code"].as_str().expect("a code");
    assert_eq!(problem["type"], format!("urn:tcoder:problem:{code}"));
    assert_eq!(problem["status"], status.as_u16());
    assert!(
        problem["title"]
            .as_str()
            .is_some_and(|title| !title.is_empty())
    );
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(
        detail.len() > 10 && !detail.chars().any(char::is_control),
        "{detail:?}"
    );
    problem
}

/// The code of a refusal.
pub(crate) async fn code(response: Response) -> String {
    problem(response).await["code"]
        .as_str()
        .expect("a code")
        .to_owned()
}

/// JSON of an answer that must be a success.
pub(crate) async fn json(response: Response) -> Value {
    let status = response.status();
    let text = response.text().await.expect("a body");
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).expect("JSON")
}
