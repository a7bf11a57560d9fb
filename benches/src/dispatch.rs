//! From a storage notification on the bus to the child process of the job's first task, with an idle
//! worker; against the time a child takes to start, and against a raw publish and pull.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use futures_util::StreamExt as _;
use nats::{Bus, Subscription};
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use crate::report::{Row, complain, percentile};
use crate::system::{System, beside};

/// Jobs that count.
const JOBS: usize = 1_000;
/// Jobs before them: caches, connections, pages.
const WARM_UP: usize = 20;
/// Starts of a child alone, and raw round trips.
const REFERENCES: usize = 300;
/// Median above a child's start, in milliseconds.
const P50_MS: f64 = 5.0;
/// 99 of 100 above a child's start, in milliseconds.
const P99_MS: f64 = 25.0;
/// How long one step may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(20);
/// Not a film: the first task ends at once.
const SOURCE: &[u8; 64] = &[7; 64];

/// Measures.
pub(crate) async fn run() -> anyhow::Result<Vec<Row>> {
    let (system, _) = System::start().await?;
    let stamps = Stamps::bind(system.dir())?;
    let _worker = worker(&system, &stamps.program).await?;
    let bus = system.bus().await?;
    let mut notifications = bus.client.subscribe("storage.embedded").await?;
    bus.client.flush().await?;
    let mut waits = Vec::with_capacity(JOBS);
    for n in 0..WARM_UP + JOBS {
        let job = system.upload(SOURCE.to_vec()).await?;
        let heard = timeout(PATIENCE, notifications.next());
        ensure!(heard.await?.is_some(), "the bus is gone");
        let published = published_ns(&bus, &job).await?;
        let began = timeout(PATIENCE, stamps.after(published))
            .await
            .context("no child came")??;
        system.ended(&job).await?;
        if n >= WARM_UP {
            waits.push((began - published) / 1e6);
        }
        if n % 100 == 0 {
            complain(&format!("{n} jobs"));
        }
    }
    let mut starts = child_starts(&stamps).await?;
    let mut raw = raw_round_trips(&bus).await?;
    Ok(rows(&mut waits, &mut starts, &mut raw))
}

fn rows(waits: &mut [f64], starts: &mut [f64], raw: &mut [f64]) -> Vec<Row> {
    let [wait_50, wait_99] = [50, 99].map(|percent| percentile(waits, percent));
    let [start_50, start_99] = [50, 99].map(|percent| percentile(starts, percent));
    let [raw_50, raw_99] = [50, 99].map(|percent| percentile(raw, percent));
    vec![
        Row::plain("notification to child running, p50", wait_50, "ms"),
        Row::plain("notification to child running, p99", wait_99, "ms"),
        Row::plain("a child's start alone, p50", start_50, "ms"),
        Row::plain("a child's start alone, p99", start_99, "ms"),
        Row::plain("raw publish to pull, p50", raw_50, "ms"),
        Row::plain("raw publish to pull, p99", raw_99, "ms"),
        Row::at_most(
            "dispatch above a child's start, p50",
            wait_50 - start_50,
            "ms",
            P50_MS,
        ),
        Row::at_most(
            "dispatch above a child's start, p99",
            wait_99 - start_99,
            "ms",
            P99_MS,
        ),
        Row::plain(
            "dispatch : raw publish to pull, p50",
            (wait_50 - start_50) / raw_50,
            "times",
        ),
    ]
}

/// Where children say when they began.
#[derive(Debug)]
struct Stamps {
    socket: UnixDatagram,
    program: PathBuf,
}

impl Stamps {
    /// A copy of the telling child of its own, with its file beside it.
    fn bind(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("stamps");
        let socket = UnixDatagram::bind(&path)?;
        let program = dir.join("bench-child");
        std::fs::copy(beside("bench-child")?, &program)?;
        let worker = beside("tcoder-worker")?;
        std::fs::write(
            program.with_extension("conf"),
            format!("{}\n{}", path.display(), worker.display()),
        )?;
        Ok(Self { socket, program })
    }

    /// When the first child after `time` began, both in nanoseconds since 1970. Children that
    /// nobody asked about - the worker's trial of its encoders - have told theirs before.
    async fn after(&self, time: f64) -> anyhow::Result<f64> {
        loop {
            let mut bytes = [0; 16];
            self.socket.recv(&mut bytes).await?;
            let began = u128::from_le_bytes(bytes) as f64;
            if began >= time {
                return Ok(began);
            }
        }
    }
}

/// A worker that joins by credentials alone, with children that tell when they begin.
async fn worker(system: &System, program: &Path) -> anyhow::Result<Child> {
    let log = std::fs::File::create(system.dir().join("worker.log"))?;
    let worker = Command::new(beside("tcoder-worker")?)
        .args(["serve", "--program"])
        .arg(program)
        .arg("--cache")
        .arg(system.dir().join("cache"))
        .env("TCODER_WORKER_NAME", "w1")
        .env(
            "TCODER_WORKER_CREDENTIALS",
            serde_json::to_string(&system.worker()?)?,
        )
        .stdin(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()?;
    system.has_worker().await?;
    Ok(worker)
}

/// When the notification of a job was stored, in nanoseconds since 1970, by the server's clock, which
/// is this machine's.
async fn published_ns(bus: &Bus, job: &str) -> anyhow::Result<f64> {
    let stream = bus.js.get_stream("STORAGE").await?;
    let message = stream
        .get_last_raw_message_by_subject("storage.embedded")
        .await?;
    let text = String::from_utf8_lossy(&message.payload);
    ensure!(text.contains(job), "the last notification is another job's");
    Ok(message.time.unix_timestamp_nanos() as f64)
}

/// Milliseconds from asking for a process to its first instruction.
async fn child_starts(stamps: &Stamps) -> anyhow::Result<Vec<f64>> {
    let mut starts = Vec::with_capacity(REFERENCES);
    for _ in 0..REFERENCES {
        let asked = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as f64;
        let mut child = Command::new(&stamps.program).stdin(Stdio::null()).spawn()?;
        let began = timeout(PATIENCE, stamps.after(asked)).await??;
        child.wait().await?;
        starts.push((began - asked) / 1e6);
    }
    Ok(starts)
}

/// Milliseconds from a publish to its pull, on a stream of this system.
async fn raw_round_trips(bus: &Bus) -> anyhow::Result<Vec<f64>> {
    use async_nats::jetstream::{consumer, stream};
    let config = stream::Config {
        name: "BENCH".to_owned(),
        subjects: vec!["bench".to_owned()],
        ..Default::default()
    };
    let stream = bus.js.create_stream(config).await?;
    let config = consumer::pull::Config {
        durable_name: Some("bench".to_owned()),
        ..Default::default()
    };
    stream.create_consumer(config).await?;
    let mut pulls = Subscription::open(bus, "BENCH", "bench").await?;
    let mut times = Vec::with_capacity(REFERENCES);
    for _ in 0..REFERENCES {
        let publish = async {
            // Until the pull waits at the server.
            tokio::time::sleep(Duration::from_millis(2)).await;
            let began = Instant::now();
            bus.publish("bench", "x").await.map(|_| began)
        };
        let (began, delivery) = tokio::join!(publish, async {
            let delivery = pulls.next(1).await;
            delivery.map(|delivery| (delivery, Instant::now()))
        });
        let (delivery, arrived) = delivery?;
        times.push(arrived.duration_since(began?).as_secs_f64() * 1_000.0);
        delivery.ack().await?;
    }
    Ok(times)
}
