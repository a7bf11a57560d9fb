//! Buckets and their listings.

use s3s::dto::*;
use s3s::{S3Result, s3_error};

use super::{Service, etag, signed, timestamp};
use crate::store::catalog::Object;
use crate::store::listing::{Page, Query, encoded, entries_max, page, parse_token, token};

impl Service {
    pub(super) async fn make_bucket(
        &self,
        input: CreateBucketInput,
    ) -> S3Result<CreateBucketOutput> {
        let location = format!("/{}", input.bucket);
        let is_new = self
            .on_disk(move |engine| engine.create_bucket(&input.bucket))
            .await?;
        if is_new {
            Ok(CreateBucketOutput {
                location: Some(location),
            })
        } else {
            Err(s3_error!(
                BucketAlreadyOwnedByYou,
                "the bucket is there already"
            ))
        }
    }

    pub(super) fn look_at_bucket(&self, input: &HeadBucketInput) -> S3Result<HeadBucketOutput> {
        self.engine.catalog().bucket(&input.bucket)?;
        Ok(HeadBucketOutput {
            bucket_region: Some(self.engine.region.clone()),
            ..HeadBucketOutput::default()
        })
    }

    pub(super) fn locate_bucket(
        &self,
        input: &GetBucketLocationInput,
    ) -> S3Result<GetBucketLocationOutput> {
        self.engine.catalog().bucket(&input.bucket)?;
        // By S3's convention the default region is written as none.
        let region = Some(&self.engine.region).filter(|region| *region != "us-east-1");
        Ok(GetBucketLocationOutput {
            location_constraint: region
                .map(|region| BucketLocationConstraint::from(region.clone())),
        })
    }

    pub(super) fn all_buckets(&self) -> ListBucketsOutput {
        let catalog = self.engine.catalog();
        let buckets = catalog.buckets.iter().map(|(name, bucket)| Bucket {
            name: Some(name.clone()),
            creation_date: timestamp(bucket.record.created_ns),
            bucket_region: None,
        });
        ListBucketsOutput {
            buckets: Some(buckets.collect()),
            ..ListBucketsOutput::default()
        }
    }

    pub(super) fn list_by_token(&self, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let entries_max = entries_max(input.max_keys)?;
        let after = match &input.continuation_token {
            Some(token) => parse_token(token)?,
            None => input.start_after.clone().unwrap_or_default(),
        };
        let Page {
            objects,
            common_prefixes,
            last,
        } = {
            let catalog = self.engine.catalog();
            let prefix = input.prefix.as_deref().unwrap_or_default();
            let delimiter = input.delimiter.as_deref();
            page(
                &catalog.bucket(&input.bucket)?.objects,
                Query {
                    prefix,
                    delimiter,
                    after: &after,
                    entries_max,
                },
            )
        };
        let as_url = is_url(input.encoding_type.as_ref());
        let encode = |text: String| encoded(&text, as_url);
        Ok(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix.map(encode),
            delimiter: input.delimiter.map(encode),
            start_after: input.start_after.map(encode),
            encoding_type: input.encoding_type,
            continuation_token: input.continuation_token,
            max_keys: count(entries_max),
            key_count: count(objects.len() + common_prefixes.len()),
            is_truncated: Some(last.is_some()),
            next_continuation_token: last.as_deref().map(token),
            contents: Some(objects.iter().map(|object| entry(object, as_url)).collect()),
            common_prefixes: Some(prefixes(&common_prefixes, as_url)),
            ..ListObjectsV2Output::default()
        })
    }

    pub(super) fn list_by_marker(&self, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
        let entries_max = entries_max(input.max_keys)?;
        let Page {
            objects,
            common_prefixes,
            last,
        } = {
            let catalog = self.engine.catalog();
            let prefix = input.prefix.as_deref().unwrap_or_default();
            let (delimiter, after) = (
                input.delimiter.as_deref(),
                input.marker.as_deref().unwrap_or_default(),
            );
            page(
                &catalog.bucket(&input.bucket)?.objects,
                Query {
                    prefix,
                    delimiter,
                    after,
                    entries_max,
                },
            )
        };
        let as_url = is_url(input.encoding_type.as_ref());
        let encode = |text: String| encoded(&text, as_url);
        Ok(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: input.prefix.map(encode),
            delimiter: input.delimiter.map(encode),
            marker: input.marker.map(encode),
            encoding_type: input.encoding_type,
            max_keys: count(entries_max),
            is_truncated: Some(last.is_some()),
            next_marker: last.map(encode),
            contents: Some(objects.iter().map(|object| entry(object, as_url)).collect()),
            common_prefixes: Some(prefixes(&common_prefixes, as_url)),
            ..ListObjectsOutput::default()
        })
    }
}

pub(super) fn is_url(encoding: Option<&EncodingType>) -> bool {
    encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL)
}

pub(super) fn count(n: usize) -> Option<i32> {
    i32::try_from(n).ok()
}

fn entry(found: &Object, as_url: bool) -> s3s::dto::Object {
    let record = &found.record;
    s3s::dto::Object {
        key: Some(encoded(&record.key, as_url)),
        size: Some(signed(record.size)),
        e_tag: etag(&record.etag),
        last_modified: timestamp(record.modified_ns),
        storage_class: Some(ObjectStorageClass::from_static(
            ObjectStorageClass::STANDARD,
        )),
        ..s3s::dto::Object::default()
    }
}

fn prefixes(common: &[String], as_url: bool) -> Vec<CommonPrefix> {
    common
        .iter()
        .map(|prefix| CommonPrefix {
            prefix: Some(encoded(prefix, as_url)),
        })
        .collect()
}
