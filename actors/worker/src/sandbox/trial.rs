//! What is still possible inside: for `tcoder-worker sandbox`, and for the test that it is nothing.

use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// One attempt at something that media has no business with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What was tried.
    pub what: String,
    /// Why it failed; `None`: it is possible.
    pub refused: Option<String>,
}

/// Tries them all, in this very process.
#[must_use]
pub fn attempts() -> Vec<Attempt> {
    let parent = rustix::process::getppid();
    let signal = || {
        let parent = parent.ok_or_else(|| io::Error::other("no parent"))?;
        rustix::process::test_kill_process(parent).map_err(io::Error::from)
    };
    let environ = parent.map_or(0, rustix::process::Pid::as_raw_pid);
    let temporary = std::env::temp_dir().join("tcoder-sandbox-trial");
    vec![
        attempt("connect to an address", || {
            TcpStream::connect(("127.0.0.1", 9))
        }),
        attempt("listen on a port", || TcpListener::bind(("127.0.0.1", 0))),
        attempt("send a datagram", || UdpSocket::bind(("127.0.0.1", 0))),
        attempt("listen on a socket file", || {
            UnixListener::bind(temporary.with_extension("sock"))
        }),
        attempt("read the users", || std::fs::read("/etc/passwd")),
        attempt("read the passwords", || std::fs::read("/etc/shadow")),
        attempt("read the parent's environment", || {
            std::fs::read(Path::new("/proc").join(environ.to_string()).join("environ"))
        }),
        attempt("list the root", || std::fs::read_dir("/")),
        attempt("write a file", || std::fs::write(&temporary, b"x")),
        attempt("start a program", || Command::new("/bin/true").status()),
        attempt("signal the parent", signal),
    ]
}

fn attempt<T>(what: &str, act: impl FnOnce() -> io::Result<T>) -> Attempt {
    let refused = act().err().map(|error| error.to_string());
    Attempt {
        what: what.to_owned(),
        refused,
    }
}
