//! The HTTP edge: uploads, jobs, playback, live sessions, the page. It decides nothing about jobs.
//!
//! ```text
//! server -> guard (Host, Origin, content type, time) -> router -> one file per resource
//! ```

mod options;

mod server;

mod guard;

mod router;

mod state;

mod body;

mod params;

mod wishes;

mod view;

mod uploads;

mod from_object;

mod jobs;

mod download;

mod play;

mod texts;

mod live;

mod events;

mod health;

mod qualities;

mod page;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::jobs::Jobs;
use crate::live::{CatchUp, FeedActor};
use crate::storage::Storage;

pub use options::Options;
pub use view::{JobList, JobView, OutputView, Playback, ProgressView, RenditionView, SubtitleView};

/// Ports tried by [`bind_first_free`].
const PORTS_TRIED: u16 = 100;

/// What the edge stands on.
#[derive(Debug, Clone)]
pub struct Ports {
    /// The control plane.
    pub jobs: Arc<dyn Jobs>,
    /// Object storage.
    pub storage: Storage,
    /// The bus, with the right to read `JOBS` and to hear live facts and progress.
    pub bus: nats::Bus,
}

/// Why the edge does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or not ours.
    #[error(
        "cannot listen on {address}: {reason}; choose another port with --port, or `gateway.listen`"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: std::io::Error,
    },
    /// An option that cannot be used.
    #[error("{0}")]
    Options(String),
    /// The live feed cannot be opened.
    #[error(transparent)]
    Feed(#[from] crate::live::Error),
    /// The bus stream of facts cannot be named.
    #[error("cannot read facts: {0}")]
    Facts(#[from] async_nats::jetstream::context::GetStreamError),
    /// Storage addresses cannot be signed.
    #[error("cannot sign storage addresses: {0}")]
    Storage(#[from] crate::storage::Error),
}

/// A running edge. Dropping it ends it at once; [`Handle::stopped`] waits for a drained end.
#[derive(Debug)]
pub struct Handle {
    /// Where it listens.
    pub addr: SocketAddr,
    tasks: JoinSet<()>,
}

/// Listens on exactly this address.
///
/// # Errors
/// [`Error::Listen`].
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen {
            address,
            reason: source,
        })
}

/// Listens on this address or, when its port is taken, on the next free one of a hundred. Port 0 is any.
///
/// # Errors
/// [`Error::Listen`] with the first port's reason when none is free.
pub async fn bind_first_free(address: SocketAddr) -> Result<TcpListener, Error> {
    let first = match bind(address).await {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    for port in (1..PORTS_TRIED).filter_map(|step| address.port().checked_add(step)) {
        if let Ok(listener) = bind(SocketAddr::new(address.ip(), port)).await {
            return Ok(listener);
        }
    }
    Err(first)
}

/// Serves on this listener until `shutdown`: then live sessions are told to come back, requests in
/// hand are answered, and it ends.
///
/// # Errors
/// [`Error`], before anything is served.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    ports: Ports,
    shutdown: CancellationToken,
) -> Result<Handle, Error> {
    let addr = listener.local_addr().map_err(|source| Error::Listen {
        address: options.listen,
        reason: source,
    })?;
    let (feed, actor) = FeedActor::subscribe(&ports.bus).await?;
    let catch_up = CatchUp::open(&ports.bus).await?;
    let state = state::Edge::new(options, ports, feed, catch_up, shutdown.clone()).await?;
    let state = Arc::new(state);
    let sessions = state.sessions.clone();
    let app = router::router(state);
    let mut tasks = JoinSet::new();
    tasks.spawn(actor.run());
    tasks.spawn(server::run(listener, app, sessions, shutdown));
    Ok(Handle { addr, tasks })
}

// === impl Handle ===

impl Handle {
    /// Its address for a browser on this machine.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Waits for the end: after a shutdown when all is drained, or because a part of it failed.
    ///
    /// # Errors
    /// The panic of the part that failed.
    pub async fn stopped(mut self) -> Result<(), tokio::task::JoinError> {
        // The first to end is the server; the feed has nobody left to serve then.
        match self.tasks.join_next().await {
            Some(ended) => ended,
            None => Ok(()),
        }
    }
}
