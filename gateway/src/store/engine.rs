//! The store without HTTP: files and catalog, changed together.
//!
//! Everything here blocks on the disk and runs off the async threads. A change prepares its files first
//! and then, under the catalog's lock, decides and renames: the lock is held for one rename, never for a
//! flush. Once begun, a change runs to its end even if the client hangs up.

use std::collections::HashSet;
use std::fs::{self, TryLockError};
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use s3s::{S3Result, s3_error};

use super::blob::Blob;
use super::catalog::{Bucket, Catalog, Object, Upload};
use super::clock::Clock;
use super::condition::Conditions;
use super::event::Cause;
use super::fault::disk_failed;
use super::layout::{self, Layout, id_text};
use super::load;
use super::lock::Lock;
use super::outbox::{Notice, Outbox};
use super::record::{BucketRecord, Headers, ObjectRecord, PieceRecord};
use super::{Error, ErrorKind, Options};

/// One open store.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) layout: Arc<Layout>,
    pub(super) outbox: Outbox,
    pub(super) clock: Clock,
    pub(super) region: String,
    catalog: RwLock<Catalog>,
    /// Held while the store is open: two processes on one folder would lose each other's writes.
    _lock: Lock,
}

/// An object about to be written.
#[derive(Debug)]
pub(super) struct Write<'a> {
    pub(super) bucket: &'a str,
    pub(super) object: Object,
    pub(super) conditions: &'a Conditions,
    pub(super) cause: Cause,
    /// The multipart upload that ends with this write.
    pub(super) upload: Option<u128>,
}

impl Engine {
    /// Opens the folder, making it and the buckets if need be, and takes up where a crash left off.
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        let failed = |source| {
            Error::new(
                ErrorKind::Disk,
                format!(
                    "the store's folder {} cannot be used",
                    options.dir.display()
                ),
                source,
            )
        };
        let layout = Arc::new(Layout::new(options.dir.clone(), options.sync));
        for folder in [layout.blobs(), layout.buckets(), layout.notices()] {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = Lock::take(&layout.lock()).map_err(|error| match error {
            TryLockError::WouldBlock => Error::new(
                ErrorKind::Locked,
                format!("the store in {} is open in another process: stop that one, or use another folder", options.dir.display()),
                io::Error::from(io::ErrorKind::WouldBlock),
            ),
            TryLockError::Error(error) => failed(error),
        })?;
        let loaded = load::load(&layout).map_err(failed)?;
        let outbox = Outbox::new(
            Arc::clone(&layout),
            options.region.clone(),
            options.notify_on.clone(),
        );
        outbox.load().map_err(failed)?;
        let engine = Self {
            layout,
            outbox,
            clock: Clock::new(loaded.latest_ns),
            region: options.region.clone(),
            catalog: RwLock::new(loaded.catalog),
            _lock: lock,
        };
        for bucket in &options.buckets {
            engine.create_bucket(bucket).map_err(|error| {
                Error::new(
                    ErrorKind::Options,
                    format!("the bucket {bucket} cannot be made: choose another name"),
                    error,
                )
            })?;
        }
        Ok(engine)
    }

    /// The catalog to look at. No change under its lock can end half-way, so a panic does not spoil it.
    pub(super) fn catalog(&self) -> RwLockReadGuard<'_, Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The catalog to change, together with the files.
    pub(super) fn catalog_mut(&self) -> RwLockWriteGuard<'_, Catalog> {
        self.catalog.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a bucket; whether it is new.
    pub(super) fn create_bucket(&self, name: &str) -> S3Result<bool> {
        if !s3s::path::check_bucket_name(name) {
            return Err(s3_error!(
                InvalidBucketName,
                "a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens"
            ));
        }
        let mut catalog = self.catalog_mut();
        if catalog.buckets.contains_key(name) {
            return Ok(false);
        }
        let record = BucketRecord {
            created_ns: self.clock.tick(),
        };
        self.layout
            .replace(self.layout.bucket_record(name), &record)
            .map_err(disk_failed)?;
        catalog.buckets.insert(name.to_owned(), Bucket::new(record));
        Ok(true)
    }

    /// Removes an empty bucket.
    pub(super) fn delete_bucket(&self, name: &str) -> S3Result<()> {
        let mut catalog = self.catalog_mut();
        let bucket = catalog.bucket(name)?;
        if !bucket.objects.is_empty() || !bucket.uploads.is_empty() {
            return Err(s3_error!(
                BucketNotEmpty,
                "the bucket holds objects or uploads: delete them first"
            ));
        }
        // The record first: a folder without one is no bucket.
        fs::remove_file(self.layout.bucket_record(name)).map_err(disk_failed)?;
        catalog.buckets.remove(name);
        fs::remove_dir_all(self.layout.bucket(name)).map_err(disk_failed)
    }

    /// The object under a key, with a hold on its bytes.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`.
    pub(super) fn object(&self, bucket: &str, key: &str) -> S3Result<Arc<Object>> {
        self.catalog().bucket(bucket)?.object(key).cloned()
    }

    /// Is a write allowed as things stand? Asked again when it is done; this spares a client the upload.
    pub(super) fn check_write(
        &self,
        bucket: &str,
        key: &str,
        conditions: &Conditions,
    ) -> S3Result<()> {
        let catalog = self.catalog();
        let current = catalog.bucket(bucket)?.objects.get(key.as_bytes());
        conditions.check_write(current.map(|object| &object.record))
    }

    /// Is the object that a notice speaks of still there?
    pub(super) fn is_current(&self, notice: &Notice) -> bool {
        self.object(&notice.bucket, &notice.key)
            .is_ok_and(|object| object.record.id == notice.object_id)
    }

    /// Puts an object in place of whatever was under its key, if the conditions hold.
    ///
    /// # Errors
    /// Those of the conditions; `NoSuchUpload` and `OperationAborted` when the upload changed meanwhile.
    pub(super) fn commit(&self, write: Write<'_>) -> S3Result<Arc<Object>> {
        let Write {
            bucket,
            object,
            conditions,
            cause,
            upload,
        } = write;
        let object = Arc::new(object);
        let record = &object.record;
        let notice = self.outbox.write_down(bucket, record, cause)?;
        let sidecar = self.layout.sidecar(bucket, &record.key);
        let draft = self
            .layout
            .draft(sidecar.clone(), record)
            .map_err(disk_failed)?;
        let (mut replaced, mut ended) = (None, None);
        let is_superseded = {
            let mut catalog = self.catalog_mut();
            let bucket = catalog.bucket_mut(bucket)?;
            let current = bucket.objects.get(record.key.as_bytes());
            conditions.check_write(current.map(|object| &object.record))?;
            check_upload(bucket, upload, &object.blobs)?;
            // Two writes at once: the order of their times is the order for everyone, notices included.
            let is_superseded =
                current.is_some_and(|current| current.record.modified_ns > record.modified_ns);
            if !is_superseded {
                draft.publish().map_err(disk_failed)?;
                object.blobs.iter().for_each(|blob| blob.keep());
                replaced = bucket
                    .objects
                    .insert(record.key.as_bytes().into(), Arc::clone(&object));
            }
            if let Some(id) = upload {
                ended = bucket.uploads.remove(&id).map(|upload| (id, upload));
            }
            is_superseded
        };
        if let Some(replaced) = replaced {
            replaced.discard();
        }
        if let Some((id, ended)) = ended {
            discard_unused(&ended, if is_superseded { &[] } else { &object.blobs });
            remove_folder(&self.layout.upload(bucket, id));
        }
        if !is_superseded {
            // The object is there now: its notice is sent whatever else fails.
            let durable = sidecar
                .parent()
                .map_or(Ok(()), |folder| self.layout.make_names_durable(folder));
            if let Some(notice) = notice {
                self.outbox.send(notice);
            }
            durable.map_err(disk_failed)?;
        }
        Ok(object)
    }

    /// Removes an object, if there is one and the conditions hold.
    pub(super) fn delete(&self, bucket: &str, key: &str, conditions: &Conditions) -> S3Result<()> {
        let sidecar = self.layout.sidecar(bucket, key);
        let removed = {
            let mut catalog = self.catalog_mut();
            let bucket = catalog.bucket_mut(bucket)?;
            let Some(current) = bucket.objects.get(key.as_bytes()) else {
                // Deleting what is not there is a success, so that a delete can be repeated.
                return Ok(());
            };
            conditions.check_write(Some(&current.record))?;
            fs::remove_file(&sidecar).map_err(disk_failed)?;
            current.discard();
            bucket.objects.remove(key.as_bytes())
        };
        drop(removed);
        sidecar
            .parent()
            .map_or(Ok(()), |folder| self.layout.make_names_durable(folder))
            .map_err(disk_failed)
    }

    /// A record for bytes that are on disk.
    pub(super) fn record(
        &self,
        blobs: &[Arc<Blob>],
        key: &str,
        etag: String,
    ) -> io::Result<ObjectRecord> {
        Ok(ObjectRecord {
            key: key.to_owned(),
            id: layout::new_id()?,
            etag,
            size: blobs.iter().map(|blob| blob.size()).sum(),
            modified_ns: self.clock.tick(),
            headers: Headers::default(),
            pieces: blobs
                .iter()
                .map(|blob| PieceRecord {
                    blob: blob.id(),
                    size: blob.size(),
                })
                .collect(),
            upload_id: None,
        })
    }
}

/// Is the upload still there, made of the same parts as when it was looked at?
fn check_upload(bucket: &Bucket, upload: Option<u128>, blobs: &[Arc<Blob>]) -> S3Result<()> {
    let Some(id) = upload else { return Ok(()) };
    let Some(upload) = bucket.uploads.get(&id) else {
        return Err(s3_error!(
            NoSuchUpload,
            "the upload {} was completed or aborted meanwhile",
            id_text(id)
        ));
    };
    let current: HashSet<_> = upload.parts.values().map(|part| part.record.blob).collect();
    if blobs.iter().all(|blob| current.contains(&blob.id())) {
        Ok(())
    } else {
        Err(s3_error!(
            OperationAborted,
            "a part was uploaded again meanwhile: list the parts, then complete"
        ))
    }
}

fn discard_unused(upload: &Upload, used: &[Arc<Blob>]) {
    let used: HashSet<_> = used.iter().map(|blob| blob.id()).collect();
    for part in upload
        .parts
        .values()
        .filter(|part| !used.contains(&part.record.blob))
    {
        part.blob.discard();
    }
}

/// Removes an ended upload's folder; what is left of it the next start sweeps.
pub(super) fn remove_folder(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %folder.display(), %error, "an ended upload's folder could not be removed; the next start tries again");
    }
}
