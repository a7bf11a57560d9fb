//! The data plane: the sandboxed media engine and the parent's handle on it.

pub mod protocol;

pub mod mp4;

pub mod engine;
