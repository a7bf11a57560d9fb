//! The media engine beside ffmpeg and x264: the same film, the same frames, the same settings of x264, in turns.
//!
//! `BENCH_SECONDS`, `BENCH_PAIRS` and `BENCH_ROWS` (`speed`, `quality`, `memory`, `ranges`, `first`, by commas)
//! make it shorter while one works on something; what is promised is promised for the defaults.

mod film;
mod first;
mod memory;
mod origin;
mod ours;
mod process;
mod quality;
mod speed;
mod theirs;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};

use self::film::Film;
use self::ours::Engine;
use crate::report::{Row, complain};

/// Seconds of film.
const SECONDS: u32 = 60;
/// Rounds in which everything runs once, in turns.
const PAIRS: usize = 5;
/// Qualities that the film is encoded in.
const QUALITIES: [&str; 4] = ["720p", "480p", "360p", "144p"];
/// All parts.
const PARTS: [&str; 5] = ["speed", "quality", "memory", "ranges", "first"];

/// What to measure, and where.
#[derive(Debug)]
struct Bench {
    /// Keeps the films from one run to the next.
    cache: PathBuf,
    film: Film,
    pairs: usize,
    engine: Engine,
}

/// Measures.
pub(crate) async fn run() -> anyhow::Result<Vec<Row>> {
    let seconds = number("BENCH_SECONDS", SECONDS)?;
    let pairs = number("BENCH_PAIRS", u32::try_from(PAIRS)?)? as usize;
    ensure!(seconds >= 8, "BENCH_SECONDS: at least 8, two segments");
    ensure!(pairs >= 1, "BENCH_PAIRS: at least 1");
    let parts = std::env::var("BENCH_ROWS").unwrap_or_else(|_| PARTS.join(","));
    let parts: Vec<&str> = parts.split(',').collect();
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(part)) {
        anyhow::bail!("BENCH_ROWS: `{unknown}` is none of {}", PARTS.join(", "));
    }
    let cache = cache()?;
    let film = Film::hd(&cache, seconds).await?;
    let engine = Engine::new(&cache)?;
    let bench = Bench {
        cache,
        film,
        pairs,
        engine,
    };
    let mut rows = Vec::new();
    for part in parts {
        complain(&format!("measuring: {part}"));
        rows.extend(match part {
            "speed" => speed::rows(&bench).await?,
            "quality" => quality::rows(&bench).await?,
            "memory" => memory::rows(&bench).await?,
            "ranges" => origin::rows(&bench).await?,
            _ => first::rows(&bench).await?,
        });
    }
    Ok(rows)
}

impl Bench {
    /// A folder that is gone when it is dropped, on the disk of the cache.
    fn scratch(&self) -> anyhow::Result<tempfile::TempDir> {
        tempfile::tempdir_in(&self.cache).context("no room for results")
    }
}

/// `target/bench-media`, whatever the profile is called.
fn cache() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program
        .parent()
        .and_then(|profile| profile.parent())
        .context("this program lies in no target folder")?;
    let cache = target.join("bench-media");
    std::fs::create_dir_all(&cache)?;
    Ok(cache)
}

fn number(name: &str, default: u32) -> anyhow::Result<u32> {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{name}: `{text}` is no number")),
        Err(_) => Ok(default),
    }
}
