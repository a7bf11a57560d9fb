//! Packets of sound on their way: each begins where the one before it ends, unless its stamp says otherwise.

use super::stamps::{Stamps, scaled, signed};
use super::{Sink, Stop, Track};
use crate::engine::intermediate::coding::{Coding, Form, is_dependent};
use crate::engine::intermediate::gives_up;
use crate::mp4::intermediate::NewSample;

/// Stamps of sound that are off by no more than this are rounded, and follow the packet before exactly.
const ROUNDING_MS: u64 = 1;
/// Sound without coding whose stamps leave more than this between two buffers has a hole, for which its
/// table has no word.
const PCM_HOLE_MS: u64 = 100;

impl Track {
    pub(super) fn take_sound(
        &mut self,
        bytes: &[u8],
        stamps: Stamps,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        if self.coding == Coding::Eac3 && is_dependent(bytes) {
            return gives_up("a sound has streams that depend on one another");
        }
        let form = self.form.as_ref();
        let rate_hz = form.map_or(0, |form| form.number("rate")).max(1);
        let duration = match stamps.duration_ns {
            Some(ns) if ns > 0 => scaled(signed(ns), rate_hz),
            _ => i64::from(self.coding.usual_samples()),
        };
        let duration_ns = duration * 1_000_000_000 / i64::from(rate_hz);
        let stamp_ns = stamps.shown_ns.or(stamps.decoded_ns);
        let time_ns = match stamp_ns {
            Some(ns) => {
                let offset_ns = sink.offset_ns(&mut self.place, signed(ns), duration_ns)?;
                Some(signed(ns) + offset_ns)
            }
            None => None,
        };
        let table = match (self.table, time_ns) {
            (Some(table), _) => table,
            (None, Some(time_ns)) => {
                self.timescale = rate_hz;
                self.begin(time_ns, sink)?
            }
            // Nothing says yet when it is heard.
            (None, None) => return Ok(()),
        };
        let rounding = i64::try_from(ROUNDING_MS * u64::from(rate_hz) / 1_000).unwrap_or(0);
        let time = match time_ns.map(|ns| self.units(ns - self.base_ns)) {
            Some(time) if time.abs_diff(self.due) > rounding.unsigned_abs() => time,
            _ => self.due,
        };
        if self.coding == Coding::Pcm {
            return self.take_samples(bytes, table, time, sink);
        }
        // What overlaps the packet before begins with it at the earliest.
        let time = time.max(self.last_begin);
        self.last_begin = time;
        self.due = time + duration;
        sink.output.append(bytes)?;
        sink.tables.push(
            table,
            NewSample {
                bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                time,
                duration: u32::try_from(duration).unwrap_or(0),
                is_sync: true,
            },
        )?;
        Ok(())
    }

    fn take_samples(
        &mut self,
        bytes: &[u8],
        table: usize,
        time: i64,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        let hole = PCM_HOLE_MS * u64::from(self.timescale) / 1_000;
        if time.abs_diff(self.due) > hole {
            return gives_up("a sound without coding has a hole");
        }
        let frame_bytes = self.form.as_ref().map_or(0, Form::frame_bytes);
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let n = size.checked_div(frame_bytes).unwrap_or(0);
        let whole = bytes.get(..(n * frame_bytes) as usize).unwrap_or(&[]);
        if whole.is_empty() {
            return Ok(());
        }
        sink.output.append(whole)?;
        sink.tables.push_pcm(table, n, frame_bytes)?;
        self.due += i64::from(n);
        Ok(())
    }
}
