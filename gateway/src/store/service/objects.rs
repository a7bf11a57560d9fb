//! Objects: put, get, look at, delete.

use std::collections::BTreeMap;
use std::ops::Range as Bytes;

use http::HeaderMap;
use http::header::{CONTENT_RANGE, HeaderValue};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Result, s3_error};

use super::{Service, check_version, etag, not_offered, refuse_customer_key, signed, timestamp};
use crate::store::catalog::Object;
use crate::store::condition::Conditions;
use crate::store::engine::Write;
use crate::store::event::Cause;
use crate::store::fault::disk_failed;
use crate::store::key;
use crate::store::layout::hex;
use crate::store::receive::{Claims, receive};
use crate::store::record::Headers;
use crate::store::send;

/// Bytes of names and values of an object's `x-amz-meta-*`; R2's limit, four times S3's.
const METADATA_BYTES_MAX: usize = 8192;

/// What S3 gives an object whose writer named no type.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// Keys of one request to delete; what S3 allows.
const DELETE_MAX: usize = 1000;

impl Service {
    pub(super) async fn put(&self, req: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
        let (input, headers) = (req.input, req.headers);
        key::check(&input.key)?;
        refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
        if input.write_offset_bytes.is_some() {
            return Err(not_offered("appending"));
        }
        let conditions = Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            ..Conditions::default()
        };
        self.engine
            .check_write(&input.bucket, &input.key, &conditions)?;
        let written = Headers {
            content_type: input.content_type,
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding.as_deref().and_then(lasting_encoding),
            content_language: input.content_language,
            metadata: metadata(input.metadata)?,
        };
        let claims = Claims {
            content_length: input.content_length,
            content_md5: input.content_md5,
            checksum: Checksum {
                checksum_crc32: input.checksum_crc32,
                checksum_crc32c: input.checksum_crc32c,
                checksum_sha1: input.checksum_sha1,
                checksum_sha256: input.checksum_sha256,
                checksum_crc64nvme: input.checksum_crc64nvme,
                ..Checksum::default()
            },
            trailers: req.trailing_headers,
        };
        let received = receive(&self.engine.layout, input.body, claims, &headers).await?;
        let (blobs, md5) = (vec![received.blob], hex(&received.md5));
        let (bucket, key) = (input.bucket, input.key);
        let object = self
            .on_disk(move |engine| {
                let mut record = engine.record(&blobs, &key, md5).map_err(disk_failed)?;
                record.headers = written;
                let object = Object { record, blobs };
                engine.commit(Write {
                    bucket: &bucket,
                    object,
                    conditions: &conditions,
                    cause: Cause::Put,
                    upload: None,
                })
            })
            .await?;
        Ok(PutObjectOutput {
            e_tag: etag(&object.record.etag),
            checksum_crc32: received.checksum.checksum_crc32,
            checksum_crc32c: received.checksum.checksum_crc32c,
            checksum_sha1: received.checksum.checksum_sha1,
            checksum_sha256: received.checksum.checksum_sha256,
            checksum_crc64nvme: received.checksum.checksum_crc64nvme,
            ..PutObjectOutput::default()
        })
    }

    pub(super) fn get(&self, input: GetObjectInput) -> S3Result<GetObjectOutput> {
        check_version(input.version_id.as_deref())?;
        refuse_part_number(input.part_number)?;
        let object = self.engine.object(&input.bucket, &input.key)?;
        let conditions = Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        conditions.check_read(&object.record)?;
        let size = object.record.size;
        let range = input.range.map(|range| satisfy(range, size)).transpose()?;
        let content_range = range
            .as_ref()
            .map(|range| format!("bytes {}-{}/{size}", range.start, range.end - 1));
        let range = range.unwrap_or(0..size);
        let record = object.record.clone();
        Ok(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(signed(range.end - range.start)),
            content_range,
            body: Some(StreamingBlob::wrap(send::stream(object, range))),
            e_tag: etag(&record.etag),
            last_modified: timestamp(record.modified_ns),
            content_type: record
                .headers
                .content_type
                .or_else(|| Some(DEFAULT_CONTENT_TYPE.to_owned())),
            cache_control: record.headers.cache_control,
            content_disposition: record.headers.content_disposition,
            content_encoding: record.headers.content_encoding,
            content_language: record.headers.content_language,
            metadata: Some(record.headers.metadata.into_iter().collect()),
            ..GetObjectOutput::default()
        })
    }

    pub(super) fn head(&self, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
        check_version(input.version_id.as_deref())?;
        refuse_part_number(input.part_number)?;
        let object = self.engine.object(&input.bucket, &input.key)?;
        let conditions = Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        conditions.check_read(&object.record)?;
        let record = object.record.clone();
        Ok(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(signed(record.size)),
            e_tag: etag(&record.etag),
            last_modified: timestamp(record.modified_ns),
            content_type: record
                .headers
                .content_type
                .or_else(|| Some(DEFAULT_CONTENT_TYPE.to_owned())),
            cache_control: record.headers.cache_control,
            content_disposition: record.headers.content_disposition,
            content_encoding: record.headers.content_encoding,
            content_language: record.headers.content_language,
            metadata: Some(record.headers.metadata.into_iter().collect()),
            ..HeadObjectOutput::default()
        })
    }

    pub(super) async fn delete(&self, input: DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
        check_version(input.version_id.as_deref())?;
        let conditions = Conditions {
            if_match: input.if_match,
            ..Conditions::default()
        };
        self.on_disk(move |engine| engine.delete(&input.bucket, &input.key, &conditions))
            .await?;
        Ok(DeleteObjectOutput::default())
    }

    pub(super) async fn delete_many(
        &self,
        input: DeleteObjectsInput,
    ) -> S3Result<DeleteObjectsOutput> {
        let DeleteObjectsInput {
            bucket,
            delete: Delete { objects, quiet },
            ..
        } = input;
        if objects.is_empty() || objects.len() > DELETE_MAX {
            return Err(s3_error!(MalformedXML, "name 1 to {DELETE_MAX} keys"));
        }
        self.engine.catalog().bucket(&bucket)?;
        self.on_disk(move |engine| {
            let (mut deleted, mut errors) = (Vec::new(), Vec::new());
            for ObjectIdentifier {
                key,
                version_id,
                e_tag,
                ..
            } in objects
            {
                let conditions = Conditions {
                    if_match: e_tag.map(ETagCondition::ETag),
                    ..Conditions::default()
                };
                let done = check_version(version_id.as_deref())
                    .and_then(|()| engine.delete(&bucket, &key, &conditions));
                match done {
                    Ok(()) => deleted.push(DeletedObject {
                        key: Some(key),
                        ..DeletedObject::default()
                    }),
                    Err(error) => errors.push(failed(key, &error)),
                }
            }
            let deleted = (quiet != Some(true)).then_some(deleted);
            Ok(DeleteObjectsOutput {
                deleted,
                errors: Some(errors),
                request_charged: None,
            })
        })
        .await
    }
}

fn failed(key: String, error: &S3Error) -> Error {
    Error {
        code: Some(error.code().as_str().to_owned()),
        key: Some(key),
        message: error.message().map(ToOwned::to_owned),
        version_id: None,
    }
}

/// The bytes that a range means.
fn satisfy(range: Range, size: u64) -> S3Result<Bytes<u64>> {
    range
        .check(size)
        .ok()
        .filter(|range| !range.is_empty())
        .ok_or_else(|| {
            let mut error = s3_error!(
                InvalidRange,
                "the object has {size} bytes: ask for some of them"
            );
            if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
                error.set_headers(HeaderMap::from_iter([(CONTENT_RANGE, value)]));
            }
            error
        })
}

/// A part's range is not kept apart from the whole; answering with the whole would be wrong.
fn refuse_part_number(part: Option<i32>) -> S3Result<()> {
    part.map_or(Ok(()), |_| {
        Err(not_offered("reading by part number; ask for a range"))
    })
}

/// `aws-chunked` describes the request's body, which is unwrapped on arrival; the rest describes the object.
pub(super) fn lasting_encoding(encoding: &str) -> Option<String> {
    let lasting: Vec<_> = encoding
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty() && *name != "aws-chunked")
        .collect();
    (!lasting.is_empty()).then(|| lasting.join(","))
}

/// A client's metadata, in a stable order.
pub(super) fn metadata(given: Option<Metadata>) -> S3Result<BTreeMap<String, String>> {
    let given: BTreeMap<_, _> = given.into_iter().flatten().collect();
    let bytes: usize = given
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > METADATA_BYTES_MAX {
        return Err(s3_error!(
            MetadataTooLarge,
            "the metadata has {bytes} bytes; {METADATA_BYTES_MAX} are allowed"
        ));
    }
    Ok(given)
}
