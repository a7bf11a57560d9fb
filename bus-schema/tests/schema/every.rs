//! Everything that is read from the bus, from a bucket or from a live session, by name: for the tests and,
//! without the rest of them, for the fuzz target.

use std::fmt::Debug;

use bus_schema::attempt::{AssembleResult, AudioPart, ChunkResult, ImagesResult, SubtitlesResult};
use bus_schema::claim::{ClaimReply, ClaimRequest};
use bus_schema::codec::{self, decode, encode};
use bus_schema::control::Control;
use bus_schema::fact::Fact;
use bus_schema::heartbeat::Heartbeat;
use bus_schema::live::LiveMessage;
use bus_schema::machine::WorkerLease;
use bus_schema::plan::Plan;
use bus_schema::progress::Progress;
use bus_schema::record::JobRecord;
use bus_schema::report::Report;
use bus_schema::source::SourceFacts;
use bus_schema::task::{Invitation, TaskSpec};
use bus_schema::timer::Timer;
use bus_schema::webhook::Delivery;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What every type of the wire can do.
pub(crate) trait Wire: Serialize + DeserializeOwned + PartialEq + Debug {}
impl<T: Serialize + DeserializeOwned + PartialEq + Debug> Wire for T {}

macro_rules! every {
    ($($read:ident { $($name:literal: $type:ty),+ $(,)? })+) => {
        /// The names of all of them.
        pub(crate) const NAMES: &[&str] = &[$($($name),+),+];

        /// Reads the bytes as each of them, and what could be read a second time from what it is written as.
        /// Returns the names of those that could be read.
        ///
        /// # Panics
        /// When something that was read is not the same after it was written and read again.
        pub(crate) fn read(bytes: &[u8]) -> Vec<&'static str> {
            // What the terminal shows any message as.
            message::<serde_json::Value>(bytes);
            let mut readable = Vec::new();
            $($(if $read::<$type>(bytes) { readable.push($name); })+)+
            readable
        }
    };
}

every! {
    message {
        "invitation": Invitation,
        "claim-request": ClaimRequest,
        "claim-reply": ClaimReply,
        "report": Report,
        "progress": Progress,
        "heartbeat": Heartbeat,
        "control": Control,
        "timer": Timer,
        "delivery": Delivery,
        "fact": Fact,
    }
    value {
        "job-record": JobRecord,
        "worker-lease": WorkerLease,
        "chunk-result": ChunkResult,
        "audio-part": AudioPart,
        "assemble-result": AssembleResult,
        "images-result": ImagesResult,
        "subtitles-result": SubtitlesResult,
        "plan": Plan,
        "source-facts": SourceFacts,
        "task-spec": TaskSpec,
    }
    live {
        "live": LiveMessage,
    }
}

/// On the bus: MessagePack in an envelope.
fn message<T: Wire>(bytes: &[u8]) -> bool {
    let Ok(read) = decode::<T>(bytes) else {
        return false;
    };
    let bytes = match encode(&read) {
        // Without field names it came in shorter.
        Err(codec::Error::TooLarge { .. }) => return true,
        encoded => encoded.expect("what was decoded can be encoded"),
    };
    let again = decode::<T>(&bytes).expect("what was encoded can be decoded");
    assert_eq!(again, read, "changed by a second reading");
    true
}

/// In a bucket: JSON.
fn value<T: Wire>(bytes: &[u8]) -> bool {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else {
        return false;
    };
    let bytes = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&bytes).expect("what was written can be read");
    assert_eq!(again, read, "changed by a second reading");
    true
}

/// In a live session: JSON with fractions, of which the last bit may change.
fn live<T: Wire>(bytes: &[u8]) -> bool {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else {
        return false;
    };
    let bytes = serde_json::to_vec(&read).expect("what was read can be written");
    serde_json::from_slice::<T>(&bytes).is_ok()
}
