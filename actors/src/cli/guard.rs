//! `tcoder guard -- COMMAND`: becomes the command, and has it end when the one who started it ends.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use clap::Args;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use super::Exit;

/// Become a command that ends with its parent.
#[derive(Debug, Args)]
pub(crate) struct Guard {
    /// The command.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Guard {
    pub(crate) fn apply(&self) -> ExitCode {
        let parent = getppid();
        let (Some(program), arguments) = (self.command.first(), self.command.get(1..)) else {
            return Exit::Usage.into();
        };
        if set_parent_process_death_signal(Some(Signal::KILL)).is_err() {
            return Exit::Failed.into();
        }
        // It may have ended before the signal was set: then nobody would send it.
        if getppid() != parent {
            return Exit::Failed.into();
        }
        let error = Command::new(program)
            .args(arguments.unwrap_or_default())
            .exec();
        super::complain(&format!(
            "cannot run {}: {error}",
            program.to_string_lossy()
        ));
        Exit::Failed.into()
    }
}
