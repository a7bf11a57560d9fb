//! A job's facts as they lie in the stream, and the rules that hold for every job's.

use std::collections::HashSet;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use bus_schema::codec::decode;
use bus_schema::fact::{Fact, FactKind};
use bus_schema::subject::Subject;
use bus_schema::task::TaskKind;
use futures_util::StreamExt as _;
use nats::Bus;
use serde_json::Value;

use super::until;

/// More than any job here has.
const FACTS_MAX: usize = 1_000;

/// All facts of a job so far, by their numbers, as often as they lie there.
pub(crate) async fn facts(bus: &Bus, job: &str) -> Vec<(u64, Fact)> {
    let stream = bus.js.get_stream("JOBS").await.expect("the stream");
    let config = pull::Config {
        filter_subject: format!("job.{job}.>"),
        ack_policy: AckPolicy::None,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await.expect("a consumer");
    let mut messages = consumer
        .fetch()
        .max_messages(FACTS_MAX)
        .messages()
        .await
        .expect("messages");
    let mut facts = Vec::new();
    while let Some(message) = messages.next().await {
        let message = message.expect("a message");
        let subject: Subject = message.subject.parse().expect("a known subject");
        let Subject::Fact { kind, n, .. } = subject else {
            unreachable!("{} is no fact's", message.subject)
        };
        let fact = decode::<Fact>(&message.payload).expect("a fact").body;
        assert_eq!(fact.kind(), kind, "subject and body agree");
        facts.push((n, fact));
    }
    facts.sort_by_key(|(n, _)| *n);
    facts
}

/// The facts of a job that has ended, which must obey the rules: numbered 1 to n without gaps, each
/// once, as many as the job's view says, the end last.
pub(crate) async fn whole_story(bus: &Bus, job: &Value) -> Vec<(u64, Fact)> {
    let id = job["id"].as_str().expect("an id");
    let n = job["n"].as_u64().expect("a number");
    // The record is written before its facts are published.
    let look = async || {
        let facts = facts(bus, id).await;
        (facts.len() as u64 >= n).then_some(facts)
    };
    let facts = until("all facts are published", look).await;
    let numbers: Vec<u64> = facts.iter().map(|(n, _)| *n).collect();
    let expected: Vec<u64> = (1..=n).collect();
    assert_eq!(numbers, expected, "{facts:#?}");
    let mut seen = HashSet::new();
    for (n, fact) in &facts {
        if let Some(key) = identity(fact) {
            assert!(seen.insert(key), "fact {n} happened before: {facts:#?}");
        }
    }
    let is_end = |fact: &Fact| {
        matches!(
            fact,
            Fact::Completed { .. } | Fact::Failed { .. } | Fact::Cancelled {}
        )
    };
    let ends: Vec<u64> = facts
        .iter()
        .filter(|(_, fact)| is_end(fact))
        .map(|(n, _)| *n)
        .collect();
    assert_eq!(ends, [n], "one end, the last: {facts:#?}");
    facts
}

/// What may be said of a job only once.
fn identity(fact: &Fact) -> Option<String> {
    let kind = fact.kind();
    Some(match fact {
        Fact::TaskDone { task, .. } => format!("{kind} {task}"),
        Fact::PartDone { task, part, .. } => format!("{kind} {task} {part}"),
        Fact::Claimed { task, attempt, .. } | Fact::TaskFailed { task, attempt, .. } => {
            format!("{kind} {task} {attempt}")
        }
        Fact::FileDone { rendition, .. } | Fact::RenditionDropped { rendition, .. } => {
            format!("{kind} {rendition}")
        }
        Fact::Authorized { .. }
        | Fact::Uploaded { .. }
        | Fact::Started {}
        | Fact::Probed { .. }
        | Fact::Planned { .. }
        | Fact::Playable { .. }
        | Fact::Completed { .. }
        | Fact::Failed { .. }
        | Fact::Cancelled {} => kind.to_string(),
    })
}

/// Waits until a worker has claimed a chunk of the picture that is not done; its name.
pub(crate) async fn chunk_in_hand(bus: &Bus, job: &str) -> String {
    let look = async || {
        let facts = facts(bus, job).await;
        let is_end = |kind| matches!(kind, FactKind::Completed | FactKind::Failed);
        let ended = facts.iter().any(|(_, fact)| is_end(fact.kind()));
        assert!(!ended, "the job was over too soon: {facts:#?}");
        in_hand(&facts)
    };
    until("a chunk is in hand", look).await
}

fn in_hand(facts: &[(u64, Fact)]) -> Option<String> {
    facts.iter().rev().find_map(|(_, fact)| match fact {
        Fact::Claimed {
            task,
            kind: TaskKind::Chunk,
            worker,
            ..
        } if !is_done(facts, *task) => Some(worker.to_string()),
        _ => None,
    })
}

fn is_done(facts: &[(u64, Fact)], number: bus_schema::TaskNumber) -> bool {
    facts
        .iter()
        .any(|(_, fact)| matches!(fact, Fact::TaskDone { task, .. } if *task == number))
}

/// How many attempts were made in all.
pub(crate) fn n_claims(facts: &[(u64, Fact)]) -> usize {
    let is_claim = |fact: &&(u64, Fact)| matches!(fact.1, Fact::Claimed { .. });
    facts.iter().filter(is_claim).count()
}
