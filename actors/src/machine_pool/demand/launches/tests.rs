use fly::MachineState;

use super::*;
use crate::machine_pool::demand::reconcile;
use crate::machine_pool::demand::tests::{LIMITS, NOW, idle, machine, name, working};

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
