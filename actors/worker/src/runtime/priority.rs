//! Whose work can wait. Sound is ahead of the picture by ten times as soon as its first part is there,
//! and nobody waits for the rest: it must not take a core from the first chunk, which playing does
//! wait for.

use rustix::process::{Pid, setpriority_process};

/// Niceness of a child that can wait: its threads then weigh a tenth of others. On an idle core that
/// costs it nothing.
const CAN_WAIT: i32 = 10;

/// Has all threads of a process give way; those that they start do too.
pub(crate) fn give_way(pid: u32) {
    // A process that is gone has no threads: nothing to be done.
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return;
    };
    let ids = threads
        .flatten()
        .filter_map(|thread| thread.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw);
    for id in ids {
        if let Err(error) = setpriority_process(Some(id), CAN_WAIT) {
            tracing::debug!(pid, %error, "a thread goes on as before");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use rustix::process::getpriority_process;

    use super::*;

    struct Sleeper(Child);

    impl Drop for Sleeper {
        fn drop(&mut self) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }

    #[test]
    fn a_process_gives_way() {
        let child = Command::new("sleep")
            .arg("600")
            .stdin(Stdio::null())
            .spawn();
        let child = Sleeper(child.unwrap());
        let id = Pid::from_child(&child.0);
        let before = getpriority_process(Some(id)).unwrap();
        assert!(before < CAN_WAIT, "the test itself gives way");
        give_way(child.0.id());
        assert_eq!(getpriority_process(Some(id)), Ok(CAN_WAIT));
    }
}
