//! From a request's body to a blob: streamed, hashed on the way, refused when it is not what was announced.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, TrailingHeaders, s3_error};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::blob::{Blob, BlobWriter};
use super::fault::{disk_failed, stopped};
use super::layout::Layout;

/// Bytes of one PUT or part; what S3 allows. Larger objects are uploaded in parts.
const BODY_BYTES_MAX: u64 = 5 << 30;

/// Bytes handed to the disk at once. Two of these per upload, one filling and one being written, is
/// what keeps a thousand uploads at a time within 256 MiB.
const BATCH_BYTES: usize = 128 << 10;

/// A client that sends nothing for so long is gone; its upload is refused and leaves nothing.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What the client said its body would be. Absent claims hold.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Bytes.
    pub(super) content_length: Option<i64>,
    /// Base64 of 16 bytes.
    pub(super) content_md5: Option<String>,
    /// Base64 digests from the `x-amz-checksum-*` headers.
    pub(super) checksum: Checksum,
    /// The same, still to come behind the body; `x-amz-trailer` in the headers names them.
    pub(super) trailers: Option<TrailingHeaders>,
}

/// A body on disk.
#[derive(Debug)]
pub(super) struct Received {
    /// Provisional until a record names it.
    pub(super) blob: Arc<Blob>,
    /// Of the whole body.
    pub(super) md5: [u8; 16],
    /// The digests that the client asked to have verified.
    pub(super) checksum: Checksum,
}

/// Writes `body` to a new blob and holds it to `claims`. Dropped half-way, nothing is left on disk.
///
/// # Errors
/// `IncompleteBody`, `BadDigest`, `InvalidDigest`, `EntityTooLarge`, `RequestTimeout`, or
/// `InternalError` when the disk fails.
pub(super) async fn receive(
    layout: &Arc<Layout>,
    body: Option<StreamingBlob>,
    claims: Claims,
    headers: &HeaderMap,
) -> S3Result<Received> {
    let wanted_md5 = claims.content_md5.as_deref().map(parse_md5).transpose()?;
    let length = claims
        .content_length
        .map(u64::try_from)
        .transpose()
        .map_err(|_negative| s3_error!(InvalidArgument))?;
    if length.is_some_and(|length| length > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let hasher = hasher(&claims.checksum, headers);
    let layout = Arc::clone(layout);
    let mut writing = spawn_blocking(move || Sink::create(&layout, hasher));
    let mut batch = Batch::default();
    let mut total = 0;
    if let Some(mut body) = body {
        while let Some(bytes) = next(&mut body).await? {
            total += bytes.len() as u64;
            if total > BODY_BYTES_MAX {
                return Err(too_large());
            }
            batch.bytes += bytes.len();
            batch.pieces.push(bytes);
            if batch.bytes >= BATCH_BYTES {
                let (sink, full) = (written(writing).await?, std::mem::take(&mut batch));
                writing = spawn_blocking(move || sink.write(&full));
            }
        }
    }
    if length.is_some_and(|length| length != total) {
        return Err(s3_error!(
            IncompleteBody,
            "the body has {total} bytes, fewer than announced: send it again"
        ));
    }
    let sink = written(writing).await?;
    let finishing = spawn_blocking(move || sink.write(&batch)?.finish());
    let received = finishing.await.map_err(stopped)?.map_err(disk_failed)?;
    if wanted_md5.is_some_and(|wanted| wanted != received.md5) {
        return Err(bad_digest("Content-MD5"));
    }
    verify(&claims.checksum, &received.checksum)?;
    if let Some(trailers) = claims.trailers.and_then(|trailers| trailers.take()) {
        verify(&trailing_checksum(&trailers), &received.checksum)?;
    }
    Ok(received)
}

/// The next bytes of the body.
async fn next(body: &mut StreamingBlob) -> S3Result<Option<Bytes>> {
    let next = timeout(SILENCE_MAX, body.next()).await;
    let next = next
        .map_err(|_elapsed| s3_error!(RequestTimeout, "the body stopped coming: send it again"))?;
    next.transpose().map_err(broken)
}

/// A body that cannot be read: the connection broke, or what came is not what was signed.
fn broken(error: StdError) -> S3Error {
    // The service layer's own error types are private; their texts are all there is to tell them by.
    let text = error.to_string();
    let code = if text.contains("Sha256Mismatch") {
        S3ErrorCode::BadDigest
    } else if text.contains("SignatureMismatch") {
        S3ErrorCode::SignatureDoesNotMatch
    } else {
        S3ErrorCode::IncompleteBody
    };
    let mut fault = S3Error::with_message(
        code,
        "the body broke off or is not what was signed: send it again",
    );
    fault.set_source(error);
    fault
}

async fn written(writing: JoinHandle<io::Result<Sink>>) -> S3Result<Sink> {
    writing.await.map_err(stopped)?.map_err(disk_failed)
}

/// Received, not yet written.
#[derive(Debug, Default)]
struct Batch {
    pieces: Vec<Bytes>,
    bytes: usize,
}

/// The blob being written, and the hashes over what went into it.
struct Sink {
    writer: BlobWriter,
    md5: Md5,
    hasher: ChecksumHasher,
}

impl Sink {
    fn create(layout: &Arc<Layout>, hasher: ChecksumHasher) -> io::Result<Self> {
        Ok(Self {
            writer: BlobWriter::create(layout)?,
            md5: Md5::new(),
            hasher,
        })
    }

    fn write(mut self, batch: &Batch) -> io::Result<Self> {
        for bytes in &batch.pieces {
            self.writer.write(bytes)?;
            self.md5.update(bytes);
            self.hasher.update(bytes);
        }
        Ok(self)
    }

    fn finish(self) -> io::Result<Received> {
        Ok(Received {
            blob: self.writer.finish()?,
            md5: self.md5.finalize(),
            checksum: self.hasher.finalize(),
        })
    }
}

/// The hashes that the claims, now or in the trailer, will be compared with.
fn hasher(claimed: &Checksum, headers: &HeaderMap) -> ChecksumHasher {
    let announced = headers
        .get("x-amz-trailer")
        .and_then(|names| names.to_str().ok())
        .unwrap_or_default();
    let wanted = |claim: &Option<String>, name: &str| {
        claim.is_some()
            || announced
                .split(',')
                .any(|announced| announced.trim().eq_ignore_ascii_case(name))
    };
    ChecksumHasher {
        crc32: wanted(&claimed.checksum_crc32, "x-amz-checksum-crc32").then(Crc32::new),
        crc32c: wanted(&claimed.checksum_crc32c, "x-amz-checksum-crc32c").then(Crc32c::new),
        sha1: wanted(&claimed.checksum_sha1, "x-amz-checksum-sha1").then(Sha1::new),
        sha256: wanted(&claimed.checksum_sha256, "x-amz-checksum-sha256").then(Sha256::new),
        crc64nvme: wanted(&claimed.checksum_crc64nvme, "x-amz-checksum-crc64nvme")
            .then(Crc64Nvme::new),
    }
}

fn trailing_checksum(trailers: &HeaderMap) -> Checksum {
    let get = |name| {
        trailers
            .get(name)
            .and_then(|value| Some(value.to_str().ok()?.to_owned()))
    };
    Checksum {
        checksum_crc32: get("x-amz-checksum-crc32"),
        checksum_crc32c: get("x-amz-checksum-crc32c"),
        checksum_sha1: get("x-amz-checksum-sha1"),
        checksum_sha256: get("x-amz-checksum-sha256"),
        checksum_crc64nvme: get("x-amz-checksum-crc64nvme"),
        ..Checksum::default()
    }
}

/// Every claimed digest is the computed one.
fn verify(claimed: &Checksum, computed: &Checksum) -> S3Result<()> {
    let pairs = [
        (
            "x-amz-checksum-crc32",
            &claimed.checksum_crc32,
            &computed.checksum_crc32,
        ),
        (
            "x-amz-checksum-crc32c",
            &claimed.checksum_crc32c,
            &computed.checksum_crc32c,
        ),
        (
            "x-amz-checksum-sha1",
            &claimed.checksum_sha1,
            &computed.checksum_sha1,
        ),
        (
            "x-amz-checksum-sha256",
            &claimed.checksum_sha256,
            &computed.checksum_sha256,
        ),
        (
            "x-amz-checksum-crc64nvme",
            &claimed.checksum_crc64nvme,
            &computed.checksum_crc64nvme,
        ),
    ];
    for (name, claim, computed) in pairs {
        if claim.is_some() && claim != computed {
            return Err(bad_digest(name));
        }
    }
    Ok(())
}

fn parse_md5(text: &str) -> S3Result<[u8; 16]> {
    let bytes = STANDARD.decode(text).ok();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| s3_error!(InvalidDigest, "Content-MD5 is not the base64 of 16 bytes"))
}

fn bad_digest(name: &str) -> S3Error {
    s3_error!(
        BadDigest,
        "{name} does not match the body that arrived: send it again"
    )
}

fn too_large() -> S3Error {
    s3_error!(
        EntityTooLarge,
        "one request carries at most {BODY_BYTES_MAX} bytes: upload in parts"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_checksum_is_held_against_the_body() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-trailer", "x-amz-checksum-crc32".parse().unwrap());
        let mut hasher = hasher(&Checksum::default(), &headers);
        hasher.update(b"hello");
        let computed = hasher.finalize();
        for (claim, is_right) in [("NhCmhg==", true), ("AAAAAA==", false)] {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-amz-checksum-crc32", claim.parse().unwrap());
            let verified = verify(&trailing_checksum(&trailers), &computed);
            assert_eq!(verified.is_ok(), is_right, "{claim}");
        }
        // One that was not announced was not computed, and is not believed.
        let mut trailers = HeaderMap::new();
        trailers.insert(
            "x-amz-checksum-sha1",
            "qvTGHdzF6KLavt4PO0gs2a6pQ00=".parse().unwrap(),
        );
        assert!(verify(&trailing_checksum(&trailers), &computed).is_err());
    }
}
