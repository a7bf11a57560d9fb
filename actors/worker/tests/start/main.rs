//! A worker's start: what it finds out, what it keeps for the next one, and that it can be told to
//! leave meanwhile.

#![expect(
    clippy::disallowed_methods,
    reason = "helpers of tests wait for real processes"
)]

mod encoders;
mod folders;
mod leaving;
mod program;
