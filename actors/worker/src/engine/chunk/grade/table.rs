//! What a grid of colours becomes, and what lies between its points.

/// Points of the grid along luma: a step is 16 of 1024, over which no curve bends visibly.
const LUMA_POINTS: usize = 65;
/// Points along either chroma; the middle one is exactly grey.
const CHROMA_POINTS: usize = 33;
/// Steps between those, as powers of two: a sample's high bits name its step.
const LUMA_BITS: u32 = 6;
const CHROMA_BITS: u32 = 5;
/// Fractions of a code value that points are kept to.
const FRACTION_BITS: u32 = 6;

/// The table.
#[derive(Debug)]
pub(super) struct Table {
    /// Luma, then either chroma: what is looked up together lies together.
    points: [Vec<i16>; 3],
    depth: u32,
}

impl Table {
    /// For samples of so many bits. `convert` gets luma and both chroma as parts of one, of all
    /// values that so many bits can have, and gives code values of 8 bits.
    pub(super) fn new(depth: u32, convert: impl Fn([f64; 3]) -> [f64; 3]) -> Self {
        let n = LUMA_POINTS * CHROMA_POINTS * CHROMA_POINTS;
        let mut points: [Vec<i16>; 3] = std::array::from_fn(|_| Vec::with_capacity(n));
        let part = |n: usize, points: usize| {
            f64::from(u32::try_from(n).unwrap_or(0))
                / f64::from(u32::try_from(points - 1).unwrap_or(1))
        };
        for y in 0..LUMA_POINTS {
            for cb in 0..CHROMA_POINTS {
                for cr in 0..CHROMA_POINTS {
                    let made = convert([
                        part(y, LUMA_POINTS),
                        part(cb, CHROMA_POINTS),
                        part(cr, CHROMA_POINTS),
                    ]);
                    for (points, made) in points.iter_mut().zip(made) {
                        points.push(fixed(made));
                    }
                }
            }
        }
        Self { points, depth }
    }

    /// The luma that a colour becomes.
    pub(super) fn luma(&self, y: u16, cb: u16, cr: u16) -> u8 {
        code(self.between(0, y, cb, cr))
    }

    /// Both chroma that a colour becomes.
    pub(super) fn chroma(&self, y: u16, cb: u16, cr: u16) -> [u8; 2] {
        [1, 2].map(|part| code(self.between(part, y, cb, cr)))
    }

    /// Between the eight points around a colour, in fractions of a code value.
    fn between(&self, part: usize, y: u16, cb: u16, cr: u16) -> i32 {
        let (y, y_rest) = self.step(y, LUMA_BITS);
        let (cb, cb_rest) = self.step(cb, CHROMA_BITS);
        let (cr, cr_rest) = self.step(cr, CHROMA_BITS);
        let at = (y * CHROMA_POINTS + cb) * CHROMA_POINTS + cr;
        let points = &self.points[part];
        let point = |at: usize| i32::from(points[at]);
        let line = |at: usize| blend(point(at), point(at + 1), cr_rest);
        let plane = |at: usize| blend(line(at), line(at + CHROMA_POINTS), cb_rest);
        blend(plane(at), plane(at + CHROMA_POINTS * CHROMA_POINTS), y_rest)
    }

    /// The step that a sample lies in, and how far, in parts of 256.
    fn step(&self, sample: u16, bits: u32) -> (usize, i32) {
        // A decoder's stray bits above the depth are no colour.
        let sample = u32::from(sample) & ((1 << self.depth) - 1);
        let within = self.depth - bits;
        let rest = (sample & ((1 << within) - 1)) << 8 >> within;
        let rest = i32::try_from(rest).unwrap_or(0);
        ((sample >> within) as usize, rest)
    }
}

fn blend(a: i32, b: i32, rest: i32) -> i32 {
    a + (((b - a) * rest) >> 8)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "code values of 8 bits and six of fraction fit"
)]
fn fixed(code: f64) -> i16 {
    (code.clamp(0.0, 255.0) * f64::from(1 << FRACTION_BITS)).round() as i16
}

fn code(fixed: i32) -> u8 {
    let rounded = (fixed + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS;
    u8::try_from(rounded.max(0)).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_straight_stays_straight_between_points() {
        for depth in [8, 10, 12] {
            let table = Table::new(depth, |parts| parts.map(|part| part * 256.0));
            let last = 1_u16 << depth;
            for sample in (0..last).step_by(7) {
                let expected = u8::try_from(sample >> (depth - 8)).unwrap();
                let middle = last / 2;
                let luma = table.luma(sample, middle, middle);
                assert!(luma.abs_diff(expected) <= 1, "{depth}: {luma} for {sample}");
                let [cb, cr] = table.chroma(middle, sample, last - 1 - sample);
                assert!(cb.abs_diff(expected) <= 1, "{depth}: {cb} for {sample}");
                assert!(
                    cr.abs_diff(255 - expected) <= 1,
                    "{depth}: {cr} for {sample}"
                );
            }
        }
    }
}
