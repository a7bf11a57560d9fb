//! A picture as it is to be seen: turned and mirrored as its camera says, and the middle of it in the film's shape.

use bus_schema::plan::images::ImageSize;

use super::super::still::Rgb;

/// The middle of the upright picture, as large as it is in this shape of width and height. `orientation` is that of Exif:
/// which side of what is seen the first row and the first column of what is stored are. `None` of no picture.
pub(super) fn cut(stored: &Rgb, orientation: u8, shape: (u32, u32)) -> Option<Rgb> {
    let (wide, high) = (stored.size.width, stored.size.height);
    let is_on_its_side = orientation >= 5;
    let (seen_wide, seen_high) = if is_on_its_side {
        (high, wide)
    } else {
        (wide, high)
    };
    let size = largest((seen_wide, seen_high), shape)?;
    let (left, top) = ((seen_wide - size.width) / 2, (seen_high - size.height) / 2);
    let stride = stored.stride();
    let mut cut = Rgb::black(size);
    let to_stride = cut.stride();
    for (row, to) in (0u32..).zip(cut.data.chunks_exact_mut(to_stride)) {
        for (column, to) in (0u32..).zip(to.chunks_exact_mut(3)) {
            let (x, y) = place((left + column, top + row), (wide, high), orientation);
            let at = y as usize * stride + x as usize * 3;
            to.copy_from_slice(stored.data.get(at..at + 3)?);
        }
    }
    Some(cut)
}

/// Where a pixel that is seen at a place is stored, in a picture that is stored so wide and high.
fn place((x, y): (u32, u32), (wide, high): (u32, u32), orientation: u8) -> (u32, u32) {
    let (from_right, from_bottom) = (
        |n: u32| wide.saturating_sub(1 + n),
        |n: u32| high.saturating_sub(1 + n),
    );
    match orientation {
        2 => (from_right(x), y),
        3 => (from_right(x), from_bottom(y)),
        4 => (x, from_bottom(y)),
        5 => (y, x),
        6 => (y, from_bottom(x)),
        7 => (from_right(y), from_bottom(x)),
        8 => (from_right(y), x),
        _ => (x, y),
    }
}

/// The largest size of this shape that a picture holds.
fn largest((wide, high): (u32, u32), (of_wide, of_high): (u32, u32)) -> Option<ImageSize> {
    let part = |whole: u32, times: u32, of: u32| {
        let part =
            (u64::from(whole) * u64::from(times) + u64::from(of) / 2).checked_div(of.into())?;
        u32::try_from(part).ok()
    };
    let is_too_wide = u64::from(wide) * u64::from(of_high) > u64::from(high) * u64::from(of_wide);
    let (width, height) = if is_too_wide {
        (part(high, of_wide, of_high)?, high)
    } else {
        (wide, part(wide, of_high, of_wide)?)
    };
    Some(ImageSize {
        width: width.clamp(1, wide),
        height: height.clamp(1, high),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three columns and two rows, each pixel with its place among them.
    fn numbered() -> Rgb {
        let size = ImageSize {
            width: 3,
            height: 2,
        };
        let data = (0..6).flat_map(|n| [n; 3]).collect();
        Rgb { size, data }
    }

    fn rows(image: &Rgb) -> Vec<Vec<u8>> {
        let rows = image.data.chunks_exact(image.stride());
        rows.map(|row| row.iter().copied().step_by(3).collect())
            .collect()
    }

    /// As the drawings of the specification have it.
    #[test]
    fn all_eight_orientations_are_undone() {
        for (orientation, expected) in [
            (1, vec![vec![0, 1, 2], vec![3, 4, 5]]),
            (2, vec![vec![2, 1, 0], vec![5, 4, 3]]),
            (3, vec![vec![5, 4, 3], vec![2, 1, 0]]),
            (4, vec![vec![3, 4, 5], vec![0, 1, 2]]),
            (5, vec![vec![0, 3], vec![1, 4], vec![2, 5]]),
            (6, vec![vec![3, 0], vec![4, 1], vec![5, 2]]),
            (7, vec![vec![5, 2], vec![4, 1], vec![3, 0]]),
            (8, vec![vec![2, 5], vec![1, 4], vec![0, 3]]),
        ] {
            let shape = if orientation < 5 { (3, 2) } else { (2, 3) };
            let seen = cut(&numbered(), orientation, shape).unwrap();
            assert_eq!(rows(&seen), expected, "{orientation}");
        }
    }

    #[test]
    fn the_middle_is_kept_in_the_shape_of_the_film() {
        assert_eq!(rows(&cut(&numbered(), 1, (1, 2)).unwrap()), [[1], [4]]);
        assert_eq!(rows(&cut(&numbered(), 1, (100, 1)).unwrap()), [[0, 1, 2]]);
        for (of, shape, expected) in [
            ((4_000, 3_000), (1_920, 1_080), (4_000, 2_250)),
            ((3_000, 4_000), (1_920, 1_080), (3_000, 1_688)),
            ((1_920, 1_080), (1_080, 1_920), (608, 1_080)),
            ((16_383, 1), (1, 16_383), (1, 1)),
        ] {
            let size = largest(of, shape).unwrap();
            assert_eq!((size.width, size.height), expected);
        }
        assert_eq!(
            largest((4, 4), (0, 4)),
            Some(ImageSize {
                width: 1,
                height: 4
            })
        );
    }
}
