//! Times of a film as people write them.

/// Most digits behind the point: a millisecond.
const DECIMALS_MAX: usize = 3;

/// Milliseconds of seconds (`90`, `90.25`), minutes and seconds (`1:30.25`) or hours, minutes and seconds
/// (`0:01:30.25`).
pub(super) fn parse(text: &str) -> Result<u64, String> {
    read(text).ok_or_else(|| {
        "write seconds, m:ss or h:mm:ss, with up to three decimals: 90, 1:30, 0:01:30.250"
            .to_owned()
    })
}

fn read(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(decimals) || decimals.len() > DECIMALS_MAX {
        return None;
    }
    let parts: Vec<&str> = whole.split(':').collect();
    if parts.len() > 3 || !parts.iter().all(|part| is_number(part)) {
        return None;
    }
    let mut seconds = 0_u64;
    for (place, part) in parts.iter().enumerate() {
        let number: u64 = part.parse().ok()?;
        // Only the first may be over 59.
        if place > 0 && (number > 59 || part.len() != 2) {
            return None;
        }
        seconds = seconds.checked_mul(60)?.checked_add(number)?;
    }
    let millis: u64 = format!("{decimals:0<3}").parse().ok()?;
    seconds.checked_mul(1_000)?.checked_add(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, ms) in [
            ("0", 0),
            ("90", 90_000),
            ("90.25", 90_250),
            ("1:30", 90_000),
            ("1:30.007", 90_007),
            ("100:00", 6_000_000),
            ("2:00:05.5", 7_205_500),
        ] {
            assert_eq!(parse(text), Ok(ms), "{text}");
        }
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "1:5",
            "1:60",
            "1:2:3:4",
            "1.0005",
            "a",
            "1e3",
            "1:-2",
            "99999999999999999999",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
