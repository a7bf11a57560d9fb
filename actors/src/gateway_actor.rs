//! The Gateway's actor: owns the edge's server, and fails when it ends.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use gateway::edge;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use crate::platform::Platform;
use crate::port::Port;

/// Between two looks the actor can be stopped.
const WATCH: Duration = Duration::from_secs(1);

/// The Gateway: configuration.
#[derive(Debug)]
pub struct GatewayActor {
    /// What it stands on.
    pub platform: Platform,
    /// How it serves.
    pub options: Options,
}

/// How the edge serves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bound once, kept over restarts: the address never changes while the process lives.
    pub listener: Arc<TcpListener>,
    /// The edge's own.
    pub edge: edge::Options,
}

/// What the Gateway is told by itself.
#[derive(Debug)]
pub enum Message {
    /// See whether the server lives.
    Watch,
    /// Fail like a defect would.
    #[cfg(feature = "test-util")]
    Panic,
}

/// What the Gateway holds.
#[expect(missing_debug_implementations, reason = "a future has nothing to show")]
pub struct State {
    shutdown: CancellationToken,
    stopped: BoxFuture<'static, Result<(), JoinError>>,
}

impl Actor for GatewayActor {
    type Msg = Message;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        let listener = tokio::net::TcpListener::from_std(self.options.listener.try_clone()?)?;
        let ports = edge::Ports {
            jobs: Arc::new(Port {
                platform: self.platform.clone(),
            }),
            storage: self.platform.storage.clone(),
            bus: self.platform.bus.clone(),
        };
        let shutdown = CancellationToken::new();
        let options = self.options.edge.clone();
        let handle = edge::serve(listener, options, ports, shutdown.clone()).await?;
        myself.cast(Message::Watch)?;
        Ok(State {
            shutdown,
            stopped: Box::pin(handle.stopped()),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Watch => {
                if let Ok(ended) = tokio::time::timeout(WATCH, &mut state.stopped).await {
                    return Err(format!("the edge ended by itself: {ended:?}").into());
                }
                myself.cast(Message::Watch)?;
                Ok(())
            }
            #[cfg(feature = "test-util")]
            Message::Panic => crate::fail_on_purpose(),
        }
    }

    /// Lets requests end; the edge bounds how long.
    async fn post_stop(
        &self,
        _myself: ActorRef<Message>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.shutdown.cancel();
        (&mut state.stopped).await?;
        Ok(())
    }
}

/// Binds the port that was asked for, or else the first free one of a hundred.
///
/// # Errors
/// When none of them is free, or a port was asked for and is taken.
pub async fn bind(listen: SocketAddr, is_fixed: bool) -> anyhow::Result<TcpListener> {
    let listener = if is_fixed {
        edge::bind(listen).await?
    } else {
        edge::bind_first_free(listen).await?
    };
    Ok(listener.into_std()?)
}
