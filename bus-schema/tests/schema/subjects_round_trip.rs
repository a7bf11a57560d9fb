//! A subject and its text are one to one, for every subject and for any text.

use bus_schema::fact::FactKind;
use bus_schema::id::{EndpointId, JobId, TaskNumber, WorkerName};
use bus_schema::subject::Subject;
use bus_schema::task::{TaskClass, TaskKind};
use bus_schema::timer::TimerId;
use bus_schema::webhook::Delivery;
use proptest::prelude::*;
use proptest::sample::select;

use crate::sample;
use crate::variants::{FACT_KINDS, TASK_CLASSES, TASK_KINDS, assert_all_sampled};

/// What the subjects are made of.
#[derive(Debug, Clone)]
struct Parts {
    word: String,
    worker: WorkerName,
    endpoint: EndpointId,
    job: JobId,
    fact: FactKind,
    class: TaskClass,
    kind: TaskKind,
    task: TaskNumber,
    n: u64,
}

impl Parts {
    fn subjects(&self) -> Vec<Subject> {
        let Self {
            word,
            worker,
            endpoint,
            job,
            fact,
            class,
            kind,
            task,
            n,
        } = self.clone();
        let [w1, w2, w3, w4, w5] = [(); 5].map(|()| worker.clone());
        vec![
            Subject::Storage {
                source: word.clone(),
            },
            Subject::Fact { job, kind: fact, n },
            Subject::Live { job, kind: fact, n },
            Subject::Task {
                class,
                kind,
                job,
                n: task,
            },
            Subject::Report {
                worker: w1,
                job,
                n: task,
            },
            Subject::Progress {
                worker: w2,
                job,
                task,
            },
            Subject::Heartbeat { worker: w3 },
            Subject::Timer {
                id: TimerId::job(&job, n).to_string(),
            },
            Subject::Due {
                id: self.retry().to_string(),
            },
            Subject::Webhook { endpoint, job, n },
            Subject::Dead {
                stream: word,
                seq: n,
            },
            Subject::Claim {
                worker: w4,
                job,
                n: task,
            },
            Subject::Control { worker: w5 },
        ]
    }

    fn retry(&self) -> TimerId {
        TimerId::webhook(&Delivery {
            endpoint: self.endpoint.clone(),
            job: self.job,
            n: self.n,
            attempt: self.task.0,
            ..sample::delivery()
        })
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let id = || "[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?";
    let job = (any::<u64>(), any::<[u8; 10]>()).prop_map(|(ms, r)| JobId::from_parts(ms, r));
    (
        "[a-z0-9_-]{1,96}",
        (id(), id()),
        job,
        select(FACT_KINDS),
        select(TASK_CLASSES),
        select(TASK_KINDS),
        (any::<u32>(), any::<u64>()),
    )
        .prop_map(|(word, ids, job, fact, class, kind, numbers)| Parts {
            word,
            worker: ids.0.parse().expect("made as one"),
            endpoint: ids.1.parse().expect("made as one"),
            job,
            fact,
            class,
            kind,
            task: TaskNumber(numbers.0),
            n: numbers.1,
        })
}

/// If the text is a subject, it is the subject's only text.
fn assert_canonical(text: &str) {
    if let Ok(subject) = text.parse::<Subject>() {
        assert_eq!(subject.to_string(), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_subject_is_read_as_itself(parts in parts()) {
        let subjects = parts.subjects();
        assert_all_sampled::<Subject>(&subjects);
        for subject in subjects {
            let text = subject.to_string();
            prop_assert_eq!(text.parse::<Subject>(), Ok(subject));
            prop_assert!(!text.contains(['*', '>', ' ']));
        }
        let retry = parts.retry();
        prop_assert_eq!(retry.as_str().parse::<TimerId>(), Ok(retry));
    }

    #[test]
    fn any_text_has_one_meaning_or_none(
        parts in parts(),
        any in any::<String>(),
        plain in "[a-z0-9.*>+-]{0,80}",
        damage in (any::<prop::sample::Index>(), any::<char>(), "[0+.*> -]?"),
    ) {
        assert_canonical(&any);
        assert_canonical(&plain);
        let (at, other, more) = damage;
        for subject in parts.subjects() {
            let mut text: Vec<char> = subject.to_string().chars().collect();
            let at = at.index(text.len());
            text.splice(at..at, more.chars());
            assert_canonical(&text.iter().collect::<String>());
            text[at] = other;
            assert_canonical(&text.iter().collect::<String>());
        }
    }
}

/// Streams, permissions and the records of running installations hold these.
#[test]
fn addresses_stay_the_same() {
    let parts = Parts {
        word: "embedded".to_owned(),
        worker: sample::worker(),
        endpoint: sample::delivery().endpoint,
        job: sample::job(),
        fact: FactKind::TaskDone,
        class: TaskClass::Cpu,
        kind: TaskKind::Chunk,
        task: TaskNumber(3),
        n: 12,
    };
    let job = sample::job().to_string();
    let texts: Vec<String> = parts
        .subjects()
        .iter()
        .map(|subject| subject.to_string().replace(&job, "JOB"))
        .collect();
    assert_eq!(
        texts,
        [
            "storage.embedded",
            "job.JOB.task-done.12",
            "live.job.JOB.task-done.12",
            "task.cpu.chunk.JOB.3",
            "report.w1.JOB.3",
            "progress.w1.JOB.3",
            "heartbeat.w1",
            "timer.j-JOB-12",
            "due.w-0123456789abcdef0123-JOB-12-3",
            "webhook.0123456789abcdef0123.JOB.12",
            "dead.embedded.12",
            "claim.w1.JOB.3",
            "control.w1",
        ]
    );
}

#[test]
fn what_is_none_is_refused_by_name() {
    for text in [
        "",
        ".",
        "job",
        "job.x.playable.1",
        "heartbeat.*",
        "heartbeat.w1.",
        "storage.A",
        "jobs.a",
        "dead.tasks.01",
        "dead.tasks.+1",
        "dead.tasks.18446744073709551616",
    ] {
        let refused = text.parse::<Subject>().unwrap_err().to_string();
        assert!(refused.contains(&format!("`{text}`")), "{refused}");
    }
}
