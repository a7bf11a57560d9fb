//! Frames scaled to images of red, green and blue, and those as files.

use std::time::Duration;

use bus_schema::plan::images::ImageSize;
use bus_schema::report::ErrorCode;
use bus_schema::request::images::ImageFormat;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video::{VideoFrameExt as _, VideoFrameRef, VideoInfo};
use tokio::time::Instant;

use super::super::chunk::{encode, scale};
use super::super::feed::Feed;
use super::super::frame::Frame;
use super::super::pipeline::{POLL_MS, Pipeline, element};
use super::super::{Error, Result};

/// Quality of files, of 100: where differences to 100 are hard to see at these sizes.
const JPEG_QUALITY: i32 = 85;
/// The same of the other format's scale.
const WEBP_QUALITY: f32 = 80.0;
/// How long one image may take: the largest takes a fraction of a second.
const IMAGE_MS_MAX: u64 = 60_000;

/// An image: rows of red, green and blue from the top, without anything between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rgb {
    pub(super) size: ImageSize,
    pub(super) data: Vec<u8>,
}

impl Rgb {
    /// A black image.
    pub(super) fn black(size: ImageSize) -> Self {
        Self {
            size,
            data: vec![0; size.width as usize * size.height as usize * 3],
        }
    }

    /// Bytes of a row.
    pub(super) fn stride(&self) -> usize {
        self.size.width as usize * 3
    }

    /// The same as GStreamer has it, where rows begin at multiples of four bytes.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(super) fn to_frame(&self) -> Result<Frame> {
        let mut caps = rgb_caps(self.size);
        caps.make_mut().set("framerate", gst::Fraction::new(1, 1));
        let info = VideoInfo::from_caps(&caps)?;
        let mut buffer = gst::Buffer::with_size(info.size())?;
        {
            let buffer = buffer
                .get_mut()
                .ok_or_else(|| Error::internal("a new buffer is shared"))?;
            let mut frame = VideoFrameRef::from_buffer_ref_writable(buffer, &info)?;
            let stride = frame.plane_stride().first().copied().unwrap_or(0);
            let stride = usize::try_from(stride).unwrap_or(0).max(1);
            let rows = frame.plane_data_mut(0)?.chunks_mut(stride);
            for (to, from) in rows.zip(self.data.chunks_exact(self.stride())) {
                let to = to
                    .get_mut(..from.len())
                    .ok_or_else(|| Error::internal("a short row"))?;
                to.copy_from_slice(from);
            }
        }
        Ok(Frame {
            time_ns: None,
            duration_ns: None,
            buffer,
            caps,
        })
    }
}

/// A pipeline that makes one buffer of each.
#[derive(Debug)]
struct OneByOne {
    pipeline: Pipeline,
    feed: Feed,
    sink: gst_app::AppSink,
    n: u64,
}

impl OneByOne {
    /// Of these elements in a row.
    fn new(elements: &[gst::Element]) -> Result<Self> {
        let (pipeline, feed) = (Pipeline::new()?, Feed::new(1));
        let sink = gst_app::AppSink::builder()
            .sync(false)
            .async_(false)
            .build();
        let mut chain = vec![feed.element()];
        chain.extend(elements);
        chain.push(sink.upcast_ref());
        pipeline.chain(&chain)?;
        pipeline.set_state(gst::State::Playing)?;
        Ok(Self {
            pipeline,
            feed,
            sink,
            n: 0,
        })
    }

    fn make(&mut self, buffer: &gst::BufferRef, caps: &gst::CapsRef) -> Result<gst::Sample> {
        let mut buffer = buffer.copy();
        self.n += 1;
        if let Some(buffer) = buffer.get_mut() {
            // Times of their own: the film's may be too far apart for an element's taste.
            buffer.set_pts(gst::ClockTime::from_seconds(self.n));
            buffer.set_dts(None);
        }
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        let caps = caps.to_owned();
        let sample = gst::Sample::builder()
            .buffer(&buffer)
            .caps(&caps)
            .segment(&segment)
            .build();
        self.feed.push(&sample, || self.check())?;
        let until = Instant::now() + Duration::from_millis(IMAGE_MS_MAX);
        loop {
            let timeout = gst::ClockTime::from_mseconds(POLL_MS);
            if let Some(made) = self.sink.try_pull_sample(timeout) {
                return Ok(made);
            }
            self.check()?;
            if Instant::now() >= until {
                return Err(Error::internal("an image took a minute"));
            }
        }
    }

    fn check(&self) -> Result<()> {
        self.pipeline.take_error().map_or(Ok(()), Err)
    }
}

/// Makes images of one size.
#[derive(Debug)]
pub(super) struct Scaler {
    line: OneByOne,
    size: ImageSize,
}

impl Scaler {
    /// Of frames that are to be turned clockwise by so much first.
    pub(super) fn new(rotation_deg: u16, size: ImageSize) -> Result<Self> {
        let mut elements = encode::upright(rotation_deg)?;
        elements.push(scale::image_scaler()?);
        elements.push(scale::filter(&rgb_caps(size))?);
        Ok(Self {
            line: OneByOne::new(&elements)?,
            size,
        })
    }

    pub(super) fn scale(&mut self, frame: &Frame) -> Result<Rgb> {
        let made = self.line.make(&frame.buffer, &frame.caps)?;
        let (Some(buffer), Some(caps)) = (made.buffer(), made.caps()) else {
            return Err(Error::internal("a scaler's image is empty"));
        };
        let info = VideoInfo::from_caps(caps)?;
        let frame = VideoFrameRef::from_buffer_ref_readable(buffer, &info)?;
        let mut rgb = Rgb::black(self.size);
        let stride = frame.plane_stride().first().copied().unwrap_or(0);
        let rows = frame
            .plane_data(0)?
            .chunks(usize::try_from(stride).unwrap_or(0).max(1));
        let wide = rgb.stride();
        for (to, from) in rgb.data.chunks_exact_mut(wide).zip(rows) {
            let from = from
                .get(..wide)
                .ok_or_else(|| Error::internal("an image without rows"))?;
            to.copy_from_slice(from);
        }
        Ok(rgb)
    }
}

/// Makes files of images of any size.
#[derive(Debug)]
pub(super) struct Encoder(OneByOne);

impl Encoder {
    pub(super) fn new(format: ImageFormat) -> Result<Self> {
        let elements = match format {
            ImageFormat::Jpeg => {
                let encoder = element("jpegenc")?;
                encoder.set_property("quality", JPEG_QUALITY);
                // It would store red, green and blue as they are, in four times the bytes.
                vec![scale::converter()?, scale::filter(&jfif_caps())?, encoder]
            }
            ImageFormat::Webp => {
                let encoder = element("webpenc")?;
                encoder.set_property("quality", WEBP_QUALITY);
                vec![encoder]
            }
        };
        Ok(Self(OneByOne::new(&elements)?))
    }

    pub(super) fn encode(&mut self, rgb: &Rgb) -> Result<Vec<u8>> {
        let Frame { buffer, caps, .. } = rgb.to_frame()?;
        let made = self.0.make(&buffer, &caps)?;
        let bytes = made
            .buffer()
            .ok_or_else(|| Error::internal("an encoder's image is empty"))?
            .map_readable()?
            .to_vec();
        if bytes.is_empty() {
            let message = "An image of the film cannot be stored: ask for another width or format.";
            return Err(Error::new(ErrorCode::Unsupported, message));
        }
        Ok(bytes)
    }
}

/// What JPEG files hold (JFIF, ITU-T T.871): luma and chroma of BT.601 in full range, 4:2:0.
fn jfif_caps() -> gst::Caps {
    gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        // Full range, the matrix of BT.601; the rest as it was.
        .field("colorimetry", "1:4:0:0")
        .field("chroma-site", "jpeg")
        .build()
}

/// What images are until they are stored.
fn rgb_caps(size: ImageSize) -> gst::Caps {
    let pixels = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    gst::Caps::builder("video/x-raw")
        .field("format", "RGB")
        .field("width", pixels(size.width))
        .field("height", pixels(size.height))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .build()
}
