//! The child's end of the results socket.

use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use bus_schema::report::ErrorCode;

use super::{Error, Result};
use crate::protocol::{
    self, Begin, CREDIT_BYTES, OBJECT_BYTES_MAX, Position, ToChild, ToParent, frame,
};

/// Hands over what was made. Shared by the threads that make it.
#[derive(Debug)]
pub struct Results {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    socket: UnixStream,
    /// Bytes of objects that may be sent before the parent gives more.
    credit: u64,
}

impl Results {
    /// Waits for the task that the parent sends first.
    ///
    /// # Errors
    /// When the first frame is anything else.
    pub fn begin(mut socket: UnixStream) -> Result<(Self, Begin)> {
        match frame::read(&mut socket, protocol::TO_CHILD_BYTES_MAX)? {
            ToChild::Begin(begin) => {
                let inner = Inner {
                    socket,
                    credit: CREDIT_BYTES,
                };
                Ok((
                    Self {
                        inner: Mutex::new(inner),
                    },
                    *begin,
                ))
            }
            ToChild::Credit(_) => Err(Error::internal("the first frame is no task")),
        }
    }

    /// Sends an object, when there is credit for it: waits for the parent to have stored others.
    ///
    /// # Errors
    /// [`ErrorCode::LimitExceeded`] for an object over [`OBJECT_BYTES_MAX`]; otherwise the parent
    /// went away.
    pub fn object(&self, name: String, bytes: Vec<u8>) -> Result<()> {
        let len = bytes.len() as u64;
        if len > OBJECT_BYTES_MAX {
            let message = format!(
                "The task made an object of {len} bytes, where {OBJECT_BYTES_MAX} are the most: ask \
                 for a lower rate, or upload a shorter file."
            );
            return Err(Error::new(ErrorCode::LimitExceeded, message).because(name));
        }
        self.with(|inner| {
            while inner.credit < len {
                match frame::read(&mut inner.socket, protocol::TO_CHILD_BYTES_MAX)? {
                    ToChild::Credit(more) => inner.credit = inner.credit.saturating_add(more),
                    ToChild::Begin(_) => return Err(Error::internal("a second task")),
                }
            }
            inner.credit -= len;
            let object = ToParent::Object {
                name,
                bytes: bytes.into(),
            };
            Ok(frame::write(
                &mut inner.socket,
                &object,
                protocol::TO_PARENT_BYTES_MAX,
            )?)
        })
    }

    /// Sends anything but an object.
    ///
    /// # Errors
    /// When the parent went away.
    pub fn send(&self, message: &ToParent) -> Result<()> {
        self.with(|inner| {
            Ok(frame::write(
                &mut inner.socket,
                message,
                protocol::TO_PARENT_BYTES_MAX,
            )?)
        })
    }

    /// Sends how far the task is.
    ///
    /// # Errors
    /// When the parent went away.
    pub fn progress(&self, position: Position) -> Result<()> {
        self.send(&ToParent::Progress(position))
    }

    /// Sends a line for the log.
    ///
    /// # Errors
    /// When the parent went away.
    pub fn log(&self, is_warning: bool, text: impl Into<String>) -> Result<()> {
        self.send(&ToParent::Log {
            is_warning,
            text: super::error::plain(&text.into()),
        })
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> Result<T>) -> Result<T> {
        f(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
