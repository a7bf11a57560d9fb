//! The media engine: runs in the child alone, the only place where GStreamer meets untrusted bytes.
//!
//! The modules stand from the bytes up: what reads a source, finds its streams and decodes them; what a probe
//! learns of it; then the tasks, of which [`task`] does one.

pub mod error;

pub mod source;

mod clock;
mod transport;

pub mod ranges;

pub mod results;

pub mod pipeline;

pub mod demux;

pub mod frame;

mod shown;

mod edited;

mod clip;

mod gapless;

mod colour;

pub mod decode;

pub mod scan;

pub mod table;

mod intermediate;

pub mod probe;

mod downmix;

pub mod feed;

pub mod chunk;

pub mod audio;

pub mod images;

pub mod subtitles;

pub mod remux;

pub mod trial;

pub mod hardware;

pub mod task;

pub use error::{Error, Result};

/// CPU time of this process, for the job's cost.
fn cpu_ms() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec * 1000 + time.tv_nsec / 1_000_000).unwrap_or(0)
}
