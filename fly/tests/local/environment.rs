//! A worker is told what it needs, and nothing else of this process.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;

use fly::MachineState;
use fly::local::LOG_BYTES_MAX;

use crate::fixture::{Place, launch, until, until_state};

#[tokio::test]
async fn it_gets_its_own_environment_but_not_ours_and_no_secret_as_argument() {
    // Cargo sets it for every test: it stands for the credentials of the control plane.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let place = Place::new("env > $OUT/new; mv $OUT/new $OUT/env; while :; do sleep 0.01; done");
    let pool = place.open().await;
    let mut launch = launch(1);
    launch
        .env
        .insert("TCODER_PASSWORD".to_owned(), "s3cret".to_owned());
    let machine = pool.launch(&launch).await.unwrap();
    let env = place.read("env").await;
    assert!(env.contains("TCODER_PASSWORD=s3cret\n"), "{env}");
    assert!(env.contains("PATH="), "{env}");
    assert!(!env.contains("CARGO_MANIFEST_DIR"), "{env}");
    let arguments = std::fs::read(format!("/proc/{}/cmdline", machine.pid.unwrap())).unwrap();
    assert!(!String::from_utf8_lossy(&arguments).contains("s3cret"));
    let pid_file = place.options.folder.join("w1.pid");
    assert!(
        !std::fs::read_to_string(&pid_file)
            .unwrap()
            .contains("s3cret")
    );
    for file in [pid_file, place.options.folder.join("w1.log")] {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    pool.destroy(&launch.name).await.unwrap();
}

#[tokio::test]
async fn it_leaves_when_the_control_plane_is_gone_because_its_stdin_ends() {
    let place = Place::new("echo up > $OUT/up; cat; echo end of input > $OUT/said");
    let pool = place.open().await;
    pool.launch(&launch(1)).await.unwrap();
    // A second one, so that a pipe inherited by it would be noticed: the first would never end.
    pool.launch(&launch(2)).await.unwrap();
    place.read("up").await;
    assert!(!place.path("said").exists());
    drop(pool);
    assert_eq!(place.read("said").await, "end of input\n");
}

#[tokio::test]
async fn the_guard_becomes_the_worker() {
    let mut place = Place::new("echo $GUARDED $$ > $OUT/said; while :; do sleep 0.01; done");
    let guard = ["/usr/bin/env", "--", "GUARDED=yes"];
    place.options.guard = guard.iter().map(OsString::from).collect();
    let pool = place.open().await;
    let machine = pool.launch(&launch(1)).await.unwrap();
    assert_eq!(
        place.read("said").await,
        format!("yes {}\n", machine.pid.unwrap())
    );
    pool.destroy(&machine.name).await.unwrap();
}

#[tokio::test]
async fn what_it_says_is_logged_and_a_large_log_is_put_aside_at_its_start() {
    let place = Place::new("echo out; echo err >&2");
    let log = place.options.folder.join("w1.log");
    std::fs::create_dir_all(&place.options.folder).unwrap();
    std::fs::write(&log, "earlier\n").unwrap();
    let pool = place.open().await;
    let name = pool.launch(&launch(1)).await.unwrap().name;
    until_state(&pool, &name, MachineState::Stopped).await;
    assert_eq!(
        std::fs::read_to_string(&log).unwrap(),
        "earlier\nout\nerr\n"
    );

    std::fs::OpenOptions::new()
        .write(true)
        .open(&log)
        .unwrap()
        .set_len(LOG_BYTES_MAX)
        .unwrap();
    pool.launch(&launch(1)).await.unwrap();
    let text = until("a new log", || async {
        std::fs::read_to_string(&log)
            .ok()
            .filter(|text| text.ends_with("err\n"))
    })
    .await;
    assert_eq!(text, "out\nerr\n");
    let older = place.options.folder.join("w1.log.1");
    assert_eq!(std::fs::metadata(older).unwrap().len(), LOG_BYTES_MAX);
}
