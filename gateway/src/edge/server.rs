//! Connections: accepted up to a limit, read with a deadline, drained at the end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once; the next one waits in the kernel. About 20 KB each.
const CONNECTIONS_MAX: usize = 4_096;
/// A client that has not sent a whole head by then holds a connection for nothing.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of a head: addresses with tickets and cookies of other programs on the same host fit well.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Requests in hand and closing sessions have so long. `make run` promises an end within 5 s.
const DRAIN_MAX: Duration = Duration::from_secs(3);
/// After a failed accept (out of file descriptors) others may close something meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown`, then drains.
pub(super) async fn run(
    listener: TcpListener,
    app: Router,
    sessions: TaskTracker,
    shutdown: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&permits).acquire_owned() => permit,
            () = shutdown.cancelled() => break,
        };
        let Ok(permit) = permit else { break };
        let stream = tokio::select! {
            stream = listener.accept() => stream,
            () = shutdown.cancelled() => break,
        };
        match stream {
            Ok((stream, _)) => {
                let (app, shutdown) = (app.clone(), shutdown.clone());
                connections.spawn(async move {
                    serve(stream, app, shutdown).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        // Those that have ended need no memory any more.
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    sessions.close();
    let drained = async {
        while connections.join_next().await.is_some() {}
        sessions.wait().await;
    };
    if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
        tracing::warn!("connections cut: not drained within {DRAIN_MAX:?}");
    }
}

async fn serve(stream: TcpStream, app: Router, shutdown: CancellationToken) {
    // Playlists and progress are small and wanted now. It can only fail on a dead connection.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
