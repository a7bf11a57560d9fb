//! Whom the store tells that an object was created.

use std::fmt;
use std::future::Future;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};

/// Takes notifications, and answers only when they are safe.
pub trait Notify: Send + Sync + 'static {
    /// Takes one S3-shaped event: UTF-8 JSON `{"EventName","Key","Records":[..]}`.
    ///
    /// `msg_id` is the same for every repetition of the same event, for use as `Nats-Msg-Id`. The store
    /// repeats an event until this returns `Ok`, also after a restart; it waits a few seconds for the
    /// answer and drops the future when there is none.
    fn object_created(
        &self,
        payload: Bytes,
        msg_id: String,
    ) -> BoxFuture<'_, Result<(), NotifyError>>;
}

/// A notification was not accepted; it will be repeated.
#[derive(Debug, thiserror::Error)]
#[error("the notification was not accepted: {0}")]
pub struct NotifyError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl NotifyError {
    /// Wraps what went wrong.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// A [`Notify`] out of a function, so that the store needs to know nothing of the bus:
///
/// ```
/// # use gateway::store::notify;
/// # async fn publish_to_jetstream(_: bytes::Bytes, _: String) -> Result<(), std::io::Error> { Ok(()) }
/// let notifier = notify::from_fn(|payload, msg_id| publish_to_jetstream(payload, msg_id));
/// ```
pub fn from_fn<F, Sent, E>(publish: F) -> impl Notify + fmt::Debug
where
    F: Fn(Bytes, String) -> Sent + Send + Sync + 'static,
    Sent: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    FromFn(publish)
}

struct FromFn<F>(F);

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFn")
    }
}

impl<F, Sent, E> Notify for FromFn<F>
where
    F: Fn(Bytes, String) -> Sent + Send + Sync + 'static,
    Sent: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn object_created(
        &self,
        payload: Bytes,
        msg_id: String,
    ) -> BoxFuture<'_, Result<(), NotifyError>> {
        let sent = (self.0)(payload, msg_id);
        async move { sent.await.map_err(NotifyError::new) }.boxed()
    }
}
