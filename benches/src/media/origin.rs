//! What a chunk reads of its source, over HTTP and counted where it is served.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, ensure};
use bus_schema::plan::Span;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Bench, QUALITIES, process};
use crate::report::Row;

/// Reads may be so many times the chunk's share of the film ...
const SHARE_MAX: f64 = 1.5;
/// ... and so many MB more.
const MORE_MB: f64 = 2.0;
/// Length of the chunk, in seconds.
const CHUNK_SECONDS: u32 = 15;
/// Longest head of a request.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Measures.
pub(super) async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let planned = bench.engine.plan(&bench.film, &QUALITIES[3..]).await?;
    let length_s = CHUNK_SECONDS.min(bench.film.seconds / 4);
    let start_s = u64::from(bench.film.seconds / 2);
    let span = Span {
        start_ns: start_s * 1_000_000_000,
        end_ns: Some((start_s + u64::from(length_s)) * 1_000_000_000),
    };
    let origin = Origin::serve(&bench.film.path).await?;
    let out = bench.scratch()?;
    let spec = planned.chunk(span, 0)?;
    let mut command = bench.engine.command(&spec, &origin.url, out.path())?;
    process::run(&mut command, "tcoder-worker").await?;
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let share = mb(bench.film.bytes()?) * f64::from(length_s) / f64::from(bench.film.seconds);
    Ok(vec![
        Row::plain("a chunk's share of the film", share, "MB"),
        Row::at_most(
            "read for that chunk",
            mb(origin.sent.load(Ordering::Relaxed)),
            "MB",
            share * SHARE_MAX + MORE_MB,
        ),
    ])
}

/// A server of one file, in ranges.
#[derive(Debug)]
struct Origin {
    url: String,
    sent: Arc<AtomicU64>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Origin {
    async fn serve(path: &std::path::Path) -> anyhow::Result<Self> {
        let file = Arc::new(File::open(path)?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/film.mp4", listener.local_addr()?);
        let sent = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&sent);
        #[expect(
            clippy::disallowed_methods,
            reason = "aborted when the server is dropped"
        )]
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(answer(stream, Arc::clone(&file), Arc::clone(&count)));
            }
        });
        Ok(Self { url, sent, server })
    }
}

/// Answers the requests of one connection until it is closed.
async fn answer(
    mut stream: TcpStream,
    file: Arc<File>,
    sent: Arc<AtomicU64>,
) -> anyhow::Result<()> {
    let size = file.metadata()?.len();
    while let Some(head) = head(&mut stream).await? {
        let range = head.lines().find_map(range);
        let Some((first, last)) = range else {
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n");
            ensure!(head.starts_with("HEAD "), "neither HEAD nor a range");
            stream.write_all(answer.as_bytes()).await?;
            continue;
        };
        let len = (last.min(size.saturating_sub(1)) + 1).saturating_sub(first);
        let mut body = vec![0; usize::try_from(len)?];
        file.read_exact_at(&mut body, first)?;
        let answer = format!(
            "HTTP/1.1 206 Partial Content\r\ncontent-length: {len}\r\n\
             content-range: bytes {first}-{}/{size}\r\n\r\n",
            first + len - 1
        );
        stream.write_all(answer.as_bytes()).await?;
        stream.write_all(&body).await?;
        sent.fetch_add(len, Ordering::Relaxed);
    }
    Ok(())
}

/// The head of the next request; `None` when there is none.
async fn head(stream: &mut TcpStream) -> anyhow::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) if head.is_empty() => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        ensure!(head.len() <= HEAD_BYTES_MAX, "a request without an end");
    }
    String::from_utf8(head)
        .map(Some)
        .context("a request of bytes")
}

/// `Range: bytes=0-99`.
fn range(line: &str) -> Option<(u64, u64)> {
    let (name, value) = line.split_once(':')?;
    if !name.eq_ignore_ascii_case("range") {
        return None;
    }
    let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
