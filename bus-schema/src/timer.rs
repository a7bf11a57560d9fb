//! Timers: a scheduled message that only says "look at the record".

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::JobId;

/// The body of a message on `TIMERS`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timer {
    /// Look at this job's record: something in it has a deadline around now.
    Job {
        /// Which.
        job: JobId,
    },
    /// Try this webhook delivery again.
    Webhook {
        /// The delivery as it was put off.
        delivery: Box<crate::webhook::Delivery>,
    },
}

/// What a timer is for, as a subject token: `j-<job>-<version>` or `w-<endpoint>-<job>-<n>-<attempt>`.
///
/// The version of what armed it is part of the name, so that arming again after a change is a new
/// timer, and arming twice after a crash is the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TimerId(String);

impl TimerId {
    /// For a job whose record had this many timers before.
    #[must_use]
    pub fn job(job: &JobId, version: u64) -> Self {
        Self(format!("j-{job}-{version}"))
    }

    /// For a webhook delivery's next attempt.
    #[must_use]
    pub fn webhook(delivery: &crate::webhook::Delivery) -> Self {
        let crate::webhook::Delivery {
            endpoint,
            job,
            n,
            attempt,
            ..
        } = delivery;
        Self(format!("w-{endpoint}-{job}-{n}-{attempt}"))
    }

    /// The subject token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TimerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TimerId {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let is_token = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if text.is_empty() || !is_token {
            Err(())
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}
