//! The variants of every enum of the wire. The matches are exhaustive, so a new variant does not compile until
//! it has a name here; then the test asks for a sample of it.

use std::collections::BTreeSet;

use bus_schema::claim::{ClaimReply, Want};
use bus_schema::control::Control;
use bus_schema::fact::FactKind;
use bus_schema::live::LiveMessage;
use bus_schema::record::{Effect, JobState, OutputKind, TaskState};
use bus_schema::report::{ErrorCode, Outcome};
use bus_schema::request::Preset;
use bus_schema::subject::Subject;
use bus_schema::task::{TaskClass, TaskKind, TaskSpec};
use bus_schema::timer::Timer;

/// An enum whose variants each need a sample.
pub(crate) trait Variants {
    /// The names of all of them.
    const ALL: &'static [&'static str];
    /// The name of this one.
    fn variant(&self) -> &'static str;
}

macro_rules! variants {
    ($($type:ident { $($variant:ident),+ $(,)? })+) => {
        $(impl Variants for $type {
            const ALL: &'static [&'static str] = &[$(stringify!($variant)),+];
            fn variant(&self) -> &'static str {
                match self { $(Self::$variant { .. } => stringify!($variant)),+ }
            }
        })+
    };
}

variants! {
    ClaimReply { Go, Gone, Later }
    Want { Source, Image, Put, Get, Part }
    TaskSpec { Probe, Chunk, Audio, Assemble, Remux, Images, Subtitles }
    Outcome {
        Probed, Transcoded, AudioPart, AudioDone, Assembled, Remuxed, Pictured, Subtitled, Failed, Returned,
    }
    Control { Cancel, Drain }
    Timer { Job, Webhook }
    LiveMessage { Hello, Progress, Fact }
    Effect { Fact, Invite, Timer, Tell, Finish, RemoveIntermediate, RemoveSegments, AbortUpload }
    TaskState { Waiting, Released, Claimed, Done, Failed, Cancelled }
    Subject {
        Storage, Fact, Live, Task, Report, Progress, Heartbeat, Timer, Due, Webhook, Dead, Claim, Control,
    }
}

/// Checks that each variant is among the samples.
pub(crate) fn assert_all_sampled<'a, T: Variants + 'a>(samples: impl IntoIterator<Item = &'a T>) {
    let sampled: BTreeSet<&str> = samples.into_iter().map(Variants::variant).collect();
    let wanted: BTreeSet<&str> = T::ALL.iter().copied().collect();
    assert_eq!(sampled, wanted, "{}", std::any::type_name::<T>());
}

macro_rules! tokens {
    ($($list:ident: $type:ident { $($variant:ident),+ $(,)? })+) => {
        $(/// All values.
        pub(crate) const $list: &[$type] = &[$($type::$variant),+];

        const _: fn($type) = |value| match value { $($type::$variant => ()),+ };)+
    };
}

tokens! {
    JOB_STATES: JobState { Uploading, Queued, Running, Playable, Completed, Failed, Cancelled }
    OUTPUT_KINDS: OutputKind { Mp4, M4a, Hls, Dash, Poster, Storyboard, Images, Chapters, Subtitles }
    PRESETS: Preset { Default, WebOptimized, Hls, HlsAdaptive }
    TASK_CLASSES: TaskClass { Cpu, Light }
    TASK_KINDS: TaskKind { Probe, Chunk, Audio, Assemble, Remux, Images, Subtitles }
    ERROR_CODES: ErrorCode {
        Empty, NotMedia, Truncated, NoVideo, NoAudio, Unsupported, Damaged, UploadExpired, SourceChanged,
        LimitExceeded, EncoderFailed, CannotMatch, Crashed, Unavailable, WorkerLost, Internal,
    }
    FACT_KINDS: FactKind {
        Authorized, Uploaded, Started, Probed, Planned, Claimed, TaskDone, PartDone, TaskFailed,
        RenditionDropped, Playable, FileDone, Completed, Failed, Cancelled,
    }
}
