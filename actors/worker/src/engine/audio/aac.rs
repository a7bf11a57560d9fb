//! The encoder: blocks of samples in, access units out, one for each block and one of priming.

use bus_schema::plan::AudioPlan;
use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use crate::engine::feed::Feed;
use crate::engine::frame::pcm_caps;
use crate::engine::pipeline::{POLL_MS, Pipeline, element};
use crate::engine::{Error, Result};

/// Runs of samples that wait for the encoder.
const INPUT_BUFFERS_MAX: u64 = 8;

/// An access unit, and how to decode it.
#[derive(Debug)]
pub(super) struct Unit {
    /// A raw AAC frame.
    pub(super) data: Bytes,
    /// `AudioSpecificConfig`.
    pub(super) config: Bytes,
}

/// libav's AAC encoder, the only good one that Debian has.
#[derive(Debug)]
pub(super) struct Aac {
    pipeline: Pipeline,
    input: Feed,
    caps: gst::Caps,
    output: gst_app::AppSink,
}

impl Aac {
    pub(super) fn start(plan: &AudioPlan) -> Result<Self> {
        let pipeline = Pipeline::new()?;
        // Decoding is faster than encoding: a push waits. What comes out is small, and never waits.
        let input = Feed::new(INPUT_BUFFERS_MAX);
        let caps = pcm_caps(plan.channels, plan.sample_rate_hz);
        let output = gst_app::AppSink::builder().sync(false).build();
        let convert = element("audioconvert")?;
        let encoder = element("avenc_aac")?;
        // GStreamer's default forces the sum and the difference upon every band, where libav's own lets
        // the encoder choose: left and right then come out nearly alike. It knows no third way.
        encoder.set_property("aac-ms", false);
        // Measured at 128 kb/s against the default, `twoloop`: nearer to the source by 5 dB on a film's
        // sound and by 40 on a sweep, in no more bytes.
        encoder.set_property_from_str("aac-coder", "fast");
        encoder.set_property(
            "bitrate",
            i32::try_from(plan.bitrate_bps).unwrap_or(128_000),
        );
        pipeline.chain(&[input.element(), &convert, &encoder, output.upcast_ref()])?;
        pipeline.set_state(gst::State::Playing)?;
        Ok(Self {
            pipeline,
            input,
            caps,
            output,
        })
    }

    /// Hands over whole blocks.
    pub(super) fn push(&self, blocks: Vec<u8>) -> Result<()> {
        // Without time stamps: the encoder counts samples, and so do we.
        let sample = gst::Sample::builder()
            .buffer(&gst::Buffer::from_slice(blocks))
            .caps(&self.caps)
            .segment(&gst::FormattedSegment::<gst::ClockTime>::new())
            .build();
        self.input
            .push(&sample, || self.pipeline.take_error().map_or(Ok(()), Err))
    }

    /// A unit, if one is ready.
    pub(super) fn pull(&self) -> Result<Option<Unit>> {
        self.output
            .try_pull_sample(gst::ClockTime::ZERO)
            .as_ref()
            .map(unit)
            .transpose()
    }

    /// Nothing more comes in.
    pub(super) fn end(&self) {
        self.input.end();
    }

    /// The rest, one by one; `None` at the end.
    pub(super) fn pull_to_end(&self) -> Result<Option<Unit>> {
        loop {
            let timeout = gst::ClockTime::from_mseconds(POLL_MS);
            if let Some(sample) = self.output.try_pull_sample(timeout) {
                return unit(&sample).map(Some);
            }
            let is_end = self.output.is_eos();
            if let Some(error) = self.pipeline.take_error() {
                return Err(error);
            }
            if is_end {
                return Ok(None);
            }
        }
    }
}

fn unit(sample: &gst::Sample) -> Result<Unit> {
    let config = sample
        .caps()
        .and_then(|caps| caps.structure(0))
        .and_then(|structure| {
            let config = structure.get::<gst::Buffer>("codec_data").ok()?;
            Some(Bytes::copy_from_slice(&config.map_readable().ok()?))
        });
    let data = sample
        .buffer()
        .and_then(|buffer| buffer.map_readable().ok());
    match (data, config) {
        (Some(data), Some(config)) => Ok(Unit {
            data: Bytes::copy_from_slice(&data),
            config,
        }),
        _ => Err(Error::internal(
            "the AAC encoder gave a unit without content or configuration",
        )),
    }
}
