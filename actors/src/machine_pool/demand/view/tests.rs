use bus_schema::heartbeat::Heartbeat;

use super::*;
use crate::machine_pool::demand::tests::name;

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
