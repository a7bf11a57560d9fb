//! HEVC in MP4 (ISO/IEC 14496-15, 8.3.3).

use std::fmt::Write as _;

/// Bytes of the record before its arrays of parameter sets.
const FIXED_BYTES: usize = 23;
/// Where the record has profile, compatibility, constraints and level.
const PROFILE_AT: usize = 1;

/// Version 1 with all fixed fields, and arrays behind them.
pub(super) fn is_whole(hvcc: &[u8]) -> bool {
    hvcc.len() > FIXED_BYTES && hvcc.first() == Some(&1)
}

/// As ISO/IEC 14496-15, annex E.3, spells it: profile, compatibility in reverse order of bits, tier and
/// level, constraints without the zeros at their end.
pub(super) fn codecs(hvcc: &[u8]) -> String {
    let field = |at: usize| hvcc.get(PROFILE_AT + at).copied().unwrap_or(0);
    let profile = field(0);
    let space = ["", "A", "B", "C"][usize::from(profile >> 6)];
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let compatibility = u32::from_be_bytes([field(1), field(2), field(3), field(4)]);
    let mut text = format!(
        "hvc1.{space}{}.{:x}.{tier}{}",
        profile & 0x1f,
        compatibility.reverse_bits(),
        field(11),
    );
    let constraints: [u8; 6] = std::array::from_fn(|at| field(5 + at));
    let n = constraints
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    for byte in constraints.iter().take(n) {
        write!(text, ".{byte:X}").expect("writing to a String cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_annex_e_says() {
        // Main profile, compatible with main and main 10, level 3.1, frames alone.
        let mut hvcc = [0; 30];
        hvcc[..13].copy_from_slice(&[1, 0x01, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93]);
        assert_eq!(codecs(&hvcc), "hvc1.1.6.L93.B0");
        hvcc[1] = 0x22;
        hvcc[7] = 0x08;
        assert_eq!(codecs(&hvcc), "hvc1.2.6.H93.B0.8");
        assert!(is_whole(&hvcc));
        assert!(!is_whole(&hvcc[..23]));
        assert_eq!(codecs(&[]), "hvc1.0.0.L0");
    }
}
