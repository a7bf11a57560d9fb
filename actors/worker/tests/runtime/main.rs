//! The worker's actors on a real bus, with real children: the tests play the control plane and the
//! storage.

#![expect(
    clippy::disallowed_methods,
    reason = "helpers of tests wait for real processes"
)]

mod absence;
mod leaving;
mod panics;
mod plane;
mod refusal;
mod running;
mod storage;
