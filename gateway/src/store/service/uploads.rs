//! Multipart uploads.

use std::ops::Bound;

use s3s::dto::*;
use s3s::{S3Request, S3Result, s3_error};

use super::buckets::{count, is_url};
use super::objects::{lasting_encoding, metadata};
use super::{Service, etag, refuse_customer_key, signed, timestamp};
use crate::store::condition::Conditions;
use crate::store::key;
use crate::store::layout::id_text;
use crate::store::listing::{encoded, entries_max};
use crate::store::multipart::{Completion, PARTS_MAX, WantedPart};
use crate::store::receive::{Claims, receive};
use crate::store::record::Headers;

impl Service {
    pub(super) async fn begin_upload(
        &self,
        input: CreateMultipartUploadInput,
    ) -> S3Result<CreateMultipartUploadOutput> {
        key::check(&input.key)?;
        refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
        let headers = Headers {
            content_type: input.content_type,
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding.as_deref().and_then(lasting_encoding),
            content_language: input.content_language,
            metadata: metadata(input.metadata)?,
        };
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let upload_id = self
            .on_disk(move |engine| engine.create_upload(&bucket, &key, headers))
            .await?;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            ..CreateMultipartUploadOutput::default()
        })
    }

    pub(super) async fn put_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<UploadPartOutput> {
        let (input, headers) = (req.input, req.headers);
        refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
        let number = part_number(Some(input.part_number))?;
        self.engine
            .catalog()
            .bucket(&input.bucket)?
            .upload(&input.key, &input.upload_id)?;
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
        let checksum = received.checksum.clone();
        let UploadPartInput {
            bucket,
            key,
            upload_id,
            ..
        } = input;
        let put = self
            .on_disk(move |engine| engine.put_part(&bucket, &key, &upload_id, number, &received));
        Ok(UploadPartOutput {
            e_tag: etag(&put.await?),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            ..UploadPartOutput::default()
        })
    }

    pub(super) fn parts(&self, input: ListPartsInput) -> S3Result<ListPartsOutput> {
        let parts_max = entries_max(input.max_parts)?;
        let after = u16::try_from(input.part_number_marker.unwrap_or(0)).unwrap_or(u16::MAX);
        let catalog = self.engine.catalog();
        let (_, upload) = catalog
            .bucket(&input.bucket)?
            .upload(&input.key, &input.upload_id)?;
        let mut rest = upload
            .parts
            .range((Bound::Excluded(after), Bound::Unbounded))
            .peekable();
        let parts: Vec<_> = rest
            .by_ref()
            .take(parts_max)
            .map(|(number, part)| Part {
                part_number: Some(i32::from(*number)),
                e_tag: etag(&part.record.etag),
                size: Some(signed(part.record.size)),
                last_modified: timestamp(part.record.modified_ns),
                ..Part::default()
            })
            .collect();
        let is_truncated = rest.peek().is_some();
        Ok(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            max_parts: count(parts_max),
            part_number_marker: input.part_number_marker,
            is_truncated: Some(is_truncated),
            next_part_number_marker: parts
                .last()
                .filter(|_| is_truncated)
                .and_then(|part| part.part_number),
            parts: Some(parts),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            ..ListPartsOutput::default()
        })
    }

    pub(super) async fn complete_upload(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let parts = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default();
        if parts.len() > usize::from(PARTS_MAX) {
            return Err(s3_error!(
                MalformedXML,
                "an object has at most {PARTS_MAX} parts"
            ));
        }
        let parts = parts.into_iter().map(|part| {
            Ok(WantedPart {
                number: part_number(part.part_number)?,
                etag: part.e_tag.map(ETag::into_value),
            })
        });
        let completion = Completion {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            upload_id: input.upload_id,
            parts: parts.collect::<S3Result<_>>()?,
            conditions: Conditions {
                if_match: input.if_match,
                if_none_match: input.if_none_match,
                ..Conditions::default()
            },
            size: input
                .mpu_object_size
                .and_then(|size| u64::try_from(size).ok()),
        };
        let object = self
            .on_disk(move |engine| engine.complete_upload(&completion))
            .await?;
        Ok(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, encoded(&input.key, true))),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: etag(&object.record.etag),
            ..CompleteMultipartUploadOutput::default()
        })
    }

    pub(super) fn uploads(
        &self,
        input: ListMultipartUploadsInput,
    ) -> S3Result<ListMultipartUploadsOutput> {
        if input
            .delimiter
            .as_deref()
            .is_some_and(|delimiter| !delimiter.is_empty())
        {
            return Err(super::not_offered(
                "listing uploads by a delimiter; list them by a prefix",
            ));
        }
        let uploads_max = entries_max(input.max_uploads)?;
        let as_url = is_url(input.encoding_type.as_ref());
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let key_marker = input.key_marker.as_deref().unwrap_or_default();
        let id_marker = input.upload_id_marker.as_deref();
        let catalog = self.engine.catalog();
        let mut found: Vec<_> = catalog
            .bucket(&input.bucket)?
            .uploads
            .iter()
            .map(|(id, upload)| {
                (
                    upload.record.key.as_str(),
                    id_text(*id),
                    upload.record.initiated_ns,
                )
            })
            .filter(|(key, ..)| key.starts_with(prefix))
            .filter(|(key, id, _)| match id_marker {
                Some(id_marker) => (*key, id.as_str()) > (key_marker, id_marker),
                None => *key > key_marker,
            })
            .collect();
        found.sort();
        let is_truncated = found.len() > uploads_max;
        found.truncate(uploads_max);
        let next = found.last().filter(|_| is_truncated);
        Ok(ListMultipartUploadsOutput {
            is_truncated: Some(is_truncated),
            next_key_marker: next.map(|(key, ..)| encoded(key, as_url)),
            next_upload_id_marker: next.map(|(_, id, _)| id.clone()),
            max_uploads: count(uploads_max),
            uploads: Some(
                found
                    .iter()
                    .map(|(key, id, initiated_ns)| {
                        open_upload(encoded(key, as_url), id, *initiated_ns)
                    })
                    .collect(),
            ),
            key_marker: input
                .key_marker
                .as_deref()
                .map(|marker| encoded(marker, as_url)),
            prefix: input
                .prefix
                .as_deref()
                .map(|prefix| encoded(prefix, as_url)),
            upload_id_marker: input.upload_id_marker,
            encoding_type: input.encoding_type,
            bucket: Some(input.bucket),
            ..ListMultipartUploadsOutput::default()
        })
    }
}

fn open_upload(key: String, id: &str, initiated_ns: u64) -> MultipartUpload {
    MultipartUpload {
        key: Some(key),
        upload_id: Some(id.to_owned()),
        initiated: timestamp(initiated_ns),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        ..MultipartUpload::default()
    }
}

fn part_number(number: Option<i32>) -> S3Result<u16> {
    number
        .and_then(|number| u16::try_from(number).ok())
        .filter(|number| (1..=PARTS_MAX).contains(number))
        .ok_or_else(|| {
            s3_error!(
                InvalidArgument,
                "a part's number is between 1 and {PARTS_MAX}"
            )
        })
}
