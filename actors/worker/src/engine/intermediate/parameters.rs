//! Parameter sets of H.264 and HEVC: an MP4 has them in its index, a broadcast in front of every keyframe.

use super::coding::Coding;
use super::picture::{h264, hevc, units};
use crate::mp4::remux::sps::{Framing, framing};

/// The sets of a stream's configuration, and whether there were ever others.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    length_bytes: usize,
    /// Those of the configuration that is written.
    first: Vec<Vec<u8>>,
    /// Those that hold now.
    now: Vec<Vec<u8>>,
    is_changed: bool,
    framing: Option<Framing>,
}

impl Parameters {
    /// Of the first configuration: `avcC` or `hvcC`. `None` for one without a set.
    pub(super) fn of(coding: Coding, config: &[u8]) -> Option<Self> {
        let (length_bytes, sets) = sets(coding, config)?;
        (!sets.is_empty()).then(|| Self {
            length_bytes,
            framing: sets.iter().find_map(|set| framing(set)),
            now: sets.clone(),
            first: sets,
            is_changed: false,
        })
    }

    /// How many bytes tell the length of a unit.
    pub(super) fn length_bytes(&self) -> usize {
        self.length_bytes
    }

    /// How H.264's pictures are framed now.
    pub(super) fn framing(&self) -> Option<Framing> {
        self.framing
    }

    /// Whether any other set than those of the first configuration was met: from there on all sets stand
    /// in the samples.
    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// Another configuration holds from here on; whether it can be told.
    pub(super) fn change(&mut self, coding: Coding, config: &[u8]) -> bool {
        match sets(coding, config) {
            Some((length_bytes, sets)) if length_bytes == self.length_bytes => {
                self.is_changed |= sets.iter().any(|set| !self.first.contains(set));
                self.framing = sets.iter().find_map(|set| framing(set));
                self.now = sets;
                true
            }
            _ => false,
        }
    }

    /// The units that a sample needs: without delimiters, and without the sets of the index.
    pub(super) fn rewrite(&mut self, coding: Coding, bytes: &[u8], is_sync: bool) -> Vec<u8> {
        let kinds = |unit: &[u8]| {
            let first = unit.first().copied().unwrap_or(0);
            match coding {
                Coding::Hevc => {
                    let kind = first >> 1 & 0x3f;
                    (
                        hevc::EMPTY.contains(&kind),
                        hevc::PARAMETERS.contains(&kind),
                    )
                }
                _ => {
                    let kind = first & 0x1f;
                    (
                        h264::EMPTY.contains(&kind),
                        h264::PARAMETERS.contains(&kind),
                    )
                }
            }
        };
        let is_new = |unit: &[u8]| kinds(unit).1 && !self.first.iter().any(|set| set == unit);
        self.is_changed |= units(bytes, self.length_bytes).any(is_new);
        let mut sample = Vec::with_capacity(bytes.len());
        let has_sets = units(bytes, self.length_bytes).any(|unit| kinds(unit).1);
        if self.is_changed && is_sync && !has_sets {
            for set in &self.now {
                append(&mut sample, set, self.length_bytes);
            }
        }
        for unit in units(bytes, self.length_bytes) {
            let (is_empty, is_set) = kinds(unit);
            if !is_empty && !unit.is_empty() && (!is_set || self.is_changed) {
                append(&mut sample, unit, self.length_bytes);
            }
        }
        sample
    }
}

fn append(sample: &mut Vec<u8>, unit: &[u8], length_bytes: usize) {
    let length = (unit.len() as u64).to_be_bytes();
    let from = length.len().saturating_sub(length_bytes);
    sample.extend_from_slice(length.get(from..).unwrap_or(&[]));
    sample.extend_from_slice(unit);
}

/// The size of lengths, and all sets of a configuration (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1).
fn sets(coding: Coding, config: &[u8]) -> Option<(usize, Vec<Vec<u8>>)> {
    let mut sets = Vec::new();
    let take = |rest: &mut &[u8], sets: &mut Vec<Vec<u8>>, n: usize| {
        for _ in 0..n {
            let (length, behind) = rest.split_first_chunk::<2>()?;
            let (set, behind) =
                behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            sets.push(set.to_vec());
            *rest = behind;
        }
        Some(())
    };
    if coding == Coding::Hevc {
        let length_bytes = usize::from(config.get(21)? & 3) + 1;
        let n_arrays = *config.get(22)?;
        let mut rest = config.get(23..)?;
        for _ in 0..n_arrays {
            let ([_, n @ ..], behind) = rest.split_first_chunk::<3>()?;
            rest = behind;
            take(&mut rest, &mut sets, usize::from(u16::from_be_bytes(*n)))?;
        }
        return Some((length_bytes, sets));
    }
    let length_bytes = usize::from(config.get(4)? & 3) + 1;
    let n = *config.get(5)? & 0x1f;
    let mut rest = config.get(6..)?;
    take(&mut rest, &mut sets, usize::from(n))?;
    let (n, behind) = rest.split_first()?;
    rest = behind;
    take(&mut rest, &mut sets, usize::from(*n))?;
    Some((length_bytes, sets))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: [u8; 16] = [
        1, 100, 0, 31, 0xff, 0xe1, 0, 3, 0x67, 100, 0, 1, 0, 2, 0x68, 5,
    ];

    fn sample(units: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        units.iter().for_each(|unit| append(&mut bytes, unit, 4));
        bytes
    }

    #[test]
    fn sets_of_the_index_are_left_out_until_there_are_others() {
        let mut sets = Parameters::of(Coding::H264, &CONFIG).unwrap();
        let (sps, pps, slice): (&[u8], &[u8], &[u8]) = (&[0x67, 100, 0], &[0x68, 5], &[0x65, 9]);
        let whole = sample(&[&[9, 0x10], sps, pps, slice]);
        assert_eq!(sets.rewrite(Coding::H264, &whole, true), sample(&[slice]));
        assert!(!sets.is_changed());
        let other: &[u8] = &[0x68, 7];
        let changed = sample(&[sps, other, slice]);
        assert_eq!(sets.rewrite(Coding::H264, &changed, true), changed);
        assert!(sets.is_changed());
        // And back again.
        assert_eq!(
            sets.rewrite(Coding::H264, &whole, true),
            sample(&[sps, pps, slice])
        );
        // A keyframe without sets gets those that hold.
        assert_eq!(
            sets.rewrite(Coding::H264, &sample(&[slice]), true),
            sample(&[sps, pps, slice])
        );
        assert_eq!(
            sets.rewrite(Coding::H264, &sample(&[slice]), false),
            sample(&[slice])
        );
    }

    #[test]
    fn a_configuration_that_is_cut_has_no_sets() {
        for end in 0..CONFIG.len() {
            assert!(
                Parameters::of(Coding::H264, &CONFIG[..end]).is_none(),
                "{end}"
            );
        }
        assert!(Parameters::of(Coding::Hevc, &CONFIG).is_none());
    }
}
