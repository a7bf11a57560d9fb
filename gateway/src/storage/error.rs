//! Why storage did not do what was asked.

use std::fmt;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A call to the storage service failed.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    code: Option<String>,
    source: Option<Source>,
}

/// What to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No such object, upload or bucket.
    NotFound,
    /// A condition did not hold: the object is there already, or is another one by now.
    Precondition,
    /// The credentials are wrong, or may not do this.
    Denied,
    /// The service could not be reached or did not answer in time. Trying later may help.
    Unreachable,
    /// The service failed (5xx, or asked to slow down). Trying later may help.
    Unavailable,
    /// The service refused the request; trying again will not help.
    Refused,
    /// The object is larger than the caller allows.
    TooLarge,
    /// The configuration cannot be used.
    Options,
}

impl Error {
    pub(super) fn new(kind: ErrorKind, message: String) -> Self {
        Self {
            kind,
            message,
            code: None,
            source: None,
        }
    }

    pub(super) fn options(message: String) -> Self {
        Self::new(ErrorKind::Options, message)
    }

    /// A request that could not even be built: an argument is not what S3 takes.
    pub(super) fn unbuildable(what: &str, source: impl Into<Source>) -> Self {
        let message = format!("{what}: the request cannot be built");
        Self {
            kind: ErrorKind::Refused,
            message,
            code: None,
            source: Some(source.into()),
        }
    }

    /// A body that broke off.
    pub(super) fn broken(what: &str, source: impl Into<Source>) -> Self {
        let message = format!("{what}: the answer broke off; try again");
        Self {
            kind: ErrorKind::Unreachable,
            message,
            code: None,
            source: Some(source.into()),
        }
    }

    /// What the SDK says about a call; `what` is the call in words.
    pub(super) fn call<E>(what: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let status = error
            .raw_response()
            .map(|response| response.status().as_u16());
        let code = error.code().map(ToOwned::to_owned);
        let said = error
            .message()
            .map(|message| format!(" ({message})"))
            .unwrap_or_default();
        let (kind, advice) = match (&error, status) {
            (SdkError::ConstructionFailure(_), _) => {
                (ErrorKind::Refused, "the request cannot be built")
            }
            (SdkError::TimeoutError(_) | SdkError::DispatchFailure(_), _) => (
                ErrorKind::Unreachable,
                "storage cannot be reached: is it running, and is storage.endpoint right?",
            ),
            (_, Some(status)) => of_status(status, code.as_deref()),
            (_, None) => (ErrorKind::Unreachable, "storage gave no answer"),
        };
        let source: Source = match error.into_source() {
            Ok(source) => source,
            Err(error) => Box::new(error),
        };
        Self {
            kind,
            message: format!("{what}: {advice}{said}"),
            code,
            source: Some(source),
        }
    }

    /// What to match on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The service's own code, e.g. `NoSuchUpload`; answers to HEAD have none.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

fn of_status(status: u16, code: Option<&str>) -> (ErrorKind, &'static str) {
    match (status, code) {
        (404, _) => (ErrorKind::NotFound, "it is not there"),
        // 409 is AWS's answer to two conditional writes at once.
        (412, _) | (409, Some("ConditionalRequestConflict")) => (
            ErrorKind::Precondition,
            "it is not as the condition wants it",
        ),
        (401 | 403, _) => (
            ErrorKind::Denied,
            "storage denies it: check the credentials, the clock and the bucket's policy",
        ),
        (408 | 429 | 500.., _) => (
            ErrorKind::Unavailable,
            "storage is in trouble: try again later",
        ),
        _ => (ErrorKind::Refused, "storage refuses it"),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}
