//! Rebuilding the catalog from the files, and sweeping what a crash left over.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::blob::Blob;
use super::catalog::{Bucket, Catalog, Object, Part, Upload};
use super::layout::{self, Layout, id_text, parse_id};
use super::record::{BucketRecord, ObjectRecord, PartRecord, UploadRecord};

/// What the files say.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) catalog: Catalog,
    /// The latest time in any record: the clock goes on from there even if it was set back.
    pub(super) latest_ns: u64,
}

/// Reads all records and removes the blobs that none of them names.
///
/// # Errors
/// When a folder cannot be read. A record that cannot be understood is reported and left where it is,
/// and no blob is removed then.
pub(super) fn load(layout: &Arc<Layout>) -> io::Result<Loaded> {
    let mut loader = Loader {
        layout,
        unnamed: blobs_on_disk(layout)?,
        is_damaged: false,
        latest_ns: 0,
    };
    let mut catalog = Catalog::default();
    for folder in layout::list(&layout.buckets())? {
        let Some(name) = folder.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if let Some(bucket) = loader.bucket(name)? {
            catalog.buckets.insert(name.to_owned(), bucket);
        }
    }
    loader.sweep();
    Ok(Loaded {
        catalog,
        latest_ns: loader.latest_ns,
    })
}

struct Loader<'a> {
    layout: &'a Arc<Layout>,
    /// Blobs on disk that no record read so far names.
    unnamed: HashSet<u128>,
    is_damaged: bool,
    latest_ns: u64,
}

impl Loader<'_> {
    fn bucket(&mut self, name: &str) -> io::Result<Option<Bucket>> {
        let Some(record) = self.read::<BucketRecord>(&self.layout.bucket_record(name)) else {
            return Ok(None);
        };
        let mut bucket = Bucket::new(record);
        for folder in layout::list(&self.layout.objects(name))? {
            for path in layout::list(&folder)? {
                if let Some(object) = self.object(&path) {
                    bucket
                        .objects
                        .insert(object.record.key.as_bytes().into(), Arc::new(object));
                }
            }
        }
        // After the objects: an upload that one of them was made of was completed, only its folder is left.
        let completed: HashSet<_> = bucket
            .objects
            .values()
            .filter_map(|object| object.record.upload_id.clone())
            .collect();
        for folder in layout::list(&self.layout.uploads(name))? {
            let Some(id) = folder
                .file_name()
                .and_then(|id| id.to_str())
                .and_then(parse_id)
            else {
                continue;
            };
            let upload = if completed.contains(&id_text(id)) {
                None
            } else {
                self.upload(name, id)?
            };
            match upload {
                Some(upload) => {
                    bucket.uploads.insert(id, upload);
                }
                None if self.is_damaged => {}
                None => fs::remove_dir_all(&folder)?,
            }
        }
        Ok(Some(bucket))
    }

    fn object(&mut self, path: &Path) -> Option<Object> {
        let record: ObjectRecord = self.read(path)?;
        if path
            .file_name()
            .is_none_or(|name| name.to_str() != Some(&layout::sidecar_name(&record.key)))
        {
            return self.damaged(path, "it is not the file of the key it names");
        }
        if !record
            .pieces
            .iter()
            .all(|piece| self.unnamed.contains(&piece.blob))
        {
            return self.damaged(path, "its bytes are missing, or another object's");
        }
        let blobs = record
            .pieces
            .iter()
            .map(|piece| self.claim(piece.blob, piece.size))
            .collect();
        self.latest_ns = self.latest_ns.max(record.modified_ns);
        Some(Object { record, blobs })
    }

    /// `None` for an upload that was being removed, or whose creation was never answered.
    fn upload(&mut self, bucket: &str, id: u128) -> io::Result<Option<Upload>> {
        let Some(record) = self.read::<UploadRecord>(&self.layout.upload_record(bucket, id)) else {
            return Ok(None);
        };
        let mut parts = BTreeMap::new();
        for path in layout::list(&self.layout.upload(bucket, id))? {
            let Some(number) = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .and_then(|stem| stem.parse().ok())
            else {
                continue;
            };
            let Some(record) = self.read::<PartRecord>(&path) else {
                continue;
            };
            if self.unnamed.contains(&record.blob) {
                let blob = self.claim(record.blob, record.size);
                self.latest_ns = self.latest_ns.max(record.modified_ns);
                parts.insert(number, Part { record, blob });
            }
        }
        self.latest_ns = self.latest_ns.max(record.initiated_ns);
        Ok(Some(Upload { record, parts }))
    }

    fn claim(&mut self, id: u128, size: u64) -> Arc<Blob> {
        self.unnamed.remove(&id);
        Blob::recorded(self.layout, id, size)
    }

    fn read<T: serde::de::DeserializeOwned>(&mut self, path: &Path) -> Option<T> {
        match layout::read(path) {
            Ok(record) => record,
            Err(error) => self.damaged(path, &error.to_string()),
        }
    }

    fn damaged<T>(&mut self, path: &Path, reason: &str) -> Option<T> {
        tracing::error!(path = %path.display(), reason, "a record of the store is damaged and left aside: restore it or remove it");
        self.is_damaged = true;
        None
    }

    /// Removes the blobs that a crash left without a record - unless a damaged record may name them.
    fn sweep(&self) {
        if self.is_damaged {
            return;
        }
        for id in &self.unnamed {
            layout::remove_if_there(&self.layout.blob(*id));
        }
    }
}

fn blobs_on_disk(layout: &Layout) -> io::Result<HashSet<u128>> {
    let mut ids = HashSet::new();
    for folder in layout::list(&layout.blobs())? {
        for path in layout::list(&folder)? {
            ids.extend(
                path.file_name()
                    .and_then(|name| name.to_str())
                    .and_then(parse_id),
            );
        }
    }
    Ok(ids)
}
