//! What the terminal is told. A reader who has read enough (`tcoder jobs | head -1`) is no failure: what is said
//! then goes nowhere, in silence. What cannot be written for another reason, such as a full disk, is one.

use std::io::{ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::Exit;

/// Whether something that was said could not be written, for another reason than that nobody reads.
static IS_LOST: AtomicBool = AtomicBool::new(false);

/// Told when nobody reads any more.
static UNREAD: Notify = Notify::const_new();

/// For people and their programs, on stdout.
pub(crate) fn say(text: &str) {
    say_bytes(&[text.as_bytes(), b"\n"].concat());
}

/// The same, without an end of the line.
pub(crate) fn say_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => UNREAD.notify_one(),
        Err(error) if !IS_LOST.swap(true, Ordering::Relaxed) => {
            complain(&format!("cannot write: {error}"));
        }
        Err(_) => {}
    }
}

/// Returns once nobody reads what is said: the end of a command that does nothing but tell.
pub(crate) async fn unread() {
    UNREAD.notified().await;
}

/// For people, on stderr: what went wrong, and what to do. Where nobody hears it, there is nobody to tell.
pub(crate) fn complain(text: &str) {
    let line = format!("tcoder: {text}\n");
    drop(std::io::stderr().lock().write_all(line.as_bytes()));
}

/// The exit code of a command: one that is done has failed all the same where its words were lost.
pub(crate) fn checked(exit: Exit) -> Exit {
    if exit == Exit::Done && IS_LOST.load(Ordering::Relaxed) {
        Exit::Failed
    } else {
        exit
    }
}
