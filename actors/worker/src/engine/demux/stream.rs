//! An elementary stream: what it holds, and what its container tells of it.

use gstreamer as gst;
use gstreamer::prelude::*;

/// Longest name of a stream: demuxers make them of numbers.
const ID_CHARS_MAX: usize = 64;

/// What an elementary stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A picture.
    Video,
    /// Sound.
    Audio,
    /// Subtitles, still images, data.
    Other,
}

/// One elementary stream of a container.
#[derive(Debug, Clone)]
pub struct Stream {
    /// What it holds.
    pub medium: Medium,
    /// Its ordinal among the streams of its medium, from 0, as they came: of several, another one may be
    /// the first when the file is opened again.
    pub ordinal: usize,
    /// Its number in an MP4 or MOV.
    pub track_id: Option<u32>,
    /// As its parser made them; all that they could be where it has not seen a frame yet.
    pub caps: gst::Caps,
    /// What its demuxer calls it: the same for the same file, whichever stream comes first.
    pub id: String,
    /// Where it comes out of the parser.
    pub pad: gst::Pad,
    /// What was known when it was asked for.
    pub told: Told,
}

impl Stream {
    pub(super) fn of(pad: &gst::Pad, earlier: &[Self]) -> Self {
        let caps = current_caps(pad).unwrap_or_else(|| pad.query_caps(None));
        let name = caps
            .structure(0)
            .map(|s| s.name().as_str())
            .unwrap_or_default();
        let medium = match name.split('/').next() {
            Some("video") => Medium::Video,
            Some("audio") => Medium::Audio,
            // Motion JPEG.
            Some("image") if name == "image/jpeg" => Medium::Video,
            _ => Medium::Other,
        };
        let ordinal = earlier
            .iter()
            .filter(|stream| stream.medium == medium)
            .count();
        Self {
            medium,
            ordinal,
            track_id: track_id(pad),
            caps,
            id: id(pad),
            pad: pad.clone(),
            told: Told::default(),
        }
    }

    /// The same with what its container has told of it up to now. A pipeline that goes down forgets it.
    pub(super) fn told(&self) -> Self {
        let mut told = Told {
            tags: self
                .pad
                .stream()
                .and_then(|stream| stream.tags())
                .unwrap_or_default(),
            ..Told::default()
        };
        self.pad.sticky_events_foreach(|event| {
            match event.view() {
                gst::EventView::StreamStart(event) => {
                    told.is_default = event.stream_flags().contains(gst::StreamFlags::SELECT);
                }
                gst::EventView::Tag(event) => {
                    let tag = event.tag();
                    told.tags = told.tags.merge(tag, gst::TagMergeMode::Replace);
                    let title = tag.get::<gst::tags::Title>();
                    if let (gst::TagScope::Stream, Some(title)) = (tag.scope(), title) {
                        told.title = Some(title.get().to_owned());
                    }
                }
                _ => {}
            }
            std::ops::ControlFlow::Continue(gst::EventForeachAction::Keep)
        });
        Self {
            caps: current_caps(&self.pad).unwrap_or_else(|| self.caps.clone()),
            told,
            ..self.clone()
        }
    }
}

/// What a container tells of a stream beside its format.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Every tag that has come by.
    pub tags: gst::TagList,
    /// Its own name, where it has one: not that of the whole file.
    pub title: Option<String>,
    /// Whether it is marked to be played when nobody chooses.
    pub is_default: bool,
}

/// The format of a stream, once its parser has told it.
fn current_caps(pad: &gst::Pad) -> Option<gst::Caps> {
    let target = || pad.downcast_ref::<gst::GhostPad>()?.target();
    pad.current_caps().or_else(|| target()?.current_caps())
}

/// The end of a stream's id, behind the last slash: what is before it stands for the whole file, and
/// is another in every run. Nothing where the file is a single stream, which has no name of its own.
pub(super) fn id(pad: &gst::Pad) -> String {
    let id = pad.stream_id();
    let tail = id.as_ref().and_then(|id| id.rsplit_once('/'));
    tail.map_or_else(String::new, |(_, tail)| {
        tail.chars().take(ID_CHARS_MAX).collect()
    })
}

/// The demuxer ends the names of streams with the track's number.
fn track_id(pad: &gst::Pad) -> Option<u32> {
    let name = pad.stream_id()?;
    name.rsplit('/').next()?.parse().ok()
}
