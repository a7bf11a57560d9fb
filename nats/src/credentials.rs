//! What a process needs to connect, as it lies in a file or in `run.json`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// JetStream's own API prefix, for users of the account that holds the streams.
pub const API_PREFIX: &str = "$JS.API";
/// The API prefix in the workers' account: imports must not shadow the account's own `$JS.API`.
pub const WORKER_API_PREFIX: &str = "APPJS";

/// One user's way to the bus.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// `nats://host:port`, several separated by commas for a cluster.
    pub url: String,
    /// The user, for a worker its name.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Where answers come: the only inbox that a worker may subscribe to. No wildcards.
    #[serde(default = "default_inbox_prefix")]
    pub inbox_prefix: String,
    /// Where the JetStream API is found: [`API_PREFIX`] or [`WORKER_API_PREFIX`].
    #[serde(default = "default_api_prefix")]
    pub api_prefix: String,
}

// === impl Credentials ===

impl Credentials {
    /// Of a user of the account that holds the streams.
    #[must_use]
    pub fn app(url: &str, user: &str, password: &str) -> Self {
        Self {
            url: url.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            inbox_prefix: default_inbox_prefix(),
            api_prefix: default_api_prefix(),
        }
    }

    /// Of a worker: its own inbox, the imported API.
    #[must_use]
    pub fn worker(url: &str, user: &str, password: &str) -> Self {
        Self {
            inbox_prefix: worker_inbox_prefix(user),
            api_prefix: WORKER_API_PREFIX.to_owned(),
            ..Self::app(url, user, password)
        }
    }
}

/// The inbox prefix that a worker's permissions name.
pub(crate) fn worker_inbox_prefix(user: &str) -> String {
    format!("_INBOX_{user}")
}

impl fmt::Debug for Credentials {
    /// Without the password: credentials end up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("url", &self.url)
            .field("user", &self.user)
            .field("inbox_prefix", &self.inbox_prefix)
            .field("api_prefix", &self.api_prefix)
            .finish_non_exhaustive()
    }
}

fn default_inbox_prefix() -> String {
    "_INBOX".to_owned()
}

fn default_api_prefix() -> String {
    API_PREFIX.to_owned()
}
