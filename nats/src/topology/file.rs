//! The topology's files, as they are in the source tree.

/// A stream, or the stream under a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamFile {
    /// The stream's name; of a bucket `KV_<bucket>`.
    pub name: &'static str,
    /// Where the file lies, from `nats/topology`.
    pub path: &'static str,
    /// Its text.
    pub json: &'static str,
}

/// A durable consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerFile {
    /// The stream that it reads.
    pub stream: &'static str,
    /// The consumer's name.
    pub name: &'static str,
    /// Where the file lies, from `nats/topology`.
    pub path: &'static str,
    /// Its text.
    pub json: &'static str,
}

macro_rules! stream_file {
    ($name:literal, $path:literal) => {
        StreamFile {
            name: $name,
            path: $path,
            json: include_str!(concat!("../../topology/", $path)),
        }
    };
}

macro_rules! consumer_file {
    ($stream:literal, $name:literal) => {
        ConsumerFile {
            stream: $stream,
            name: $name,
            path: concat!("consumers/", $stream, "/", $name, ".json"),
            json: include_str!(concat!(
                "../../topology/consumers/",
                $stream,
                "/",
                $name,
                ".json"
            )),
        }
    };
}

/// All streams, in the order of design.md's table.
pub const STREAMS: &[StreamFile] = &[
    stream_file!("STORAGE", "streams/storage.json"),
    stream_file!("JOBS", "streams/jobs.json"),
    stream_file!("TASKS", "streams/tasks.json"),
    stream_file!("REPORTS", "streams/reports.json"),
    stream_file!("PROGRESS", "streams/progress.json"),
    stream_file!("HEARTBEATS", "streams/heartbeats.json"),
    stream_file!("TIMERS", "streams/timers.json"),
    stream_file!("WEBHOOKS", "streams/webhooks.json"),
    stream_file!("DEAD", "streams/dead.json"),
];

/// All buckets.
pub const BUCKETS: &[StreamFile] = &[
    stream_file!("KV_jobs", "buckets/jobs.json"),
    stream_file!("KV_attempts", "buckets/attempts.json"),
    stream_file!("KV_machines", "buckets/machines.json"),
    stream_file!("KV_control", "buckets/control.json"),
];

/// All durable consumers.
pub const CONSUMERS: &[ConsumerFile] = &[
    consumer_file!("STORAGE", "intake"),
    consumer_file!("JOBS", "notifier"),
    consumer_file!("TASKS", "workers-cpu"),
    consumer_file!("TASKS", "workers-light"),
    consumer_file!("REPORTS", "reports"),
    consumer_file!("TIMERS", "due"),
    consumer_file!("WEBHOOKS", "webhooks"),
];

/// The consumers that workers pull from: the only ones that their account imports.
pub fn worker_consumers() -> impl Iterator<Item = &'static ConsumerFile> {
    CONSUMERS.iter().filter(|file| file.stream == "TASKS")
}
