//! Which object keys are accepted.
//!
//! Nearly all are: a key is data here, never a path (see [`super::layout`]). Refused is only what an S3
//! answer cannot carry back, since listings are XML 1.0.

use s3s::{S3Result, s3_error};

/// Bytes; what S3 allows.
pub(super) const KEY_BYTES_MAX: usize = 1024;

/// Refuses the keys that cannot be listed again.
///
/// # Errors
/// `KeyTooLongError` or `InvalidArgument`, both 400.
pub(super) fn check(key: &str) -> S3Result<()> {
    if key.is_empty() {
        return Err(s3_error!(
            InvalidArgument,
            "the object key is empty: name the object"
        ));
    }
    if key.len() > KEY_BYTES_MAX {
        return Err(s3_error!(
            KeyTooLongError,
            "the object key is longer than {KEY_BYTES_MAX} bytes: shorten it"
        ));
    }
    if key
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}'))
    {
        return Err(s3_error!(
            InvalidArgument,
            "the object key holds a control character: remove it"
        ));
    }
    Ok(())
}
