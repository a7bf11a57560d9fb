//! The version of a record, wherever one is read: get, list and watch of the register, and the edge.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::RECORD_VERSION;

/// Refuses what newer code wrote: this code would drop what it does not know of it with the next
/// write. What older code wrote is of this version once it is read, for defaults have filled in what
/// it lacked.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let v = u64::deserialize(deserializer)?;
    if (1..=u64::from(RECORD_VERSION)).contains(&v) {
        return Ok(RECORD_VERSION);
    }
    Err(D::Error::custom(format!(
        "record version {v} is not one of 1 to {RECORD_VERSION}: update this process first"
    )))
}
