//! Multipart uploads, as the server's side of them: begun, looked at, completed, aborted here; the parts
//! themselves are PUT by others (see [`Storage::presign_part`]).

use aws_sdk_s3::types::CompletedMultipartUpload;

use super::objects::{millis, unsigned};
use super::{Error, Storage, quoted, unquoted};

/// Pages of one listing of parts or uploads: ten thousand parts are ten pages.
const PAGES_MAX: usize = 64;

/// A part that storage has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedPart {
    /// From 1.
    pub number: u16,
    /// Without quotes.
    pub etag: String,
    /// Bytes.
    pub size: u64,
}

/// A part to make the object of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedPart {
    /// From 1, in rising order.
    pub number: u16,
    /// Without quotes, as the part's PUT was answered.
    pub etag: String,
}

/// An upload that is neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUpload {
    /// What it will be.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// Milliseconds since 1970.
    pub initiated_ms: u64,
}

impl Storage {
    /// Begins an upload; its id.
    ///
    /// # Errors
    /// The general ones.
    pub async fn create_multipart(&self, key: &str, content_type: &str) -> Result<String, Error> {
        let what = format!("beginning the upload of {key}");
        let create = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type);
        let created = create
            .send()
            .await
            .map_err(|error| Error::call(&what, error))?;
        created
            .upload_id()
            .map(ToOwned::to_owned)
            .ok_or_else(|| Error::broken(&what, "there is no upload id in it"))
    }

    /// The parts that are there, by number.
    ///
    /// # Errors
    /// [`super::ErrorKind::NotFound`] when the upload was completed, aborted or never begun.
    pub async fn list_parts(&self, key: &str, upload_id: &str) -> Result<Vec<UploadedPart>, Error> {
        let what = format!("listing the parts of {key}");
        let (mut parts, mut after) = (Vec::new(), None);
        for _page in 0..PAGES_MAX {
            let list = self
                .client
                .list_parts()
                .bucket(&self.bucket)
                .key(key)
                .upload_id(upload_id)
                .set_part_number_marker(after);
            let page = list
                .send()
                .await
                .map_err(|error| Error::call(&what, error))?;
            parts.extend(page.parts().iter().map(|part| {
                UploadedPart {
                    number: part
                        .part_number()
                        .and_then(|number| u16::try_from(number).ok())
                        .unwrap_or_default(),
                    etag: unquoted(part.e_tag().unwrap_or_default()),
                    size: unsigned(part.size()),
                }
            }));
            if page.is_truncated() != Some(true) {
                return Ok(parts);
            }
            after = page.next_part_number_marker().map(ToOwned::to_owned);
        }
        Err(Error::broken(&what, "the listing does not end"))
    }

    /// Makes the object out of the parts; its ETag. With `create_only` nothing may be under the key yet.
    /// Repeating a call whose answer was lost may be answered with [`super::ErrorKind::NotFound`]: then
    /// [`Storage::head`] tells whether it had succeeded.
    ///
    /// # Errors
    /// [`super::ErrorKind::Precondition`], [`super::ErrorKind::NotFound`], and
    /// [`super::ErrorKind::Refused`] when the parts are not as named.
    pub async fn complete_multipart(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[CompletedPart],
        create_only: bool,
    ) -> Result<String, Error> {
        let parts = parts.iter().map(|part| {
            aws_sdk_s3::types::CompletedPart::builder()
                .part_number(i32::from(part.number))
                .e_tag(quoted(&part.etag))
                .build()
        });
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts.collect()))
            .build();
        let complete = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload_id)
            .multipart_upload(parts)
            .set_if_none_match(create_only.then(|| "*".to_owned()));
        let completed = complete
            .send()
            .await
            .map_err(|error| Error::call(&format!("completing the upload of {key}"), error))?;
        Ok(unquoted(completed.e_tag().unwrap_or_default()))
    }

    /// Ends an upload and frees its parts.
    ///
    /// # Errors
    /// [`super::ErrorKind::NotFound`] when it has ended already.
    pub async fn abort_multipart(&self, key: &str, upload_id: &str) -> Result<(), Error> {
        let abort = self
            .client
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload_id);
        abort
            .send()
            .await
            .map_err(|error| Error::call(&format!("aborting the upload of {key}"), error))?;
        Ok(())
    }

    /// The open uploads whose keys begin with `prefix`; at most 64,000.
    ///
    /// # Errors
    /// The general ones.
    pub async fn list_multipart_uploads(&self, prefix: &str) -> Result<Vec<ListedUpload>, Error> {
        let what = format!("listing the uploads below {prefix}");
        let (mut uploads, mut after_key, mut after_id) = (Vec::new(), None, None);
        for _page in 0..PAGES_MAX {
            let list = self
                .client
                .list_multipart_uploads()
                .bucket(&self.bucket)
                .prefix(prefix);
            let list = list
                .set_key_marker(after_key)
                .set_upload_id_marker(after_id);
            let page = list
                .send()
                .await
                .map_err(|error| Error::call(&what, error))?;
            uploads.extend(page.uploads().iter().map(|upload| ListedUpload {
                key: upload.key().unwrap_or_default().to_owned(),
                upload_id: upload.upload_id().unwrap_or_default().to_owned(),
                initiated_ms: millis(upload.initiated()),
            }));
            if page.is_truncated() != Some(true) {
                break;
            }
            after_key = page.next_key_marker().map(ToOwned::to_owned);
            after_id = page.next_upload_id_marker().map(ToOwned::to_owned);
        }
        Ok(uploads)
    }
}
