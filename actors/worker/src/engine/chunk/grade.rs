//! High dynamic range and wide gamut made into what every screen shows: BT.709 in 8 bits.
//!
//! One table is made for a chunk, of what a grid of colours becomes, and each sample is looked up
//! in it between eight of its points: the curves cost nothing a pixel, whatever they are.

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use gstreamer_video::{VideoFormat, VideoFormatFlags, VideoFrame, VideoFrameRef, VideoInfo};

use self::table::Table;
use super::super::frame::Frame;
use super::super::{Error, Result};

mod look;
mod table;

/// The table for the frames of a chunk; made when the first one comes that needs it.
#[derive(Debug, Default)]
pub(in crate::engine) struct Grade {
    made: Option<(gst::Caps, Option<Made>)>,
}

/// What frames of some caps are graded with.
#[derive(Debug)]
struct Made {
    from: VideoInfo,
    to: VideoInfo,
    caps: gst::Caps,
    table: Table,
}

impl Grade {
    /// A frame in BT.709: the same one, where its primaries are near enough and its range is no
    /// high dynamic one.
    ///
    /// # Errors
    /// When memory is short, or the frame is not what its caps say.
    pub(in crate::engine) fn apply(&mut self, frame: Frame) -> Result<Frame> {
        if self
            .made
            .as_ref()
            .is_none_or(|(caps, _)| *caps != frame.caps)
        {
            self.made = Some((frame.caps.clone(), Made::of(&frame.caps)?));
        }
        match &self.made {
            Some((_, Some(made))) => made.apply(&frame),
            _ => Ok(frame),
        }
    }
}

impl Made {
    fn of(caps: &gst::Caps) -> Result<Option<Self>> {
        let Ok(from) = VideoInfo::from_caps(caps) else {
            return Ok(None);
        };
        let (Some(format), Some(look)) = (format(&from), look::Look::of(&from.colorimetry()))
        else {
            return Ok(None);
        };
        let mut caps = caps.copy();
        {
            let caps = caps.make_mut();
            caps.set("format", format.to_str());
            caps.set("colorimetry", "bt709");
            // They tell of light that is no longer there.
            if let Some(structure) = caps.structure_mut(0) {
                structure.remove_fields(["mastering-display-info", "content-light-level"]);
            }
        }
        let to = VideoInfo::from_caps(&caps)?;
        let table = Table::new(from.comp_depth(0), |yuv| look.convert(yuv));
        Ok(Some(Self {
            from,
            to,
            caps,
            table,
        }))
    }

    fn apply(&self, frame: &Frame) -> Result<Frame> {
        let mut buffer = gst::Buffer::with_size(self.to.size())?;
        {
            let from = VideoFrame::from_buffer_readable(frame.buffer.clone(), &self.from)
                .map_err(|_| Error::internal("a frame is not what its caps say"))?;
            let made = buffer
                .get_mut()
                .ok_or_else(|| Error::internal("a new buffer is shared"))?;
            let mut to = VideoFrameRef::from_buffer_ref_writable(made, &self.to)?;
            self.draw(&from, &mut to)?;
        }
        Ok(Frame {
            buffer,
            caps: self.caps.clone(),
            ..frame.clone()
        })
    }

    fn draw(
        &self,
        from: &VideoFrame<gst_video::video_frame::Readable>,
        to: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<()> {
        let is_wide = self.from.comp_depth(0) > 8;
        let width = self.from.width() as usize;
        let chroma = self.to.comp_width(1) as usize;
        let (across, down) = {
            let format = self.from.format_info();
            (format.w_sub()[1], format.h_sub()[1])
        };
        let stride = |strides: &[i32], plane: usize| {
            let stride = strides.get(plane).copied().unwrap_or(0);
            usize::try_from(stride).unwrap_or(0)
        };
        let from_strides: [usize; 3] = std::array::from_fn(|n| stride(from.plane_stride(), n));
        let to_strides: [usize; 3] = std::array::from_fn(|n| stride(to.plane_stride(), n));
        let row = |plane: u32, y: usize| -> Result<Vec<u16>> {
            let n = if plane == 0 { width } else { chroma };
            let start = y * from_strides[plane as usize];
            let bytes = if is_wide { 2 * n } else { n };
            let data = from.plane_data(plane)?.get(start..start + bytes);
            let data = data.ok_or_else(|| Error::internal("a picture without rows"))?;
            Ok(if is_wide {
                let pairs = data.chunks_exact(2);
                pairs.map(|b| u16::from_le_bytes([b[0], b[1]])).collect()
            } else {
                data.iter().map(|b| u16::from(*b)).collect()
            })
        };
        let [luma, blue, red, _] = to.planes_data_mut();
        for y in 0..self.from.height() as usize {
            let of = y >> down;
            let (ys, cbs, crs) = (row(0, y)?, row(1, of)?, row(2, of)?);
            let made = &mut luma[y * to_strides[0]..];
            for (x, (made, y)) in made.iter_mut().zip(&ys).enumerate() {
                let c = (x >> across).min(chroma - 1);
                *made = self.table.luma(*y, cbs[c], crs[c]);
            }
            if y % (1 << down) == 0 {
                for (c, (cb, cr)) in cbs.iter().zip(&crs).enumerate() {
                    let y = ys[(c << across).min(width - 1)];
                    [blue[of * to_strides[1] + c], red[of * to_strides[2] + c]] =
                        self.table.chroma(y, *cb, *cr);
                }
            }
        }
        Ok(())
    }
}

/// The format of 8 bits with as much chroma; `None` for a frame that is not in planes.
fn format(info: &VideoInfo) -> Option<VideoFormat> {
    let format = info.format_info();
    let is_plain = format.is_yuv()
        && format.n_planes() == 3
        && format.shift().iter().all(|shift| *shift == 0)
        && format.depth().iter().all(|depth| (8..=16).contains(depth))
        && (format.depth()[0] == 8 || format.flags().contains(VideoFormatFlags::LE));
    match (is_plain, format.w_sub()[1], format.h_sub()[1]) {
        (true, 1, 1) => Some(VideoFormat::I420),
        (true, 1, 0) => Some(VideoFormat::Y42b),
        (true, 0, 0) => Some(VideoFormat::Y444),
        _ => None,
    }
}
