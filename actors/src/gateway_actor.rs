//! The Gateway's actor: owns the edge's server, and fails when it ends.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use gateway::edge;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::platform::Platform;
use crate::port::Port;

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

/// What the Gateway is told.
#[derive(Debug)]
pub enum Message {
    /// The server ended by itself.
    Ended(String),
    /// Fail like a defect would.
    #[cfg(feature = "test-util")]
    Panic,
}

impl Actor for GatewayActor {
    type Msg = Message;
    type State = Option<edge::Handle>;
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<Message>,
        (): (),
    ) -> Result<Self::State, ActorProcessingErr> {
        let listener = self.options.listener.try_clone()?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let jobs = Arc::new(Port { platform: self.platform.clone() });
        let (storage, bus) = (self.platform.storage.clone(), self.platform.bus.clone());
        let handle =
            edge::serve(listener, self.options.edge.clone(), jobs, storage, bus).await?;
        Ok(Some(handle))
    }

    async fn handle(
        &self,
        _myself: ActorRef<Message>,
        message: Message,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Ended(reason) => Err(reason.into()),
            #[cfg(feature = "test-util")]
            Message::Panic => crate::fail_on_purpose(),
        }
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(handle) = state.take() {
            handle.shutdown().await;
        }
        Ok(())
    }
}

/// Binds the port that was asked for, or the next free one of a hundred.
///
/// # Errors
/// When none of them is free, or a port was asked for and is taken.
pub fn bind(listen: SocketAddr, is_fixed: bool) -> std::io::Result<TcpListener> {
    let first = TcpListener::bind(listen);
    let Err(error) = first else { return first };
    if is_fixed || error.kind() != std::io::ErrorKind::AddrInUse {
        return Err(error);
    }
    let next = (1..=100).filter_map(|step| listen.port().checked_add(step));
    next.map(|port| TcpListener::bind((listen.ip(), port))).find(Result::is_ok).unwrap_or(Err(error))
}
