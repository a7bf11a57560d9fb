//! What may happen to a job, in any order and however often.

use actors::job::{Event, ReportVerdict};
use bus_schema::claim::Held;
use bus_schema::id::{Attempt, TaskNumber, Token, WorkerName};
use bus_schema::report::{ErrorCode, Outcome, TaskError};
use proptest::prelude::*;

use crate::reported::chunk;
use crate::world::World;

/// What may happen to a job, by numbers that are taken modulo what there is.
#[derive(Debug, Clone)]
pub(crate) enum Blow {
    Uploaded,
    Release,
    Claim(u8, u8),
    Work(u8),
    Fail(u8, bool),
    StaleReport(u8),
    Lose(u8),
    Wait(u16),
    Look,
    Repeat(u8),
    Return(u8),
}

pub(crate) fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        2 => Just(Blow::Uploaded),
        4 => Just(Blow::Release),
        8 => (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Blow::Claim(a, b)),
        8 => any::<u8>().prop_map(Blow::Work),
        2 => (any::<u8>(), prop::bool::weighted(0.9)).prop_map(|(a, b)| Blow::Fail(a, b)),
        2 => any::<u8>().prop_map(Blow::StaleReport),
        1 => any::<u8>().prop_map(Blow::Lose),
        2 => any::<u16>().prop_map(Blow::Wait),
        2 => Just(Blow::Look),
        3 => any::<u8>().prop_map(Blow::Repeat),
        1 => any::<u8>().prop_map(Blow::Return),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table of blows")]
pub(crate) fn strike(
    world: &mut World,
    held: &mut Vec<(TaskNumber, Held)>,
    blow: &Blow,
    duration_s: u64,
) {
    let pick = |n: u8, len: usize| usize::from(n).checked_rem(len);
    let worker = |n: u8| {
        format!("w{}", n % 3 + 1)
            .parse::<WorkerName>()
            .expect("as the test made it")
    };
    match *blow {
        Blow::Uploaded => {
            world.apply(Event::Uploaded {
                bytes: 1_000,
                etag: "e".to_owned(),
            });
        }
        Blow::Release => world.release_all(),
        Blow::Claim(n, who) => {
            let tasks = world.job.record.tasks.len();
            if let Some(n) = pick(n, tasks) {
                let task = TaskNumber(u32::try_from(n).expect("as the test made it"));
                held.extend(world.claim(task, &worker(who)).map(|held| (task, held)));
            }
        }
        Blow::Work(n) => {
            if let Some(n) = pick(n, held.len()) {
                let (task, held) = held[n].clone();
                world.work(task, &held, duration_s);
            }
        }
        Blow::Fail(n, is_passing) => {
            if let Some(n) = pick(n, held.len()) {
                let (task, held) = held[n].clone();
                let code = if is_passing {
                    ErrorCode::Crashed
                } else {
                    ErrorCode::Unsupported
                };
                let error = TaskError {
                    code,
                    message: "a blow".to_owned(),
                };
                world.report(task, &held, Outcome::Failed(error));
            }
        }
        Blow::StaleReport(n) => {
            if let Some(n) = pick(n, held.len()) {
                let task = held[n].0;
                let stale = Held {
                    attempt: Attempt(900),
                    token: Token::random(),
                };
                let verdict = world.report(task, &stale, Outcome::Transcoded(chunk()));
                assert_eq!(verdict, ReportVerdict::Stale);
            }
        }
        Blow::Lose(who) => world.lose(&worker(who)),
        Blow::Wait(ms) => world.now_ms += u64::from(ms),
        Blow::Look => world.apply(Event::Look {
            holders: Vec::new(),
        }),
        Blow::Repeat(n) => {
            if let Some(n) = pick(n, world.events.len()) {
                let event = world.events[n].clone();
                // Claims and reports are asked for their verdict first, and never applied twice.
                if !matches!(event, Event::Claimed { .. } | Event::Reported { .. }) {
                    world.apply(event);
                }
            }
        }
        Blow::Return(n) => {
            if let Some(n) = pick(n, held.len()) {
                let (task, held) = held[n].clone();
                world.report(
                    task,
                    &held,
                    Outcome::Returned {
                        reason: "drain".to_owned(),
                    },
                );
            }
        }
    }
}
