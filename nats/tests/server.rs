//! A server is one process: started once, ended for certain, and never confused with another.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nats::conf::ServerConf;
use nats::server::{PidFile, ProcessId, ServerOptions, ServerProcess, TestServer, find_binary};
use nats::{ErrorKind, Register};
use tokio::process::Command;

use crate::fixture::{DEADLINE, eventually};

fn options(server: &TestServer, pid_name: &str) -> ServerOptions {
    let dir = server.dir();
    ServerOptions {
        binary: "/nonexistent".into(),
        conf_path: dir.join("nats-server.conf"),
        listen: server.conf().listen,
        pid_path: dir.join(pid_name),
        log_path: dir.join("second.log"),
        guard: Vec::new(),
        kill_on_drop: true,
    }
}

#[tokio::test]
async fn kill_9_and_restart_keep_port_and_store() {
    let (mut server, bus) = TestServer::start_with_topology().await.expect("a server");
    let (url, jobs): (_, Register<u32>) = (server.url(), Register::new(&bus, "jobs"));
    jobs.create("j1", &7).await.expect("created");
    let first = server.process().expect("running").id();
    server.kill_9().await.expect("killed");
    assert!(!first.is_running());
    server.restart().await.expect("restarted");
    assert_ne!(server.process().expect("running").id(), first);
    assert_eq!(server.url(), url);
    let (value, _) = jobs.load("j1").await.expect("read").expect("there");
    assert_eq!(value, 7);
}

#[tokio::test]
async fn the_configuration_is_private() {
    let server = TestServer::start().await.expect("a server");
    for name in ["nats-server.conf", "nats-server.pid"] {
        let mode = std::fs::metadata(server.dir().join(name))
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let kept = server.dir().join("conf.json");
    assert_eq!(ServerConf::load(&kept).expect("no file is no error"), None);
    server.conf().save(&kept).expect("saved");
    assert_eq!(
        ServerConf::load(&kept).expect("read").as_ref(),
        Some(server.conf())
    );
    let mode = std::fs::metadata(&kept)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let shown = format!("{:?} {:?}", server.conf(), server.control());
    assert!(
        !shown.contains(&server.conf().control.password),
        "a password in the log"
    );
}

/// What a killed run left holds the port and the store; the next start ends it first.
#[tokio::test]
async fn a_leftover_is_ended_by_the_next_start_or_adopted() {
    let server = TestServer::start().await.expect("a server");
    let mut options = options(&server, "nats-server.pid");
    options.binary = find_binary().await.expect("a binary");
    let first = server.process().expect("running").id();
    let adopted = ServerProcess::adopt(options.clone())
        .await
        .expect("it runs");
    assert_eq!(adopted.id(), first);
    let second = ServerProcess::start(options.clone())
        .await
        .expect("started");
    assert!(!first.is_running() && second.id().is_running());
    second.stop().await.expect("stopped");
    assert!(ServerProcess::adopt(options.clone()).await.is_none());
    assert!(!options.pid_path.exists());
}

/// Process ids are given out again: a pid file from before must not kill who has the number now.
#[tokio::test]
async fn a_reused_pid_is_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut other = Command::new("sleep")
        .arg("600")
        .kill_on_drop(true)
        .spawn()
        .expect("a process");
    let id = ProcessId::of(other.id().expect("a pid")).expect("running");
    let file = PidFile::new(&dir.path().join("pid"));
    file.write(ProcessId {
        started: id.started - 1,
        ..id
    })
    .expect("written");
    assert_eq!(file.running(), None);
    assert!(
        !file
            .end_leftover(Duration::ZERO)
            .await
            .expect("nothing to end")
    );
    assert!(
        other.try_wait().expect("asked").is_none(),
        "killed somebody else"
    );
    file.write(id).expect("written");
    // Its parent must collect it, or it stays a zombie; `running` counts none of those.
    let (ended, _) = tokio::join!(file.end_leftover(DEADLINE), other.wait());
    assert!(ended.expect("ended"), "the very process is ended");
    for broken in ["", "12", "12 x", "-1 5", "99999999999 1"] {
        std::fs::write(dir.path().join("pid"), broken).expect("written");
        assert_eq!(file.running(), None, "{broken:?}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let server = TestServer::start().await.expect("a server");
    let mut options = options(&server, "second.pid");
    let error = ServerProcess::start(options.clone())
        .await
        .expect_err("no binary");
    assert_eq!(error.kind(), ErrorKind::Process, "{error}");
    options.binary = find_binary().await.expect("a binary");
    let error = ServerProcess::start(options.clone())
        .await
        .expect_err("the port is taken");
    assert!(
        error.to_string().contains("address already in use"),
        "{error}"
    );
    std::fs::write(dir_conf(&server), "listen: {").expect("written");
    options.conf_path = dir_conf(&server);
    let error = ServerProcess::start(options)
        .await
        .expect_err("no configuration");
    assert_eq!(error.kind(), ErrorKind::Process, "{error}");
}

fn dir_conf(server: &TestServer) -> std::path::PathBuf {
    server.dir().join("broken.conf")
}

/// Without a guard the server dies with the thread that started it, and so with its process.
#[test]
fn it_dies_with_its_parent() {
    if !std::path::Path::new("/usr/bin/setpriv").exists() {
        eprintln!("SKIPPED it_dies_with_its_parent: no setpriv");
        return;
    }
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
    };
    let parent = std::thread::spawn(move || {
        runtime().expect("a runtime").block_on(async {
            let server = TestServer::start().await.expect("a server");
            let id = server.process().expect("running").id();
            // Nothing is dropped, as in a crash.
            std::mem::forget(server);
            id
        })
    });
    let id = parent.join().expect("no panic");
    let gone = eventually("it is gone", async || !id.is_running());
    runtime().expect("a runtime").block_on(gone);
}

#[tokio::test]
async fn a_guard_stands_before_the_command_line() {
    let mut server = TestServer::start().await.expect("a server");
    server.stop().await.expect("stopped");
    let mut options = options(&server, "guarded.pid");
    options.binary = find_binary().await.expect("a binary");
    options.guard = vec!["/usr/bin/env".into(), "TCODER_GUARDED=yes".into()];
    let guarded = ServerProcess::start(options).await.expect("started");
    let environment = format!("/proc/{}/environ", guarded.id().pid);
    let environment = std::fs::read_to_string(environment).expect("readable");
    assert!(environment.contains("TCODER_GUARDED=yes"));
    guarded.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_reload_adds_a_user() {
    let mut server = TestServer::start().await.expect("a server");
    let user = nats::conf::User::generate("gpu-box").expect("a user");
    server
        .reconfigure(|conf| conf.workers.push(user))
        .expect("written");
    server.process().expect("running").reload().expect("told");
    let credentials = server.conf().worker_credentials("gpu-box").expect("a user");
    let bus = nats::connect(&credentials, "gpu-box")
        .await
        .expect("an address");
    eventually("it may connect", async || {
        bus.ready(Duration::from_millis(100)).await.is_ok()
    })
    .await;
    assert!(nats::conf::User::generate("a b").is_err());
}
