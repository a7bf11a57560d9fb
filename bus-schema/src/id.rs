//! Names of things. Each is its own type, checked when it is made, so that an id can stand in a
//! subject (no dots, no wildcards), in an object key (no slashes) and in a file name as it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}: it must be {rule}")]
pub struct InvalidId {
    /// What was expected: "job id", "worker name", ...
    pub what: &'static str,
    /// The rule that it breaks.
    pub rule: &'static str,
    /// The refused text, cut to 64 characters.
    pub text: String,
}

fn invalid(what: &'static str, rule: &'static str, text: &str) -> InvalidId {
    InvalidId {
        what,
        rule,
        text: text.chars().take(64).collect(),
    }
}

/// Lower-case letters, digits and inner dashes: safe in subjects, object keys and file names.
fn is_plain(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

macro_rules! plain_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if is_plain(text, $max) { Ok(Self(text.to_owned())) } else { Err(invalid($what, $rule, text)) }
            }
        }

        string_conversions!($name);
    };
}

macro_rules! string_conversions {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

plain_id!(
    /// The owner of jobs; `default` until there are API keys.
    TenantId, "tenant id", 32, "1 to 32 of a-z, 0-9 and inner dashes"
);
plain_id!(
    /// A worker, which is also its machine's name and its user on the bus: `w1`, `w2`, ...
    WorkerName, "worker name", 32, "1 to 32 of a-z, 0-9 and inner dashes"
);
plain_id!(
    /// A rendition of a source: `720p`, `audio`, ...
    RenditionName, "rendition name", 16, "1 to 16 of a-z, 0-9 and inner dashes"
);
plain_id!(
    /// A webhook receiver, named by a digest of its address.
    EndpointId, "endpoint id", 32, "1 to 32 of a-z, 0-9 and inner dashes"
);

impl Default for TenantId {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

/// Crockford's base 32 in lower case: no i, l, o, u.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 128 bits, five a digit.
const JOB_ID_CHARS: usize = 26;

/// One source's processing, from authorization to its last output: 48 bits of milliseconds since
/// 1970 and 80 random bits, as 26 base-32 digits. Ids sort by the time they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId([u8; JOB_ID_CHARS]);

impl JobId {
    /// A new id for a job made at `now_ms`.
    ///
    /// # Panics
    /// When the operating system has no randomness, without which no id is safe.
    #[must_use]
    pub fn random(now_ms: u64) -> Self {
        let mut tail = [0_u8; 10];
        getrandom::fill(&mut tail).expect("the operating system gives randomness");
        Self::from_parts(now_ms, tail)
    }

    /// The id of these milliseconds and random bits.
    #[must_use]
    pub fn from_parts(now_ms: u64, random: [u8; 10]) -> Self {
        let mut value = u128::from(now_ms & ((1 << 48) - 1));
        for byte in random {
            value = (value << 8) | u128::from(byte);
        }
        let mut text = [0; JOB_ID_CHARS];
        for digit in text.iter_mut().rev() {
            *digit = DIGITS[(value & 31) as usize];
            value >>= 5;
        }
        Self(text)
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("base-32 digits are ASCII")
    }
}

impl FromStr for JobId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // 26 digits hold 130 bits: the first digit has three of them.
        let rule = "26 of 0-9 and a-z without i, l, o, u, the first at most 7";
        let bytes: [u8; JOB_ID_CHARS] = text
            .as_bytes()
            .try_into()
            .map_err(|_| invalid("job id", rule, text))?;
        if bytes.iter().all(|b| DIGITS.contains(b)) && bytes[0] <= b'7' {
            Ok(Self(bytes))
        } else {
            Err(invalid("job id", rule, text))
        }
    }
}

string_conversions!(JobId);

/// A task's place in its job, counted from 0. It names the task for good: tasks are never renumbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskNumber(pub u32);

impl TaskNumber {
    /// As an index into the record's tasks.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TaskNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The ordinal of a try of one task, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempt(pub u16);

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Proof that a worker holds an attempt: 128 random bits as 32 hexadecimal digits. Never logged.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token(String);

impl Token {
    /// A fresh token.
    ///
    /// # Panics
    /// When the operating system has no randomness, without which no token is safe.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives randomness");
        Self(bytes.iter().map(|b| format!("{b:02x}")).collect())
    }

    /// The text itself, for comparing and signing only.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Token {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let is_hex = text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if text.len() == 32 && is_hex {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid("token", "32 hexadecimal digits", ""))
        }
    }
}

impl TryFrom<String> for Token {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        token.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_ids_sort_by_time_and_round_trip() {
        let early = JobId::from_parts(1_000, [255; 10]);
        let late = JobId::from_parts(1_001, [0; 10]);
        assert!(early < late);
        assert_eq!(early.as_str().parse(), Ok(early));
        assert_ne!(JobId::random(5), JobId::random(5));
    }

    #[test]
    fn ids_refuse_what_could_leave_their_place() {
        for text in [
            "",
            ".",
            "..",
            "a.b",
            "a/b",
            "A",
            "a b",
            "*",
            ">",
            "-a",
            "a-",
            "é",
            &"a".repeat(33),
        ] {
            assert!(text.parse::<WorkerName>().is_err(), "{text:?}");
            assert!(text.parse::<TenantId>().is_err(), "{text:?}");
            assert!(text.parse::<JobId>().is_err(), "{text:?}");
        }
        assert!("w1".parse::<WorkerName>().is_ok());
        assert!(
            "zzzzzzzzzzzzzzzzzzzzzzzzzz".parse::<JobId>().is_err(),
            "more than 128 bits"
        );
    }

    #[test]
    fn a_token_does_not_show_itself() {
        let token = Token::random();
        assert!(!format!("{token:?}").contains(token.as_str()));
    }
}
