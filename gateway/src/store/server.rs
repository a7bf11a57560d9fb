//! Connections: accepted up to a limit, drained on the way out.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::edge::Edge;

/// Open at once; the next ones wait in the listener's queue. A thousand browsers and their workers.
const CONNECTIONS_MAX: usize = 1024;

/// How long a client may take over a request's head, and a kept connection may be idle.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(60);

/// Bytes read ahead per connection: a body is taken as fast as the disk takes it.
const READ_AHEAD_BYTES: usize = 64 << 10;

/// How long requests may go on after the store was told to stop; `tcoder up` drains within 5 s.
const DRAIN_MAX: Duration = Duration::from_secs(3);

/// Before accepting again after a failure, which mostly is a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until told to stop, then drains.
pub(super) async fn serve(listener: TcpListener, edge: Arc<Edge>, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    while let Some((stream, slot)) = next(&listener, &slots, &mut connections, &stop).await {
        connections.spawn(connection(stream, Arc::clone(&edge), stop.clone(), slot));
    }
    drop(listener);
    let drained = timeout(DRAIN_MAX, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    if drained.is_err() {
        tracing::info!(
            left = connections.len(),
            "requests to the store were cut off: it was told to stop"
        );
        connections.shutdown().await;
    }
}

/// The next connection and its slot; `None` when told to stop.
async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    connections: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = tokio::select! {
        slot = Arc::clone(slots).acquire_owned() => slot.ok()?,
        () = stop.cancelled() => return None,
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return None,
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection to the store ended in a panic");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => return Some((stream, slot)),
                Err(error) => {
                    tracing::warn!(%error, "the store could not accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

async fn connection(
    stream: TcpStream,
    edge: Arc<Edge>,
    stop: CancellationToken,
    _slot: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let service = service_fn(|request| edge.answer(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .max_buf_size(READ_AHEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client that hangs up is everyday.
        tracing::debug!(%error, "a connection to the store broke");
    }
}
