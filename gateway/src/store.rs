//! The embedded store: a real S3 API over plain files, in this process.
//!
//! It is the default behind the same client code as any other S3 (`crate::storage`), so that presigning,
//! multipart, CORS, ranges and notifications are one path. Path-style addresses, SigV4, one key pair,
//! loopback only.
//!
//! ```text
//! server -> edge (Host, Origin, preflight) -> s3s (signatures, XML) -> service -> engine
//!                                  receive: body -> blob                  |  catalog: what is there
//!                                  send: blobs -> body                    |  outbox: who is told
//! ```
//!
//! What holds, whatever dies at whatever line: a key has either its old object or its new one, whole; an
//! object that was created has its notification on disk until it is accepted; an upload's parts survive a
//! restart; nothing is written outside the store's folder.

mod server;

mod edge;

mod service;

mod engine;

mod multipart;

mod receive;

mod send;

mod condition;

mod key;

mod listing;

mod catalog;

mod load;

mod blob;

mod record;

mod clock;

mod layout;

mod lock;

mod outbox;

mod event;

pub mod notify;

mod fault;

mod error;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub use self::error::{Error, ErrorKind};
pub use self::notify::{Notify, NotifyError};

use self::edge::Edge;
use self::engine::Engine;
use self::service::{Service, SingleKey};

/// Bytes of a request's XML, which is held in memory. The largest, completing an upload of 10,000 parts
/// with all their checksums, has 3 MiB.
const DOCUMENT_BYTES_MAX: usize = 4 << 20;

/// How long a stopping store waits for steps that are on the disk; they take milliseconds.
const LAST_STEPS_MAX: Duration = Duration::from_secs(2);

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// Everything is kept below this folder; it is made if it is missing. One process at a time.
    pub dir: PathBuf,
    /// A loopback address; port 0 takes a free one, see [`Handle::endpoint`].
    pub listen: SocketAddr,
    /// The one access key.
    pub access_key: String,
    /// Its secret; whoever has it may do everything here.
    pub secret_key: String,
    /// The region that clients name; it has no meaning but must be said, e.g. `us-east-1`.
    pub region: String,
    /// Made at start where they are missing.
    pub buckets: Vec<String>,
    /// Pages that may use the store.
    pub origins: Origins,
    /// Whose creation is notified; nothing when empty.
    pub notify_on: Vec<NotifyRule>,
    /// Whether answers wait for the disk.
    pub sync: Sync,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("dir", &self.dir)
            .field("listen", &self.listen)
            .field("access_key", &self.access_key)
            .field("region", &self.region)
            .field("buckets", &self.buckets)
            .field("origins", &self.origins)
            .field("notify_on", &self.notify_on)
            .field("sync", &self.sync)
            .finish_non_exhaustive()
    }
}

/// Which pages' scripts may use the store (CORS).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Any page served from this machine, on any port.
    #[default]
    Loopback,
    /// These only, exactly as a browser sends them: `https://tcoder.example`.
    Listed(Vec<String>),
}

/// Objects whose creation is notified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyRule {
    /// The bucket.
    pub bucket: String,
    /// What the key begins with, e.g. `inputs/`. Outputs must not match, or every segment becomes a job.
    pub prefix: String,
}

impl NotifyRule {
    fn matches(&self, bucket: &str, key: &str) -> bool {
        self.bucket == bucket && key.starts_with(&self.prefix)
    }
}

/// When a write is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// When the disk has it: an answered write survives a power cut.
    #[default]
    Always,
    /// When the system has it: an answered write survives a crash of this process only.
    Never,
}

/// The embedded store.
#[derive(Debug)]
pub struct Store;

impl Store {
    /// Opens the folder, takes up what an earlier process left (open uploads, unsent notifications) and
    /// serves.
    ///
    /// # Errors
    /// [`ErrorKind::Options`], [`ErrorKind::Listen`], [`ErrorKind::Locked`] or [`ErrorKind::Disk`].
    pub async fn start(options: Options, notifier: impl Notify) -> Result<Handle, Error> {
        if !options.listen.ip().is_loopback() {
            let message = format!(
                "the embedded store listens on loopback only, not on {}: use 127.0.0.1",
                options.listen
            );
            return Err(Error::plain(ErrorKind::Options, message));
        }
        if options.access_key.is_empty() || options.secret_key.is_empty() {
            let message = "the embedded store needs an access key and a secret key".to_owned();
            return Err(Error::plain(ErrorKind::Options, message));
        }
        let listener = TcpListener::bind(options.listen)
            .await
            .and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = listener.map_err(|source| {
            Error::new(
                ErrorKind::Listen,
                format!(
                    "the address {} cannot be listened on: choose another port",
                    options.listen
                ),
                source,
            )
        })?;
        let Options {
            access_key,
            secret_key,
            origins,
            ..
        } = options.clone();
        let opening = spawn_blocking(move || Engine::open(&options));
        let engine = opening.await.map_err(|source| {
            Error::new(
                ErrorKind::Stopped,
                "opening the store did not end".to_owned(),
                source,
            )
        })??;
        let engine = Arc::new(engine);
        let mut builder = S3ServiceBuilder::new(Service::new(Arc::clone(&engine)));
        let mut config = S3Config::default();
        config.xml_max_body_size = DOCUMENT_BYTES_MAX;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        builder.set_auth(SingleKey::new(access_key, &secret_key));
        let edge = Arc::new(Edge::new(builder.build(), origins));
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(server::serve(listener, edge, stop.clone()));
        tasks.spawn(notify_loop(Arc::clone(&engine), notifier, stop.clone()));
        Ok(Handle {
            address,
            stop,
            tasks,
            engine,
        })
    }
}

async fn notify_loop(engine: Arc<Engine>, notifier: impl Notify, stop: CancellationToken) {
    engine
        .outbox
        .run(&notifier, |notice| engine.is_current(notice), stop)
        .await;
}

/// A running store. Dropping it stops it at once; [`Handle::shutdown`] lets requests end first.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    engine: Arc<Engine>,
}

impl Handle {
    /// Where it is reached: `http://127.0.0.1:<port>`, path-style.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns only if the store stops by itself, which its owner answers with a restart.
    pub async fn stopped(&mut self) -> Error {
        let ended = self.tasks.join_next().await;
        let message = "a part of the embedded store ended by itself: start it again".to_owned();
        match ended {
            Some(Err(source)) => Error::new(ErrorKind::Stopped, message, source),
            Some(Ok(())) | None => Error::plain(ErrorKind::Stopped, message),
        }
    }

    /// Accepts nothing more, lets requests end within 3 s, and closes the folder.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the embedded store ended in a panic");
            }
        }
        // Steps on the disk run to their end; the folder is free when the last one has let go.
        let last_steps = async {
            while Arc::strong_count(&self.engine) > 1 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(LAST_STEPS_MAX, last_steps)
            .await
            .is_err()
        {
            tracing::warn!(
                "the embedded store's disk is slow: its folder may be in use a little longer"
            );
        }
    }
}
