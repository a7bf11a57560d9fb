//! Which encoders worked when they were last tried, in a file of the cache folder.

use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::plugins::Plugins;

/// The file's name in the cache folder.
const FILE: &str = "encoders.json";
/// How long a trial is believed. The key names what usually changes; a library that is replaced
/// under a plugin is not in it, and noticed within a day.
const BELIEVED_MS: u64 = 24 * 60 * 60 * 1000;
/// Where devices that encode are listed, and how their names begin.
const DEVICES: &str = "/dev";
/// See there: render nodes lie in `dri`.
const DEVICE_PREFIXES: &[&str] = &["dri", "nvidia", "dxg", "video"];
/// What says which drivers run: most come with the kernel, NVIDIA's has a version of its own.
const DRIVERS: &[&str] = &["/proc/sys/kernel/osrelease", "/sys/module/nvidia/version"];

/// What is remembered.
#[derive(Debug)]
pub(super) struct Memory {
    /// Where it is kept; `None` where it cannot be said what it would depend on.
    path: Option<PathBuf>,
    kept: Kept,
    is_changed: bool,
}

/// The file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Stands for everything that may change the answer.
    key: String,
    /// When the oldest of them was tried, milliseconds since 1970.
    tried_ms: u64,
    /// The encoders that there are elements for.
    present: Vec<String>,
    /// Those in software that worked.
    working: Vec<String>,
}

impl Memory {
    /// What is known of this machine as it is now: nothing, when anything has changed, or the file is
    /// damaged, too old or from the future.
    pub(super) fn read(program: &Path, plugins: &Plugins) -> Self {
        let now_ms = now_ms();
        let path = plugins.folder().join(FILE);
        let key = match key(program, plugins) {
            Ok(key) => key,
            Err(error) => {
                tracing::warn!(%error, "trials will be made again");
                return Self::nothing(None, String::new(), now_ms);
            }
        };
        let believed = |kept: &Kept| {
            kept.key == key
                && now_ms
                    .checked_sub(kept.tried_ms)
                    .is_some_and(|age_ms| age_ms < BELIEVED_MS)
        };
        // Without its registry the next child would build it at a task's cost: a trial does.
        let kept = std::fs::read(&path)
            .ok()
            .filter(|_| plugins.has_registry())
            .and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok())
            .filter(believed);
        match kept {
            Some(kept) => Self {
                path: Some(path),
                kept,
                is_changed: false,
            },
            None => Self::nothing(Some(path), key, now_ms),
        }
    }

    fn nothing(path: Option<PathBuf>, key: String, tried_ms: u64) -> Self {
        Self {
            path,
            kept: Kept {
                key,
                tried_ms,
                present: Vec::new(),
                working: Vec::new(),
            },
            is_changed: false,
        }
    }

    /// The encoders that there are elements for, where that is known.
    pub(super) fn present(&self) -> Option<&[String]> {
        let present = self.kept.present.as_slice();
        (!present.is_empty()).then_some(present)
    }

    /// These encoders have elements.
    pub(super) fn note_present(&mut self, present: &[String]) {
        if self.kept.present != present {
            self.kept.present = present.to_vec();
            self.is_changed = true;
        }
    }

    /// Whether this encoder is known to work.
    pub(super) fn works(&self, encoder: &str) -> bool {
        self.kept.working.iter().any(|working| working == encoder)
    }

    /// This encoder was tried, and works.
    pub(super) fn add(&mut self, encoder: &str) {
        self.kept.working.push(encoder.to_owned());
        self.is_changed = true;
    }

    /// Keeps what is new for the next start; without it that one tries again.
    pub(super) fn write(&self) {
        let (Some(path), true) = (&self.path, self.is_changed) else {
            return;
        };
        // In one step: other workers of this machine may read it meanwhile.
        let draft = path.with_extension(std::process::id().to_string());
        let written = serde_json::to_vec(&self.kept)
            .map_err(io::Error::from)
            .and_then(|bytes| std::fs::write(&draft, bytes))
            .and_then(|()| std::fs::rename(&draft, path));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "trials will be made again");
        }
    }
}

/// A digest of what may change which encoders work.
fn key(program: &Path, plugins: &Plugins) -> io::Result<String> {
    let mut facts = format!("worker {}\n", env!("CARGO_PKG_VERSION"));
    note(&mut facts, program)?;
    for link in sorted(&plugins.links())? {
        note(&mut facts, &link)?;
    }
    for device in devices() {
        facts.push_str(&format!("{}\n", device.display()));
    }
    for driver in DRIVERS {
        facts += &std::fs::read_to_string(driver).unwrap_or_default();
    }
    let mut key = String::new();
    for byte in Sha256::digest(facts) {
        write!(key, "{byte:02x}").map_err(io::Error::other)?;
    }
    Ok(key)
}

/// A file as it lies there: a replaced one has another time or size.
fn note(facts: &mut String, path: &Path) -> io::Result<()> {
    let there = path.canonicalize()?;
    let metadata = there.metadata()?;
    let (len, s, ns) = (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
    writeln!(facts, "{} {len} {s}.{ns}", there.display()).map_err(io::Error::other)
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Devices that may encode, and what lies in folders of them.
fn devices() -> Vec<PathBuf> {
    let is_device = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        DEVICE_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    let mut found: Vec<PathBuf> = sorted(Path::new(DEVICES)).unwrap_or_default();
    found.retain(is_device);
    let nodes: Vec<PathBuf> = found
        .iter()
        .flat_map(|path| sorted(path).unwrap_or_default())
        .collect();
    found.extend(nodes);
    found
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
