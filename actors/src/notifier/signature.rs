//! Signatures per Standard Webhooks 1.0.0, symmetric: HMAC-SHA256.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How a secret begins, as the specification writes it.
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a secret that the specification allows.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The scheme's name in the header.
const SCHEME: &str = "v1";

/// What deliveries are signed with. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// Why a text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the webhook secret must be `whsec_` and the base64 of 24 to 64 random bytes, as \
     `echo whsec_$(head -c 32 /dev/urandom | base64)` makes one"
)]
pub struct InvalidSecret;

// === impl Secret ===

impl Secret {
    /// The value of `webhook-signature` for an attempt at this time, in seconds since 1970.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp_s: u64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body.as_bytes());
        format!("{SCHEME},{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl FromStr for Secret {
    type Err = InvalidSecret;
    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text
            .trim()
            .strip_prefix(SECRET_PREFIX)
            .ok_or(InvalidSecret)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| InvalidSecret)?;
        if SECRET_BYTES.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(InvalidSecret)
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_known_vector() {
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_secret_is_refused_and_none_is_shown() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for text in [
            "",
            "whsec_",
            "secret",
            "whsec_***",
            &of(23),
            &of(65),
            &STANDARD.encode([7; 32]),
        ] {
            assert_eq!(text.parse::<Secret>(), Err(InvalidSecret), "{text}");
        }
        for bytes in [24, 32, 64] {
            assert!(of(bytes).parse::<Secret>().is_ok(), "{bytes}");
        }
        let secret: Secret = format!(" {}\n", of(32)).parse().unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
