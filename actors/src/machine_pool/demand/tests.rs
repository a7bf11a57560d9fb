use bus_schema::heartbeat::Heartbeat;
use proptest::prelude::*;

use super::*;
use crate::board::Tasks;

const LIMITS: Limits = Limits {
    cap: 4,
    min: 0,
    idle_grace_ms: 60_000,
    boot_deadline_ms: 30_000,
    silence_deadline_ms: 20_000,
};
/// Late enough that every age can be subtracted.
const NOW: u64 = 1_000_000;

fn name(n: u32) -> WorkerName {
    format!("w{n}").parse().unwrap()
}

/// Ours, launched so long ago, without a worker.
fn machine(n: u32, state: MachineState, age_ms: u64) -> MachineView {
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
fn working(n: u32, n_busy: u32) -> MachineView {
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
fn idle(n: u32, idle_ms: u64) -> MachineView {
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

#[test]
fn launches_that_come_to_nothing_back_off_and_go_on_one_at_a_time() {
    let mut launches = Launches::default();
    let at = |now_ms, launches: &Launches| reconcile(3, &[], now_ms, &LIMITS, launches).len();
    assert_eq!(at(NOW, &launches), 3);
    let mut now_ms = NOW;
    for pause_ms in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
        launches.launched(name(1));
        // It ended at once: stopped, or not even listed any more.
        let observed = [machine(1, MachineState::Stopped, 5)];
        let observed = if pause_ms == 4_000 {
            &[]
        } else {
            &observed[..]
        };
        launches.observe(observed, now_ms, &LIMITS);
        assert_eq!(at(now_ms + pause_ms - 1, &launches), 0, "{pause_ms}");
        now_ms += pause_ms;
        assert_eq!(at(now_ms, &launches), 1, "{pause_ms}");
    }
    launches.launched(name(1));
    assert_eq!(at(now_ms, &launches), 0, "until that one has arrived");
    let young = MachineView {
        launched: working(1, 0).launched,
        ..idle(1, 0)
    };
    launches.observe(&[young], NOW, &LIMITS);
    assert_eq!(at(now_ms, &launches), 3, "it lives and was heard");
}

#[test]
fn a_machine_that_dies_young_or_never_speaks_is_a_failed_launch_one_that_was_stopped_is_not() {
    let failures = |view: MachineView, is_told: bool| {
        let mut launches = Launches::default();
        launches.launched(view.name.clone());
        if is_told {
            launches.told_to_stop(&view.name);
        }
        launches.observe(std::slice::from_ref(&view), NOW, &LIMITS);
        (launches.failures, launches.pending.len())
    };
    assert_eq!(
        failures(machine(1, MachineState::Stopped, 5), false),
        (1, 0)
    );
    assert_eq!(failures(machine(1, MachineState::Stopped, 5), true), (0, 0));
    assert_eq!(
        failures(machine(1, MachineState::Stopping, 5), false),
        (0, 0)
    );
    assert_eq!(
        failures(machine(1, MachineState::Started, 30_000), false),
        (1, 0)
    );
    assert_eq!(
        failures(machine(1, MachineState::Started, 5), false),
        (0, 1),
        "too early to say"
    );
    let heard_young = MachineView {
        lease: idle(1, 0).lease,
        ..machine(1, MachineState::Started, 5)
    };
    assert_eq!(
        failures(heard_young, false),
        (0, 1),
        "it may still die young"
    );
}

#[test]
fn provider_and_leases_are_joined_by_name_and_run() {
    let seen = |n: u32, seen_ms| {
        let heartbeat = Heartbeat {
            worker: name(n),
            run: "a".to_owned(),
            pid: 1,
            slots: BTreeMap::new(),
            busy: Vec::new(),
            encoders: Vec::new(),
            is_draining: false,
        };
        (heartbeat, seen_ms)
    };
    let mut workers = Workers::default();
    for (heartbeat, seen_ms) in [seen(1, 2_000), seen(2, 900), seen(9, 2_000)] {
        workers.hear(heartbeat, seen_ms);
    }
    let listed = |n| Machine {
        name: fly::MachineName::numbered(n),
        state: MachineState::Started,
        pid: None,
        started_at_ms: 1_000,
        exit: None,
    };
    let heard = BTreeMap::from([(name(2), 900), (name(3), 1_500)]);
    let views = MachineView::join(&[listed(1), listed(2), listed(3)], &workers, &heard);
    let shown: Vec<_> = views
        .iter()
        .map(|view| {
            (
                view.name.as_str(),
                view.is_ours(),
                view.lease.is_some(),
                view.heard_ms,
            )
        })
        .collect();
    let expected = [
        ("w1", true, true, Some(2_000)),
        // Heard only before this launch: that was another run.
        ("w2", true, false, None),
        // Its lease has ended, but it was heard since.
        ("w3", true, false, Some(1_500)),
        ("w9", false, true, Some(2_000)),
    ];
    assert_eq!(shown, expected);
}

fn any_view() -> impl Strategy<Value = MachineView> {
    let state = prop_oneof![
        Just(MachineState::Starting),
        Just(MachineState::Started),
        Just(MachineState::Stopping),
        Just(MachineState::Stopped),
        Just(MachineState::Destroyed),
    ];
    let lease =
        (0..3_u32, 0..200_000_u64, any::<bool>()).prop_map(|(n_busy, ago_ms, is_draining)| {
            let idle_since_ms = (n_busy == 0).then_some(NOW - ago_ms);
            LeaseView {
                n_busy,
                idle_since_ms,
                is_draining,
            }
        });
    let launched = proptest::option::weighted(0.9, (state, 0..100_000_u64));
    (
        1..9_u32,
        launched,
        proptest::option::of(lease),
        proptest::option::of(0..100_000_u64),
    )
        .prop_map(|(n, launched, lease, heard_ago_ms)| MachineView {
            name: name(n),
            launched: launched.map(|(state, ago_ms)| Launched {
                state,
                at_ms: NOW - ago_ms,
            }),
            lease,
            heard_ms: heard_ago_ms.map(|ago_ms| NOW - ago_ms),
        })
}

fn any_pool() -> impl Strategy<Value = Vec<MachineView>> {
    proptest::collection::vec(any_view(), 0..8).prop_map(|views| {
        let by_name: BTreeMap<_, _> = views
            .into_iter()
            .map(|view| (view.name.clone(), view))
            .collect();
        by_name.into_values().collect()
    })
}

/// The pool after these verbs: what was launched runs, what was stopped is on its way out.
fn carried_out(mut pool: Vec<MachineView>, verbs: &[Verb]) -> Vec<MachineView> {
    for verb in verbs {
        match verb {
            Verb::Start(name) | Verb::Launch(name) => {
                pool.retain(|view| view.name != *name);
                let launched = Some(Launched {
                    state: MachineState::Started,
                    at_ms: NOW,
                });
                pool.push(MachineView {
                    name: name.clone(),
                    launched,
                    lease: None,
                    heard_ms: None,
                });
            }
            Verb::Stop(name, _) => {
                for view in pool.iter_mut().filter(|view| view.name == *name) {
                    if let Some(launched) = &mut view.launched {
                        launched.state = MachineState::Stopping;
                    }
                }
            }
        }
    }
    pool
}

proptest! {
    #[test]
    fn launches_stay_within_cap_and_intent_and_take_no_living_ones_name(
        pool in any_pool(), intent in 0..10_u32, cap in 0..9_u32,
    ) {
        let limits = Limits { cap, ..LIMITS };
        let verbs = reconcile(intent, &pool, NOW, &limits, &Launches::default());
        let launched: Vec<&WorkerName> = verbs
            .iter()
            .filter_map(|verb| match verb {
                Verb::Start(name) | Verb::Launch(name) => Some(name),
                Verb::Stop(..) => None,
            })
            .collect();
        let distinct: BTreeSet<_> = launched.iter().collect();
        prop_assert_eq!(distinct.len(), launched.len());
        let running = count(&pool, MachineView::is_running);
        let usable = count(&pool, |view| view.is_usable(NOW, &limits));
        let n = u32::try_from(launched.len()).unwrap();
        prop_assert!(n == 0 || (running + n <= cap && usable + n <= intent));
        for view in &pool {
            let is_reused = launched.contains(&&view.name);
            prop_assert!(!is_reused || (view.is_ours() && !view.is_running()));
        }
    }

    #[test]
    fn nobody_with_a_lease_is_stopped_by_either(pool in any_pool(), intent in 0..10_u32) {
        for verb in reconcile(intent, &pool, NOW, &LIMITS, &Launches::default()) {
            if let Verb::Stop(name, _) = verb {
                let view = pool.iter().find(|view| view.name == name).unwrap();
                prop_assert!(view.lease.is_none() && view.is_ours());
            }
        }
        for name in idle_to_stop(intent, &pool, NOW, &LIMITS) {
            let view = pool.iter().find(|view| view.name == name).unwrap();
            prop_assert!(view.is_ours() && view.lease.unwrap().n_busy == 0);
        }
    }

    #[test]
    fn once_carried_out_nothing_is_left_to_do_and_nothing_new_is_idle(
        pool in any_pool(), intent in 0..10_u32,
    ) {
        let verbs = reconcile(intent, &pool, NOW, &LIMITS, &Launches::default());
        let after = carried_out(pool, &verbs);
        let again = reconcile(intent, &after, NOW, &LIMITS, &Launches::default());
        prop_assert_eq!(again, Vec::new());
    }

    #[test]
    fn stopping_the_idle_leaves_what_is_wanted(pool in any_pool(), intent in 0..10_u32) {
        let limits = Limits { cap: 9, ..LIMITS };
        let stop: BTreeSet<WorkerName> =
            idle_to_stop(intent, &pool, NOW, &limits).into_iter().collect();
        let is_usable = |view: &MachineView| view.is_usable(NOW, &limits);
        let usable = count(&pool, is_usable);
        let left = count(&pool, |view| is_usable(view) && !stop.contains(&view.name));
        prop_assert!(left >= usable.min(intent));
    }
}
