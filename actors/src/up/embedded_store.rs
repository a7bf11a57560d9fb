//! An S3 store of our own, in this process.

use std::net::{Ipv4Addr, SocketAddr};

use async_nats::HeaderMap;
use bus_schema::object_key::INPUTS;
use bus_schema::subject::Subject;
use gateway::storage;
use gateway::store::{self, NotifyRule, Origins, Store, notify};
use nats::Bus;

use super::DataDir;

/// The store's preferred port; any other when it is taken.
const PORT: u16 = 9000;

/// The store in this process.
#[derive(Debug)]
pub(super) struct EmbeddedStore {
    handle: store::Handle,
}

impl EmbeddedStore {
    /// Starts it, and fills in how it is reached.
    pub(super) async fn start(
        data: &DataDir,
        bus: &Bus,
        options: &mut storage::Options,
    ) -> anyhow::Result<Self> {
        let secret = || bus_schema::Token::random().as_str().to_owned();
        options.access_key = "tcoder".to_owned();
        options.secret_key = data.secret("store.secret", secret)?;
        options.path_style = true;
        let port = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let with = |listen| store::Options {
            dir: data.join("store"),
            listen,
            access_key: options.access_key.clone(),
            secret_key: options.secret_key.clone(),
            region: options.region.clone(),
            buckets: vec![options.bucket.clone()],
            origins: Origins::Loopback,
            notify_on: vec![NotifyRule {
                bucket: options.bucket.clone(),
                prefix: INPUTS.to_owned(),
            }],
            sync: store::Sync::Never,
        };
        let handle = match Store::start(with(port(PORT)), notifier(bus)).await {
            Err(error) if error.kind() == store::ErrorKind::Listen => {
                Store::start(with(port(0)), notifier(bus)).await?
            }
            started => started?,
        };
        options.endpoint = Some(handle.endpoint());
        Ok(Self { handle })
    }

    pub(super) async fn ended(&mut self) -> anyhow::Error {
        self.handle.stopped().await.into()
    }

    pub(super) async fn stop(self) {
        self.handle.shutdown().await;
    }
}

/// What RustFS would do: publish to JetStream, with an id that spares most duplicates.
fn notifier(bus: &Bus) -> impl notify::Notify + use<> {
    let bus = bus.clone();
    notify::from_fn(move |payload, msg_id: String| {
        let bus = bus.clone();
        async move {
            let mut headers = HeaderMap::new();
            headers.insert(async_nats::header::NATS_MESSAGE_ID, msg_id);
            let subject = Subject::Storage {
                source: "embedded".to_owned(),
            };
            bus.publish_with(subject, headers, payload).await.map(drop)
        }
    })
}
