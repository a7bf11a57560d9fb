//! Whole pictures out of interlaced frames, one for each.
//!
//! The field that is shown first is kept, and the rows between its rows are made from three frames:
//! what stands still is taken from the other fields, so that nothing of it is lost, and what moves
//! is drawn along edges from the rows above and below. (The rule is that of yadif, which is that of
//! many televisions.) GStreamer's element is not used since it needs neighbours that it drops at the
//! ends of a chunk, or gives half of the rows away.

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use gstreamer_video::{
    VideoBufferFlags, VideoFieldOrder, VideoFormatFlags, VideoFrame, VideoFrameRef,
    VideoInterlaceMode,
};

use self::rows::Rows;
use super::super::decode::Decode;
use super::super::frame::Frame;
use super::super::{Error, Result};

mod rows;

/// A decoder's frames, each with those before and behind it.
#[derive(Debug)]
pub(in crate::engine) struct Pictures<'a> {
    decode: &'a Decode,
    before: Option<Frame>,
    now: Option<Frame>,
    behind: Option<Frame>,
    is_begun: bool,
}

impl<'a> Pictures<'a> {
    /// Of a decoder from where it is.
    pub(in crate::engine) fn new(decode: &'a Decode) -> Self {
        Self {
            decode,
            before: None,
            now: None,
            behind: None,
            is_begun: false,
        }
    }

    /// Goes to the next frame, as it was decoded; `None` at the end.
    pub(in crate::engine) fn next(&mut self) -> Result<Option<&Frame>> {
        if !self.is_begun {
            self.is_begun = true;
            self.behind = self.decode.next()?;
        }
        self.before = self.now.take();
        self.now = self.behind.take();
        if self.now.is_some() {
            self.behind = self.decode.next()?;
        }
        Ok(self.now.as_ref())
    }

    /// Time of the frame that was gone to.
    pub(in crate::engine) fn now_ns(&self) -> Option<u64> {
        self.now.as_ref()?.time_ns
    }

    /// Time of the frame behind it.
    pub(in crate::engine) fn next_ns(&self) -> Option<u64> {
        self.behind.as_ref()?.time_ns
    }

    /// The frame that was gone to, as a whole picture.
    pub(in crate::engine) fn whole(&self) -> Result<Frame> {
        let now = self
            .now
            .as_ref()
            .ok_or_else(|| Error::internal("a picture behind the last one"))?;
        let Some(keeps_top) = first_field(now) else {
            return Ok(now.clone());
        };
        let info = gst_video::VideoInfo::from_caps(&now.caps)?;
        let Some(is_wide) = is_wide(&info) else {
            return Ok(now.clone());
        };
        let fits = |frame: &&Frame| frame.caps == now.caps;
        // At an end the one neighbour stands for the other, too.
        let before = self.before.as_ref().filter(fits);
        let behind = self.behind.as_ref().filter(fits);
        let around = before.or(behind).zip(behind.or(before));
        let buffer = deinterlaced(now, around, &info, keeps_top, is_wide)?;
        Ok(Frame {
            buffer,
            ..now.clone()
        })
    }
}

/// Whether the top field is shown first; `None` for a frame that is whole already.
fn first_field(frame: &Frame) -> Option<bool> {
    let info = gst_video::VideoInfo::from_caps(&frame.caps).ok()?;
    let has = |flag| frame.buffer.video_flags().contains(flag);
    let is_interlaced = match info.interlace_mode() {
        VideoInterlaceMode::Interleaved => true,
        VideoInterlaceMode::Mixed => has(VideoBufferFlags::INTERLACED),
        _ => false,
    };
    is_interlaced.then(|| match info.field_order() {
        VideoFieldOrder::TopFieldFirst => true,
        VideoFieldOrder::BottomFieldFirst => false,
        _ => has(VideoBufferFlags::TFF),
    })
}

/// Whether samples take two bytes; `None` where they are packed in a way that is not known here.
fn is_wide(info: &gst_video::VideoInfo) -> Option<bool> {
    let format = info.format_info();
    let is = |depths: std::ops::RangeInclusive<u32>| {
        format.depth().iter().all(|depth| depths.contains(depth))
    };
    let is_planar = format.pixel_stride().iter().all(|stride| *stride == 2)
        && format.flags().contains(VideoFormatFlags::LE);
    if is(8..=8) {
        Some(false)
    } else {
        (is(9..=16) && is_planar).then_some(true)
    }
}

fn deinterlaced(
    now: &Frame,
    around: Option<(&Frame, &Frame)>,
    info: &gst_video::VideoInfo,
    keeps_top: bool,
    is_wide: bool,
) -> Result<gst::Buffer> {
    let open = |frame: &'_ Frame| {
        VideoFrame::from_buffer_readable(frame.buffer.clone(), info).map_err(broken)
    };
    let now = open(now)?;
    let around = match around {
        Some((before, behind)) => Some((open(before)?, open(behind)?)),
        None => None,
    };
    let mut made = gst::Buffer::with_size(info.size())?;
    {
        let buffer = made
            .get_mut()
            .ok_or_else(|| Error::internal("a new buffer is shared"))?;
        let mut to = VideoFrameRef::from_buffer_ref_writable(buffer, info)?;
        for plane in 0..info.n_planes() {
            let rows = Rows::of(&now, plane)?;
            let around = match &around {
                Some((before, behind)) => {
                    Some((Rows::of(before, plane)?, Rows::of(behind, plane)?))
                }
                None => None,
            };
            let stride = to.plane_stride().get(plane as usize).copied();
            let stride = stride.and_then(|stride| usize::try_from(stride).ok());
            let made = to.plane_data_mut(plane)?;
            let made = made.chunks_mut(stride.unwrap_or(0).max(1));
            for (y, made) in made.take(rows.height()).enumerate() {
                if (y % 2 == 0) == keeps_top {
                    rows.copy(y, made);
                } else if is_wide {
                    rows::draw::<true>(made, &rows, around.as_ref(), y);
                } else {
                    rows::draw::<false>(made, &rows, around.as_ref(), y);
                }
            }
        }
    }
    Ok(made)
}

fn broken<T>(_: T) -> Error {
    Error::internal("a frame is not what its caps say")
}
