//! What a killed control plane leaves running is found by the next one, adopted or killed, and
//! nobody else is ever touched.

use std::process::{Command, Stdio};

use fly::local::Options;
use fly::{Leftovers, LocalProvider, MachineName, MachineState};

use crate::fixture::{Place, is_running, is_there, launch, listed, until, until_state};

/// Says by which folder the test process is a control plane to be killed.
const PARENT_FOLDER: &str = "FLY_TEST_PARENT_FOLDER";
/// A worker that does not look at its stdin: the worst leftover.
const STUBBORN: &str = "while :; do sleep 0.01; done";

#[tokio::test]
async fn a_leftover_is_adopted_and_obeys() {
    let mut place = Place::new(
        "trap 'echo drained > $OUT/said; exit 0' TERM; echo up > $OUT/up; while :; do sleep 0.01; done",
    );
    let name = MachineName::numbered(1);
    let first = place.open().await;
    let launched = first.launch(&launch(1)).await.unwrap();
    place.read("up").await;
    drop(first);

    let second = place.open().await;
    assert_eq!(second.list().await, std::slice::from_ref(&launched));
    assert_eq!(
        second.launch(&launch(1)).await.unwrap(),
        launched,
        "not launched twice"
    );
    second.stop(&name).await.unwrap();
    assert_eq!(place.read("said").await, "drained\n");
    let stopped = until_state(&second, &name, MachineState::Stopped).await;
    assert_eq!(stopped.exit, None, "nobody saw it end");
    assert!(!is_there(launched.pid.unwrap()));
    drop(second);

    place.options.leftovers = Leftovers::Kill;
    assert_eq!(
        place.open().await.list().await,
        [],
        "an ended one is no leftover"
    );
}

#[tokio::test]
async fn a_leftover_is_killed_with_its_children_when_asked_for() {
    let mut place = Place::new("trap '' TERM; sleep 1000 & echo $! > $OUT/child; wait");
    let first = place.open().await;
    let pid = first.launch(&launch(1)).await.unwrap().pid.unwrap();
    let child: u32 = place.read("child").await.trim().parse().unwrap();
    drop(first);

    place.options.leftovers = Leftovers::Kill;
    let second = place.open().await;
    assert_eq!(second.list().await, []);
    assert!(!is_running(pid));
    until("the child's end", || async {
        (!is_running(child)).then_some(())
    })
    .await;
    assert!(!place.options.folder.join("w1.pid").exists());
}

#[tokio::test]
async fn another_process_with_the_same_number_is_left_alone() {
    let mut place = Place::new(STUBBORN);
    let first = place.open().await;
    let name = first.launch(&launch(1)).await.unwrap().name;
    let path = place.options.folder.join("w1.pid");
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    first.destroy(&name).await.unwrap();

    // The bystander has the number that the files name, as after a wrap of the numbers.
    let mut bystander = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = bystander.id();
    let theirs = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let start: u64 = theirs
        .rsplit_once(") ")
        .unwrap()
        .1
        .split(' ')
        .nth(19)
        .unwrap()
        .parse()
        .unwrap();
    for (what, start_ticks, boot_id) in [
        (
            "an earlier process of this boot",
            start - 1,
            written["boot_id"].clone(),
        ),
        (
            "a process of another boot",
            start,
            "00000000-0000-0000-0000-000000000000".into(),
        ),
    ] {
        let mut file = written.clone();
        file["pid"] = pid.into();
        file["start_ticks"] = start_ticks.into();
        file["boot_id"] = boot_id;
        for leftovers in [Leftovers::Adopt, Leftovers::Kill] {
            std::fs::write(&path, file.to_string()).unwrap();
            place.options.leftovers = leftovers;
            let pool = place.open().await;
            assert_eq!(pool.list().await, [], "{what}, {leftovers:?}");
            assert_eq!(pool.shutdown(std::time::Duration::ZERO).await, 0);
            assert!(is_running(pid), "{what}, {leftovers:?}");
            assert!(!path.exists(), "{what}, {leftovers:?}");
        }
    }
    // The same file with the right start is believed: the test above could fail.
    let mut file = written;
    file["pid"] = pid.into();
    file["start_ticks"] = start.into();
    std::fs::write(&path, file.to_string()).unwrap();
    place.options.leftovers = Leftovers::Adopt;
    let pool = place.open().await;
    assert_eq!(listed(&pool, &name).await.unwrap().pid, Some(pid));
    drop(pool);
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[tokio::test]
async fn files_that_cannot_be_read_do_not_stop_the_start() {
    let place = Place::new(STUBBORN);
    std::fs::create_dir_all(&place.options.folder).unwrap();
    for (file, content) in [
        ("w1.pid", ""),
        ("w2.pid", "{\"pid\":"),
        ("UP.pid", "1"),
        ("w3.pid-new", "{}"),
    ] {
        std::fs::write(place.options.folder.join(file), content).unwrap();
    }
    let pool = place.open().await;
    assert_eq!(pool.list().await, []);
    let name = pool.launch(&launch(1)).await.unwrap().name;
    pool.destroy(&name).await.unwrap();
}

#[tokio::test]
async fn twenty_kills_of_the_control_plane_leave_one_worker_that_the_next_one_finds() {
    let mut place = Place::new(STUBBORN);
    let mut known = None;
    for round in 0..20 {
        let mut parent = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "leftovers::a_control_plane_to_be_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(PARENT_FOLDER, &place.options.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Ready when it says so by a file of its own number.
        let ready = place.options.folder.join(format!("{}.ready", parent.id()));
        let pid: u32 = until("a worker", || async {
            std::fs::read_to_string(&ready)
                .ok()?
                .strip_suffix('\n')?
                .parse()
                .ok()
        })
        .await;
        assert!(is_running(pid), "round {round}");
        assert_eq!(
            *known.get_or_insert(pid),
            pid,
            "round {round}: one worker, not two"
        );
        parent.kill().unwrap();
        parent.wait().unwrap();
    }
    place.options.leftovers = Leftovers::Kill;
    assert_eq!(place.open().await.list().await, []);
    assert!(!is_running(known.unwrap()));
}

#[tokio::test]
#[ignore = "run by its neighbour in a process of its own, to be killed"]
async fn a_control_plane_to_be_killed() {
    let folder = std::env::var_os(PARENT_FOLDER).expect("run by its neighbour");
    let mut options = Options::new("/bin/sh", folder, 4);
    options.args = vec!["-c".into(), STUBBORN.into()];
    let pool = LocalProvider::open(options.clone()).await.unwrap();
    let worker = pool.launch(&launch(1)).await.unwrap();
    let ready = options.folder.join(format!("{}.ready", std::process::id()));
    std::fs::write(ready, format!("{}\n", worker.pid.unwrap())).unwrap();
    std::future::pending::<()>().await;
}
