//! Full range made limited, number by number.
//!
//! The scaler's own conversion is skipped where nothing else differs: between two pictures of the
//! same depth and matrix it looks at the range no more.

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::{VideoColorRange, VideoColorimetry, VideoFormatFlags, VideoFrameExt as _};

use super::super::frame::Frame;
use super::super::{Error, Result};

/// A frame in limited range: the same one, unless it is in planes and in full range.
///
/// # Errors
/// When memory is short, or the frame is not what its caps say.
pub(in crate::engine) fn limited(frame: Frame) -> Result<Frame> {
    let Ok(info) = gst_video::VideoInfo::from_caps(&frame.caps) else {
        return Ok(frame);
    };
    if !is_full(&info) {
        return Ok(frame);
    }
    let caps = limited_caps(&frame.caps, &info.colorimetry());
    let info_made = gst_video::VideoInfo::from_caps(&caps)?;
    let mut buffer = gst::Buffer::with_size(info_made.size())?;
    {
        let buffer = buffer
            .get_mut()
            .ok_or_else(|| Error::internal("a new buffer is shared"))?;
        let from = gst_video::VideoFrameRef::from_buffer_ref_readable(&frame.buffer, &info)?;
        let mut to = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &info_made)?;
        let depth = info.comp_depth(0);
        for plane in 0..info.n_planes() {
            convert(&from, &mut to, plane, &table(depth, plane == 0))?;
        }
    }
    Ok(Frame {
        buffer,
        caps,
        ..frame
    })
}

/// Decoders in software give planes of bytes, or of 16 bits in this machine's order.
fn is_full(info: &gst_video::VideoInfo) -> bool {
    let format = info.format_info();
    let is_plain = format.shift().iter().all(|shift| *shift == 0)
        && format.depth().iter().all(|depth| (8..=16).contains(depth));
    let is_planar = format.n_planes() > 1
        && (format.depth()[0] == 8 || format.flags().contains(VideoFormatFlags::LE));
    format.is_yuv()
        && is_planar
        && is_plain
        && info.colorimetry().range() == VideoColorRange::Range0_255
}

fn limited_caps(caps: &gst::Caps, told: &VideoColorimetry) -> gst::Caps {
    let colours = VideoColorimetry::new(
        VideoColorRange::Range16_235,
        told.matrix(),
        told.transfer(),
        told.primaries(),
    );
    let mut caps = caps.copy();
    caps.make_mut().set("colorimetry", colours.to_string());
    caps
}

/// What stands for each full-range value of this depth (ITU-T H.273, section 8.3): in 8 bits luma
/// is from 16 to 235, and chroma from 16 to 240 around 128.
fn table(depth: u32, is_luma: bool) -> Vec<u16> {
    let values = 1_i64 << depth.clamp(8, 16);
    let (full, unit, middle) = (values - 1, values / 256, values / 2);
    let limited = |value: i64| {
        if is_luma {
            16 * unit + (value * 219 * unit + full / 2) / full
        } else {
            let off = (value - middle) * 224 * unit;
            middle + (off + off.signum() * (full / 2)) / full
        }
    };
    (0..values)
        .map(|value| u16::try_from(limited(value)).unwrap_or(u16::MAX))
        .collect()
}

fn convert(
    from: &gst_video::VideoFrameRef<&gst::BufferRef>,
    to: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
    plane: u32,
    table: &[u16],
) -> Result<()> {
    let stride = |strides: &[i32]| {
        let stride = strides.get(plane as usize).copied();
        let stride = stride.and_then(|stride| usize::try_from(stride).ok());
        stride
            .filter(|stride| *stride > 0)
            .ok_or_else(|| Error::internal("a picture without rows"))
    };
    let (from_stride, to_stride) = (stride(from.plane_stride())?, stride(to.plane_stride())?);
    let rows = from
        .plane_data(plane)?
        .chunks(from_stride)
        .zip(to.plane_data_mut(plane)?.chunks_mut(to_stride));
    for (from, to) in rows {
        if table.len() == 256 {
            for (from, to) in from.iter().zip(to) {
                *to = table[usize::from(*from)].to_le_bytes()[0];
            }
        } else {
            for (from, to) in from.chunks_exact(2).zip(to.chunks_exact_mut(2)) {
                let value = u16::from_le_bytes([from[0], from[1]]);
                // A decoder's stray bits above the depth are no colour.
                let limited = table[usize::from(value) & (table.len() - 1)];
                to.copy_from_slice(&limited.to_le_bytes());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_white_and_grey_are_where_the_standard_has_them() {
        let (luma, chroma) = (table(8, true), table(8, false));
        assert_eq!([luma[0], luma[128], luma[255]], [16, 126, 235]);
        assert_eq!([chroma[0], chroma[128], chroma[255]], [16, 128, 240]);
        assert!(luma.is_sorted() && chroma.is_sorted());
        let (luma, chroma) = (table(10, true), table(10, false));
        assert_eq!([luma[0], luma[1023]], [64, 940]);
        assert_eq!([chroma[0], chroma[512], chroma[1023]], [64, 512, 960]);
    }
}
