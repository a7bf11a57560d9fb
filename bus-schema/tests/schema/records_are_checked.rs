//! A record of a newer version is refused by name, wherever it is read; one that has outgrown its limit is
//! said to have, so that its job can be failed while there is room left to write that down.

use bus_schema::id::Attempt;
use bus_schema::record::{
    JobRecord, RECORD_BYTES_MAX, RECORD_VERSION, TASKS_MAX, TaskState, Tasks,
};
use bus_schema::report::ErrorCode;
use serde_json::{Value, json};

use crate::sample_record;

fn record() -> JobRecord {
    sample_record::records().swap_remove(2)
}

fn bytes(record: &JobRecord) -> usize {
    serde_json::to_vec(record).expect("a record is JSON").len()
}

#[test]
fn another_version_is_refused_by_name() {
    let text = serde_json::to_string(&record()).unwrap();
    let start = format!("{{\"v\":{RECORD_VERSION},");
    let rest = text
        .strip_prefix(&start)
        .expect("the version comes first: a newer record may have any shape behind it");
    for v in [0, u64::from(RECORD_VERSION) + 1, u64::MAX] {
        for rest in [rest, "\"id\":{\"of\":[\"another\",\"shape\"]}}", "\"x\":1}"] {
            let text = format!("{{\"v\":{v},{rest}");
            let error = serde_json::from_str::<JobRecord>(&text).unwrap_err();
            let words = format!("record version {v} is not one of 1 to {RECORD_VERSION}");
            assert!(error.to_string().contains(&words), "{error}");
        }
    }
    for v in [json!(-1), json!(1.5), json!("1"), Value::Null] {
        let text = format!("{{\"v\":{v},{rest}");
        assert!(serde_json::from_str::<JobRecord>(&text).is_err(), "{v}");
    }
    assert_eq!(serde_json::from_str::<JobRecord>(&text).unwrap(), record());
}

#[test]
fn a_record_may_be_just_as_large_as_the_limit() {
    let mut record = record();
    let rest = RECORD_BYTES_MAX - bytes(&record);
    // A warning takes its own bytes, two quotes and a comma; the field is not written while empty.
    record.warnings = vec![String::new()];
    let field = bytes(&record) - (RECORD_BYTES_MAX - rest);
    record.warnings = vec!["x".repeat(rest - field)];
    assert_eq!(bytes(&record), RECORD_BYTES_MAX);
    assert_eq!(record.check_size(), Ok(()));
    record.warnings[0].push('x');
    let error = record.check_size().unwrap_err();
    assert_eq!(error.code, ErrorCode::LimitExceeded);
    assert!(error.message.contains("241 KiB, and 240 KiB"), "{error:?}");
}

/// What makes a record grow: tasks whose neighbours are never in the same state.
#[test]
fn the_longest_film_has_room_and_one_whose_tasks_fail_in_turns_has_not() {
    let mut record = record();
    record.tasks = Tasks::waiting(TASKS_MAX);
    assert_eq!(record.check_size(), Ok(()));
    for (number, task) in record.tasks.iter_mut() {
        task.attempts = 1 + u16::try_from(number.0 % 2).unwrap();
        task.state = TaskState::Done {
            attempt: Attempt(task.attempts),
        };
    }
    let error = record.check_size().unwrap_err();
    assert_eq!(error.code, ErrorCode::LimitExceeded);
}
