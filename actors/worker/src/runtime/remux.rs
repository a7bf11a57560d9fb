//! Copying a source's streams into one MP4: a child reads the index and says which bytes go where, and
//! the parent moves them from storage to storage. No more than two parts are in memory, and nothing is
//! written to a disk.

use std::sync::Arc;

use bus_schema::attempt::AssembleResult;
use bus_schema::claim::{SignedRequest, Want};
use bus_schema::intermediate::IntermediatePlace;
use bus_schema::report::{ErrorCode, Outcome};
use bus_schema::task::{RemuxSpec, TaskClass, TaskSpec};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinSet;

use super::assemble::{PART_BYTES, PARTS_IN_HAND};
use super::attempt::{Attempt, stopped};
use super::halt::Halt;
use super::source::Source;
use super::{Shared, transfer};
use crate::child::{ChildEvent, ChildTask, RangeReply};
use crate::mp4::remux::{CopiedFile, CopiedPart};
use crate::protocol::{CopyRanges, Position};

/// Copies a source and reports it.
pub(crate) async fn run(
    shared: &Shared,
    attempt: Attempt,
    class: TaskClass,
    spec: RemuxSpec,
    (address, intermediate): (SignedRequest, Option<IntermediatePlace>),
) -> Result<(), Halt> {
    let source = Source::new(shared, attempt.clone(), address, intermediate);
    let source = Arc::new(source);
    let work = async {
        let (head, ranges) = plan(shared, class, &spec, &source).await?;
        copy(shared, &attempt, &spec, head, ranges, &source).await
    };
    let result = tokio::select! {
        result = work => result?,
        () = attempt.stop.cancelled() => return Err(stopped()),
    };
    attempt.report(Outcome::Remuxed(result)).await
}

/// Has a child read the index. What it says is not believed further than that it lies in the source.
async fn plan(
    shared: &Shared,
    class: TaskClass,
    spec: &RemuxSpec,
    source: &Arc<Source>,
) -> Result<(Vec<u8>, CopyRanges), Halt> {
    let mut child = ChildTask::spawn(&shared.child_options(class), TaskSpec::Remux(spec.clone()))
        .map_err(|error| {
        Halt::unavailable(format!("No process starts for the task: {error}."))
    })?;
    let planned = follow(&mut child, source).await;
    // Whatever the reason: the child is gone before the task is.
    child.kill().await;
    planned
}

async fn follow(
    child: &mut ChildTask,
    source: &Arc<Source>,
) -> Result<(Vec<u8>, CopyRanges), Halt> {
    let mut head = Vec::new();
    let mut reads: JoinSet<Result<(), Halt>> = JoinSet::new();
    loop {
        let event = tokio::select! {
            event = child.next() => event,
            Some(read) = reads.join_next() => {
                read.map_err(Halt::defect)??;
                continue;
            }
        };
        match event {
            Some(ChildEvent::Range {
                offset, len, reply, ..
            }) => {
                let source = Arc::clone(source);
                reads.spawn(async move { answer(&source, offset, len, reply).await });
            }
            Some(ChildEvent::CopyHead(piece)) => head.extend_from_slice(&piece),
            Some(ChildEvent::CopyPlanned(ranges)) => return Ok((head, ranges)),
            Some(ChildEvent::Failed(error)) => return Err(Halt::Failed(error)),
            Some(ChildEvent::Exited) | None => {
                return Err(Halt::failed(
                    ErrorCode::Crashed,
                    "The task's process ended without a word: if that happens again, report it with \
                     the worker's log.",
                ));
            }
            Some(other) => {
                tracing::warn!(?other, "not what a copy is made of");
                return Err(Halt::defect("a copy's process made something else"));
            }
        }
    }
}

/// Reads for the child. Where it is no use to read on the attempt ends, and the child gets no answer.
async fn answer(source: &Source, offset: u64, len: u32, reply: RangeReply) -> Result<(), Halt> {
    match source.read(offset, u64::from(len)).await {
        Err(halt) if halt.is_final() => return Err(halt),
        read => reply.send(read.map_err(|halt| halt.to_string())),
    }
    Ok(())
}

/// Writes the file, part by part.
async fn copy(
    shared: &Shared,
    attempt: &Attempt,
    spec: &RemuxSpec,
    head: Vec<u8>,
    ranges: CopyRanges,
    source: &Source,
) -> Result<AssembleResult, Halt> {
    let CopyRanges {
        ranges,
        frames,
        duration_ms,
        codecs,
    } = ranges;
    let file =
        CopiedFile::new(head, &ranges, spec.source_bytes, PART_BYTES).map_err(Halt::defect)?;
    drop(ranges);
    let mut done = 0_u64;
    let mut written = stream::iter(file.parts())
        .map(|part| async {
            let bytes = part.bytes;
            write(shared, attempt, &file, part, source)
                .await
                .map(|()| bytes)
        })
        .buffer_unordered(PARTS_IN_HAND);
    while let Some(bytes) = written.try_next().await? {
        done += bytes;
        attempt
            .progress(Position {
                done_ns: vec![done],
                total_ns: file.bytes(),
                frames_per_s: 0,
            })
            .await;
    }
    drop(written);
    Ok(AssembleResult {
        bytes: file.bytes(),
        n_parts: file.n_parts(),
        frames,
        duration_ms,
        codecs,
    })
}

/// Reads what a part is made of, and writes it.
async fn write(
    shared: &Shared,
    attempt: &Attempt,
    file: &CopiedFile,
    part: CopiedPart,
    source: &Source,
) -> Result<(), Halt> {
    let mut body = BytesMut::new();
    if let Some(head) = file.head().get(part.head.clone()) {
        body.extend_from_slice(head);
    }
    for read in &part.reads {
        let bytes: Bytes = source.read(read.offset, read.bytes).await?;
        body.reserve(
            usize::try_from(part.bytes)
                .unwrap_or(0)
                .saturating_sub(body.len()),
        );
        read.keep(&bytes, &mut body).map_err(Halt::defect)?;
    }
    let want = [Want::Part {
        n: part.number,
        bytes: part.bytes,
    }];
    let address = attempt.addresses(&want).await?;
    let Some(address) = address.first() else {
        return Err(Halt::defect("no address for a part"));
    };
    transfer::put(&shared.http, address, body.freeze()).await
}
