//! A trial encode: an encoder is there when it has just encoded frames that can be decoded again,
//! not when its plugin is in the registry.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bus_schema::plan::VideoRendition;
use bus_schema::report::ErrorCode;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::chunk::encoder::Coding;
use super::chunk::scale;
use super::feed::Feed;
use super::pipeline::Pipeline;
use super::{Error, Result};
use crate::child::Limits;
use crate::{devices, sandbox};

/// Frames of the trial: a group with frames in front and behind.
const FRAMES: u64 = 16;
/// Frames that wait in front of the encoder.
const INPUT_FRAMES_MAX: u64 = 4;

/// Encodes a few frames and decodes them again, in the sandbox that tasks run in: for a process of its own. What
/// works only with more rights than a task has does not work.
///
/// # Errors
/// Whatever is in the way of it, and where that is a device, what is wrong with it as far as can be seen.
pub fn run(encoder: &str) -> Result<()> {
    gst::init().map_err(|error| Error::internal(format!("GStreamer: {error}")))?;
    super::hardware::keep_to_encoding();
    let families = devices::of(encoder);
    let mut obstacles: Vec<String> = families
        .iter()
        .flat_map(|family| family.obstacles())
        .collect();
    let confinement = sandbox::enter(Limits::default().data_bytes_max(), families)?;
    if !families.is_empty() {
        obstacles.extend(confinement.notices);
    }
    encode(encoder).map_err(|error| explained(error, &obstacles))
}

/// For the owner of the machine: what the encoder said, without the place in its source code, and what is wrong with its
/// devices.
fn explained(error: Error, obstacles: &[String]) -> Error {
    let Some(detail) = error.detail.clone() else {
        return error.because(obstacles.join("; "));
    };
    let said = match (detail.split_once(" ("), detail.rsplit_once('\n')) {
        (Some((what, _)), Some((_, why))) => format!("{what}: {why}"),
        _ => detail,
    };
    let all = std::iter::once(said).chain(obstacles.iter().cloned());
    let all: Vec<String> = all.collect();
    Error::new(ErrorCode::Unsupported, "It does not work here.").because(all.join("; "))
}

fn encode(encoder: &str) -> Result<()> {
    let rendition = rendition(encoder)?;
    let rate = gst::Fraction::new(25, 1);
    let coding = Coding::new(&rendition, rate)?;
    let pipeline = Pipeline::new()?;
    let feed = Feed::new(INPUT_FRAMES_MAX);
    let (encoder, decoder) = (coding.elements(1)?, coding.decoder()?);
    let (out, decoded) = counter();
    let mut chain = vec![feed.element()];
    chain.extend(encoder.all().chain(&decoder));
    chain.push(out.upcast_ref());
    pipeline.chain(&chain)?;
    pipeline.set_state(gst::State::Playing)?;
    let check = || pipeline.take_error().map_or(Ok(()), Err);
    let mut caps = scale::caps(&rendition);
    caps.make_mut().set("framerate", rate);
    for n in 0..FRAMES {
        let sample = gst::Sample::builder()
            .buffer(&picture(&rendition, n))
            .caps(&caps)
            .segment(&gst::FormattedSegment::<gst::ClockTime>::new())
            .build();
        feed.push(&sample, check)?;
    }
    feed.end();
    pipeline.wait_eos(check)?;
    match decoded.load(Ordering::Relaxed) {
        FRAMES => Ok(()),
        n => Err(Error::new(
            ErrorCode::Unsupported,
            format!("Only {n} of {FRAMES} frames came back."),
        )),
    }
}

fn rendition(encoder: &str) -> Result<VideoRendition> {
    let quality = bus_schema::encoder::encoder(encoder).map_or(0, |known| known.quality);
    let name = "trial"
        .parse()
        .map_err(|error| Error::internal(format!("{error}")))?;
    Ok(VideoRendition {
        name,
        width: 640,
        height: 360,
        encoder: encoder.to_owned(),
        crf: quality,
        bitrate_max_bps: 2_000_000,
        buffer_bits: 4_000_000,
        keyframe_frames_max: 50,
    })
}

/// A wandering gradient, so that there is something to encode.
fn picture(rendition: &VideoRendition, n: u64) -> gst::Buffer {
    let bytes = rendition.width * rendition.height * 3 / 2;
    let picture: Vec<u8> = (0..bytes)
        .map(|i| u8::try_from((u64::from(i) / 64 + n * 8) % 256).unwrap_or(0))
        .collect();
    let mut buffer = gst::Buffer::from_mut_slice(picture);
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(gst::ClockTime::from_mseconds(40 * n));
    }
    buffer
}

fn counter() -> (gst_app::AppSink, Arc<AtomicU64>) {
    let decoded = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&decoded);
    let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(move |out| {
        out.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        count.fetch_add(1, Ordering::Relaxed);
        Ok(gst::FlowSuccess::Ok)
    });
    let out = gst_app::AppSink::builder()
        .sync(false)
        .async_(false)
        .callbacks(callbacks.build());
    (out.build(), decoded)
}
