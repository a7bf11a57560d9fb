//! What may differ between installations.

use std::net::SocketAddr;
use std::time::Duration;

use bus_schema::ladder::Ladder;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Error;

/// The largest object that one signed PUT can create, on every S3; larger ones need multipart.
pub(super) const SINGLE_PUT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// The `[gateway]` section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Default: `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Largest upload. Default and maximum: 5 GiB, what a single signed PUT takes, until uploads in
    /// parts are there.
    pub upload_bytes_max: u64,
    /// Largest request body of the API. Default: 64 KiB; the largest legal one, with the image
    /// of a watermark, is six tenths of it.
    pub body_bytes_max: usize,
    /// How long an upload may take to begin. Default: 1 h.
    pub upload_expiry_s: u64,
    /// How long a signed download or segment address holds. Default: 1 h.
    pub download_expiry_s: u64,
    /// Names that `Host` may have besides loopback: `tcoder.example.com`, with or without a port.
    /// Default: none.
    pub allowed_hosts: Vec<String>,
    /// Pages elsewhere, another port of this machine included, that may use the API:
    /// `https://app.example.com`. Default: none.
    pub allowed_origins: Vec<String>,
    /// Segments come from here (a CDN before the storage bucket) rather than from signed storage
    /// addresses. Default: none.
    pub media_base_url: Option<Url>,
    /// Webhooks to receivers on this machine are allowed. No key of this section: `[webhook]` has it,
    /// since whoever delivers must agree. Default: false.
    #[serde(skip)]
    pub webhook_allow_loopback: bool,
    /// The qualities that can be asked for. No key of this section: `[transcode]` names the file, since
    /// whoever plans must agree. Default: the standard ladder.
    #[serde(skip)]
    pub ladder: Ladder,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            upload_bytes_max: SINGLE_PUT_BYTES_MAX,
            body_bytes_max: 64 * 1024,
            upload_expiry_s: 3_600,
            download_expiry_s: 3_600,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            media_base_url: None,
            webhook_allow_loopback: false,
            ladder: Ladder::default(),
        }
    }
}

impl Options {
    pub(super) fn check(&self) -> Result<(), Error> {
        let expiry_max_s = crate::storage::EXPIRES_MAX.as_secs();
        for (name, value, max) in [
            (
                "upload_bytes_max",
                self.upload_bytes_max,
                SINGLE_PUT_BYTES_MAX,
            ),
            ("upload_expiry_s", self.upload_expiry_s, expiry_max_s),
            ("download_expiry_s", self.download_expiry_s, expiry_max_s),
        ] {
            if value == 0 || value > max {
                return Err(Error::Options(format!(
                    "gateway.{name} is {value}: set 1 to {max}"
                )));
            }
        }
        for origin in &self.allowed_origins {
            let is_origin =
                Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
            if !is_origin {
                let message = format!(
                    "gateway.allowed_origins: `{origin}` is none: write https://host, without a path"
                );
                return Err(Error::Options(message));
            }
        }
        if let Some(base) = &self.media_base_url
            && !matches!(base.scheme(), "https" | "http")
        {
            return Err(Error::Options(format!(
                "gateway.media_base_url: `{base}` is not http or https"
            )));
        }
        Ok(())
    }

    pub(super) fn upload_expiry(&self) -> Duration {
        Duration::from_secs(self.upload_expiry_s)
    }

    pub(super) fn download_expiry(&self) -> Duration {
        Duration::from_secs(self.download_expiry_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_pass_and_mistakes_are_named() {
        assert!(Options::default().check().is_ok());
        let refused = |change: fn(&mut Options)| {
            let mut options = Options::default();
            change(&mut options);
            options.check().unwrap_err().to_string()
        };
        assert!(
            refused(|o| o.upload_bytes_max = SINGLE_PUT_BYTES_MAX + 1).contains("upload_bytes_max")
        );
        assert!(refused(|o| o.upload_expiry_s = 0).contains("upload_expiry_s"));
        assert!(
            refused(|o| o.allowed_origins = vec!["https://a.example/".to_owned()])
                .contains("a.example")
        );
        assert!(
            refused(|o| o.media_base_url = Url::parse("ftp://a").ok()).contains("media_base_url")
        );
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = serde_json::from_str::<Options>(r#"{"lissten":"127.0.0.1:1"}"#).unwrap_err();
        assert!(error.to_string().contains("lissten"));
        // Webhooks have a section of their own, which decides.
        let error =
            serde_json::from_str::<Options>(r#"{"webhook_allow_loopback":true}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field"), "{error}");
        let options: Options = serde_json::from_str(r#"{"listen":"127.0.0.1:1"}"#).unwrap();
        assert_eq!(options.listen.port(), 1);
    }
}
