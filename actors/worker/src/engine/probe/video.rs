//! Facts of the picture.

use bus_schema::report::ErrorCode;
use bus_schema::source::VideoFacts;
use gstreamer as gst;
use gstreamer_video as gst_video;

use super::super::demux::Stream;
use super::super::frame::Frame;
use super::super::scan::Track;
use super::super::{Error, Result};
use super::rate::Rate;
use super::{names, rate};
use crate::mp4::index::TrackIndex;

/// The timescale where the container has none in which all frame times are exact: whole for 24, 25,
/// 30, 50, 60 frames a second and their NTSC variants, and for milliseconds.
const TIMESCALE: u32 = 90_000;
/// A source's own timescale below this is too coarse to be multiplied into a player's clock without
/// loss; above it, nanoseconds no longer name its units.
const OWN_TIMESCALES: std::ops::RangeInclusive<u32> = 1_000..=10_000_000;

/// What is known of a picture by its stream, its first frame, its frames' times and, where there is
/// one, its container's table.
pub(super) fn facts(
    stream: &Stream,
    first: &Frame,
    track: &Track,
    table: Option<&TrackIndex>,
) -> Result<VideoFacts> {
    let info =
        gst_video::VideoInfo::from_caps(&first.caps).map_err(|_| unknown_format(&first.caps))?;
    if names::codec(&stream.caps) == "raw" {
        check_raw(first, &info)?;
    }
    let rotation_deg =
        table.map_or_else(|| rotation(&stream.told.tags), |table| table.rotation_deg);
    let (width, height) = shown_size(&info, rotation_deg);
    let start_ns = table
        .and_then(TrackIndex::start_ns)
        .or(first.time_ns)
        .unwrap_or(0);
    let end_ns = track.end_ns.max(track.last_ns);
    let (fps_num, fps_den) = mean_rate(&info, track, table);
    let own = table
        .map(|table| table.timescale)
        .filter(|scale| OWN_TIMESCALES.contains(scale));
    Ok(VideoFacts {
        codec: names::codec(&stream.caps),
        width,
        height,
        coded_width: info.width(),
        coded_height: info.height(),
        rotation_deg,
        fps_num,
        fps_den,
        timescale: own.unwrap_or(TIMESCALE),
        frames: table.map(TrackIndex::frames_shown),
        may_lack: false,
        bit_depth: u8::try_from(info.comp_depth(0)).unwrap_or(8),
        is_interlaced: info.is_interlaced(),
        start_ns,
        duration_ns: end_ns.saturating_sub(start_ns),
        transfer: names::transfer(info.colorimetry().transfer()).map(str::to_owned),
        primaries: names::primaries(info.colorimetry().primaries()).map(str::to_owned),
    })
}

/// Raw pictures have no decoder that would see that their rows are others than their format's, as those in AVI may
/// be.
fn check_raw(first: &Frame, info: &gst_video::VideoInfo) -> Result<()> {
    let is_told = first.buffer.meta::<gst_video::VideoMeta>().is_some();
    if is_told || first.buffer.size() == info.size() {
        return Ok(());
    }
    let message = "The picture is in the format `raw`, in rows of another length than is read here: convert \
                   the file to MP4 with H.264 and AAC, and upload that.";
    let (bytes, due) = (first.buffer.size(), info.size());
    let error = Error::new(ErrorCode::Unsupported, message);
    Err(error.because(format!("{bytes} bytes in place of {due}: {}", first.caps)))
}

fn unknown_format(caps: &gst::Caps) -> Error {
    let message = "The picture's format is not known here: convert the file to MP4 with H.264 and AAC, \
                   and upload that.";
    Error::new(ErrorCode::Unsupported, message).because(caps.to_string())
}

/// By the table, else as declared, else as measured near the end; also where what is declared is
/// far from what is measured, such as fields in place of frames.
fn mean_rate(info: &gst_video::VideoInfo, track: &Track, table: Option<&TrackIndex>) -> Rate {
    if let Some(table) = table {
        return match table.constant_step() {
            Some(step) if step > 0 => rate::reduced(table.timescale, step),
            _ => rate::of_frames(table.frames_shown(), table.duration_ns()),
        };
    }
    let span_ns = track.last_ns.saturating_sub(track.first_ns);
    let measured = rate::of_frames(track.frames.saturating_sub(1), span_ns);
    let declared = rate::declared(info.fps().numer(), info.fps().denom());
    declared
        .filter(|rate| rate::is_near(*rate, measured))
        .unwrap_or(measured)
}

/// After rotation and with square pixels.
fn shown_size(info: &gst_video::VideoInfo, rotation_deg: u16) -> (u32, u32) {
    let (num, den) = (info.par().numer(), info.par().denom());
    let (num, den) = match (u64::try_from(num), u64::try_from(den)) {
        (Ok(num), Ok(den)) if num > 0 && den > 0 => (num, den),
        _ => (1, 1),
    };
    let wide = (u64::from(info.width()) * num + den / 2) / den;
    let wide = u32::try_from(wide).unwrap_or(u32::MAX).max(1);
    if rotation_deg % 180 == 90 {
        (info.height(), wide)
    } else {
        (wide, info.height())
    }
}

/// Clockwise degrees of the orientation tag. Mirrored pictures, which no camera makes, are only
/// turned.
fn rotation(tags: &gst::TagListRef) -> u16 {
    let tag = tags.get::<gst::tags::ImageOrientation>();
    let text = tag.as_ref().map(|value| value.get()).unwrap_or_default();
    text.rsplit('-')
        .next()
        .and_then(|degrees| degrees.parse().ok())
        .filter(|deg| deg % 90 == 0)
        .unwrap_or(0)
}
