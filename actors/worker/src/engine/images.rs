//! Still images: a poster, thumbnails and a storyboard, out of as few decoded frames as it takes.
//!
//! Everything is taken in one pass from the begin to the end of the film. Where the container can be
//! sought in, only what leads from a keyframe to a wanted frame is decoded; small images of a
//! storyboard and frames to choose from are keyframes wherever one is near enough.

mod frames;
mod look;
mod sheet;
mod shots;
mod still;
mod uploaded;

use std::collections::BTreeMap;
use std::io;

use bus_schema::attempt::{ImageResult, ImagesResult};
use bus_schema::object_key;
use bus_schema::plan::images::ImageSize;
use bus_schema::request::uploaded_image::{ImageFault, ImageVerdict};
use bus_schema::task::ImagesSpec;

use self::frames::Frames;
use self::look::Look;
use self::sheet::Sheets;
use self::shots::{Shot, Subject, shots};
use self::still::{Encoder, Rgb, Scaler};
use super::decode::{Decode, Want};
use super::frame::Frame;
use super::results::Results;
use super::source::Source;
use super::{Error, Result};
use crate::protocol::Position;

/// The poster's number among the images.
const POSTER: u32 = 0;

/// Makes all images, given the film and, where one was uploaded, what came of reading the image beside it.
///
/// # Errors
/// What the decoder, a converter or the parent says. A time that the film does not reach is no error:
/// its image is missing. Nor is an image that cannot be used: a frame of the film is in its place.
pub fn run(
    spec: &ImagesSpec,
    (source, uploaded): (&Source, Option<io::Result<Vec<u8>>>),
    results: &Results,
    threads: u32,
) -> Result<ImagesResult> {
    let mut work = Work::new(spec, results)?;
    let mut shots = shots(&spec.images, &spec.scenes_ns);
    if let Some(bytes) = uploaded
        && work.take_uploaded(bytes)? == ImageVerdict::Used
    {
        shots.retain(|shot| shot.subject != Subject::Image(POSTER));
    }
    if shots.is_empty() {
        return work.finish();
    }
    let decode = Decode::open(source, Want::Video, threads)?.clipped(spec.clip);
    let mut frames = Frames::new(&decode, &spec.facts)?;
    for (n, shot) in shots.iter().enumerate() {
        if let Some(frame) = frames.at(shot.at_ns, shot.slack_ns)? {
            work.take(shot, frame)?;
        }
        let is_last =
            |subject: Subject| !shots.iter().skip(n + 1).any(|shot| shot.subject == subject);
        if is_last(shot.subject) {
            work.settle(shot.subject)?;
        }
        results.progress(Position {
            done_ns: vec![shot.at_ns.min(spec.images.end_ns)],
            total_ns: spec.images.end_ns,
            frames_per_s: 0,
        })?;
    }
    work.finish()
}

/// Images at work.
struct Work<'a> {
    spec: &'a ImagesSpec,
    results: &'a Results,
    look: Look,
    /// A scaler and an encoder for each of the plan's sizes.
    makers: Vec<(ImageSize, Scaler, Encoder)>,
    sheets: Option<Sheets>,
    /// Of each image that has several frames to choose from, the best so far and how good it is.
    best: BTreeMap<Subject, (f64, Frame)>,
    made: BTreeMap<u32, ImageResult>,
    uploaded: Option<ImageVerdict>,
}

impl<'a> Work<'a> {
    fn new(spec: &'a ImagesSpec, results: &'a Results) -> Result<Self> {
        let (images, rotation_deg) = (&spec.images, spec.facts.rotation_deg);
        let maker = |size: &ImageSize| -> Result<_> {
            let scaler = Scaler::new(rotation_deg, *size)?;
            Ok((*size, scaler, Encoder::new(images.format)?))
        };
        let sheets = images
            .storyboard
            .map(|plan| Sheets::new(plan, images.format, rotation_deg));
        Ok(Self {
            spec,
            results,
            look: Look::new(&spec.facts)?,
            makers: images.sizes.iter().map(maker).collect::<Result<_>>()?,
            sheets: sheets.transpose()?,
            best: BTreeMap::new(),
            made: BTreeMap::new(),
            uploaded: None,
        })
    }

    /// Takes a frame for what it is wanted for.
    fn take(&mut self, shot: &Shot, frame: Frame) -> Result<()> {
        match shot.subject {
            Subject::Tile(tile) => {
                let Some(sheets) = &mut self.sheets else {
                    return Ok(());
                };
                sheets.place(tile, &frame)
            }
            Subject::Image(_) => {
                let score = if shot.is_candidate {
                    self.look.score(&frame)?
                } else {
                    0.0
                };
                let is_better = self
                    .best
                    .get(&shot.subject)
                    .is_none_or(|(best, _)| score > *best);
                if is_better {
                    self.best.insert(shot.subject, (score, frame));
                }
                Ok(())
            }
        }
    }

    /// No more frames come for this one: makes it, unless none came at all.
    fn settle(&mut self, subject: Subject) -> Result<()> {
        match subject {
            Subject::Image(number) => match self.best.remove(&subject) {
                Some((_, frame)) => self.make(number, &frame),
                None => Ok(()),
            },
            Subject::Tile(tile) => match &mut self.sheets {
                Some(sheets) => sheets.settle(tile, self.results),
                None => Ok(()),
            },
        }
    }

    /// Makes the poster of an uploaded image, if it is one.
    fn take_uploaded(&mut self, bytes: io::Result<Vec<u8>>) -> Result<ImageVerdict> {
        let bytes = bytes.map_err(|error| {
            tracing::warn!(%error, "an uploaded image was not read");
            ImageFault::Unreadable
        });
        let facts = &self.spec.facts;
        let shape = (facts.width, facts.height);
        let verdict = match bytes.and_then(|bytes| uploaded::read(&bytes, shape)) {
            Ok(image) => {
                let frame = image.to_frame()?;
                drop(image);
                // It is upright already, whatever the film is.
                let scaled = |size: ImageSize, _: &mut Scaler| Scaler::new(0, size)?.scale(&frame);
                self.store(POSTER, 0, scaled)?;
                ImageVerdict::Used
            }
            Err(fault) => ImageVerdict::Refused(fault),
        };
        self.uploaded = Some(verdict);
        Ok(verdict)
    }

    /// Makes an image of a frame in all its sizes.
    fn make(&mut self, number: u32, frame: &Frame) -> Result<()> {
        let time_ms = frame.time_ns.unwrap_or(0) / 1_000_000;
        self.store(number, time_ms, |_, scaler| scaler.scale(frame))
    }

    /// Stores an image in all its sizes, given how it is had in one.
    fn store(
        &mut self,
        number: u32,
        time_ms: u64,
        scaled: impl Fn(ImageSize, &mut Scaler) -> Result<Rgb>,
    ) -> Result<()> {
        let format = self.spec.images.format;
        let mut sizes = Vec::with_capacity(self.makers.len());
        for (size, scaler, encoder) in &mut self.makers {
            let bytes = encoder.encode(&scaled(*size, scaler)?)?;
            sizes.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            let name = match number {
                0 => object_key::poster(size.width, format),
                number => object_key::thumbnail(number, size.width, format),
            };
            self.results.object(name, bytes)?;
        }
        let result = ImageResult {
            number,
            time_ms,
            bytes: sizes,
        };
        self.made.insert(number, result);
        Ok(())
    }

    fn finish(mut self) -> Result<ImagesResult> {
        let sheets = match self.sheets.take() {
            Some(sheets) => sheets.finish()?,
            None => Vec::new(),
        };
        let poster = self.made.remove(&0);
        Ok(ImagesResult {
            poster,
            thumbnails: self.made.into_values().collect(),
            sheets,
            uploaded: self.uploaded,
            cpu_ms: super::cpu_ms(),
        })
    }
}

/// A frame as it is shown: in BT.709 and limited range, whole, its pixels yet to be turned.
fn graded(frame: Frame, grade: &mut super::chunk::grade::Grade) -> Result<Frame> {
    let frame = super::chunk::range::limited(grade.apply(frame)?)?;
    let mut caps = frame.caps.copy();
    let structure = caps
        .make_mut()
        .structure_mut(0)
        .ok_or_else(|| Error::internal("frames without a format"))?;
    structure.set("interlace-mode", "progressive");
    structure.remove_field("field-order");
    Ok(Frame { caps, ..frame })
}
