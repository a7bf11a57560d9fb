//! What a child makes, on its way into storage: addresses are asked for in batches, objects written a
//! few at a time, and whoever waits for them knows when all up to a point are there.

use std::collections::BTreeSet;

use bus_schema::claim::Want;
use bytes::Bytes;
use reqwest::Client;
use tokio::task::JoinSet;

use super::attempt::Attempt;
use super::halt::Halt;
use super::transfer;
use crate::child::Credit;

/// Objects written at once by one attempt.
const WRITES_MAX: usize = 8;

/// An object to be stored.
#[derive(Debug)]
struct Object {
    seq: u64,
    name: String,
    bytes: Bytes,
    credit: Credit,
}

/// The uploads of one attempt. Their memory is bounded by the child's credit.
#[derive(Debug)]
pub(crate) struct Uploads {
    attempt: Attempt,
    client: Client,
    next_seq: u64,
    outstanding: BTreeSet<u64>,
    waiting: Vec<Object>,
    writing: JoinSet<Result<Vec<u64>, Halt>>,
}

impl Uploads {
    pub(crate) fn new(attempt: Attempt, client: Client) -> Self {
        Self {
            attempt,
            client,
            next_seq: 0,
            outstanding: BTreeSet::new(),
            waiting: Vec::new(),
            writing: JoinSet::new(),
        }
    }

    /// Takes an object.
    pub(crate) fn push(&mut self, name: String, bytes: Bytes, credit: Credit) {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.outstanding.insert(seq);
        self.waiting.push(Object {
            seq,
            name,
            bytes,
            credit,
        });
        self.start();
    }

    /// A point in the order of objects: everything taken so far.
    pub(crate) fn mark(&self) -> u64 {
        self.next_seq
    }

    /// Whether everything taken before that point is stored.
    pub(crate) fn is_stored(&self, mark: u64) -> bool {
        self.outstanding.first().is_none_or(|&first| first >= mark)
    }

    /// Waits for the next batch to be stored; never returns while there is none. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<(), Halt> {
        match self.writing.join_next().await {
            None => std::future::pending().await,
            Some(Err(error)) => Err(Halt::defect(error)),
            Some(Ok(batch)) => {
                for seq in batch? {
                    self.outstanding.remove(&seq);
                }
                self.start();
                Ok(())
            }
        }
    }

    /// Whatever waits goes as one batch while few are under way.
    fn start(&mut self) {
        if self.waiting.is_empty() || self.writing.len() >= WRITES_MAX {
            return;
        }
        let batch = std::mem::take(&mut self.waiting);
        self.writing
            .spawn(store(self.attempt.clone(), self.client.clone(), batch));
    }
}

async fn store(attempt: Attempt, client: Client, batch: Vec<Object>) -> Result<Vec<u64>, Halt> {
    let want: Vec<Want> = batch
        .iter()
        .map(|object| Want::Put {
            name: object.name.clone(),
            bytes: object.bytes.len() as u64,
        })
        .collect();
    let addresses = attempt.addresses(&want).await?;
    let mut stored = Vec::with_capacity(batch.len());
    for (object, address) in batch.into_iter().zip(&addresses) {
        transfer::put(&client, address, object.bytes).await?;
        stored.push(object.seq);
        drop(object.credit);
    }
    Ok(stored)
}
