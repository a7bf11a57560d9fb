//! The edge: everything that a browser, a storage service or a client's server touches.

pub mod store;

pub mod storage;

pub mod jobs;

pub mod webhook;

pub mod playlist;

pub mod progress;

pub mod live;

pub mod problem;

pub mod edge;

mod clock;

#[cfg(test)]
mod sample_job;
