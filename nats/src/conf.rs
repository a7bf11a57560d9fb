//! The server's configuration: two accounts, and only the doors between them that workers need.
//!
//! `APP` holds the streams; `WORKERS` holds no more than imports. In one account a worker could set
//! the reply subject of an allowed publish to any subject, and the server would deliver the ack
//! there: into another's lease, or as an injected task. In an account of its own the reply stays
//! inside.

mod rights;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind, Result};
use crate::server::write_private;

/// The frame into which the generated parts are put; the comments in it are for the operator.
const TEMPLATE: &str = include_str!("../conf/nats-server.conf");

/// The most workers whose users are generated at once. Their permissions are a kilobyte each; more
/// than this is the time for nkeys with a scoped signing key.
pub const WORKERS_MAX: u32 = 10_000;

/// What a server is configured with. `Serialize` so that it can be kept beside the store: passwords
/// must survive a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConf {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where `nats server report` style monitoring listens over HTTP; none by default.
    #[serde(default)]
    pub monitor: Option<SocketAddr>,
    /// Where the streams lie.
    pub store_dir: PathBuf,
    /// Whether every write is on the disk before it is acknowledged. Costs one fsync a message, 5.9k
    /// messages a second on one stream; without it the last two minutes are the kernel's to lose.
    pub sync_always: bool,
    /// The control plane's user.
    pub control: User,
    /// The gateway's.
    pub gateway: User,
    /// The operator's.
    pub ops: User,
    /// The system account's, for `nats server ...`.
    pub sys: User,
    /// One for each worker; its name is the worker's and its machine's.
    pub workers: Vec<User>,
    /// The other servers, for replicated streams.
    #[serde(default)]
    pub cluster: Option<Cluster>,
}

/// A user and its password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name.
    pub name: String,
    /// 128 random bits in hexadecimal.
    pub password: String,
}

/// A server's place in a cluster.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// This server's name, unique in the cluster.
    pub server_name: String,
    /// Where the other servers connect.
    pub listen: SocketAddr,
    /// All of them, `host:port`.
    pub routes: Vec<String>,
    /// What the servers show each other, the same on all of them.
    pub password: String,
}

// === impl ServerConf ===

impl ServerConf {
    /// A server with random passwords and workers `w1` to `w<n>`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for more than [`WORKERS_MAX`] workers.
    pub fn generate(listen: SocketAddr, store_dir: &Path, workers: u32) -> Result<Self> {
        if workers > WORKERS_MAX {
            let message = format!("{workers} workers are over the limit of {WORKERS_MAX}");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(Self {
            listen,
            monitor: None,
            store_dir: store_dir.to_owned(),
            sync_always: false,
            control: User::generate("control")?,
            gateway: User::generate("gateway")?,
            ops: User::generate("ops")?,
            sys: User::generate("sys")?,
            workers: (1..=workers)
                .map(|n| User::generate(&format!("w{n}")))
                .collect::<Result<_>>()?,
            cluster: None,
        })
    }

    /// The configuration kept at `path`; `None` when there is none. Passwords must outlive a restart,
    /// for workers that are still there connect with theirs.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when it cannot be read, [`ErrorKind::Malformed`] when it is another's.
    pub fn load(path: &Path) -> Result<Option<Self>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let message = format!("cannot read {}", path.display());
                return Err(Error::with(ErrorKind::Process, message, error));
            }
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            let message = format!("{} is no server configuration of tcoder", path.display());
            Error::with(ErrorKind::Malformed, message, error)
        })
    }

    /// Keeps it at `path`, readable by its owner alone.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|error| {
            Error::with(ErrorKind::Invalid, "the configuration is not JSON", error)
        })?;
        write_private(path, &text)
    }

    /// The address that clients on this machine use.
    #[must_use]
    pub fn url(&self) -> String {
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        format!("nats://{address}")
    }

    /// What the control plane connects with.
    #[must_use]
    pub fn control_credentials(&self) -> Credentials {
        Credentials::app(&self.url(), &self.control.name, &self.control.password)
    }

    /// What a gateway of its own connects with.
    #[must_use]
    pub fn gateway_credentials(&self) -> Credentials {
        Credentials::app(&self.url(), &self.gateway.name, &self.gateway.password)
    }

    /// What the operator connects with.
    #[must_use]
    pub fn ops_credentials(&self) -> Credentials {
        Credentials::app(&self.url(), &self.ops.name, &self.ops.password)
    }

    /// What a worker connects with; `None` when it has no user here.
    #[must_use]
    pub fn worker_credentials(&self, name: &str) -> Option<Credentials> {
        let user = self.workers.iter().find(|user| user.name == name)?;
        Some(Credentials::worker(&self.url(), &user.name, &user.password))
    }

    /// The configuration file's text. It holds passwords: write it with
    /// [`crate::server::write_private`].
    #[must_use]
    pub fn render(&self) -> String {
        let monitor = self
            .monitor
            .map_or_else(String::new, |address| format!("http: {address}"));
        let cluster = self
            .cluster
            .as_ref()
            .map_or_else(String::new, Cluster::render);
        let parts = [
            ("{listen}", self.listen.to_string()),
            ("{monitor}", monitor),
            ("{cluster}", cluster),
            ("{store_dir}", quote(&self.store_dir.to_string_lossy())),
            (
                "{sync}",
                if self.sync_always { "always" } else { "2m" }.to_owned(),
            ),
            ("{exports}", lines(rights::exports())),
            ("{imports}", lines(rights::imports())),
            ("{control}", self.control.render("")),
            ("{gateway}", self.gateway.render(rights::GATEWAY)),
            ("{ops}", self.ops.render("")),
            ("{sys}", self.sys.render("")),
            ("{workers}", lines(self.workers.iter().map(rights::worker))),
        ];
        let mut text = TEMPLATE.to_owned();
        for (mark, part) in parts {
            text = text.replace(mark, &part);
        }
        text
    }
}

// === impl User ===

impl User {
    /// A user with a random password.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when the operating system has no randomness; [`ErrorKind::Invalid`]
    /// for a name that could not stand in a subject.
    pub fn generate(name: &str) -> Result<Self> {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || !name.bytes().all(is_plain) {
            let message = format!("`{name}` is no user name: use a-z, 0-9 and dashes");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            let message = "the operating system gives no randomness";
            Error::with(ErrorKind::Process, message, error.to_string())
        })?;
        let password = format!("{:032x}", u128::from_be_bytes(bytes));
        Ok(Self {
            name: name.to_owned(),
            password,
        })
    }

    fn render(&self, permissions: &str) -> String {
        let Self { name, password } = self;
        format!(
            "{{ user: {}, password: {}{permissions} }}",
            quote(name),
            quote(password)
        )
    }
}

impl fmt::Debug for User {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

// === impl Cluster ===

impl Cluster {
    fn render(&self) -> String {
        let Self {
            server_name,
            listen,
            routes,
            password,
        } = self;
        let route = |route: &String| quote(&format!("nats-route://route:{password}@{route}"));
        let routes: Vec<String> = routes.iter().map(route).collect();
        format!(
            "server_name: {}\ncluster {{\n  name: tcoder\n  listen: {listen}\n  authorization {{ user: route, password: {} }}\n  routes: [ {} ]\n}}",
            quote(server_name),
            quote(password),
            routes.join(", "),
        )
    }
}

impl fmt::Debug for Cluster {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("server_name", &self.server_name)
            .field("listen", &self.listen)
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}

/// One entry a line, at the depth of the template's lists.
fn lines(entries: impl IntoIterator<Item = String>) -> String {
    entries.into_iter().collect::<Vec<_>>().join("\n      ")
}

/// A string of the configuration language: a bare `w1` is one, a bare `1e5` is a number.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
