mod properties;

use super::*;
use crate::board::Tasks;

pub(super) const LIMITS: Limits = Limits {
    cap: 4,
    min: 0,
    idle_grace_ms: 60_000,
    boot_deadline_ms: 30_000,
    silence_deadline_ms: 20_000,
};
/// Late enough that every age can be subtracted.
pub(super) const NOW: u64 = 1_000_000;

pub(super) fn name(n: u32) -> WorkerName {
    format!("w{n}").parse().unwrap()
}

/// Ours, launched so long ago, without a worker.
pub(super) fn machine(n: u32, state: MachineState, age_ms: u64) -> MachineView {
    let launched = Some(Launched {
        state,
        at_ms: NOW - age_ms,
    });
    MachineView {
        name: name(n),
        launched,
        lease: None,
        heard_ms: None,
    }
}

/// Ours, with this many attempts in hand.
pub(super) fn working(n: u32, n_busy: u32) -> MachineView {
    let lease = LeaseView {
        n_busy,
        idle_since_ms: None,
        is_draining: false,
    };
    MachineView {
        lease: Some(lease),
        heard_ms: Some(NOW),
        ..machine(n, MachineState::Started, 500_000)
    }
}

/// Ours, idle for so long.
pub(super) fn idle(n: u32, idle_ms: u64) -> MachineView {
    let lease = LeaseView {
        n_busy: 0,
        idle_since_ms: Some(NOW - idle_ms),
        is_draining: false,
    };
    MachineView {
        lease: Some(lease),
        ..working(n, 0)
    }
}

fn draining(n: u32) -> MachineView {
    let lease = LeaseView {
        n_busy: 1,
        idle_since_ms: None,
        is_draining: true,
    };
    MachineView {
        lease: Some(lease),
        ..working(n, 1)
    }
}

/// Nobody here launched it.
fn foreign(n: u32) -> MachineView {
    MachineView {
        launched: None,
        ..working(n, 1)
    }
}

fn verbs(intent: u32, observed: &[MachineView]) -> Vec<Verb> {
    reconcile(intent, observed, NOW, &LIMITS, &Launches::default())
}

fn launch(n: u32) -> Verb {
    Verb::Launch(name(n))
}

#[test]
fn the_class_that_needs_most_decides() {
    let slots = BTreeMap::from([(TaskClass::Cpu, 2), (TaskClass::Light, 4)]);
    let tasks = |waiting, released, claimed| Tasks {
        waiting,
        released,
        claimed,
    };
    let want = |demand: &[(TaskClass, Tasks)], min, cap| {
        wanted(
            &demand.iter().copied().collect(),
            &slots,
            &Limits { min, cap, ..LIMITS },
        )
    };
    assert_eq!(want(&[], 0, 4), 0, "scale to zero");
    assert_eq!(want(&[], 1, 4), 1, "but not below the least");
    assert_eq!(want(&[(TaskClass::Light, tasks(0, 1, 0))], 0, 4), 1);
    assert_eq!(
        want(
            &[
                (TaskClass::Cpu, tasks(2, 1, 2)),
                (TaskClass::Light, tasks(1, 0, 0))
            ],
            0,
            4
        ),
        3
    );
    assert_eq!(
        want(&[(TaskClass::Cpu, tasks(900, 0, 0))], 0, 4),
        4,
        "the cap"
    );
    assert_eq!(
        want(&[(TaskClass::Cpu, tasks(9, 0, 0))], 9, 4),
        4,
        "the cap outranks the least"
    );
    let huge = tasks(u32::MAX, u32::MAX, 1);
    assert_eq!(
        want(&[(TaskClass::Cpu, huge)], 0, u32::MAX),
        u32::MAX / 2 + 1
    );
}

#[test]
fn work_that_no_machine_can_do_launches_none() {
    let demand = BTreeMap::from([(
        TaskClass::Cpu,
        Tasks {
            waiting: 5,
            ..Tasks::default()
        },
    )]);
    for slots in [BTreeMap::new(), BTreeMap::from([(TaskClass::Cpu, 0)])] {
        assert_eq!(wanted(&demand, &slots, &LIMITS), 0);
    }
}

#[test]
fn what_is_missing_is_launched_under_the_lowest_free_names() {
    assert_eq!(verbs(2, &[]), [launch(1), launch(2)]);
    assert_eq!(verbs(3, &[working(2, 1)]), [launch(1), launch(3)]);
    assert_eq!(verbs(1, &[working(1, 3)]), []);
    assert_eq!(verbs(1, &[idle(1, 0)]), [], "an idle one is there already");
    assert_eq!(
        verbs(1, &[machine(1, MachineState::Started, 100)]),
        [],
        "one on its way too"
    );
    assert_eq!(verbs(1, &[foreign(9)]), [], "and one that is not ours");
    assert_eq!(verbs(2, &[foreign(1)]), [launch(2)], "whose name is taken");
    assert_eq!(
        verbs(1, &[machine(1, MachineState::Destroyed, 9)]),
        [launch(1)],
        "this one's not"
    );
}

#[test]
fn a_stopped_machine_goes_first_and_a_pool_of_stopped_ones_is_not_full() {
    let stopped = |n| machine(n, MachineState::Stopped, 500_000);
    let start = |n| Verb::Start(name(n));
    assert_eq!(verbs(2, &[stopped(3)]), [start(3), launch(1)]);
    let full: Vec<_> = (1..=4).map(stopped).collect();
    assert_eq!(verbs(2, &full), [start(1), start(2)]);
    let limits = Limits { cap: 12, ..LIMITS };
    let many = [stopped(10), stopped(2)];
    assert_eq!(
        reconcile(1, &many, NOW, &limits, &Launches::default()),
        [start(2)]
    );
}

#[test]
fn the_cap_counts_what_costs_money() {
    let stopping = machine(1, MachineState::Stopping, 500_000);
    let busy = [working(2, 1), draining(3)];
    assert_eq!(
        verbs(4, &[stopping.clone(), busy[0].clone(), busy[1].clone()]),
        [launch(4)]
    );
    let full = [stopping, busy[0].clone(), busy[1].clone(), idle(4, 0)];
    assert_eq!(
        verbs(4, &full),
        [],
        "a stopping and a draining one still run"
    );
    assert_eq!(verbs(4, &[foreign(9), foreign(8), foreign(7)]), [launch(1)]);
}

#[test]
fn a_draining_machine_does_no_more_work_and_is_replaced() {
    assert_eq!(verbs(1, &[draining(1)]), [launch(2)]);
}

#[test]
fn one_that_never_answers_is_stopped_and_replaced() {
    let stop = |n| Verb::Stop(name(n), StopReason::NeverHeard);
    for (age_ms, expected) in [(29_999, vec![]), (30_000, vec![stop(1), launch(2)])] {
        for state in [MachineState::Starting, MachineState::Started] {
            assert_eq!(
                verbs(1, &[machine(1, state, age_ms)]),
                expected,
                "{age_ms} {state:?}"
            );
        }
    }
    let limits = Limits { cap: 1, ..LIMITS };
    let stuck = [machine(1, MachineState::Started, 30_000)];
    let verbs = reconcile(1, &stuck, NOW, &limits, &Launches::default());
    assert_eq!(verbs, [stop(1)], "the cap still holds until it has gone");
}

#[test]
fn one_that_fell_silent_gets_longer_than_its_lease() {
    let silent = |since_ms| MachineView {
        lease: None,
        heard_ms: Some(NOW - since_ms),
        ..working(1, 1)
    };
    assert_eq!(verbs(1, &[silent(19_999)]), []);
    assert_eq!(
        verbs(1, &[silent(20_000)]),
        [Verb::Stop(name(1), StopReason::Silent), launch(2)]
    );
}

#[test]
fn idle_machines_go_after_their_grace_longest_idle_first_and_busy_ones_never() {
    let stop = |intent, observed: &[MachineView]| idle_to_stop(intent, observed, NOW, &LIMITS);
    assert_eq!(stop(0, &[idle(1, 59_999)]), []);
    assert_eq!(stop(0, &[idle(1, 60_000)]), [name(1)]);
    assert_eq!(
        stop(0, &[idle(1, 60_000), idle(2, 90_000)]),
        [name(2), name(1)]
    );
    assert_eq!(
        stop(1, &[idle(1, 60_000), idle(2, 90_000)]),
        [name(2)],
        "one is needed"
    );
    assert_eq!(
        stop(2, &[working(1, 1), working(2, 1), idle(3, 60_000)]),
        [name(3)]
    );
    assert_eq!(stop(0, &[working(1, 1), draining(2), foreign(3)]), []);
    assert_eq!(
        stop(0, &[machine(1, MachineState::Started, 20_000)]),
        [],
        "on its way"
    );
    let limits = Limits { min: 1, ..LIMITS };
    assert_eq!(idle_to_stop(0, &[idle(1, 60_000)], NOW, &limits), []);
}

#[test]
fn what_is_over_a_lowered_cap_goes_without_grace() {
    let limits = Limits { cap: 1, ..LIMITS };
    let observed = [idle(1, 5), working(2, 1), idle(3, 10)];
    assert_eq!(idle_to_stop(3, &observed, NOW, &limits), [name(3), name(1)]);
}
