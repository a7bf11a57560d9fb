//! A storyboard: small images in rows on sheets.

use bus_schema::object_key;
use bus_schema::plan::images::StoryboardPlan;
use bus_schema::request::images::ImageFormat;

use super::super::frame::Frame;
use super::super::results::Results;
use super::super::{Error, Result};
use super::still::{Encoder, Rgb, Scaler};

/// Sheets, one after the other.
#[derive(Debug)]
pub(super) struct Sheets {
    plan: StoryboardPlan,
    format: ImageFormat,
    scaler: Scaler,
    encoder: Encoder,
    current: Rgb,
    /// Bytes of those that are stored.
    stored: Vec<u32>,
}

impl Sheets {
    pub(super) fn new(
        plan: StoryboardPlan,
        format: ImageFormat,
        rotation_deg: u16,
    ) -> Result<Self> {
        Ok(Self {
            plan,
            format,
            scaler: Scaler::new(rotation_deg, plan.tile)?,
            encoder: Encoder::new(format)?,
            current: Rgb::black(plan.sheet(0)),
            stored: Vec::new(),
        })
    }

    /// Draws a frame at its place.
    pub(super) fn place(&mut self, tile: u32, frame: &Frame) -> Result<()> {
        let image = self.scaler.scale(frame)?;
        let (_, x, y) = self.plan.place(tile);
        let (left, top) = (x as usize * 3, y as usize);
        let stride = self.current.stride();
        let rows = self.current.data.chunks_exact_mut(stride).skip(top);
        for (to, from) in rows.zip(image.data.chunks_exact(image.stride())) {
            let to = to
                .get_mut(left..left + from.len())
                .ok_or_else(|| Error::internal("a tile beside its sheet"))?;
            to.copy_from_slice(from);
        }
        Ok(())
    }

    /// Stores the sheet once its last small image has had its turn. They come in their order.
    pub(super) fn settle(&mut self, tile: u32, results: &Results) -> Result<()> {
        let (sheet, ..) = self.plan.place(tile);
        let (next, ..) = self.plan.place(tile + 1);
        if tile + 1 < self.plan.n_tiles && next == sheet {
            return Ok(());
        }
        let bytes = self.encoder.encode(&self.current)?;
        self.stored
            .push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        results.object(object_key::storyboard_sheet(sheet, self.format), bytes)?;
        self.current = Rgb::black(self.plan.sheet(next));
        Ok(())
    }

    /// Sizes of all sheets.
    pub(super) fn finish(self) -> Result<Vec<u32>> {
        if self.stored.len() == self.plan.n_sheets() as usize {
            Ok(self.stored)
        } else {
            Err(Error::internal("a sheet of the storyboard is missing"))
        }
    }
}
