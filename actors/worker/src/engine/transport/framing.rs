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
    Latm(LatmFraming),
    Opus,
}

/// That of AAC in LATM.
#[derive(Debug, Default)]
pub(super) struct LatmFraming {
    latm: Latm,
    /// What was last told of it.
    told: Option<Config>,
    /// When the next packet is due.
    due_ns: Option<i64>,
}

impl Framing {
    pub(super) fn of(kind: Kind) -> Self {
        match kind.name {
            "AAC in LATM" => Self::Latm(LatmFraming::default()),
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
            Self::Latm(mut framing) => {
                framing.latm.take(&unit.bytes);
                framing
                    .latm
                    .config()
                    .map(|config| with_config(caps, config))
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
            Self::Latm(framing) => framing.frames(kind, &unit, time),
        }
    }
}

impl LatmFraming {
    fn frames(&mut self, kind: Kind, unit: &Unit, time: Time) -> (Option<String>, Vec<Frame>) {
        if unit.is_behind_loss {
            self.latm.lose();
            self.due_ns = None;
        }
        let (packets, is_begun) = self.latm.take(&unit.bytes);
        let Some(config) = self.latm.config().cloned() else {
            if self.latm.has_begun() && !is_begun {
                self.due_ns = time.shown_ns;
            }
            return (None, Vec::new());
        };
        let is_new = self.told.as_ref().is_some_and(|told| *told != config);
        let caps = kind.caps().filter(|_| is_new);
        let caps = caps.map(|caps| with_config(caps, &config));
        let length_ns =
            i64::from(config.packet_samples) * 1_000_000_000 / i64::from(config.rate_hz.max(1));
        self.told = Some(config);
        // A unit's time is that of the first frame which begins in it.
        let mut next = if is_begun {
            self.due_ns
                .or_else(|| time.shown_ns?.checked_sub(length_ns))
        } else {
            time.shown_ns.or(self.due_ns)
        };
        let n_earlier = usize::from(is_begun);
        let n_begun = packets.len().saturating_sub(n_earlier);
        let mut frames = Vec::new();
        for (n, bytes) in packets.into_iter().enumerate() {
            if n == n_earlier {
                next = time.shown_ns.or(next);
            }
            frames.push(Frame {
                time: Time {
                    shown_ns: next,
                    decoded_ns: next,
                },
                bytes,
                is_behind_loss: unit.is_behind_loss && n == 0,
            });
            next = next.map(|ns| ns.saturating_add(length_ns));
        }
        // The first that begins in it may go on in the next.
        self.due_ns = if n_begun == 0 && self.latm.has_begun() {
            time.shown_ns.or(next)
        } else {
            next
        };
        (caps, frames)
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
    fn packets_of_latm_are_at_their_units_times_however_they_are_cut() {
        // A frame with its configuration: 48 kHz, stereo, a packet of two bytes.
        let frame = [
            0x56, 0xe0, 0x09, 0x20, 0x00, 0x11, 0x90, 0x1f, 0xe0, 0x15, 0x56, 0x60,
        ];
        let kind = Kind::audio("AAC in LATM");
        let units = |cuts: &[usize]| {
            let mut framing = Framing::of(kind);
            let film = frame.repeat(4);
            let mut times = Vec::new();
            for (n, pair) in cuts.windows(2).enumerate() {
                let unit = Unit {
                    stream_id: 0xc0,
                    shown: None,
                    decoded: None,
                    bytes: film[pair[0]..pair[1]].to_vec(),
                    is_behind_loss: false,
                };
                let seconds = i64::try_from(n).unwrap() * 1_000_000_000;
                let time = Time {
                    shown_ns: Some(seconds),
                    decoded_ns: Some(seconds),
                };
                let (_, frames) = framing.frames(kind, unit, time);
                times.extend(
                    frames
                        .iter()
                        .map(|one| one.time.shown_ns.unwrap() / 1_000_000),
                );
            }
            times
        };
        assert_eq!(units(&[0, 12, 24, 36, 48]), [0, 1_000, 2_000, 3_000]);
        assert_eq!(units(&[0, 24, 48]), [0, 21, 1_000, 1_021]);
        // Each frame begins in one unit and ends in the next; the last of all is not whole.
        assert_eq!(units(&[0, 8, 20, 32, 44]), [0, 1_000, 2_000]);
    }

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
