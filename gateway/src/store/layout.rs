//! Where things lie on disk, and how a record is replaced in one step.
//!
//! ```text
//! <dir>/lock                                   held while a store is open
//! <dir>/blobs/<hh>/<id>                        bytes, written once, named by a random id
//! <dir>/buckets/<bucket>/bucket.json
//! <dir>/buckets/<bucket>/objects/<hh>/<sha>.json   sidecar; <sha> is the SHA-256 of the key
//! <dir>/buckets/<bucket>/uploads/<id>/upload.json
//! <dir>/buckets/<bucket>/uploads/<id>/<n>.json     part
//! <dir>/notify/<id>.json                       notifications not yet accepted
//! ```
//!
//! No name is ever made from a client's text: keys are hashed (the key itself is in the sidecar), ids
//! are ours, bucket names are letters, digits, dots and hyphens by rule. So `../`, case folding,
//! 255-byte limits and a key that is another key's folder are no cases at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use s3s::crypto::{Checksum as _, Sha256};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Sync;

/// A half-written record ends so; what is left of them is swept at start.
const UNFINISHED: &str = "tmp";

/// The paths below one store's folder.
#[derive(Debug)]
pub(super) struct Layout {
    dir: PathBuf,
    sync: Sync,
}

impl Layout {
    pub(super) fn new(dir: PathBuf, sync: Sync) -> Self {
        Self { dir, sync }
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.dir.join("blobs")
    }

    pub(super) fn blob(&self, id: u128) -> PathBuf {
        let name = id_text(id);
        self.blobs().join(fan_out(&name)).join(name)
    }

    pub(super) fn buckets(&self) -> PathBuf {
        self.dir.join("buckets")
    }

    /// `bucket` has passed [`s3s::path::check_bucket_name`]: it cannot be `..` or hold a slash.
    pub(super) fn bucket(&self, bucket: &str) -> PathBuf {
        self.buckets().join(bucket)
    }

    pub(super) fn bucket_record(&self, bucket: &str) -> PathBuf {
        self.bucket(bucket).join("bucket.json")
    }

    pub(super) fn objects(&self, bucket: &str) -> PathBuf {
        self.bucket(bucket).join("objects")
    }

    pub(super) fn sidecar(&self, bucket: &str, key: &str) -> PathBuf {
        let name = sidecar_name(key);
        self.objects(bucket).join(fan_out(&name)).join(name)
    }

    pub(super) fn uploads(&self, bucket: &str) -> PathBuf {
        self.bucket(bucket).join("uploads")
    }

    pub(super) fn upload(&self, bucket: &str, id: u128) -> PathBuf {
        self.uploads(bucket).join(id_text(id))
    }

    pub(super) fn upload_record(&self, bucket: &str, id: u128) -> PathBuf {
        self.upload(bucket, id).join("upload.json")
    }

    pub(super) fn part_record(&self, bucket: &str, id: u128, number: u16) -> PathBuf {
        self.upload(bucket, id).join(format!("{number}.json"))
    }

    pub(super) fn notices(&self) -> PathBuf {
        self.dir.join("notify")
    }

    /// Writes `record` beside `path` and makes it durable. Nothing is visible until [`Draft::publish`].
    pub(super) fn draft<T: Serialize>(&self, path: PathBuf, record: &T) -> io::Result<Draft> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let draft = Draft {
            beside: path.with_extension(format!("{}.{UNFINISHED}", id_text(new_id()?))),
            path,
        };
        let mut file = File::create_new(&draft.beside)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        self.make_durable(&file)?;
        Ok(draft)
    }

    /// [`Self::draft`] and [`Draft::publish`] in one step, for records that need no lock.
    pub(super) fn replace<T: Serialize>(&self, path: PathBuf, record: &T) -> io::Result<()> {
        let folder = path.parent().map(Path::to_owned);
        self.draft(path, record)?.publish()?;
        folder.map_or(Ok(()), |folder| self.make_names_durable(&folder))
    }

    /// Flushes a file's bytes, where the store was asked to.
    pub(super) fn make_durable(&self, file: &File) -> io::Result<()> {
        match self.sync {
            Sync::Always => file.sync_data(),
            Sync::Never => Ok(()),
        }
    }

    /// Flushes a folder's names: without it a rename may be undone by a power cut.
    pub(super) fn make_names_durable(&self, folder: &Path) -> io::Result<()> {
        match self.sync {
            Sync::Always => File::open(folder)?.sync_all(),
            Sync::Never => Ok(()),
        }
    }
}

/// A record that is on disk under a passing name; dropped without [`Draft::publish`], it is removed.
#[derive(Debug)]
pub(super) struct Draft {
    beside: PathBuf,
    path: PathBuf,
}

impl Draft {
    /// Replaces what was there, in one step.
    pub(super) fn publish(self) -> io::Result<()> {
        fs::rename(&self.beside, &self.path)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        remove_if_there(&self.beside);
    }
}

/// Reads a record; `None` when there is none.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The files of a folder, none if it is missing; unfinished records are removed on the way.
pub(super) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == UNFINISHED)
        {
            remove_if_there(&path);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// Removes a file that nothing refers to. Failing is harmless: the next start sweeps it.
pub(super) fn remove_if_there(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a leftover could not be removed; the next start tries again");
    }
}

/// A new random id: 128 bits, so that neither collision nor guessing is a case.
pub(super) fn new_id() -> io::Result<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u128::from_be_bytes(bytes))
}

/// An id as it is written: 32 lower-case hex digits.
pub(super) fn id_text(id: u128) -> String {
    format!("{id:032x}")
}

/// The inverse of [`id_text`], and of nothing else.
pub(super) fn parse_id(text: &str) -> Option<u128> {
    let id = u128::from_str_radix(text, 16).ok()?;
    (id_text(id) == text).then_some(id)
}

/// The file name of the sidecar for `key`.
pub(super) fn sidecar_name(key: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(key.as_bytes());
    format!("{}.json", hex(&hasher.finalize()))
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
            text
        })
}

/// 256 folders, so that no folder grows beyond what every file system copes with.
fn fan_out(name: &str) -> &str {
    name.get(..2).unwrap_or("00")
}
