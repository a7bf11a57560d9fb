//! The media engine: runs in the child alone, the only place where GStreamer meets untrusted bytes.

pub mod error;

pub mod source;

pub mod ranges;

pub mod results;

pub mod pipeline;

pub use error::{Error, Result};
