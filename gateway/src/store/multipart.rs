//! Multipart uploads: parts in any order, again if need be, completed in one step.
//!
//! Completing copies nothing: the object's record names the parts' blobs in order. An upload is on disk
//! from its first answer on and survives a restart.

use std::sync::Arc;

use s3s::crypto::{Checksum as _, Md5};
use s3s::{S3Result, s3_error};

use super::catalog::{Object, Part, Upload};
use super::condition::Conditions;
use super::engine::{Engine, Write, remove_folder};
use super::event::Cause;
use super::fault::disk_failed;
use super::layout::{self, hex, id_text, parse_id};
use super::receive::Received;
use super::record::{Headers, PartRecord, UploadRecord};

/// What S3 allows.
pub(super) const PARTS_MAX: u16 = 10_000;

/// Bytes of every part but the last; what S3 demands.
const PART_BYTES_MIN: u64 = 5 << 20;

/// Open uploads of one bucket: ten times the users that are expected at once. Beyond this a new one is
/// refused with 503; aborting the abandoned ones makes room.
const UPLOADS_MAX: usize = 10_000;

/// One line of a request to complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WantedPart {
    pub(super) number: u16,
    /// Without quotes; absent it is not compared.
    pub(super) etag: Option<String>,
}

/// What the client named to complete.
#[derive(Clone, Debug)]
pub(super) struct Completion {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) upload_id: String,
    pub(super) parts: Vec<WantedPart>,
    pub(super) conditions: Conditions,
    /// What the whole should have; bytes.
    pub(super) size: Option<u64>,
}

impl Engine {
    /// Begins an upload; its id.
    pub(super) fn create_upload(
        &self,
        bucket: &str,
        key: &str,
        headers: Headers,
    ) -> S3Result<String> {
        if self.catalog().bucket(bucket)?.uploads.len() >= UPLOADS_MAX {
            return Err(s3_error!(
                SlowDown,
                "{UPLOADS_MAX} uploads are open in this bucket: abort some, then try again"
            ));
        }
        let record = UploadRecord {
            key: key.to_owned(),
            initiated_ns: self.clock.tick(),
            headers,
        };
        let id = layout::new_id().map_err(disk_failed)?;
        self.layout
            .replace(self.layout.upload_record(bucket, id), &record)
            .map_err(disk_failed)?;
        self.layout
            .make_names_durable(&self.layout.uploads(bucket))
            .map_err(disk_failed)?;
        let upload = Upload {
            record,
            parts: std::collections::BTreeMap::new(),
        };
        self.catalog_mut()
            .bucket_mut(bucket)?
            .uploads
            .insert(id, upload);
        Ok(id_text(id))
    }

    /// Puts a part in place of an earlier one of its number; its ETag.
    pub(super) fn put_part(
        &self,
        bucket: &str,
        key: &str,
        upload_id: &str,
        number: u16,
        received: &Received,
    ) -> S3Result<String> {
        let id = self.catalog().bucket(bucket)?.upload(key, upload_id)?.0;
        let etag = hex(&received.md5);
        let record = PartRecord {
            blob: received.blob.id(),
            etag: etag.clone(),
            size: received.blob.size(),
            modified_ns: self.clock.tick(),
        };
        let path = self.layout.part_record(bucket, id, number);
        let draft = self
            .layout
            .draft(path.clone(), &record)
            .map_err(disk_failed)?;
        let replaced = {
            let mut catalog = self.catalog_mut();
            let bucket = catalog.bucket_mut(bucket)?;
            let (id, _) = bucket.upload(key, upload_id)?;
            let Some(upload) = bucket.uploads.get_mut(&id) else {
                return Err(s3_error!(NoSuchUpload));
            };
            if upload
                .parts
                .get(&number)
                .is_some_and(|part| part.record.modified_ns > record.modified_ns)
            {
                return Ok(etag);
            }
            draft.publish().map_err(disk_failed)?;
            received.blob.keep();
            let replaced = upload.parts.insert(
                number,
                Part {
                    record,
                    blob: Arc::clone(&received.blob),
                },
            );
            replaced.inspect(|part| part.blob.discard())
        };
        drop(replaced);
        path.parent()
            .map_or(Ok(()), |folder| self.layout.make_names_durable(folder))
            .map_err(disk_failed)?;
        Ok(etag)
    }

    /// Makes the object out of the named parts.
    ///
    /// # Errors
    /// `InvalidPart`, `InvalidPartOrder`, `EntityTooSmall`, `MalformedXML`, `InvalidRequest`,
    /// `NoSuchUpload`, and those of the conditions.
    pub(super) fn complete_upload(&self, wanted: &Completion) -> S3Result<Arc<Object>> {
        let (id, object) = {
            let catalog = self.catalog();
            let bucket = catalog.bucket(&wanted.bucket)?;
            // Asked again after the answer was lost: the answer is the same.
            if let Ok(object) = bucket.object(&wanted.key)
                && object.record.upload_id.as_deref() == Some(wanted.upload_id.as_str())
            {
                return Ok(Arc::clone(object));
            }
            let (id, upload) = bucket.upload(&wanted.key, &wanted.upload_id)?;
            let parts = choose(upload, &wanted.parts)?;
            let blobs: Vec<_> = parts.iter().map(|part| Arc::clone(&part.blob)).collect();
            let mut record = self
                .record(&blobs, &wanted.key, multipart_etag(&parts))
                .map_err(disk_failed)?;
            record.headers = upload.record.headers.clone();
            record.upload_id = Some(wanted.upload_id.clone());
            (id, Object { record, blobs })
        };
        if wanted.size.is_some_and(|size| size != object.record.size) {
            return Err(s3_error!(
                InvalidRequest,
                "the parts have {} bytes, not as many as announced",
                object.record.size
            ));
        }
        self.commit(Write {
            bucket: &wanted.bucket,
            object,
            conditions: &wanted.conditions,
            cause: Cause::CompleteMultipartUpload,
            upload: Some(id),
        })
    }

    /// Ends an upload and frees its parts.
    pub(super) fn abort_upload(&self, bucket: &str, key: &str, upload_id: &str) -> S3Result<()> {
        let (id, removed) = {
            let mut catalog = self.catalog_mut();
            let bucket_ = catalog.bucket_mut(bucket)?;
            let (id, _) = bucket_.upload(key, upload_id)?;
            // The record first: a folder without one is no upload, after a crash either.
            layout::remove_if_there(&self.layout.upload_record(bucket, id));
            (id, bucket_.uploads.remove(&id))
        };
        if let Some(removed) = removed {
            removed.parts.values().for_each(|part| part.blob.discard());
        }
        remove_folder(&self.layout.upload(bucket, id));
        Ok(())
    }
}

/// The parts that a request to complete names, as they were uploaded.
fn choose<'a>(upload: &'a Upload, wanted: &[WantedPart]) -> S3Result<Vec<&'a Part>> {
    if wanted.is_empty() {
        return Err(s3_error!(MalformedXML, "the request names no part"));
    }
    if !wanted.is_sorted_by(|a, b| a.number < b.number) {
        return Err(s3_error!(
            InvalidPartOrder,
            "name the parts in rising order, each once"
        ));
    }
    let mut parts = Vec::with_capacity(wanted.len());
    for WantedPart { number, etag } in wanted {
        let part = upload
            .parts
            .get(number)
            .filter(|part| etag.as_ref().is_none_or(|etag| *etag == part.record.etag));
        parts.push(part.ok_or_else(|| {
            s3_error!(
                InvalidPart,
                "part {number} was not uploaded, or has another ETag"
            )
        })?);
    }
    let all_but_last = parts.split_last().map_or(&[][..], |(_, rest)| rest);
    if all_but_last
        .iter()
        .any(|part| part.record.size < PART_BYTES_MIN)
    {
        return Err(s3_error!(
            EntityTooSmall,
            "every part but the last has at least {PART_BYTES_MIN} bytes"
        ));
    }
    Ok(parts)
}

/// As S3 makes it: the MD5 of the parts' MD5s, a hyphen, and how many they are.
fn multipart_etag(parts: &[&Part]) -> String {
    let mut hasher = Md5::new();
    for part in parts {
        // An MD5 in hex reads as an id does.
        hasher.update(
            &parse_id(&part.record.etag)
                .unwrap_or_default()
                .to_be_bytes(),
        );
    }
    format!("{}-{}", hex(&hasher.finalize()), parts.len())
}
