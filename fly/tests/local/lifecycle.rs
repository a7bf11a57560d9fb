//! The four verbs do what they say, and the list never shows what has ended as running.

use std::time::Duration;

use fly::{ErrorKind, MachineName, MachineState};

use crate::fixture::{Place, is_running, is_there, launch, listed, until, until_state};

#[tokio::test]
async fn a_launch_is_idempotent_and_a_stop_lets_the_worker_drain() {
    let place = Place::new(
        "trap 'echo drained >> $OUT/said; exit 0' TERM; echo up >> $OUT/said; while :; do sleep 0.01; done",
    );
    let pool = place.open().await;
    let w1 = MachineName::numbered(1);
    let first = pool.launch(&launch(1)).await.unwrap();
    assert_eq!(first.state, MachineState::Started);
    assert_eq!(
        pool.launch(&launch(1)).await.unwrap(),
        first,
        "the same process"
    );
    assert_eq!(pool.list().await, std::slice::from_ref(&first));
    assert_eq!(place.read("said").await, "up\n");

    pool.stop(&w1).await.unwrap();
    let stopped = until_state(&pool, &w1, MachineState::Stopped).await;
    assert_eq!(
        (stopped.pid, stopped.exit.as_deref()),
        (None, Some("exit code 0"))
    );
    assert_eq!(place.read("said").await, "up\ndrained\n");
    pool.stop(&w1).await.unwrap();

    let again = pool.launch(&launch(1)).await.unwrap();
    assert_eq!(again.state, MachineState::Started);
    assert_ne!(again.pid, first.pid);
    pool.destroy(&w1).await.unwrap();
    assert!(!is_there(again.pid.unwrap()), "reaped");
    assert_eq!(pool.list().await, []);
    pool.destroy(&w1).await.unwrap();
}

#[tokio::test]
async fn a_worker_that_does_not_drain_is_killed_with_its_children() {
    let mut place =
        Place::new("trap '' TERM; sleep 1000 & echo $! > $OUT/child; while :; do sleep 0.01; done");
    place.options.drain_wait = Duration::from_millis(100);
    let pool = place.open().await;
    let w1 = MachineName::numbered(1);
    let pid = pool.launch(&launch(1)).await.unwrap().pid.unwrap();
    let child: u32 = place.read("child").await.trim().parse().unwrap();
    pool.stop(&w1).await.unwrap();
    let stopped = until_state(&pool, &w1, MachineState::Stopped).await;
    assert_eq!(stopped.exit.as_deref(), Some("signal 9"));
    assert!(!is_there(pid));
    until("the child's end", || async {
        (!is_running(child)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_that_is_stopping_is_not_launched_until_it_has_stopped() {
    let place = Place::new(
        "trap 'while [ ! -e $OUT/go ]; do sleep 0.01; done; exit 0' TERM; echo up > $OUT/said; while :; do sleep 0.01; done",
    );
    let pool = place.open().await;
    let w1 = MachineName::numbered(1);
    pool.launch(&launch(1)).await.unwrap();
    place.read("said").await;
    pool.stop(&w1).await.unwrap();
    assert_eq!(
        listed(&pool, &w1).await.unwrap().state,
        MachineState::Stopping
    );
    assert_eq!(
        pool.launch(&launch(1)).await.unwrap_err().kind(),
        ErrorKind::Busy
    );
    std::fs::write(place.path("go"), "").unwrap();
    until_state(&pool, &w1, MachineState::Stopped).await;
    assert_eq!(
        pool.launch(&launch(1)).await.unwrap().state,
        MachineState::Started
    );
    pool.destroy(&w1).await.unwrap();
}

#[tokio::test]
async fn what_ended_by_itself_is_listed_as_stopped_and_leaves_nothing_behind() {
    let place = Place::new(
        "sleep 1000 & echo $! > $OUT/child; while [ ! -e $OUT/go ]; do sleep 0.01; done; exit 3",
    );
    let pool = place.open().await;
    let w2 = MachineName::numbered(2);
    let pid = pool.launch(&launch(2)).await.unwrap().pid.unwrap();
    let child: u32 = place.read("child").await.trim().parse().unwrap();
    std::fs::write(place.path("go"), "").unwrap();
    until("the end", || async { (!is_running(pid)).then_some(()) }).await;
    let machine = listed(&pool, &w2).await.unwrap();
    assert_eq!((machine.state, machine.pid), (MachineState::Stopped, None));
    assert_eq!(machine.exit.as_deref(), Some("exit code 3"));
    assert!(!is_there(pid), "reaped");
    assert!(!place.options.folder.join("w2.pid").exists());
    until("the child's end", || async {
        (!is_running(child)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn names_beyond_the_cap_are_refused_and_unknown_ones_are_missing() {
    let pool = Place::new("sleep 1000").open().await;
    for name in ["w0", "w5", "w01", "gpu-box"] {
        let launch = fly::Launch {
            name: name.parse().unwrap(),
            ..launch(1)
        };
        assert_eq!(
            pool.launch(&launch).await.unwrap_err().kind(),
            ErrorKind::Invalid,
            "{name}"
        );
    }
    let w1 = MachineName::numbered(1);
    assert_eq!(pool.stop(&w1).await.unwrap_err().kind(), ErrorKind::Missing);
}

#[tokio::test]
async fn a_program_that_cannot_start_is_an_error_and_leaves_no_machine() {
    let mut place = Place::new("");
    place.options.program = "/nonexistent/worker".into();
    let pool = place.open().await;
    let error = pool.launch(&launch(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("/nonexistent/worker"), "{error}");
    assert_eq!(pool.list().await, []);
}

#[tokio::test]
async fn a_shutdown_waits_for_all_to_drain_and_not_longer() {
    let place = Place::new("while :; do sleep 0.01; done");
    let pool = place.open().await;
    let mut pids = Vec::new();
    for n in 1..=3 {
        pids.push(pool.launch(&launch(n)).await.unwrap().pid.unwrap());
    }
    // The wait would be longer than the test may take.
    assert_eq!(pool.shutdown(Duration::from_secs(3600)).await, 0);
    assert!(pids.into_iter().all(|pid| !is_there(pid)));
    for machine in pool.list().await {
        assert_eq!(
            machine.exit.as_deref(),
            Some("signal 15"),
            "{}",
            machine.name
        );
    }
}

#[tokio::test]
async fn a_shutdown_kills_who_stays() {
    let place = Place::new("trap '' TERM; echo up > $OUT/up; while :; do sleep 0.01; done");
    let pool = place.open().await;
    let pid = pool.launch(&launch(1)).await.unwrap().pid.unwrap();
    place.read("up").await;
    assert_eq!(pool.shutdown(Duration::from_millis(50)).await, 1);
    assert!(!is_there(pid));
}

#[tokio::test]
async fn twenty_rounds_of_launch_and_end_leave_no_process_and_no_file() {
    let place = Place::new("while :; do sleep 0.01; done");
    let pool = place.open().await;
    let w1 = MachineName::numbered(1);
    let mut pids = Vec::new();
    for round in 0..20 {
        let machine = pool.launch(&launch(1)).await.unwrap();
        assert_eq!(machine.state, MachineState::Started, "round {round}");
        pids.push(machine.pid.unwrap());
        match round % 3 {
            0 => pool.destroy(&w1).await.unwrap(),
            1 => {
                pool.stop(&w1).await.unwrap();
                until_state(&pool, &w1, MachineState::Stopped).await;
            }
            _ => {
                let pid = i32::try_from(machine.pid.unwrap()).unwrap();
                let pid = rustix::process::Pid::from_raw(pid).unwrap();
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
                until_state(&pool, &w1, MachineState::Stopped).await;
            }
        }
    }
    pool.destroy(&w1).await.unwrap();
    assert!(pids.into_iter().all(|pid| !is_there(pid)));
    let left: Vec<_> = std::fs::read_dir(&place.options.folder)
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(left.len(), 1, "the log alone: {left:?}");
}
