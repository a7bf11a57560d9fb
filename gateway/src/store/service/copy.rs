//! Copying an object within the store: a record and links, no bytes.

use s3s::dto::*;
use s3s::{S3Result, s3_error};

use super::objects::{lasting_encoding, metadata};
use super::{Service, check_version, etag, not_offered, refuse_customer_key, timestamp};
use crate::store::catalog::Object;
use crate::store::condition::Conditions;
use crate::store::engine::{Engine, Write};
use crate::store::event::Cause;
use crate::store::fault::disk_failed;
use crate::store::key;
use crate::store::record::Headers;

impl Service {
    pub(super) async fn copy(&self, input: CopyObjectInput) -> S3Result<CopyObjectOutput> {
        key::check(&input.key)?;
        refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
        refuse_customer_key(input.copy_source_sse_customer_algorithm.as_ref())?;
        let CopySource::Bucket {
            bucket: source_bucket,
            key: source_key,
            version_id,
        } = &input.copy_source
        else {
            return Err(not_offered("access points"));
        };
        check_version(version_id.as_deref())?;
        let source = self.engine.object(source_bucket, source_key)?;
        check_source(&input, &source)?;
        let replaces = input
            .metadata_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        if !replaces && **source_bucket == *input.bucket && **source_key == *input.key {
            return Err(s3_error!(
                InvalidRequest,
                "a copy onto itself must replace the metadata"
            ));
        }
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let headers = if replaces {
            new_headers(input)?
        } else {
            source.record.headers.clone()
        };
        let copied = self.on_disk(move |engine| copy(engine, &source, &bucket, &key, headers));
        let result = copied.await?;
        Ok(CopyObjectOutput {
            copy_object_result: Some(result),
            ..CopyObjectOutput::default()
        })
    }
}

/// Where a read would be told "not modified", a copy is refused.
fn check_source(input: &CopyObjectInput, source: &Object) -> S3Result<()> {
    let wanted = Conditions {
        if_match: input.copy_source_if_match.clone(),
        if_none_match: input.copy_source_if_none_match.clone(),
        if_modified_since: input.copy_source_if_modified_since.clone(),
        if_unmodified_since: input.copy_source_if_unmodified_since.clone(),
    };
    wanted.check_read(&source.record).map_err(|_unmet| {
        s3_error!(
            PreconditionFailed,
            "the source is not as the request wants it"
        )
    })
}

fn new_headers(input: CopyObjectInput) -> S3Result<Headers> {
    Ok(Headers {
        content_type: input.content_type,
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        content_encoding: input.content_encoding.as_deref().and_then(lasting_encoding),
        content_language: input.content_language,
        metadata: metadata(input.metadata)?,
    })
}

fn copy(
    engine: &Engine,
    source: &Object,
    bucket: &str,
    key: &str,
    headers: Headers,
) -> S3Result<CopyObjectResult> {
    let blobs: Result<Vec<_>, _> = source.blobs.iter().map(|blob| blob.link()).collect();
    let blobs = blobs.map_err(disk_failed)?;
    let etag_of_source = source.record.etag.clone();
    let mut record = engine
        .record(&blobs, key, etag_of_source)
        .map_err(disk_failed)?;
    record.headers = headers;
    let object = engine.commit(Write {
        bucket,
        object: Object { record, blobs },
        conditions: &Conditions::default(),
        cause: Cause::Copy,
        upload: None,
    })?;
    Ok(CopyObjectResult {
        e_tag: etag(&object.record.etag),
        last_modified: timestamp(object.record.modified_ns),
        ..CopyObjectResult::default()
    })
}
