//! The source in storage, or the image beside it, by an address that is renewed before it ends.

use bus_schema::claim::{SignedRequest, Want};
use bytes::Bytes;
use tokio::sync::RwLock;

use super::attempt::Attempt;
use super::halt::Halt;
use super::{Shared, now_ms, transfer};

/// An address is asked for anew when it ends within this.
const ADDRESS_MARGIN_MS: u64 = 60_000;

/// Reads one object for an attempt.
#[derive(Debug)]
pub(crate) struct Source {
    client: reqwest::Client,
    attempt: Attempt,
    want: Want,
    address: RwLock<SignedRequest>,
}

impl Source {
    pub(crate) fn new(shared: &Shared, attempt: Attempt, address: SignedRequest) -> Self {
        Self {
            client: shared.http.clone(),
            attempt,
            want: Want::Source,
            address: RwLock::new(address),
        }
    }

    /// The image that was uploaded beside the source.
    pub(crate) async fn image(shared: &Shared, attempt: &Attempt) -> Result<Self, Halt> {
        let addresses = attempt.addresses(&[Want::Image]).await?;
        let address = addresses.into_iter().next();
        let address = address.ok_or_else(|| Halt::defect("no address for the image"))?;
        Ok(Self {
            want: Want::Image,
            ..Self::new(shared, attempt.clone(), address)
        })
    }

    /// Exactly these bytes.
    pub(crate) async fn read(&self, offset: u64, bytes: u64) -> Result<Bytes, Halt> {
        let address = self.address.read().await.clone();
        let address = if address.expires_at_ms < now_ms() + ADDRESS_MARGIN_MS {
            let fresh = self
                .attempt
                .addresses(std::slice::from_ref(&self.want))
                .await?
                .into_iter()
                .next()
                .unwrap_or(address);
            *self.address.write().await = fresh.clone();
            fresh
        } else {
            address
        };
        transfer::get(&self.client, &address, offset, bytes).await
    }
}
