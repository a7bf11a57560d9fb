//! A machine as a provider shows it, and what is said when one is launched.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// Longest name, in bytes: what a bus subject's token, a user name and a host name all bear.
const NAME_BYTES_MAX: usize = 32;

/// A machine's name, which is also its worker's name and its user on the bus: `w1`, `w2`, ...
///
/// Names are chosen by the caller before the machine exists, and are the idempotency key of every
/// verb. 1 to 32 of a-z, 0-9 and inner dashes: safe in subjects and file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MachineName(String);

/// Where a machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineState {
    /// Asked for; not yet running.
    Starting,
    /// Running. Its worker may still be on its way.
    Started,
    /// Told to drain; still running.
    Stopping,
    /// Not running; launching its name starts it again.
    Stopped,
    /// Gone, its name is free.
    Destroyed,
}

impl MachineState {
    /// Whether it costs money or memory: what a cap counts.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Starting | Self::Started | Self::Stopping)
    }
}

/// A machine as its provider shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub name: MachineName,
    /// Where it stands.
    pub state: MachineState,
    /// Its process, where it is one of this machine's.
    pub pid: Option<u32>,
    /// When it was last launched, milliseconds since 1970.
    pub started_at_ms: u64,
    /// How its last run ended, for people: `exit code 3`, `signal 9`. `None` while it runs, or when
    /// nobody saw it end.
    pub exit: Option<String>,
}

/// What is said when a machine is launched.
#[derive(Clone, PartialEq, Eq)]
pub struct Launch {
    /// Its name.
    pub name: MachineName,
    /// Environment of the worker; credentials travel here, never as arguments.
    pub env: BTreeMap<String, String>,
}

// === impl MachineName ===

impl MachineName {
    /// `w<n>`.
    #[must_use]
    pub fn numbered(n: u32) -> Self {
        Self(format!("w{n}"))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The n of `w<n>`, where it is such a name in its one spelling.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        let n = self.0.strip_prefix('w')?.parse().ok()?;
        (Self::numbered(n) == *self).then_some(n)
    }
}

impl FromStr for MachineName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let is_plain = (1..=NAME_BYTES_MAX).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if is_plain {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.chars().take(64).collect();
        let rule = "1 to 32 of a-z, 0-9 and inner dashes";
        Err(Error::new(
            ErrorKind::Invalid,
            format!("`{shown}` is not a machine name: use {rule}"),
        ))
    }
}

impl TryFrom<String> for MachineName {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<MachineName> for String {
    fn from(name: MachineName) -> Self {
        name.0
    }
}

impl fmt::Display for MachineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Launch ===

/// Names without values: some of them are passwords.
impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.env.keys().collect();
        f.debug_struct("Launch")
            .field("name", &self.name)
            .field("env", &names)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_could_leave_their_place() {
        for text in [
            "",
            ".",
            "..",
            "a/b",
            "a.b",
            "W1",
            "w 1",
            "-w",
            "w-",
            "é",
            "*",
            &"w".repeat(33),
        ] {
            assert!(text.parse::<MachineName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn numbers_have_one_spelling() {
        let number = |text: &str| text.parse::<MachineName>().unwrap().number();
        assert_eq!(number("w12"), Some(12));
        for text in ["w", "w01", "w1a", "x1", "w-1"] {
            assert_eq!(number(text), None, "{text}");
        }
        assert_eq!(MachineName::numbered(7).to_string(), "w7");
    }

    #[test]
    fn a_launch_does_not_show_its_secrets() {
        let env = BTreeMap::from([("PASSWORD".to_owned(), "s3cret".to_owned())]);
        let shown = format!(
            "{:?}",
            Launch {
                name: MachineName::numbered(1),
                env
            }
        );
        assert!(
            shown.contains("PASSWORD") && !shown.contains("s3cret"),
            "{shown}"
        );
    }
}
