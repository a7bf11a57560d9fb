//! The sample entry: codec and shape of a track.

use super::TrackIndex;
use super::boxes::{Children, Fields};
use crate::mp4::error::Error;

/// Bytes of a picture's sample entry before the boxes in it.
const VISUAL_BYTES: usize = 78;

/// Fills in what the first entry of `stsd` tells. Others, which a track rarely has, are of the same
/// kind.
pub(super) fn read(body: &[u8], track: &mut TrackIndex) -> Result<(), Error> {
    let (_, _, mut fields) = Fields::full_box(body)?;
    let count = fields.u32()?;
    let Some(entry) = Children::new(fields.rest()).next() else {
        return Ok(());
    };
    let entry = entry?;
    if count == 0 {
        return Ok(());
    }
    track.codec = entry.kind;
    match &track.handler {
        b"vide" => read_visual(entry.body, track),
        b"soun" => read_sound(entry.body, track),
        _ => Ok(()),
    }
}

fn read_visual(body: &[u8], track: &mut TrackIndex) -> Result<(), Error> {
    let mut fields = Fields::new(body);
    // Six reserved bytes, the data reference, sixteen more that mean nothing.
    fields.skip(24)?;
    track.coded_width = fields.u16()?;
    track.coded_height = fields.u16()?;
    for child in Children::new(body.get(VISUAL_BYTES..).unwrap_or(&[])) {
        // What follows the boxes that matter may be anything.
        let Ok(child) = child else { break };
        if child.kind == *b"pasp" {
            let mut fields = Fields::new(child.body);
            let par = (fields.u32()?, fields.u32()?);
            if par.0 > 0 && par.1 > 0 {
                track.par = par;
            }
        }
    }
    Ok(())
}

fn read_sound(body: &[u8], track: &mut TrackIndex) -> Result<(), Error> {
    let mut fields = Fields::new(body);
    fields.skip(8)?;
    let version = fields.u16()?;
    fields.skip(6)?;
    track.channels = fields.u16()?;
    fields.skip(6)?;
    // A 16.16 number of which the fraction is 0.
    track.sample_rate_hz = u32::from(fields.u16()?);
    if version == 2 {
        // QuickTime's second version has wider fields behind these, which then hold 3 and 1.
        fields.skip(6)?;
        let rate = f64::from_be_bytes(fields.bytes()?);
        track.sample_rate_hz = whole_rate(rate);
        track.channels = u16::try_from(fields.u32()?).unwrap_or(0);
    }
    Ok(())
}

/// How sound in QuickTime's first version lies in packets, of which its tables count the samples as if each
/// had a size of its own ("QuickTime File Format Specification", "Sound Sample Description (Version 1)").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packets {
    /// In one of a packet.
    pub(super) samples: u32,
    /// Of one, with all channels.
    pub(super) bytes: u32,
}

/// The packets of the first entry of `stsd`; `None` where samples are not in such.
pub(super) fn packets(body: &[u8]) -> Option<Packets> {
    let (_, _, mut fields) = Fields::full_box(body).ok()?;
    fields.skip(4).ok()?;
    let entry = Children::new(fields.rest()).next()?.ok()?;
    let mut fields = Fields::new(entry.body);
    fields.skip(8).ok()?;
    let version = fields.u16().ok()?;
    fields.skip(18).ok()?;
    let samples = fields.u32().ok()?;
    // Of one channel.
    fields.skip(4).ok()?;
    let bytes = fields.u32().ok()?;
    (version == 1 && samples > 1 && bytes > 0).then_some(Packets { samples, bytes })
}

/// A rate as a whole number of samples; 0 for what is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked, and rates are whole numbers"
)]
fn whole_rate(rate: f64) -> u32 {
    if (1.0..=f64::from(u32::MAX)).contains(&rate) {
        rate.round() as u32
    } else {
        0
    }
}
