//! The control plane: what decides.
//!
//! Modules stand in the order in which a job travels: the machine that decides about it and its
//! actor; Admission, which lets its tasks go; what comes in from the bus; the pool of machines; who
//! watches, who tells; the edge; and what starts them all.

pub mod job;

pub mod planner;

pub mod admission;

pub mod intake;

pub mod claims;

pub mod workers;

pub mod machine_pool;

pub mod reaper;

pub mod notifier;

pub mod port;

pub mod gateway_actor;

pub mod board;

pub mod platform;

pub mod children;

pub mod restart;

pub mod root;

pub mod config;

pub mod up;

mod clock;

use ractor::{ActorRef, Message};

/// Tells an actor, which may have ended: whatever matters is told again from its record.
pub(crate) fn tell<M: Message>(actor: &ActorRef<M>, message: M) {
    if actor.cast(message).is_err() {
        tracing::debug!(actor = %actor.get_id(), "told an actor that has ended");
    }
}

/// What a defect does, for the tests of supervision.
#[cfg(feature = "test-util")]
#[expect(clippy::panic, reason = "a test asked for it")]
pub(crate) fn fail_on_purpose() -> ! {
    panic!("a test asked for it")
}
