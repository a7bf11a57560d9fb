//! Objects, by the control plane itself: small documents, facts, listings, deletes.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, Delete, ObjectIdentifier,
};
use bytes::Bytes;

use super::{Error, ErrorKind, Storage, unquoted};

/// Keys of one call to delete; S3's limit.
const DELETE_MAX: usize = 1000;

/// Entries of one page; S3's limit.
const PAGE_MAX: i32 = 1000;

/// What storage knows of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectFacts {
    /// Bytes.
    pub size: u64,
    /// Without quotes; every later read names it.
    pub etag: String,
    /// In buckets that keep versions.
    pub version: Option<String>,
    /// As the writer said.
    pub content_type: Option<String>,
    /// Milliseconds since 1970, in whole seconds.
    pub last_modified_ms: u64,
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In the order of their keys' bytes.
    pub objects: Vec<ListedObject>,
    /// For the next page, if there is one.
    pub next: Option<String>,
}

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// The whole key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    /// Milliseconds since 1970.
    pub last_modified_ms: u64,
}

impl Storage {
    /// Makes the bucket if it is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] when it belongs to someone else, and the general ones.
    pub async fn ensure_bucket(&self) -> Result<(), Error> {
        let what = format!("the bucket {}", self.bucket);
        match self.client.head_bucket().bucket(&self.bucket).send().await {
            Ok(_) => return Ok(()),
            Err(error) => match Error::call(&what, error) {
                missing if missing.kind() == ErrorKind::NotFound => {}
                error => return Err(error),
            },
        }
        let mut create = self.client.create_bucket().bucket(&self.bucket);
        if self.is_aws && self.region != "us-east-1" {
            let region = BucketLocationConstraint::from(self.region.as_str());
            create = create.create_bucket_configuration(
                CreateBucketConfiguration::builder()
                    .location_constraint(region)
                    .build(),
            );
        }
        match create.send().await {
            Ok(_) => Ok(()),
            // Somebody was faster: another of our processes.
            Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            Err(error) => Err(Error::call(&what, error)),
        }
    }

    /// Looks at an object.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and the general ones.
    pub async fn head(&self, key: &str) -> Result<ObjectFacts, Error> {
        let head = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await;
        let head = head.map_err(|error| Error::call(&format!("looking at {key}"), error))?;
        Ok(ObjectFacts {
            size: unsigned(head.content_length()),
            etag: unquoted(head.e_tag().unwrap_or_default()),
            version: head.version_id().map(ToOwned::to_owned),
            content_type: head.content_type().map(ToOwned::to_owned),
            last_modified_ms: millis(head.last_modified()),
        })
    }

    /// Writes a small object, replacing what was there; its ETag.
    ///
    /// # Errors
    /// The general ones.
    pub async fn put_bytes(
        &self,
        key: &str,
        bytes: Bytes,
        content_type: &str,
        cache_control: Option<&str>,
    ) -> Result<String, Error> {
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .set_cache_control(cache_control.map(ToOwned::to_owned))
            .body(ByteStream::from(bytes));
        let put = put
            .send()
            .await
            .map_err(|error| Error::call(&format!("writing {key}"), error))?;
        Ok(unquoted(put.e_tag().unwrap_or_default()))
    }

    /// Reads a small object.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] beyond `bytes_max`, [`ErrorKind::NotFound`], and the general ones.
    pub async fn get_bytes(&self, key: &str, bytes_max: usize) -> Result<Bytes, Error> {
        let what = format!("reading {key}");
        let get = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await;
        let mut body = get.map_err(|error| Error::call(&what, error))?.body;
        let mut read = Vec::new();
        while let Some(bytes) = body
            .try_next()
            .await
            .map_err(|error| Error::broken(&what, error))?
        {
            if read.len() + bytes.len() > bytes_max {
                return Err(Error::new(
                    ErrorKind::TooLarge,
                    format!("{what}: it has more than {bytes_max} bytes"),
                ));
            }
            read.extend_from_slice(&bytes);
        }
        Ok(Bytes::from(read))
    }

    /// One page of the objects whose keys begin with `prefix`: at most `limit`, and at most 1,000.
    /// `after` is the last page's [`Page::next`].
    ///
    /// # Errors
    /// The general ones.
    pub async fn list(
        &self,
        prefix: &str,
        limit: usize,
        after: Option<String>,
    ) -> Result<Page, Error> {
        let limit = i32::try_from(limit).unwrap_or(PAGE_MAX).min(PAGE_MAX);
        let list = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .max_keys(limit)
            .set_continuation_token(after);
        let list = list
            .send()
            .await
            .map_err(|error| Error::call(&format!("listing {prefix}"), error))?;
        let objects = list.contents().iter().map(|object| ListedObject {
            key: object.key().unwrap_or_default().to_owned(),
            size: unsigned(object.size()),
            etag: unquoted(object.e_tag().unwrap_or_default()),
            last_modified_ms: millis(object.last_modified()),
        });
        Ok(Page {
            objects: objects.collect(),
            next: list.next_continuation_token().map(ToOwned::to_owned),
        })
    }

    /// Deletes objects, as many calls as it takes. What is not there is no error, so it can be repeated.
    ///
    /// # Errors
    /// The first failure; some of the others may have been deleted.
    pub async fn delete_many(&self, keys: &[String]) -> Result<(), Error> {
        let what = "deleting objects";
        for keys in keys.chunks(DELETE_MAX) {
            let keys = keys
                .iter()
                .map(|key| ObjectIdentifier::builder().key(key).build());
            let keys = keys
                .collect::<Result<_, _>>()
                .map_err(|error| Error::unbuildable(what, error))?;
            let delete = Delete::builder()
                .set_objects(Some(keys))
                .quiet(true)
                .build();
            let delete = delete.map_err(|error| Error::unbuildable(what, error))?;
            let deleted = self
                .client
                .delete_objects()
                .bucket(&self.bucket)
                .delete(delete)
                .send()
                .await;
            let deleted = deleted.map_err(|error| Error::call(what, error))?;
            if let Some(failed) = deleted.errors().first() {
                let (key, said) = (
                    failed.key().unwrap_or_default(),
                    failed.message().unwrap_or_default(),
                );
                return Err(Error::new(
                    ErrorKind::Refused,
                    format!("deleting {key}: storage refuses it ({said})"),
                ));
            }
        }
        Ok(())
    }
}

/// A size as S3 sends it: signed, never negative.
pub(super) fn unsigned(size: Option<i64>) -> u64 {
    size.and_then(|size| u64::try_from(size).ok())
        .unwrap_or_default()
}

pub(super) fn millis(time: Option<&DateTime>) -> u64 {
    time.and_then(|time| time.to_millis().ok())
        .and_then(|ms| u64::try_from(ms).ok())
        .unwrap_or_default()
}
