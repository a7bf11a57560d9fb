//! The sandboxed half of a task: takes it over two sockets, does it, says how it ended.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use bus_schema::task::TaskSpec;
use rustix::process::{Pid, Signal};

use super::chunk::watermark::{self, Font};
use super::ranges::{self, RangeClient};
use super::results::Results;
use super::source::Source;
use super::{Error, Result, audio, chunk, images, probe, remux, subtitles};
use crate::devices;
use crate::protocol::{Begin, Readable, ToParent};
use crate::sandbox;

/// Runs the task that arrives on the inherited sockets: standard input for ranges, standard output
/// for results. Both are moved away first, so that no library can write into the protocol.
///
/// # Errors
/// When there is no task to do or nobody to tell. A task that fails is told to the parent, and no
/// error.
pub fn run(parent: u32) -> Result<()> {
    die_with(parent)?;
    sandbox::close_inherited()
        .map_err(|error| Error::internal(format!("cannot close what was inherited: {error}")))?;
    let (ranges, results) = take_sockets().map_err(|error| {
        Error::internal(format!(
            "standard input and output are not the parent's sockets: {error}"
        ))
    })?;
    let (results, begin) = Results::begin(results)?;
    let results = Arc::new(results);
    let checked = begin.spec.check();
    let checked = checked.map_err(|error| Error::internal(error.to_string()));
    let prepared = checked.and_then(|()| prepare(&results, &begin));
    let last = match prepared.and_then(|font| perform(&begin, ranges, &results, font.as_ref())) {
        Ok(last) => last,
        Err(error) => {
            if error.detail.is_some() {
                results.log(true, error.to_log())?;
            }
            ToParent::Failed(error.to_task_error())
        }
    };
    results.send(&last)
}

/// Without a parent there is nobody to work for. The signal is tied to the thread that made this
/// process; a parent that was gone before it was asked for is seen by its id.
fn die_with(parent: u32) -> Result<()> {
    let broken = |error| Error::internal(format!("cannot be tied to the parent: {error}"));
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(broken)?;
    let ours = rustix::process::getppid().map(Pid::as_raw_pid);
    if ours.and_then(|pid| u32::try_from(pid).ok()) == Some(parent) {
        Ok(())
    } else {
        Err(Error::internal("the parent is gone"))
    }
}

fn take_sockets() -> std::io::Result<(UnixStream, UnixStream)> {
    let take = |fd: OwnedFd| UnixStream::from(fd);
    let ranges = take(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?);
    let results = take(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?);
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok((ranges, results))
}

/// Loads what needs files and may not be there later, then shuts the doors.
fn prepare(results: &Results, begin: &Begin) -> Result<Option<Font>> {
    gstreamer::init().map_err(|error| Error::internal(format!("GStreamer: {error}")))?;
    super::hardware::keep_to_encoding();
    let font = match &begin.spec {
        TaskSpec::Chunk(spec) => watermark::font(spec.watermark.as_ref())?,
        TaskSpec::Probe(_)
        | TaskSpec::Audio(_)
        | TaskSpec::Assemble(_)
        | TaskSpec::Remux(_)
        | TaskSpec::Images(_)
        | TaskSpec::Subtitles(_) => None,
    };
    let families = devices::of_task(&begin.spec);
    let confinement = sandbox::enter(begin.data_bytes_max, &families)?;
    results.log(false, format!("confined by {}", confinement.by))?;
    for notice in confinement.notices {
        results.log(true, format!("sandbox: {notice}"))?;
    }
    Ok(font)
}

/// Does the task; what it returns is the last message.
fn perform(
    begin: &Begin,
    mut ranges: UnixStream,
    results: &Arc<Results>,
    font: Option<&Font>,
) -> Result<ToParent> {
    let image = match &begin.spec {
        TaskSpec::Images(spec) => spec
            .uploaded
            .map(|image| ranges::read_whole(&mut ranges, Readable::Image, image.bytes)),
        _ => None,
    };
    let source = |bytes| Source::new(Box::new(RangeClient::new(ranges, bytes)));
    let threads = begin.threads.max(1);
    match &begin.spec {
        TaskSpec::Probe(spec) => {
            probe::run(&source(spec.source_bytes), results, threads).map(ToParent::Probed)
        }
        TaskSpec::Chunk(spec) => {
            let source = source(spec.source_bytes);
            chunk::run(spec, &source, results, (threads, font)).map(ToParent::Transcoded)
        }
        TaskSpec::Audio(spec) => {
            let (n_parts, loudness) =
                audio::run(spec, &source(spec.source_bytes), results, threads)?;
            Ok(ToParent::AudioDone { n_parts, loudness })
        }
        TaskSpec::Remux(spec) => {
            remux::run(&source(spec.source_bytes), results).map(ToParent::CopyPlanned)
        }
        TaskSpec::Images(spec) => {
            let source = source(spec.source_bytes);
            images::run(spec, (&source, image), results, threads).map(ToParent::Pictured)
        }
        TaskSpec::Subtitles(spec) => {
            subtitles::run(spec, &source(spec.source_bytes), results).map(ToParent::Subtitled)
        }
        TaskSpec::Assemble(_) => Err(Error::internal(
            "files are assembled by the worker itself: no media is opened for it",
        )),
    }
}
