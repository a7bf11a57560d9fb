//! Access units in segments, segments in parts, each part with its table of samples.

use bus_schema::attempt::AudioPart;
use bus_schema::object_key;
use bus_schema::plan::AudioPlan;
use bus_schema::task::AudioSpec;

use super::aac::Unit;
use super::grid::{Grid, PRIMING_UNITS, UNIT_SAMPLES, shown_from};
use crate::engine::results::Results;
use crate::engine::{Error, Result};
use crate::mp4::{self, CodecConfig, PieceWriter, Sample, SampleTable, Track};
use crate::protocol::ToParent;

/// The priming in samples: what the track's edit list leaves out at its beginning.
#[expect(clippy::cast_possible_truncation, reason = "a thousand")]
const PRIMING: u32 = (PRIMING_UNITS * UNIT_SAMPLES) as u32;

/// What becomes of access units.
#[derive(Debug)]
pub(super) struct Parts {
    plan: AudioPlan,
    grid: Grid,
    /// Units still to be thrown away: the warm-up.
    warm_up: u64,
    /// Number of the next unit.
    next_unit: u64,
    /// Number of the segment that it belongs to, unless it begins the next one.
    segment: u32,
    part: u32,
    samples: Vec<Sample>,
    /// Where the sound ends, once that is known.
    end_sample: Option<u64>,
    open: Option<Open>,
}

/// A part being written.
#[derive(Debug)]
struct Open {
    writer: PieceWriter,
    codecs: String,
    init_bytes: u32,
}

impl Parts {
    /// Goes on from `first_unit`, the first of part `spec.parts_done`, after `warm_up` units.
    pub(super) fn new(spec: &AudioSpec, grid: Grid, first_unit: u64, warm_up: u64) -> Self {
        Self {
            plan: spec.audio.clone(),
            grid,
            warm_up,
            next_unit: first_unit,
            segment: grid.first_segment(spec.parts_done),
            part: spec.parts_done,
            samples: Vec::new(),
            end_sample: None,
            open: None,
        }
    }

    /// From here on units are what the encoder is left with: those that show nothing before this sample
    /// are thrown away, and the last one lasts until it.
    pub(super) fn end_at(&mut self, sample: u64) {
        self.end_sample = Some(sample);
    }

    /// Takes the next unit; writes what is whole with it.
    pub(super) fn push(&mut self, unit: Unit, results: &Results) -> Result<()> {
        if self.warm_up > 0 {
            self.warm_up -= 1;
            return Ok(());
        }
        let left = self
            .end_sample
            .map(|end| end.saturating_sub(shown_from(self.next_unit)));
        if left == Some(0) {
            return Ok(());
        }
        let duration = match left {
            Some(left) if self.next_unit >= PRIMING_UNITS => left.min(UNIT_SAMPLES),
            _ => UNIT_SAMPLES,
        };
        if self.next_unit >= self.grid.first_unit(self.segment + 1) {
            self.end_segment(results)?;
            if self.segment >= self.grid.first_segment(self.part + 1) {
                self.end_part(results)?;
            }
        }
        if self.open.is_none() {
            self.open = Some(self.begin(&unit, results)?);
        }
        self.next_unit += 1;
        self.samples.push(Sample {
            duration: u32::try_from(duration).unwrap_or(u32::MAX),
            composition_offset: 0,
            is_sync: true,
            data: unit.data,
        });
        Ok(())
    }

    /// Writes what is left; the number of parts there are in all.
    pub(super) fn finish(mut self, results: &Results) -> Result<u32> {
        if !self.samples.is_empty() {
            self.end_segment(results)?;
        }
        if self.open.is_some() {
            self.end_part(results)?;
        }
        Ok(self.part)
    }

    /// Source time that is encoded.
    pub(super) fn position_ns(&self) -> u64 {
        self.grid.samples_ns(shown_from(self.next_unit))
    }

    fn begin(&self, unit: &Unit, results: &Results) -> Result<Open> {
        let config = CodecConfig::Aac {
            asc: unit.config.clone(),
            channels: u16::try_from(self.plan.channels).unwrap_or(2),
            sample_rate_hz: self.plan.sample_rate_hz,
        };
        let codecs = config.codecs();
        let track = Track {
            timescale: self.plan.sample_rate_hz,
            config,
            language: self.plan.language.clone(),
            priming: PRIMING,
        };
        let decoded_at = self.next_unit * UNIT_SAMPLES;
        let writer = PieceWriter::new(track, self.segment, decoded_at).map_err(broken)?;
        let init = writer.init().map_err(broken)?;
        let init_bytes = size(init.len())?;
        // Each part says it again, to the letter the same: a part must not need another's attempt.
        results.object(object_key::init(&self.plan.name), init)?;
        Ok(Open {
            writer,
            codecs,
            init_bytes,
        })
    }

    fn end_segment(&mut self, results: &Results) -> Result<()> {
        let samples = std::mem::take(&mut self.samples);
        let open = self
            .open
            .as_mut()
            .ok_or_else(|| Error::internal("a segment without a part"))?;
        let bytes = open.writer.segment(&samples).map_err(broken)?;
        results.object(object_key::segment(&self.plan.name, self.segment), bytes)?;
        self.segment += 1;
        Ok(())
    }

    fn end_part(&mut self, results: &Results) -> Result<()> {
        let Some(Open {
            writer,
            codecs,
            init_bytes,
        }) = self.open.take()
        else {
            return Err(Error::internal("a part that was not begun"));
        };
        let table = writer.finish();
        let samples = table.encode().map_err(broken)?;
        let samples_bytes = size(samples.len())?;
        results.object(
            object_key::part_samples(&self.plan.name, self.part),
            samples,
        )?;
        let (start, durations) = shown(&table);
        let part = AudioPart {
            part: self.part,
            first_segment: self.grid.first_segment(self.part),
            start,
            durations,
            bytes: table
                .segments()
                .iter()
                .map(mp4::SegmentEntry::bytes)
                .collect(),
            init_bytes,
            samples_bytes,
            codecs,
        };
        self.part += 1;
        results.send(&ToParent::AudioPart(part))
    }
}

/// When the segments of a table begin to be shown, and for how long each is: the priming is not.
fn shown(table: &SampleTable) -> (u64, Vec<u32>) {
    let mut hidden = u64::from(PRIMING).saturating_sub(table.start());
    let durations = table.segments().iter().map(|segment| {
        let shown = u64::from(segment.duration).saturating_sub(hidden);
        hidden = hidden.saturating_sub(u64::from(segment.duration));
        u32::try_from(shown).unwrap_or(u32::MAX)
    });
    let start = table.start().saturating_sub(u64::from(PRIMING));
    (start, durations.collect())
}

fn size(bytes: usize) -> Result<u32> {
    u32::try_from(bytes).map_err(|_| Error::internal("an object of more than 4 GiB"))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: mp4::Error) -> Error {
    Error::internal(format!("the sound cannot be written: {error}"))
}
