//! Assembling one MP4: its index from tables of samples, its media copied from segments. Nothing is
//! decoded, and no more than two parts are in memory.

use std::collections::BTreeMap;

use bus_schema::attempt::AssembleResult;
use bus_schema::claim::{SignedRequest, Want};
use bus_schema::id::RenditionName;
use bus_schema::object_key;
use bus_schema::report::Outcome;
use bus_schema::task::{AssembleSpec, AudioPieces, Piece};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Client;

use super::attempt::{Attempt, stopped};
use super::halt::Halt;
use super::{Shared, transfer};
use crate::mp4::{Assembly, Part, PartSource, SampleTable, TrackPieces};
use crate::protocol::Position;

/// Size of a part; grows when a file would have more than 10,000 of them.
pub(super) const PART_BYTES: u64 = 16 << 20;
/// Parts in hand at once: while one is read the other is written.
pub(super) const PARTS_IN_HAND: usize = 2;
/// Tables and ranges read at once.
const READS_MAX: usize = 8;

/// Assembles a file and reports it.
pub(crate) async fn run(shared: &Shared, attempt: Attempt, spec: AssembleSpec) -> Result<(), Halt> {
    let work = assemble(shared, &attempt, &spec);
    let result = tokio::select! {
        result = work => result?,
        () = attempt.stop.cancelled() => return Err(stopped()),
    };
    attempt.report(Outcome::Assembled(result)).await
}

async fn assemble(
    shared: &Shared,
    attempt: &Attempt,
    spec: &AssembleSpec,
) -> Result<AssembleResult, Halt> {
    let client = &shared.http;
    let video = match &spec.video_name {
        Some(name) => Some(track(client, attempt, name, &spec.video).await?),
        None => None,
    };
    let mut audio = Vec::with_capacity(spec.audio.len());
    for AudioPieces { name, pieces } in &spec.audio {
        audio.push(track(client, attempt, name, pieces).await?);
    }
    let assembly = Assembly::new(video, audio).map_err(Halt::defect)?;
    let parts = assembly.parts(PART_BYTES);
    let n_parts = parts.n_parts();
    let total = assembly.bytes().max(1);
    let mut done = 0_u64;
    let mut written = stream::iter(parts.iter())
        .map(|part| async {
            let bytes = part.bytes;
            write(client, attempt, &assembly, part)
                .await
                .map(|()| bytes)
        })
        .buffer_unordered(PARTS_IN_HAND);
    while let Some(bytes) = written.try_next().await? {
        done += bytes;
        attempt
            .progress(Position {
                done_ns: vec![done],
                total_ns: total,
                frames_per_s: 0,
            })
            .await;
    }
    Ok(AssembleResult {
        bytes: assembly.bytes(),
        n_parts,
        frames: assembly.frames(),
        duration_ms: assembly.duration_ms(),
        codecs: assembly.codecs().to_owned(),
    })
}

/// The pieces of one track with their tables.
async fn track(
    client: &Client,
    attempt: &Attempt,
    name: &RenditionName,
    pieces: &[Piece],
) -> Result<TrackPieces, Halt> {
    let want: Vec<Want> = pieces
        .iter()
        .map(|piece| Want::Get {
            name: table(name, piece),
        })
        .collect();
    let addresses = attempt.addresses(&want).await?;
    let tables = stream::iter(addresses)
        .map(|address| async move {
            let bytes = transfer::get_all(client, &address).await?;
            SampleTable::decode(&bytes).map_err(Halt::defect)
        })
        .buffered(READS_MAX)
        .try_collect::<Vec<_>>()
        .await?;
    let pieces = pieces.iter().copied().zip(tables).collect();
    Ok(TrackPieces {
        name: name.clone(),
        pieces,
    })
}

fn table(name: &RenditionName, piece: &Piece) -> String {
    let dir = object_key::attempt_dir(piece.task, piece.attempt);
    match piece.part {
        None => dir + &object_key::samples(name),
        Some(part) => dir + &object_key::part_samples(name, part),
    }
}

/// Reads what a part is made of, and writes it.
async fn write(
    client: &Client,
    attempt: &Attempt,
    assembly: &Assembly,
    part: Part,
) -> Result<(), Halt> {
    let addresses = addresses(attempt, &part).await?;
    let reads: Vec<_> = part
        .sources
        .iter()
        .map(|source| read(client, assembly, &addresses, source))
        .collect();
    let pieces = stream::iter(reads)
        .buffered(READS_MAX)
        .try_collect::<Vec<Bytes>>()
        .await?;
    let mut body = BytesMut::with_capacity(usize::try_from(part.bytes).unwrap_or(0));
    for piece in pieces {
        body.extend_from_slice(&piece);
    }
    let want = [Want::Part {
        n: part.number,
        bytes: part.bytes,
    }];
    let address = attempt.addresses(&want).await?;
    let Some(address) = address.first() else {
        return Err(Halt::defect("no address for a part"));
    };
    transfer::put(client, address, body.freeze()).await
}

/// Addresses of the segments that a part is made of, each once.
async fn addresses(
    attempt: &Attempt,
    part: &Part,
) -> Result<BTreeMap<String, SignedRequest>, Halt> {
    let mut names: Vec<&String> = part
        .sources
        .iter()
        .filter_map(|source| match source {
            PartSource::Object { name, .. } => Some(name),
            PartSource::Header { .. } => None,
        })
        .collect();
    names.dedup();
    let want: Vec<Want> = names
        .iter()
        .map(|name| Want::Get {
            name: (*name).clone(),
        })
        .collect();
    let addresses = attempt.addresses(&want).await?;
    Ok(names.into_iter().cloned().zip(addresses).collect())
}

async fn read(
    client: &Client,
    assembly: &Assembly,
    addresses: &BTreeMap<String, SignedRequest>,
    source: &PartSource,
) -> Result<Bytes, Halt> {
    match source {
        PartSource::Header { offset, bytes } => {
            let slice = assembly.header().get(*offset..*offset + *bytes);
            slice
                .map(Bytes::copy_from_slice)
                .ok_or_else(|| Halt::defect("a part lies outside of the header"))
        }
        PartSource::Object {
            name,
            offset,
            bytes,
        } => {
            let address = addresses
                .get(name)
                .ok_or_else(|| Halt::defect("no address for a segment"))?;
            transfer::get(client, address, *offset, *bytes).await
        }
    }
}
