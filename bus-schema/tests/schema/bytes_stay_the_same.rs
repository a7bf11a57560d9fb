//! Every message, bucket value and live frame is written exactly as its golden file says, and the file's bytes
//! are read as the same sample; every variant has one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use bus_schema::claim::{ClaimReply, Want};
use bus_schema::control::Control;
use bus_schema::fact::FactKind;
use bus_schema::live::LiveMessage;
use bus_schema::record::{Effect, JobState, OutputKind, TaskState};
use bus_schema::report::Outcome;
use bus_schema::task::TaskSpec;
use bus_schema::timer::Timer;
use serde::Serialize;
use serde_json::Value;

use crate::variants::{self, assert_all_sampled};
use crate::{every, golden, sample_fact, sample_message, sample_record};

/// Writes the file when asked to, and says how it differs otherwise.
pub(crate) fn compare(path: &Path, wanted: &str) -> Result<(), String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        return fs::write(path, wanted).map_err(|error| format!("{}: {error}", path.display()));
    }
    match fs::read_to_string(path) {
        Ok(found) if found == wanted => Ok(()),
        Ok(found) => Err(format!(
            "{} differs. It has\n{found}\nbut now this is written:\n{wanted}",
            path.display()
        )),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

const ADVICE: &str = "if this is meant, run the tests with UPDATE_GOLDEN=1 and look at the change: \
                      running processes still send and store the old form";

#[test]
fn goldens_are_written_and_read_as_they_were() {
    let mut complaints = Vec::new();
    for golden in golden::all() {
        for (path, wanted) in golden.files() {
            complaints.extend(compare(&path, &wanted).err());
            // From the file, not from memory: also where the writing has changed, the old must be readable.
            let text = fs::read_to_string(&path).unwrap_or_default();
            let bytes = match path.extension().and_then(|e| e.to_str()) {
                Some("hex") => golden::unhex(&text),
                _ if golden.message.is_some() => continue,
                _ => text.into_bytes(),
            };
            match golden.read(&bytes) {
                Ok(read) if read.is_sample => {}
                Ok(read) => complaints.push(format!("{} reads as {}", path.display(), read.json)),
                Err(error) => complaints.push(format!("{}: {error}", path.display())),
            }
        }
    }
    assert!(
        complaints.is_empty(),
        "{}\n{ADVICE}",
        complaints.join("\n\n")
    );
}

#[test]
fn every_file_belongs_to_a_sample_and_every_type_has_one() {
    let goldens = golden::all();
    let names: BTreeSet<_> = goldens.iter().map(|golden| &golden.name).collect();
    assert_eq!(names.len(), goldens.len(), "a name is used twice");
    let kinds: BTreeSet<&str> = goldens.iter().map(|golden| golden.kind).collect();
    assert_eq!(kinds, every::NAMES.iter().copied().collect());

    let files = goldens.iter().flat_map(golden::Golden::files);
    let mut wanted: BTreeSet<_> = files.map(|(path, _)| path).collect();
    wanted.extend(["tokens.json", "optional.txt"].map(golden::path));
    let found: BTreeSet<_> = fs::read_dir(golden::path(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let odd: Vec<_> = found.symmetric_difference(&wanted).collect();
    assert!(
        odd.is_empty(),
        "a file without a sample or a sample without a file: {odd:?}"
    );

    for golden in &goldens {
        let readable = every::read(golden.bytes());
        assert!(
            readable.contains(&golden.kind),
            "{}: {readable:?}",
            golden.name
        );
    }
}

fn values<T>(samples: Vec<(&'static str, T)>) -> Vec<T> {
    samples.into_iter().map(|(_, value)| value).collect()
}

#[test]
fn every_variant_has_a_golden() {
    let facts = sample_fact::facts();
    let kinds: Vec<FactKind> = facts.iter().map(bus_schema::fact::Fact::kind).collect();
    assert!(FactKind::ALL.iter().all(|kind| kinds.contains(kind)));

    assert_all_sampled::<ClaimReply>(&values(sample_message::claim_replies()));
    assert_all_sampled::<TaskSpec>(&sample_message::specs());
    assert_all_sampled::<Want>(&sample_message::wants());
    assert_all_sampled::<Control>(&values(sample_message::controls()));
    assert_all_sampled::<Timer>(&values(sample_message::timers()));
    assert_all_sampled::<LiveMessage>(&values(sample_message::live()));
    let reports = values(sample_message::reports());
    assert_all_sampled::<Outcome>(reports.iter().map(|report| &report.outcome));

    let records = sample_record::records();
    let states: Vec<JobState> = records.iter().map(|record| record.state).collect();
    assert_eq!(states, variants::JOB_STATES);
    assert_all_sampled::<Effect>(records.iter().flat_map(|record| &record.outbox));
    let tasks = records.iter().flat_map(|record| record.tasks.iter());
    assert_all_sampled::<TaskState>(tasks.map(|(_, task)| &task.state));
    let outputs = records.iter().flat_map(|record| &record.outputs);
    let kinds: Vec<OutputKind> = outputs.map(|output| output.kind).collect();
    assert_eq!(kinds, variants::OUTPUT_KINDS);
}

#[test]
fn words_stay_the_same() {
    let words = BTreeMap::from([
        ("job-state", written(variants::JOB_STATES)),
        ("output-kind", written(variants::OUTPUT_KINDS)),
        ("preset", written(variants::PRESETS)),
        ("task-class", written(variants::TASK_CLASSES)),
        ("task-kind", written(variants::TASK_KINDS)),
        ("error-code", written(variants::ERROR_CODES)),
        ("fact", written(&sample_fact::facts())),
    ]);
    let text = format!("{}\n", serde_json::to_string_pretty(&words).unwrap());
    let compared = compare(&golden::path("tokens.json"), &text);
    assert!(compared.is_ok(), "{}\n{ADVICE}", compared.unwrap_err());

    // In subjects, in the API and in JSON it is one word.
    assert_eq!(
        words["job-state"],
        shown(variants::JOB_STATES, |x| x.as_str())
    );
    assert_eq!(words["preset"], shown(variants::PRESETS, |x| x.as_str()));
    assert_eq!(
        words["task-class"],
        shown(variants::TASK_CLASSES, |x| x.as_str())
    );
    assert_eq!(
        words["task-kind"],
        shown(variants::TASK_KINDS, |x| x.as_str())
    );
    let kinds: BTreeSet<String> = shown(variants::FACT_KINDS, |x| x.as_str())
        .into_iter()
        .collect();
    assert_eq!(
        words["fact"].iter().cloned().collect::<BTreeSet<_>>(),
        kinds
    );
}

/// The word that each is written as: the whole of it, or its `type`.
fn written<T: Serialize>(all: &[T]) -> Vec<String> {
    all.iter()
        .map(|one| {
            let json = serde_json::to_value(one).expect("it is JSON");
            let word = match &json {
                Value::Object(fields) => &fields["type"],
                word => word,
            };
            word.as_str().expect("a word").to_owned()
        })
        .collect()
}

fn shown<T: Copy>(all: &[T], show: impl Fn(T) -> &'static str) -> Vec<String> {
    all.iter().map(|one| show(*one).to_owned()).collect()
}
