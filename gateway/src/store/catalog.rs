//! What is in the store, in memory and in order: lookups and listings touch no disk.
//!
//! The files are the truth; this is rebuilt from them at start (see [`super::load`]) and changed with
//! them under one lock. About half a kilobyte per object.

use std::collections::BTreeMap;
use std::sync::Arc;

use s3s::{S3Result, s3_error};

use super::blob::Blob;
use super::layout::parse_id;
use super::record::{BucketRecord, ObjectRecord, PartRecord, UploadRecord};

/// All buckets.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    pub(super) buckets: BTreeMap<String, Bucket>,
}

/// Keys in the order that S3 lists them in: by their bytes.
pub(super) type Objects = BTreeMap<Box<[u8]>, Arc<Object>>;

/// One bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) record: BucketRecord,
    pub(super) objects: Objects,
    pub(super) uploads: BTreeMap<u128, Upload>,
}

/// An object, and a hold on its bytes: who has one can read to the end, whatever replaces the key.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) record: ObjectRecord,
    pub(super) blobs: Vec<Arc<Blob>>,
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) record: UploadRecord,
    pub(super) parts: BTreeMap<u16, Part>,
}

/// The last upload of a part's number.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) record: PartRecord,
    pub(super) blob: Arc<Blob>,
}

impl Catalog {
    /// # Errors
    /// `NoSuchBucket`.
    pub(super) fn bucket(&self, name: &str) -> S3Result<&Bucket> {
        self.buckets.get(name).ok_or_else(|| no_such_bucket(name))
    }

    /// # Errors
    /// `NoSuchBucket`.
    pub(super) fn bucket_mut(&mut self, name: &str) -> S3Result<&mut Bucket> {
        self.buckets
            .get_mut(name)
            .ok_or_else(|| no_such_bucket(name))
    }
}

fn no_such_bucket(name: &str) -> s3s::S3Error {
    s3_error!(
        NoSuchBucket,
        "there is no bucket {name}: create it, or name another"
    )
}

impl Bucket {
    pub(super) fn new(record: BucketRecord) -> Self {
        Self {
            record,
            objects: BTreeMap::new(),
            uploads: BTreeMap::new(),
        }
    }

    /// # Errors
    /// `NoSuchKey`.
    pub(super) fn object(&self, key: &str) -> S3Result<&Arc<Object>> {
        self.objects
            .get(key.as_bytes())
            .ok_or_else(|| s3_error!(NoSuchKey, "there is no object under this key"))
    }

    /// The upload with this id, if it is for this key: an id alone opens nothing.
    ///
    /// # Errors
    /// `NoSuchUpload`.
    pub(super) fn upload(&self, key: &str, id: &str) -> S3Result<(u128, &Upload)> {
        parse_id(id)
            .and_then(|id| Some((id, self.uploads.get(&id)?)))
            .filter(|(_, upload)| upload.record.key == key)
            .ok_or_else(|| {
                s3_error!(
                    NoSuchUpload,
                    "there is no such upload: it was completed, aborted or never begun"
                )
            })
    }
}

impl Object {
    /// Unties the bytes from the record that was just replaced or removed.
    pub(super) fn discard(&self) {
        self.blobs.iter().for_each(|blob| blob.discard());
    }
}
