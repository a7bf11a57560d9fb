//! Many channels become two, or one, as ITU-R BS.775 mixes them.
//!
//! GStreamer 1.22 would mix the low frequency effects at full level into both sides, and what is
//! behind the listener at half of it. Here what is in front and in the middle stays, the centre, the
//! sides and the back go to their sides 3 dB lower (BS.775-3, table 2), and the effects are left out,
//! as there. The whole is lowered so far that no sides at full level can clip.

use gstreamer as gst;
use gstreamer_audio as gst_audio;
use gstreamer_audio::AudioChannelPosition as Position;

use super::frame::{Frame, pcm_caps};
use super::{Error, Result};

/// Bytes of one sample of one channel: 32-bit float.
const SAMPLE_BYTES: usize = 4;
/// 3 dB less.
const HALF_POWER: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// A run of samples in so many channels.
///
/// # Errors
/// A run whose format is not told, or not interleaved 32-bit float.
pub(super) fn mixed(frame: Frame, channels: u32) -> Result<Frame> {
    let info = gst_audio::AudioInfo::from_caps(&frame.caps)
        .map_err(|_| Error::internal("samples of no known format"))?;
    if info.channels() == channels {
        return Ok(frame);
    }
    let weights = weights(&info, channels);
    let samples = frame
        .buffer
        .map_readable()
        .map_err(|_| Error::internal("decoded sound cannot be read"))?;
    let n_in = info.channels().max(1) as usize;
    let mut out = Vec::with_capacity(samples.len() / n_in * weights.len());
    for run in samples.chunks_exact(SAMPLE_BYTES * n_in) {
        for row in &weights {
            let values = run.chunks_exact(SAMPLE_BYTES).map(sample);
            let sum: f32 = values.zip(row).map(|(value, weight)| value * weight).sum();
            out.extend_from_slice(&sum.to_le_bytes());
        }
    }
    drop(samples);
    Ok(Frame {
        buffer: gst::Buffer::from_slice(out),
        caps: pcm_caps(channels, info.rate()),
        ..frame
    })
}

fn sample(bytes: &[u8]) -> f32 {
    f32::from_le_bytes(bytes.try_into().unwrap_or_default())
}

/// For each channel that comes out, the weight of each that goes in.
fn weights(info: &gst_audio::AudioInfo, channels: u32) -> Vec<Vec<f32>> {
    let n_in = info.channels() as usize;
    if n_in == 1 {
        return vec![vec![1.0]; channels as usize];
    }
    let known = info.positions().filter(|all| all.len() == n_in);
    let sides: Vec<[f32; 2]> = (0..n_in)
        .map(|n| match known.and_then(|all| all.get(n)) {
            Some(position) => side(*position, n),
            None => side(Position::None, n),
        })
        .collect();
    let rows: Vec<Vec<f32>> = match channels {
        1 => vec![sides.iter().map(|[left, right]| left + right).collect()],
        _ => (0..channels as usize)
            .map(|out| sides.iter().map(|both| both[out % 2]).collect())
            .collect(),
    };
    // The same for all, so that what is in the middle stays there.
    let loudest = rows
        .iter()
        .map(|row| row.iter().sum::<f32>())
        .fold(1.0, f32::max);
    rows.into_iter()
        .map(|row| row.into_iter().map(|weight| weight / loudest).collect())
        .collect()
}

/// How much of a channel goes to the left and to the right. Channels without a place go to the sides in
/// turns.
fn side(position: Position, n: usize) -> [f32; 2] {
    match position {
        Position::FrontLeft | Position::FrontLeftOfCenter | Position::WideLeft => [1.0, 0.0],
        Position::FrontRight | Position::FrontRightOfCenter | Position::WideRight => [0.0, 1.0],
        Position::Mono | Position::FrontCenter | Position::TopFrontCenter => {
            [HALF_POWER, HALF_POWER]
        }
        Position::RearLeft
        | Position::SideLeft
        | Position::SurroundLeft
        | Position::TopFrontLeft
        | Position::TopRearLeft
        | Position::TopSideLeft
        | Position::BottomFrontLeft => [HALF_POWER, 0.0],
        Position::RearRight
        | Position::SideRight
        | Position::SurroundRight
        | Position::TopFrontRight
        | Position::TopRearRight
        | Position::TopSideRight
        | Position::BottomFrontRight => [0.0, HALF_POWER],
        Position::RearCenter
        | Position::TopCenter
        | Position::TopRearCenter
        | Position::BottomFrontCenter => [0.5, 0.5],
        Position::Lfe1 | Position::Lfe2 => [0.0, 0.0],
        _ if n.is_multiple_of(2) => [1.0, 0.0],
        _ => [0.0, 1.0],
    }
}
