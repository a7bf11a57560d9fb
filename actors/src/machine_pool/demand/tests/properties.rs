//! What holds for every pool.

use proptest::prelude::*;

use super::*;

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
