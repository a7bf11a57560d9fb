//! Whether every browser plays a source's streams as they are, so that preset `default` copies them.

use bus_schema::intermediate;
use bus_schema::request::JobRequest;
use bus_schema::source::{AudioFacts, IndexFacts, SourceFacts, VideoFacts};

/// Containers whose tables are copied; what a probe calls them.
const CONTAINERS: [&str; 2] = ["mp4", "mov"];
/// `profile_idc` of baseline, main and high: what hardware decodes everywhere.
const PROFILES: [u8; 3] = [66, 77, 100];
/// `level_idc` of 5.2: 2160p of 60 frames a second.
const LEVEL_MAX: u8 = 52;
/// `chroma_format_idc` of 4:2:0.
const CHROMA_420: u8 = 1;
/// Transfers of high dynamic range: HDR10's and HLG's.
const HIGH_RANGE: [&str; 2] = ["smpte2084", "arib-std-b67"];
/// Audio object type of AAC's low complexity.
const LOW_COMPLEXITY: u8 = 2;
/// Longest codec or container name that is shown: it comes from the file.
const NAME_CHARS_MAX: usize = 16;
/// Codecs that are named in one sentence.
const CODECS_MAX: usize = 3;

/// Why the source is encoded, as a sentence that names the first obstacle; `None` when it is copied.
pub(super) fn obstacle(facts: &SourceFacts, request: &JobRequest) -> Option<String> {
    let what = first_obstacle(facts, request)?;
    Some(format!("The source is encoded, since {what}."))
}

fn first_obstacle(facts: &SourceFacts, request: &JobRequest) -> Option<String> {
    if !request.qualities.is_empty() {
        return Some("qualities were asked for by name".to_owned());
    }
    if request.loudness.is_some() {
        return Some("its sound is brought to another level".to_owned());
    }
    if request.clip.is_some() {
        return Some("a clip was asked for, which is cut to the frame".to_owned());
    }
    if request.watermark.is_some() {
        return Some("a watermark is drawn over its picture".to_owned());
    }
    if !request.codec.is_default() {
        let codec = request.codec;
        return Some(format!("{codec} was asked for, and only H.264 is copied"));
    }
    // What the source was remuxed into is an MP4.
    let is_mp4 = facts.intermediate.is_some() || CONTAINERS.contains(&facts.container.as_str());
    if !is_mp4 {
        return Some(not_mp4(facts));
    }
    // Decoders of browsers stop at such a place, or show what they please.
    if facts
        .broadcast
        .as_ref()
        .is_some_and(|broadcast| broadcast.gaps > 0)
    {
        return Some(
            "parts of it were lost on their way, which not every player gets over".to_owned(),
        );
    }
    let Some(index) = &facts.index else {
        return Some("its index cannot be read".to_owned());
    };
    if index.is_fragmented {
        return Some("its samples are in fragments, which are not copied so far".to_owned());
    }
    if index.n_video != 1 {
        return Some(format!("it has {} pictures in place of one", index.n_video));
    }
    let obstacle = facts.video.as_ref().and_then(|video| picture(video, index));
    obstacle
        .or_else(|| facts.audio.first().and_then(|audio| sound(audio, index)))
        .or_else(|| layout(index))
}

/// Why what is not in MP4 is not copied.
fn not_mp4(facts: &SourceFacts) -> String {
    let container = shown(&facts.container);
    if !intermediate::CONTAINERS.contains(&facts.container.as_str()) {
        return format!(
            "only MP4, MOV, MPEG streams and AVI are copied, and it is of the kind {container}"
        );
    }
    // Its probe tried: a form of a stream, or its times, are not what MP4 has.
    let video = facts.video.iter().map(|video| &video.codec);
    let codecs = video.chain(facts.audio.iter().map(|audio| &audio.codec));
    let codecs = codecs.map(|codec| shown(codec)).take(CODECS_MAX);
    let codecs: Vec<String> = codecs.collect();
    format!(
        "its streams ({}) cannot be rewritten from {container} into an MP4 as they are",
        codecs.join(", ")
    )
}

fn picture(video: &VideoFacts, index: &IndexFacts) -> Option<String> {
    if video.codec != "h264" {
        let codec = shown(&video.codec);
        return Some(format!("its picture is {codec}, and not H.264"));
    }
    let Some(h264) = index.h264 else {
        return Some("its index does not hold one set of H.264's parameters".to_owned());
    };
    if h264.chroma_format != CHROMA_420 {
        return Some("its colours are not 4:2:0".to_owned());
    }
    if h264.bit_depth != 8 || video.bit_depth != 8 {
        let bits = h264.bit_depth.max(video.bit_depth);
        return Some(format!("its picture has {bits} bits per sample, and not 8"));
    }
    if video
        .transfer
        .as_deref()
        .is_some_and(|transfer| HIGH_RANGE.contains(&transfer))
    {
        return Some("its picture has a high dynamic range, which few screens show".to_owned());
    }
    if !h264.is_progressive || video.is_interlaced {
        return Some("its frames may be interlaced".to_owned());
    }
    if !PROFILES.contains(&h264.profile) {
        let profile = h264.profile;
        return Some(format!(
            "its H.264 is of profile {profile}, and not baseline, main or high"
        ));
    }
    (h264.level > LEVEL_MAX).then(|| {
        let (whole, tenth) = (h264.level / 10, h264.level % 10);
        format!("its H.264 is of level {whole}.{tenth}, and more than 5.2 is not played everywhere")
    })
}

fn sound(audio: &AudioFacts, index: &IndexFacts) -> Option<String> {
    let Some(aac) = index.aac.filter(|_| audio.codec == "aac") else {
        let codec = shown(&audio.codec);
        return Some(if codec == "aac" {
            "its AAC is not set up in its index as MP4 has it".to_owned()
        } else {
            format!("its sound is {codec}, and not AAC")
        });
    };
    if aac.object_type != LOW_COMPLEXITY {
        return Some("its AAC is not of low complexity".to_owned());
    }
    (!matches!(aac.channels, 1 | 2) || audio.channels > 2)
        .then(|| "its sound is neither mono nor stereo".to_owned())
}

fn layout(index: &IndexFacts) -> Option<String> {
    if !index.has_plain_edits {
        return Some("its edit list does more than delay a beginning".to_owned());
    }
    (!index.is_consistent)
        .then(|| "its tables of samples contradict each other or are too large".to_owned())
}

/// A name as it may be shown.
fn shown(name: &str) -> String {
    let plain: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-._+".contains(*c))
        .take(NAME_CHARS_MAX)
        .collect();
    if plain.is_empty() {
        "unknown".to_owned()
    } else {
        plain
    }
}
