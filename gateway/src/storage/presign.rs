//! Requests that others may make in our name: signed, for one object, until a time.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use bus_schema::claim::SignedRequest;

use super::{Error, Storage, quoted};

/// The longest that a signature may hold; SigV4's limit.
pub const EXPIRES_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a presigned PUT allows.
#[derive(Clone, Debug)]
pub struct PutConditions {
    /// Exactly so many bytes; `None` leaves the size open.
    pub content_length: Option<u64>,
    /// Exactly this type; `None` leaves it open.
    pub content_type: Option<String>,
    /// Only where nothing is yet: a second PUT is answered with 412.
    pub create_only: bool,
    /// From now; at most [`EXPIRES_MAX`].
    pub expires: Duration,
}

/// What a presigned GET allows.
#[derive(Clone, Debug)]
pub struct GetConditions {
    /// Only this version of the object; otherwise 412.
    pub if_match: Option<String>,
    /// Sent as the answer's `Content-Disposition`, e.g. `attachment; filename="film.mp4"`.
    pub content_disposition: Option<String>,
    /// Sent as the answer's `Content-Type`.
    pub content_type: Option<String>,
    /// From now; at most [`EXPIRES_MAX`].
    pub expires: Duration,
}

impl Storage {
    /// A PUT of one object.
    ///
    /// # Errors
    /// [`super::ErrorKind::Refused`] when it expires too late or the key is empty.
    pub async fn presign_put(
        &self,
        key: &str,
        conditions: &PutConditions,
    ) -> Result<SignedRequest, Error> {
        let what = "signing an upload";
        let mut put = self.signer.put_object().bucket(&self.bucket).key(key);
        put = put.set_content_type(conditions.content_type.clone());
        if let Some(length) = conditions.content_length {
            put = put.content_length(signed_length(what, length)?);
        }
        if conditions.create_only {
            put = put.if_none_match("*");
        }
        let signing = signing(what, conditions.expires)?;
        let request = put
            .presigned(signing.clone())
            .await
            .map_err(|error| Error::call(what, error))?;
        Ok(wire(&request, &signing))
    }

    /// A GET of one object; ranges are the reader's choice.
    ///
    /// # Errors
    /// As [`Storage::presign_put`].
    pub async fn presign_get(
        &self,
        key: &str,
        conditions: &GetConditions,
    ) -> Result<SignedRequest, Error> {
        let what = "signing a download";
        let get = self
            .signer
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .set_if_match(conditions.if_match.as_deref().map(quoted))
            .set_response_content_disposition(conditions.content_disposition.clone())
            .set_response_content_type(conditions.content_type.clone());
        let signing = signing(what, conditions.expires)?;
        let request = get
            .presigned(signing.clone())
            .await
            .map_err(|error| Error::call(what, error))?;
        Ok(wire(&request, &signing))
    }

    /// A PUT of one part of a multipart upload; parts count from 1. `content_length` as in
    /// [`PutConditions::content_length`].
    ///
    /// # Errors
    /// As [`Storage::presign_put`].
    pub async fn presign_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u16,
        content_length: Option<u64>,
        expires: Duration,
    ) -> Result<SignedRequest, Error> {
        let what = "signing a part";
        let mut put = self
            .signer
            .upload_part()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload_id)
            .part_number(i32::from(number));
        if let Some(length) = content_length {
            put = put.content_length(signed_length(what, length)?);
        }
        let signing = signing(what, expires)?;
        let request = put
            .presigned(signing.clone())
            .await
            .map_err(|error| Error::call(what, error))?;
        Ok(wire(&request, &signing))
    }
}

fn signing(what: &str, expires: Duration) -> Result<PresigningConfig, Error> {
    PresigningConfig::builder()
        .start_time(SystemTime::now())
        .expires_in(expires)
        .build()
        .map_err(|error| Error::unbuildable(what, error))
}

fn signed_length(what: &str, length: u64) -> Result<i64, Error> {
    i64::try_from(length).map_err(|error| Error::unbuildable(what, error))
}

/// The request as others get it. `Host` and `Content-Length` are signed too but left out: every HTTP
/// client sends them, truthfully, by itself, and a browser's script may not set them.
fn wire(request: &PresignedRequest, signing: &PresigningConfig) -> SignedRequest {
    let headers: BTreeMap<_, _> = request
        .headers()
        .filter(|(name, _)| {
            !name.eq_ignore_ascii_case("host") && !name.eq_ignore_ascii_case("content-length")
        })
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let expires_at = (signing.start_time() + signing.expires())
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    SignedRequest {
        method: request.method().to_owned(),
        url: request.uri().to_owned(),
        headers,
        expires_at_ms: u64::try_from(expires_at.as_millis()).unwrap_or(u64::MAX),
    }
}
