//! Conditional requests: pure decisions over what is there and what was asked (RFC 9110, section 13).

use http::HeaderMap;
use http::header::{ETAG, HeaderValue, LAST_MODIFIED};
use s3s::dto::{ETag, ETagCondition, Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use time::OffsetDateTime;

use super::record::{ObjectRecord, moment};

/// The four conditions of one request; absent ones hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

impl Conditions {
    /// May the object under the key, or its absence, be replaced?
    ///
    /// # Errors
    /// `PreconditionFailed` (412); `NoSuchKey` (404) for an `If-Match` where nothing is, as S3 does.
    pub(super) fn check_write(&self, current: Option<&ObjectRecord>) -> S3Result<()> {
        match (&self.if_match, current) {
            (Some(_), None) => {
                return Err(s3_error!(
                    NoSuchKey,
                    "If-Match, but there is no object under this key"
                ));
            }
            (Some(wanted), Some(object)) if !matches(wanted, object) => {
                return Err(failed("If-Match"));
            }
            _ => {}
        }
        match (&self.if_none_match, current) {
            (Some(unwanted), Some(object)) if matches(unwanted, object) => {
                Err(failed("If-None-Match"))
            }
            _ => Ok(()),
        }
    }

    /// Is the object to be sent?
    ///
    /// # Errors
    /// `PreconditionFailed` (412) or `NotModified` (304, with the validators as headers).
    pub(super) fn check_read(&self, object: &ObjectRecord) -> S3Result<()> {
        if let Some(wanted) = &self.if_match {
            if !matches(wanted, object) {
                return Err(failed("If-Match"));
            }
        } else if let Some(since) = &self.if_unmodified_since
            && modified_after(object, since)
        {
            return Err(failed("If-Unmodified-Since"));
        }
        if let Some(known) = &self.if_none_match {
            if matches(known, object) {
                return Err(not_modified(object));
            }
        } else if let Some(since) = &self.if_modified_since
            && !modified_after(object, since)
        {
            return Err(not_modified(object));
        }
        Ok(())
    }
}

fn matches(condition: &ETagCondition, object: &ObjectRecord) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(tag) => tag.value() == object.etag,
    }
}

/// HTTP dates have whole seconds: what happened within the named second counts as not after it.
fn modified_after(object: &ObjectRecord, since: &Timestamp) -> bool {
    let since: OffsetDateTime = since.clone().into();
    moment(object.modified_ns).unix_timestamp() > since.unix_timestamp()
}

fn failed(condition: &str) -> S3Error {
    s3_error!(
        PreconditionFailed,
        "{condition} does not hold for the object as it is: look at it again, then decide"
    )
}

fn not_modified(object: &ObjectRecord) -> S3Error {
    let mut headers = HeaderMap::new();
    if let Ok(etag) = ETag::Strong(object.etag.clone()).to_http_header() {
        headers.insert(ETAG, etag);
    }
    let mut date = Vec::new();
    if Timestamp::from(moment(object.modified_ns))
        .format(TimestampFormat::HttpDate, &mut date)
        .is_ok()
        && let Ok(date) = HeaderValue::from_bytes(&date)
    {
        headers.insert(LAST_MODIFIED, date);
    }
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    error.set_headers(headers);
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::Headers;

    const SECOND_NS: u64 = 1_000_000_000;

    fn object() -> ObjectRecord {
        ObjectRecord {
            key: "a".to_owned(),
            id: 1,
            etag: "abc".to_owned(),
            size: 0,
            modified_ns: 100 * SECOND_NS + 5,
            headers: Headers::default(),
            pieces: Vec::new(),
            upload_id: None,
        }
    }

    fn tag(value: &str) -> Option<ETagCondition> {
        Some(ETagCondition::ETag(ETag::Strong(value.to_owned())))
    }

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(OffsetDateTime::from_unix_timestamp(seconds).unwrap().into())
    }

    fn status(result: S3Result<()>) -> u16 {
        result
            .err()
            .map_or(200, |error| error.status_code().unwrap().as_u16())
    }

    #[test]
    fn writes_hold_to_their_conditions() {
        let any = Some(ETagCondition::Any);
        let table = [
            (Conditions::default(), true, 200),
            (
                Conditions {
                    if_none_match: any.clone(),
                    ..Conditions::default()
                },
                true,
                412,
            ),
            (
                Conditions {
                    if_none_match: any.clone(),
                    ..Conditions::default()
                },
                false,
                200,
            ),
            (
                Conditions {
                    if_none_match: tag("abc"),
                    ..Conditions::default()
                },
                true,
                412,
            ),
            (
                Conditions {
                    if_none_match: tag("x"),
                    ..Conditions::default()
                },
                true,
                200,
            ),
            (
                Conditions {
                    if_match: tag("abc"),
                    ..Conditions::default()
                },
                true,
                200,
            ),
            (
                Conditions {
                    if_match: tag("x"),
                    ..Conditions::default()
                },
                true,
                412,
            ),
            (
                Conditions {
                    if_match: any,
                    ..Conditions::default()
                },
                false,
                404,
            ),
        ];
        for (conditions, is_there, expected) in table {
            let object = object();
            assert_eq!(
                status(conditions.check_write(is_there.then_some(&object))),
                expected,
                "{conditions:?}"
            );
        }
    }

    #[test]
    fn reads_follow_the_order_of_precedence() {
        let c = Conditions::default;
        let table = [
            (
                Conditions {
                    if_match: tag("x"),
                    ..c()
                },
                412,
            ),
            (
                Conditions {
                    if_match: tag("abc"),
                    if_unmodified_since: at(1),
                    ..c()
                },
                200,
            ),
            (
                Conditions {
                    if_unmodified_since: at(99),
                    ..c()
                },
                412,
            ),
            (
                Conditions {
                    if_unmodified_since: at(100),
                    ..c()
                },
                200,
            ),
            (
                Conditions {
                    if_none_match: tag("abc"),
                    if_modified_since: at(1),
                    ..c()
                },
                304,
            ),
            (
                Conditions {
                    if_none_match: tag("x"),
                    if_modified_since: at(200),
                    ..c()
                },
                200,
            ),
            (
                Conditions {
                    if_modified_since: at(100),
                    ..c()
                },
                304,
            ),
            (
                Conditions {
                    if_modified_since: at(99),
                    ..c()
                },
                200,
            ),
        ];
        for (conditions, expected) in table {
            assert_eq!(
                status(conditions.check_read(&object())),
                expected,
                "{conditions:?}"
            );
        }
    }
}
