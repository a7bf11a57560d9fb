//! The source in storage, or what it was remuxed into, or the image beside it, by addresses that are renewed before
//! they end.

use std::collections::BTreeMap;

use bus_schema::claim::{SignedRequest, Want};
use bus_schema::intermediate::{IntermediatePlace, PieceRange};
use bus_schema::object_key;
use bytes::{Bytes, BytesMut};
use tokio::sync::{Mutex, RwLock};

use super::attempt::Attempt;
use super::halt::Halt;
use super::{Shared, now_ms, transfer};

/// An address is asked for anew when it ends within this.
const ADDRESS_MARGIN_MS: u64 = 60_000;
/// Addresses of an intermediate's objects that are kept: a chunk reads a few of them, in order.
const ADDRESSES_MAX: usize = 64;

/// Reads one object for an attempt.
#[derive(Debug)]
pub(crate) struct Source {
    client: reqwest::Client,
    attempt: Attempt,
    want: Want,
    address: RwLock<SignedRequest>,
    /// What is read in the source's place.
    pieces: Option<Pieces>,
}

/// An intermediate, and addresses of its objects.
#[derive(Debug)]
struct Pieces {
    place: IntermediatePlace,
    addresses: Mutex<BTreeMap<String, SignedRequest>>,
}

impl Source {
    pub(crate) fn new(
        shared: &Shared,
        attempt: Attempt,
        address: SignedRequest,
        intermediate: Option<IntermediatePlace>,
    ) -> Self {
        Self {
            client: shared.http.clone(),
            attempt,
            want: Want::Source,
            address: RwLock::new(address),
            pieces: intermediate.map(|place| Pieces {
                place,
                addresses: Mutex::default(),
            }),
        }
    }

    /// The image that was uploaded beside the source.
    pub(crate) async fn image(shared: &Shared, attempt: &Attempt) -> Result<Self, Halt> {
        let addresses = attempt.addresses(&[Want::Image]).await?;
        let address = addresses.into_iter().next();
        let address = address.ok_or_else(|| Halt::defect("no address for the image"))?;
        Ok(Self {
            want: Want::Image,
            ..Self::new(shared, attempt.clone(), address, None)
        })
    }

    /// Exactly these bytes.
    pub(crate) async fn read(&self, offset: u64, bytes: u64) -> Result<Bytes, Halt> {
        match &self.pieces {
            None => {
                let address = self.address().await?;
                transfer::get(&self.client, &address, offset, bytes).await
            }
            Some(pieces) => self.read_pieces(pieces, offset, bytes).await,
        }
    }

    async fn address(&self) -> Result<SignedRequest, Halt> {
        let address = self.address.read().await.clone();
        if !ends_soon(&address) {
            return Ok(address);
        }
        let fresh = self
            .attempt
            .addresses(std::slice::from_ref(&self.want))
            .await?;
        let fresh = fresh.into_iter().next().unwrap_or(address);
        *self.address.write().await = fresh.clone();
        Ok(fresh)
    }

    /// Reads what each object has of it.
    async fn read_pieces(&self, pieces: &Pieces, offset: u64, bytes: u64) -> Result<Bytes, Halt> {
        let mut whole = BytesMut::new();
        loop {
            let done = whole.len() as u64;
            let left = bytes.saturating_sub(done);
            if left == 0 {
                return Ok(whole.freeze());
            }
            let located = pieces.place.intermediate.locate(offset + done, left);
            let Some(range) = located else {
                return Err(Halt::defect("a read behind the intermediate's end"));
            };
            let address = self.piece_address(pieces, &range).await?;
            let piece = transfer::get(&self.client, &address, range.offset, range.bytes).await?;
            if piece.len() as u64 == bytes {
                return Ok(piece);
            }
            whole.extend_from_slice(&piece);
        }
    }

    async fn piece_address(
        &self,
        pieces: &Pieces,
        range: &PieceRange,
    ) -> Result<SignedRequest, Halt> {
        let IntermediatePlace { task, attempt, .. } = pieces.place;
        let mut addresses = pieces.addresses.lock().await;
        if let Some(known) = addresses.get(&range.name)
            && !ends_soon(known)
        {
            return Ok(known.clone());
        }
        let name = object_key::attempt_dir(task, attempt) + &range.name;
        let fresh = self.attempt.addresses(&[Want::Get { name }]).await?;
        let fresh = fresh.into_iter().next();
        let fresh = fresh.ok_or_else(|| Halt::defect("no address for an intermediate's object"))?;
        if addresses.len() >= ADDRESSES_MAX {
            addresses.pop_first();
        }
        addresses.insert(range.name.clone(), fresh.clone());
        Ok(fresh)
    }
}

fn ends_soon(address: &SignedRequest) -> bool {
    address.expires_at_ms < now_ms() + ADDRESS_MARGIN_MS
}
