//! What a child may use, and how that is seen.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::RANGE_BYTES_MAX;

/// How often memory and progress are looked at: a child that grows by 2 GB a second is 200 MB over
/// its limit when it is seen.
pub(super) const WATCH_MS: u64 = 100;

/// What a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Resident memory. A 1080p source into four renditions takes some 500 MB.
    pub memory_bytes: u64,
    /// Threads. A 1080p source into five renditions takes 36 on 2 cores, 129 on 16, 419 on 64.
    pub threads: u64,
    /// Longest time without progress while nothing is owed to the child: no range that it waits
    /// for, no object that is not stored.
    pub stalled_ms: u64,
    /// All its objects together.
    pub output_bytes: u64,
}

impl Limits {
    /// A ceiling for the data segment, behind the polling: reserved memory is more than what is
    /// resident, above all the stacks of threads.
    #[must_use]
    pub fn data_bytes_max(&self) -> u64 {
        self.memory_bytes.saturating_mul(2).saturating_add(1 << 30)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 2 << 30,
            threads: 2048,
            stalled_ms: 120_000,
            output_bytes: 8 << 30,
        }
    }
}

/// All ranges that a child may ask for: an index and a few passes over the source are honest,
/// reading it for ever is not.
pub(super) fn range_bytes_max(source_bytes: u64) -> u64 {
    source_bytes
        .saturating_mul(8)
        .saturating_add(64 * u64::from(RANGE_BYTES_MAX))
}

/// What a process uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    /// Resident memory.
    pub(super) memory_bytes: u64,
    /// Threads.
    pub(super) threads: u64,
}

impl Usage {
    /// As the kernel tells; `None` when the process is gone.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let path: PathBuf = ["/proc", &pid.to_string(), "stat"].iter().collect();
        Self::parse(&std::fs::read_to_string(path).ok()?)
    }

    /// Reads `/proc/<pid>/stat`, see proc(5). The name in brackets is the process's own choice.
    fn parse(stat: &str) -> Option<Self> {
        /// Fields 20 and 24, of which the first after the name is the third.
        const THREADS: usize = 20 - 3;
        const RESIDENT_PAGES: usize = 24 - 3;
        let (_, fields) = stat.rsplit_once(')')?;
        let field = |n| fields.split_whitespace().nth(n)?.parse::<u64>().ok();
        Some(Self {
            memory_bytes: field(RESIDENT_PAGES)? * rustix::param::page_size() as u64,
            threads: field(THREADS)?,
        })
    }
}

/// A clock that runs only while nothing is owed to the child.
#[derive(Debug)]
pub(super) struct Stall {
    limit: Duration,
    stalled: Duration,
    seen: Instant,
}

impl Stall {
    pub(super) fn new(limit_ms: u64) -> Self {
        let limit = Duration::from_millis(limit_ms);
        Self {
            limit,
            stalled: Duration::ZERO,
            seen: Instant::now(),
        }
    }

    /// The child got on.
    pub(super) fn reset(&mut self) {
        self.stalled = Duration::ZERO;
        self.seen = Instant::now();
    }

    /// Lets time pass, which counts unless something is owed. Whether it was too much.
    pub(super) fn tick(&mut self, is_owed: bool) -> bool {
        let now = Instant::now();
        if !is_owed {
            self.stalled += now.duration_since(self.seen);
        }
        self.seen = now;
        self.stalled >= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_memory_and_threads_can_be_read() {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || ended.recv());
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.memory_bytes > 100_000, "{usage:?}");
        assert!((2..1000).contains(&usage.threads), "{usage:?}");
        assert_eq!(Usage::of(u32::MAX), None);
        drop(end);
        assert!(thread.join().unwrap().is_err());
    }

    #[test]
    fn a_process_s_name_is_no_field() {
        let stat =
            "7 (a) R 1 2) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 5 0 99 1000 3 18446744073709551615";
        let page = rustix::param::page_size() as u64;
        let usage = Usage {
            memory_bytes: 3 * page,
            threads: 5,
        };
        assert_eq!(Usage::parse(stat), Some(usage));
    }

    #[tokio::test(start_paused = true)]
    async fn time_counts_only_while_nothing_is_owed() {
        let mut stall = Stall::new(1000);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(!stall.tick(true));
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(!stall.tick(false));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(stall.tick(false));
        stall.reset();
        assert!(!stall.tick(false));
    }
}
