//! A message or a record of the largest size makes its reader allocate a bounded multiple of that, whatever
//! lengths it claims to have.
//!
//! The proof is a child process that reads them all under a limit of its address space: what asks for more
//! than there is aborts it.

use std::process::{Command, Output};

use bus_schema::codec::MESSAGE_BYTES_MAX;
use bus_schema::record::{JobRecord, RECORD_BYTES_MAX, TASKS_MAX};

use crate::every;
use crate::golden;

/// The code, libtest's threads and their arenas take about half of it.
const ADDRESS_SPACE_KB: u32 = 384 * 1024;
/// Set in the child: what it does.
const ROLE: &str = "BUS_SCHEMA_MEMORY_TEST";

/// This test alone, in a process of its own.
fn child(role: &str) -> Output {
    Command::new("sh")
        .args(["-c", "ulimit -v \"$0\" && exec \"$@\""])
        .arg(ADDRESS_SPACE_KB.to_string())
        .arg(std::env::current_exe().expect("a test knows its program"))
        .args([
            "memory_is_bounded::hostile_sizes_stay_small",
            "--exact",
            "--test-threads=1",
        ])
        .env(ROLE, role)
        .output()
        .expect("sh starts")
}

#[test]
fn hostile_sizes_stay_small() {
    match std::env::var(ROLE).as_deref() {
        Ok("read") => read_everything(),
        // What the limit is there for: a hint that is believed.
        Ok("believe") => drop(std::hint::black_box(Vec::<u8>::with_capacity(1 << 30))),
        _ => {
            let output = child("read");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{:?}: {said}", output.status);
            let shown = String::from_utf8_lossy(&output.stdout);
            assert!(shown.contains("1 passed"), "{shown}");
            assert!(!child("believe").status.success(), "the limit is none");
        }
    }
}

fn read_everything() {
    for bytes in messages().chain(records()) {
        assert!(bytes.len() <= MESSAGE_BYTES_MAX.max(RECORD_BYTES_MAX));
        every::read(&bytes);
    }
    for golden in golden::all() {
        let Some(message) = &golden.message else {
            continue;
        };
        for at in 0..message.len() {
            for length in LENGTHS {
                let lying = [&message[..at], length, &message[at + 1..]].concat();
                // Inside of a text it is only another text, which may pass.
                drop(golden.read(&lying));
            }
        }
    }
}

/// What claims to be longer than any message: a text, a list, a map, bytes, an extension; and the shorter ones.
const LENGTHS: [&[u8]; 7] = [
    b"\xdb\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01",
    b"\xdc\xff\xff",
    b"\xde\xff\xff",
];

/// Bodies of as many items as the limit holds, of the kinds that take the least on the wire.
fn messages() -> impl Iterator<Item = Vec<u8>> {
    let items: [&[u8]; 3] = [b"\x00", b"\x80", b"\xa0"];
    let starts: [&[u8]; 4] = [
        // The body itself; a list that progress has; a fact's unknown field; the fact's tag.
        b"\xdd\xff\xff\xff\xff",
        b"\x81\xa7done_ns\xdd\xff\xff\xff\xff",
        b"\x82\xa1x\xdd\xff\xff\xff\xff",
        b"\x82\xa4type\xdf\xff\xff\xff\xff",
    ];
    items.into_iter().flat_map(move |item| {
        starts.into_iter().map(move |start| {
            let mut bytes = b"\x84\xa1v\x01\xa2id\xa1m\xa5at_ms\x01\xa4body".to_vec();
            bytes.extend(start);
            while bytes.len() + item.len() <= MESSAGE_BYTES_MAX {
                bytes.extend(item);
            }
            bytes
        })
    })
}

/// Records whose runs of tasks would be large once they are unrolled.
fn records() -> impl Iterator<Item = Vec<u8>> {
    let parts = r#"{"attempt":1,"n":1},"#.repeat(10_000);
    let parts = parts.trim_end_matches(',').to_owned();
    let upload_id = "x".repeat(200_000);
    let claimed = r#""state":"claimed","attempt":1,"worker":"w1","token":"00112233445566778899aabbccddeeff","since_ms":1,"deadline_ms":1"#;
    let runs = [
        format!(r#"{{"n":{TASKS_MAX},"state":"waiting"}}"#),
        format!(r#"{{"n":{TASKS_MAX},"state":"waiting","parts":[{parts}]}}"#),
        format!(r#"{{"n":{TASKS_MAX},{claimed},"upload_id":"{upload_id}"}}"#),
        format!(r#"{{"n":{},"state":"waiting"}}"#, u64::MAX),
    ];
    let golden = golden::all()
        .into_iter()
        .find(|golden| golden.name == "job-record-queued")
        .expect("there is such a golden");
    runs.into_iter().map(move |run| {
        let mut record = golden.content();
        record["tasks"] = serde_json::from_str(&format!("[{run}]")).expect("a run is JSON");
        serde_json::to_vec(&record).expect("a record is JSON")
    })
}

#[test]
fn a_run_repeats_only_what_is_small() {
    let read: Vec<bool> = records()
        .map(|bytes| serde_json::from_slice::<JobRecord>(&bytes).is_ok())
        .collect();
    assert_eq!(read, [true, false, false, false]);
}
