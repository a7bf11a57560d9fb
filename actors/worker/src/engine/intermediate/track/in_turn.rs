//! Pictures of a container that tells only when they are decoded: their times are known at the end.

use super::stamps::{Stamps, signed};
use super::{Sink, Stop, Track};
use crate::engine::intermediate::gives_up;
use crate::mp4::intermediate::NewSample;

impl Track {
    /// Appends a picture, and remembers its place among the others.
    pub(super) fn take_in_turn(
        &mut self,
        bytes: &[u8],
        stamps: Stamps,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        let Some((picture, bytes)) = self.picture(bytes, sink)? else {
            return Ok(());
        };
        if picture.field.is_some() {
            self.is_untold = true;
            return gives_up(
                "fields are pictures of their own, and the container has no times for them",
            );
        }
        if let Some(ns) = stamps.decoded_ns.or(stamps.shown_ns) {
            self.turns.stamp(signed(ns));
        }
        if picture.is_blank && self.turns.unpacks() {
            return Ok(());
        }
        let Some(place) = self.turns.place(picture.turn, picture.is_instant) else {
            self.is_untold = true;
            return gives_up("pictures do not tell in which order they are shown");
        };
        // Later and earlier is all that is asked of it.
        if !self.may_be_kept(picture, Some(place)) || picture.is_blank {
            self.turns.push(place, None);
            return Ok(());
        }
        let table = match self.table {
            Some(table) => table,
            None => self.begin(0, sink)?,
        };
        self.turns.push(place, Some(sink.tables.n_samples(table)));
        sink.output.append(&bytes)?;
        sink.tables.push(
            table,
            NewSample {
                bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                time: 0,
                duration: 0,
                is_sync: picture.is_sync,
            },
        )?;
        Ok(())
    }

    /// Gives all pictures their times.
    pub(super) fn set_times(&self, table: usize, sink: &mut Sink) -> Result<(), Stop> {
        if sink.has_presentation || !self.coding.is_video() {
            return Ok(());
        }
        let frame_ns = signed(self.frame_ns());
        let told = self.parameters.as_ref().and_then(|sets| sets.framing());
        let told = told.and_then(|framing| framing.delay);
        let Some(timed) = self.turns.finish(frame_ns, told) else {
            return gives_up("the times of pictures do not fit their order");
        };
        let duration = u32::try_from(self.units(frame_ns)).unwrap_or(0);
        for one in timed {
            sink.tables
                .set_time(table, one.sample, self.units(one.time_ns), duration);
        }
        Ok(())
    }
}
