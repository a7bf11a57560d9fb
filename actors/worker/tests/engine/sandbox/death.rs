//! A task's process does not outlive its worker, whatever either of them is doing.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::clip;

/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(10);

/// A source whose size is told and whose bytes never come. Returns its address, and what tells
/// that a range was asked for.
fn silent_source() -> (String, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (asked, asks) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming().flatten() {
            if is_left_waiting(&stream) && asked.send(()).is_err() {
                return;
            }
            kept.push(stream);
        }
    });
    (format!("http://{address}/film.mp4"), asks)
}

/// Answers questions for the size until another one comes.
fn is_left_waiting(mut stream: &TcpStream) -> bool {
    let mut request = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut request) {
        if !request[..n].starts_with(b"HEAD") {
            return true;
        }
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
        if stream.write_all(answer).is_err() {
            return false;
        }
    }
    false
}

/// A worker with a task by hand, whose child has begun.
fn worker(cache: &Path) -> (Child, Pid) {
    let (source, asks) = silent_source();
    let spec = clip::write("death.json", br#"{"probe":{"source_bytes":0}}"#);
    let worker = Command::new(env!("CARGO_BIN_EXE_tcoder-worker"))
        .args(["task", "--source", &source, "--spec"])
        .arg(spec)
        .env("XDG_CACHE_HOME", cache)
        .env("TMPDIR", cache)
        .env("NO_PROXY", "127.0.0.1")
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    asks.recv_timeout(PATIENCE)
        .expect("the child asks for its source");
    let child = child_of(worker.id()).expect("there is a child");
    (worker, child)
}

/// What `/proc` says after a process's name: its state, its parent.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn child_of(parent: u32) -> Option<Pid> {
    let processes = std::fs::read_dir("/proc").expect("there is /proc");
    let mut pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let child = pids.find(|pid| stat(*pid).is_some_and(|(_, of)| of == parent))?;
    Pid::from_raw(i32::try_from(child).ok()?)
}

/// Whether a process ends in time; one that does not is ended.
fn ends(pid: Pid) -> bool {
    let number = u32::try_from(pid.as_raw_pid()).expect("a positive number");
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        // Its new parent may take its time to reap it.
        if stat(number).is_none_or(|(state, _)| state == 'Z') {
            return true;
        }
        thread::sleep(LOOK);
    }
    kill_process(pid, Signal::KILL).expect("it is still there");
    false
}

/// Stopped, so that it cannot end by seeing its sockets closed.
#[test]
fn a_stopped_child_dies_with_its_killed_worker() {
    let cache = tempfile::tempdir().expect("a temporary folder can be made");
    let (mut worker, child) = worker(cache.path());
    kill_process(child, Signal::STOP).expect("the child can be stopped");
    worker.kill().expect("the worker can be killed");
    worker.wait().expect("it is our child");
    assert!(ends(child), "the child outlived its worker");
}
