//! Can this storage do what we need? Asked by `tcoder doctor`, by doing it.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::{Error, ErrorKind, PutConditions, Storage};

/// What was tried, in order. After a failure the rest was not tried.
#[derive(Debug)]
pub struct Probe {
    /// The steps.
    pub steps: Vec<ProbeStep>,
}

/// One thing that we need.
#[derive(Debug)]
pub struct ProbeStep {
    /// In words: `write an object`.
    pub name: &'static str,
    /// Why it does not work.
    pub result: Result<(), Error>,
}

impl Probe {
    /// Did everything work?
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.steps.iter().all(|step| step.result.is_ok())
    }

    fn step(&mut self, name: &'static str, result: Result<(), Error>) -> bool {
        let is_ok = result.is_ok();
        self.steps.push(ProbeStep { name, result });
        is_ok
    }
}

impl Storage {
    /// Writes, reads and deletes one small object under `key`, which must be nobody's.
    pub async fn check(&self, key: &str) -> Probe {
        let mut probe = Probe { steps: Vec::new() };
        let body = Bytes::from_static(b"tcoder was here");
        let head = self.client.head_bucket().bucket(&self.bucket).send().await;
        let head = head
            .map(drop)
            .map_err(|error| Error::call("looking at the bucket", error));
        let go_on = probe.step("reach the bucket", head)
            && probe.step(
                "write an object",
                self.put_bytes(key, body.clone(), "text/plain", None)
                    .await
                    .map(drop),
            )
            && probe.step("read it back", self.reads_back(key, &body).await)
            && probe.step(
                "refuse to create it twice",
                self.refuses_to_replace(key).await,
            )
            && probe.step("sign an upload", self.signs(key).await)
            && probe.step(
                "begin and abort a multipart upload",
                self.begins_and_aborts(key).await,
            );
        if go_on || probe.steps.len() > 1 {
            probe.step("delete it", self.delete_many(&[key.to_owned()]).await);
        }
        probe
    }

    async fn reads_back(&self, key: &str, body: &Bytes) -> Result<(), Error> {
        let read = self.get_bytes(key, body.len()).await?;
        if read == body {
            Ok(())
        } else {
            Err(Error::new(
                ErrorKind::Refused,
                "what was read is not what was written".to_owned(),
            ))
        }
    }

    /// Without this, a presigned upload could be repeated over a source that is being transcoded.
    async fn refuses_to_replace(&self, key: &str) -> Result<(), Error> {
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .if_none_match("*");
        match put.body(ByteStream::from_static(b"again")).send().await {
            Ok(_) => Err(Error::new(
                ErrorKind::Refused,
                "storage ignores If-None-Match: uploads can be overwritten; use a storage that has conditional writes".to_owned(),
            )),
            Err(error) => match Error::call("writing conditionally", error) {
                refused if refused.kind() == ErrorKind::Precondition => Ok(()),
                error => Err(error),
            },
        }
    }

    async fn signs(&self, key: &str) -> Result<(), Error> {
        let expires = Duration::from_secs(60);
        let conditions = PutConditions {
            content_length: Some(1),
            content_type: None,
            create_only: true,
            expires,
        };
        self.presign_put(key, &conditions).await.map(drop)
    }

    async fn begins_and_aborts(&self, key: &str) -> Result<(), Error> {
        let upload_id = self.create_multipart(key, "text/plain").await?;
        self.abort_multipart(key, &upload_id).await
    }
}
