//! The plan of a job: which spans of source time are cut from it, and into which renditions.
//!
//! The types and the arithmetic on them; the decisions are made in the control plane's planner.

pub mod images;
pub mod subtitles;

mod role;
mod takeover;

pub use role::TaskRole;
pub use takeover::Takeover;

use serde::{Deserialize, Deserializer, Serialize};

use self::images::ImagesPlan;
use self::subtitles::SubtitlePlan;

use crate::id::RenditionName;
use crate::request::loudness::Loudness;

/// Fixed once, after the probe: everything that all attempts of all tasks must agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Length of a segment; segments are cut at the first frame at or after each multiple of it.
    pub segment_ns: u64,
    /// Length of chunk 0, a whole number of segments: short, so that the first picture is early.
    pub first_chunk_ns: u64,
    /// Length of every other chunk, a whole number of segments. The last one has no end.
    pub chunk_ns: u64,
    /// As probed.
    pub duration_ns: u64,
    /// The picture, if there is one and it is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoPlan>,
    /// The tracks of sound, the one to play when nobody chooses first; at most [`AUDIO_TRACKS_MAX`].
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "one_or_many"
    )]
    pub audio: Vec<AudioPlan>,
    /// The copy that is made of the source's own streams. Then nothing is encoded: there is neither
    /// `video` nor `audio`, and the one file is this rendition's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopyPlan>,
    /// Whether playlists and the DASH manifest are written.
    pub is_streamed: bool,
    /// Why the source is encoded where one would expect a copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encode_reason: Option<String>,
    /// The MP4s to write, in order; the audio-only file is the one named after the first of `audio`.
    pub files: Vec<RenditionName>,
    /// What of the source is left out, for people: they become the job's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The still images to make of the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImagesPlan>,
    /// The tracks of subtitles to carry over; at most [`subtitles::SUBTITLE_TRACKS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subtitles: Vec<SubtitlePlan>,
}

/// Most tracks of sound that are encoded: a film in the tongues of half a continent. Each is a task, a
/// playlist, and a track in every MP4.
pub const AUDIO_TRACKS_MAX: usize = 8;

/// Records from when there was one track of sound at most hold it without the list.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<AudioPlan>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Tracks {
        Many(Vec<AudioPlan>),
        One(Box<AudioPlan>),
    }
    Ok(match Tracks::deserialize(deserializer)? {
        Tracks::Many(tracks) => tracks,
        Tracks::One(track) => vec![*track],
    })
}

/// A rendition that is a copy: the source's streams as they are, under an index of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyPlan {
    /// Its name, by its size: as the encoded rendition of this size is called.
    pub name: RenditionName,
    /// Pixels, as shown.
    pub width: u32,
    /// Pixels, as shown.
    pub height: u32,
    /// The sound that it keeps, if the source has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<CopiedAudio>,
}

/// The track of sound of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedAudio {
    /// `audio`, as the first track that is encoded.
    pub name: RenditionName,
    /// BCP 47 tag, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What players call it, where the source has a name for it: printable, on one line, unquoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// How the picture is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoPlan {
    /// Units per second of our tracks.
    pub timescale: u32,
    /// Stream time of its end, as probed: sound may go on longer.
    pub end_ns: u64,
    /// Lowest first.
    pub renditions: Vec<VideoRendition>,
    /// Who goes on for their encoder, once that has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takeover: Option<Takeover>,
}

/// One rendition, pinned: every chunk of it is encoded with exactly this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoRendition {
    /// Its name.
    pub name: RenditionName,
    /// Pixels, even.
    pub width: u32,
    /// Pixels, even.
    pub height: u32,
    /// GStreamer element, one of [`crate::encoder::ENCODERS`]: `x264enc`.
    pub encoder: String,
    /// Constant quality that the cap may override, on the encoder's own scale.
    pub crf: u8,
    /// VBV rate, bits per second; what `BANDWIDTH` promises.
    pub bitrate_max_bps: u32,
    /// VBV buffer, bits.
    pub buffer_bits: u32,
    /// Most frames from one keyframe to the next.
    pub keyframe_frames_max: u32,
}

/// How a track of sound is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioPlan {
    /// `audio`, `audio-2`, ...
    pub name: RenditionName,
    /// The source's audio track, from 0.
    pub track: u32,
    /// 1 or 2.
    pub channels: u32,
    /// Samples per second, also the track's timescale.
    pub sample_rate_hz: u32,
    /// Bits per second.
    pub bitrate_bps: u32,
    /// Segments per part: a part is what an interrupted attempt leaves behind for the next.
    pub part_segments: u32,
    /// BCP 47 code for playlists, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What players call it, where the source has a name for it: printable, on one line, unquoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The level that it is brought to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness: Option<Loudness>,
}

/// A span of source time, in stream time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First nanosecond inside.
    pub start_ns: u64,
    /// First nanosecond behind; `None` is to the source's end, whatever its container says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_ns: Option<u64>,
}

/// The arithmetic holds for any numbers: a plan is read from a record, and may be nonsense. It then
/// gives other nonsense, and neither panics nor divides by zero.
impl Plan {
    /// Number of chunks of the picture: a rest shorter than a quarter of a segment belongs to the chunk
    /// before - it costs as much to start as to encode, and may be a container's rounding.
    #[must_use]
    pub fn n_chunks(&self) -> u32 {
        let Some(video) = &self.video else { return 0 };
        let rest_ns = video.end_ns.saturating_sub(self.first_chunk_ns);
        let chunk_ns = self.chunk_ns.max(1);
        let whole = rest_ns / chunk_ns;
        let tail = u64::from(rest_ns % chunk_ns >= (self.segment_ns / 4).max(1));
        // 2^32 chunks of a few seconds are centuries; the planner's limit is far below.
        u32::try_from(whole.saturating_add(1 + tail)).unwrap_or(u32::MAX)
    }

    /// The span of a chunk.
    #[must_use]
    pub fn chunk(&self, index: u32) -> Span {
        let (start_ns, length_ns) = match index.checked_sub(1) {
            None => (0, self.first_chunk_ns),
            Some(before) => {
                let before_ns = u64::from(before).saturating_mul(self.chunk_ns);
                (self.first_chunk_ns.saturating_add(before_ns), self.chunk_ns)
            }
        };
        let is_last = index.saturating_add(1) >= self.n_chunks();
        Span {
            start_ns,
            end_ns: (!is_last).then_some(start_ns.saturating_add(length_ns)),
        }
    }

    /// Number of the first segment of a chunk.
    #[must_use]
    pub fn first_segment(&self, chunk: u32) -> u32 {
        u32::try_from(self.chunk(chunk).start_ns / self.segment_ns.max(1)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::TaskNumber;

    pub(super) const SECOND: u64 = 1_000_000_000;

    pub(super) fn plan(duration_ns: u64, n_audio: usize) -> Plan {
        let name: RenditionName = "audio".parse().unwrap();
        Plan {
            segment_ns: 4 * SECOND,
            first_chunk_ns: 4 * SECOND,
            chunk_ns: 16 * SECOND,
            duration_ns,
            video: Some(VideoPlan {
                timescale: 90_000,
                end_ns: duration_ns,
                renditions: Vec::new(),
                takeover: None,
            }),
            audio: vec![audio(); n_audio],
            copy: None,
            is_streamed: true,
            encode_reason: None,
            files: vec![name],
            warnings: Vec::new(),
            images: None,
            subtitles: Vec::new(),
        }
    }

    fn audio() -> AudioPlan {
        AudioPlan {
            name: "audio".parse().unwrap(),
            track: 0,
            channels: 2,
            sample_rate_hz: 48_000,
            bitrate_bps: 128_000,
            part_segments: 5,
            language: None,
            title: None,
            loudness: None,
        }
    }

    #[test]
    fn a_record_s_only_track_may_stand_without_a_list() {
        let plan = plan(SECOND, 1);
        let mut json = serde_json::to_value(&plan).unwrap();
        let track = json["audio"][0].take();
        json["audio"] = track;
        assert_eq!(serde_json::from_value::<Plan>(json).unwrap(), plan);
    }

    #[test]
    fn chunks_cover_the_source_once_and_the_last_has_no_end() {
        for ms in [
            1, 3_999, 4_000, 7_999, 8_000, 19_999, 20_000, 23_999, 24_000, 600_040,
        ] {
            let plan = plan(ms * 1_000_000, 1);
            let mut at_ns = 0;
            for index in 0..plan.n_chunks() {
                let span = plan.chunk(index);
                assert_eq!(span.start_ns, at_ns, "{ms} ms, chunk {index}");
                assert_eq!(span.start_ns % plan.segment_ns, 0);
                assert_eq!(span.end_ns.is_none(), index + 1 == plan.n_chunks());
                at_ns = span.end_ns.unwrap_or(u64::MAX);
            }
            let last = plan.chunk(plan.n_chunks() - 1);
            assert!(
                last.start_ns < plan.duration_ns.max(1),
                "{ms} ms: a chunk behind the end"
            );
        }
    }

    fn number() -> impl Strategy<Value = u64> {
        let edges = prop::sample::select(vec![0, 1, 3, 4, SECOND, u64::MAX / 2, u64::MAX]);
        prop_oneof![edges, any::<u64>()]
    }

    proptest! {
        /// Any numbers at all: no panic, and chunks that touch as far as there are any.
        #[test]
        fn nonsense_is_survived(
            (segment_ns, first_chunk_ns, chunk_ns) in (number(), number(), number()),
            (duration_ns, n_audio) in (number(), 0..10_usize),
            indices in prop::collection::vec(
                prop_oneof![Just(0), Just(1), Just(u32::MAX), any::<u32>()], 1..8,
            ),
        ) {
            let plan = Plan { segment_ns, first_chunk_ns, chunk_ns, ..plan(duration_ns, n_audio) };
            prop_assert!(plan.n_chunks() >= 1);
            for index in indices {
                let span = plan.chunk(index);
                prop_assert!(span.end_ns.is_none_or(|end_ns| end_ns >= span.start_ns));
                prop_assert_eq!(span.end_ns.is_none(), index >= plan.n_chunks() - 1);
                if let Some(end_ns) = span.end_ns {
                    prop_assert_eq!(plan.chunk(index + 1).start_ns, end_ns);
                }
                let _ = (plan.first_segment(index), plan.role(TaskNumber(index)));
            }
        }
    }
}
