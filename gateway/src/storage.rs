//! Object storage, whichever it is: the one client that the control plane uses for AWS S3, R2, Tigris,
//! RustFS, MinIO and the embedded store alike.
//!
//! Bytes of media do not pass through it: browsers and workers get presigned requests, the control plane
//! itself reads and writes small documents only. Everything is within one bucket; ETags are without quotes.

pub mod notification;

mod objects;

mod multipart;

mod presign;

mod probe;

mod client;

mod error;

use std::fmt;

use aws_sdk_s3::Client;
use serde::{Deserialize, Serialize};

pub use self::error::{Error, ErrorKind};
pub use self::multipart::{CompletedPart, ListedUpload, UploadedPart};
pub use self::objects::{ListedObject, ObjectFacts, Page};
pub use self::presign::{EXPIRES_MAX, GetConditions, PutConditions};
pub use self::probe::{Probe, ProbeStep};

/// Where the storage is, and who we are there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The address that the control plane uses: `http://127.0.0.1:9000`. Default: none, which is AWS.
    pub endpoint: Option<String>,
    /// The address that browsers and workers use, when it is another one: presigned requests carry it.
    /// Default: `endpoint`.
    pub public_endpoint: Option<String>,
    /// Default: `us-east-1`; R2 wants `auto`.
    pub region: String,
    /// The bucket in the path (`host/bucket/key`), not in the name (`bucket.host/key`). Default: true,
    /// which everything but AWS's newest regions takes.
    pub path_style: bool,
    /// Default: none; must be set.
    pub access_key: String,
    /// Default: none; must be set.
    pub secret_key: String,
    /// Holds sources and outputs. Default: `tcoder`.
    pub bucket: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            endpoint: None,
            public_endpoint: None,
            region: "us-east-1".to_owned(),
            path_style: true,
            access_key: String::new(),
            secret_key: String::new(),
            bucket: "tcoder".to_owned(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("endpoint", &self.endpoint)
            .field("public_endpoint", &self.public_endpoint)
            .field("region", &self.region)
            .field("path_style", &self.path_style)
            .field("access_key", &self.access_key)
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

/// A bucket of a storage service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Storage {
    client: Client,
    /// Signs for the address that the others use; sends nothing.
    signer: Client,
    bucket: String,
    /// AWS proper, which wants a region named when a bucket is made.
    is_aws: bool,
    region: String,
}

impl Storage {
    /// Makes the client; nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Options`], naming the key to mend.
    pub fn new(options: &Options) -> Result<Self, Error> {
        for (name, value) in [
            ("access_key", &options.access_key),
            ("secret_key", &options.secret_key),
            ("bucket", &options.bucket),
            ("region", &options.region),
        ] {
            if value.is_empty() {
                return Err(Error::options(format!(
                    "storage.{name} is not set: set it, or TCODER_STORAGE_{}",
                    name.to_uppercase()
                )));
            }
        }
        for (name, endpoint) in [
            ("endpoint", &options.endpoint),
            ("public_endpoint", &options.public_endpoint),
        ] {
            if let Some(endpoint) = endpoint
                && !url::Url::parse(endpoint)
                    .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            {
                return Err(Error::options(format!(
                    "storage.{name} is not an address like https://host:port: {endpoint}"
                )));
            }
        }
        let http = client::http();
        let public = options
            .public_endpoint
            .as_ref()
            .or(options.endpoint.as_ref());
        Ok(Self {
            client: client::connect(options, options.endpoint.as_deref(), &http),
            signer: client::connect(options, public.map(String::as_str), &http),
            bucket: options.bucket.clone(),
            is_aws: options.endpoint.is_none(),
            region: options.region.clone(),
        })
    }

    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }
}

/// An ETag as we keep it: without quotes.
fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

/// An ETag as conditions are written.
fn quoted(etag: &str) -> String {
    format!("\"{}\"", etag.trim_matches('"'))
}
