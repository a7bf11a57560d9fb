//! How frames lie in a stream's units: as they are for most, and in something of the broadcast's own for
//! AAC in LATM and Opus.

use super::kinds::Kind;
use super::latm::{Config, Latm};
use super::opus;
use super::streams::ListedStream;
use super::times::Time;
use super::units::Unit;

/// What a parser gets: with what begins at its time, and maybe more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) time: Time,
    pub(super) bytes: Vec<u8>,
    /// Whether something of the stream is missing before it.
    pub(super) is_behind_loss: bool,
}

/// Takes a stream's frames out of its units.
#[derive(Debug)]
pub(super) enum Framing {
    /// Nothing is around them.
    Bare,
    Latm {
        latm: Latm,
        /// What was last told of it.
        told: Option<Config>,
        /// When the next packet is due.
        due_ns: Option<i64>,
    },
    Opus,
}

impl Framing {
    pub(super) fn of(kind: Kind) -> Self {
        match kind.name {
            "AAC in LATM" => Self::Latm {
                latm: Latm::default(),
                told: None,
                due_ns: None,
            },
            "Opus" => Self::Opus,
            _ => Self::Bare,
        }
    }

    /// What a stream is called in a pipeline, given the first of its units; `None` for what is not read, or
    /// where the unit does not tell.
    pub(super) fn caps(stream: &ListedStream, unit: &Unit) -> Option<String> {
        let kind = stream.kind?;
        let caps = kind.caps()?;
        match Self::of(kind) {
            Self::Bare => begins(kind, &unit.bytes).then(|| caps.to_owned()),
            Self::Latm { mut latm, .. } => {
                latm.take(&unit.bytes);
                latm.config().map(|config| with_config(caps, config))
            }
            Self::Opus => opus::caps(stream.layout?),
        }
    }

    /// The frames of a unit; with what the stream is called from here on, where that is another than before.
    pub(super) fn frames(
        &mut self,
        kind: Kind,
        unit: Unit,
        time: Time,
    ) -> (Option<String>, Vec<Frame>) {
        let is_behind_loss = unit.is_behind_loss;
        match self {
            Self::Bare => {
                let frame = Frame {
                    time,
                    bytes: unit.bytes,
                    is_behind_loss,
                };
                (None, vec![frame])
            }
            Self::Opus => {
                let packets = opus::packets(&unit.bytes).into_iter();
                // Those behind the first follow it, by their own lengths.
                let times = std::iter::once(time).chain(std::iter::repeat(Time::default()));
                let frames = packets.zip(times).map(|(bytes, time)| Frame {
                    time,
                    bytes,
                    is_behind_loss: is_behind_loss && time != Time::default(),
                });
                (None, frames.collect())
            }
            Self::Latm { latm, told, due_ns } => {
                if is_behind_loss {
                    latm.lose();
                    *due_ns = None;
                }
                let (packets, is_begun) = latm.take(&unit.bytes);
                let Some(config) = latm.config().cloned() else {
                    return (None, Vec::new());
                };
                let is_new = told.as_ref().is_some_and(|told| *told != config);
                let caps = kind.caps().filter(|_| is_new);
                let caps = caps.map(|caps| with_config(caps, &config));
                let length_ns = i64::from(config.packet_samples) * 1_000_000_000
                    / i64::from(config.rate_hz.max(1));
                *told = Some(config);
                // A unit's time is that of the first frame which begins in it.
                let mut next = if is_begun {
                    (*due_ns).or_else(|| Some(time.shown_ns? - length_ns))
                } else {
                    time.shown_ns.or(*due_ns)
                };
                let mut frames = Vec::new();
                for (n, bytes) in packets.into_iter().enumerate() {
                    if n == 1 && is_begun {
                        next = time.shown_ns.or(next);
                    }
                    frames.push(Frame {
                        time: Time {
                            shown_ns: next,
                            decoded_ns: next,
                        },
                        bytes,
                        is_behind_loss: is_behind_loss && n == 0,
                    });
                    next = next.map(|ns| ns + length_ns);
                }
                *due_ns = next;
                (caps, frames)
            }
        }
    }
}

/// Whether a stream may begin with a unit: a picture's parser says nothing before it has seen the parameters of
/// a sequence, and if these never come, nobody would hear the sound beside it.
fn begins(kind: Kind, bytes: &[u8]) -> bool {
    let is_begin: fn(u8) -> bool = match kind.name {
        // ISO/IEC 14496-10, table 7-1; ISO/IEC 23008-2, table 7-1.
        "H.264" => |code| code & 0x1f == 7,
        "HEVC" => |code| code >> 1 & 0x3f == 33,
        // ISO/IEC 13818-2, table 6-1; ISO/IEC 14496-2, table 6-3: a layer of a video object.
        "MPEG-1 video" | "MPEG-2 video" => |code| code == 0xb3,
        "MPEG-4 video" => |code| (0x20..=0x2f).contains(&code),
        _ => return true,
    };
    let mut codes = bytes.windows(4);
    codes.any(|code| matches!(code, [0, 0, 1, code] if is_begin(*code)))
}

fn with_config(caps: &str, config: &Config) -> String {
    let hex: String = config
        .bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{caps},framed=true,codec_data=(buffer){hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_begins_with_its_parameters() {
        let h264 = Kind::video("H.264");
        assert!(begins(h264, &[0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 100]));
        assert!(!begins(h264, &[0, 0, 1, 9, 0xf0, 0, 0, 1, 0x41, 7]));
        assert!(begins(Kind::video("HEVC"), &[0, 0, 1, 0x42, 1]));
        assert!(begins(Kind::video("MPEG-2 video"), &[0, 0, 1, 0xb3]));
        assert!(!begins(Kind::video("MPEG-2 video"), &[0, 0, 1, 0]));
        assert!(begins(Kind::audio("AC-3"), &[]));
    }
}
