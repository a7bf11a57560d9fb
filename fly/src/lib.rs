//! Machines: what runs workers, and the four verbs to run them with.
//!
//! | to ... | see |
//! |---|---|
//! | list, launch, stop, destroy | [`Provider`] |
//! | name a machine, and tell it its environment | [`MachineName`], [`Launch`] |
//! | run workers as processes of this machine | [`LocalProvider`] |
//!
//! Nothing here decides how many machines there should be, and only the machine pool calls it.

pub mod machine;

pub mod provider;

pub mod local;

pub mod error;

pub use error::{Error, ErrorKind, Result};
pub use local::{Leftovers, LocalProvider};
pub use machine::{Launch, Machine, MachineName, MachineState};
pub use provider::Provider;
