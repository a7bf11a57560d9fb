//! The library against its twin, and what it refuses.

use proptest::prelude::*;

use super::library::{Graph, Planes};
use super::picture::{Layout, Matrix, Picture, Site};
use super::twin;

/// One rounding of the sums, one of the library's weights, which have 14 bits.
const OFF_MAX: f64 = 1.0;

/// What is done to a picture's planes.
type Change = dyn Fn(&mut Planes<'_>);

fn layout(width: usize, height: usize) -> Layout {
    Layout {
        width,
        height,
        across: 1,
        down: 1,
        depth: 8,
        matrix: Matrix::Bt709,
        is_full: false,
        site: Site::Left,
    }
}

/// A picture of noise in the middle of the range: what a kernel makes of it is cut off nowhere.
fn noise(layout: &Layout, seed: u64) -> Picture {
    let mut state = seed | 1;
    let mut planes = [0, 1, 2].map(|n| {
        let (row_bytes, rows) = layout.plane(n);
        (vec![0_u8; row_bytes * rows], row_bytes)
    });
    for byte in planes.iter_mut().flat_map(|(data, _)| data) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = 64 + u8::try_from(state >> 32 & 127).expect("7 bits");
    }
    let mut picture = Picture::new(layout);
    picture.fill(
        &planes.each_ref().map(|(data, stride)| (&data[..], *stride)),
        layout,
    );
    picture
}

fn scaled(picture: &Picture, from: Layout, to: Layout) -> Picture {
    let mut made = Picture::new(&to);
    let mut graph = Graph::new(from, to).expect("there is a way");
    let result = graph.process(&picture.planes(), &mut made.planes_mut());
    result.expect("the picture lies as it must");
    made
}

/// The largest difference of any sample from the twin's.
fn off(picture: &Picture, made: &Picture, from: &Layout, to: &Layout) -> f64 {
    let mut most = 0.0_f64;
    for n in 0..3 {
        let (data, stride) = picture.planes()[n];
        let expected = twin::plane(n, data, stride, from, to);
        let (columns, _) = to.plane(n);
        let (data, stride) = made.planes()[n];
        for (row, expected) in data.chunks(stride).zip(expected.chunks(columns)) {
            for (made, expected) in row.iter().zip(expected) {
                most = most.max((f64::from(*made) - expected).abs());
            }
        }
    }
    most
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Any size, also odd ones, to any even size, smaller or larger; any sampling, any siting.
    #[test]
    fn the_library_scales_as_its_twin_does(
        from in (8_usize..150, 8_usize..150),
        to in (4_usize..80, 4_usize..80),
        sampling in prop::sample::select(vec![(1, 1), (1, 0), (0, 0)]),
        site in prop::sample::select(vec![Site::Left, Site::Centre, Site::TopLeft, Site::Top]),
        seed in any::<u64>(),
    ) {
        let (across, down) = sampling;
        let from = Layout { across, down, site, ..layout(from.0, from.1) };
        let to = layout(2 * to.0, 2 * to.1);
        let picture = noise(&from, seed);
        let made = scaled(&picture, from, to);
        let off = off(&picture, &made, &from, &to);
        prop_assert!(off <= OFF_MAX, "{off} off from {from:?} to {to:?}");
    }
}

#[test]
fn extremes_are_cut_off_and_do_not_wrap() {
    let (from, to) = (layout(64, 64), layout(96, 96));
    let row: Vec<u8> = (0..64).map(|x| if x < 32 { 0 } else { 255 }).collect();
    let (luma, chroma) = (row.repeat(64), vec![128; 32 * 32]);
    let mut picture = Picture::new(&from);
    picture.fill(&[(&luma, 64), (&chroma, 32), (&chroma, 32)], &from);
    let made = scaled(&picture, from, to);
    let (data, stride) = made.planes()[0];
    for row in data.chunks(stride).take(96) {
        assert!(row[..44].iter().all(|value| *value < 32), "{row:?}");
        assert!(row[52..96].iter().all(|value| *value > 224), "{row:?}");
    }
}

#[test]
fn ten_bits_of_one_grey_become_eight_of_the_same() {
    let from = Layout {
        depth: 10,
        ..layout(64, 36)
    };
    let to = layout(32, 18);
    let grey = |n: usize| [0x00_u8, 0x02].repeat(n);
    let mut picture = Picture::new(&from);
    picture.fill(
        &[
            (&grey(64 * 36), 128),
            (&grey(32 * 18), 64),
            (&grey(32 * 18), 64),
        ],
        &from,
    );
    let made = scaled(&picture, from, to);
    for (n, (data, stride)) in made.planes().into_iter().enumerate() {
        let (columns, rows) = to.plane(n);
        for row in data.chunks(stride).take(rows) {
            assert!(row[..columns].iter().all(|value| *value == 128), "{row:?}");
        }
    }
}

#[test]
fn what_does_not_lie_as_it_must_is_refused() {
    let (from, to) = (layout(64, 64), layout(32, 32));
    let mut graph = Graph::new(from, to).unwrap();
    let picture = Picture::new(&from);
    let mut made = Picture::new(&to);
    let mut refused = |change: &Change| {
        let mut planes = picture.planes();
        change(&mut planes);
        graph.process(&planes, &mut made.planes_mut()).is_err()
    };
    assert!(!refused(&|_| {}));
    assert!(
        refused(&|planes| planes[0].0 = &planes[0].0[..64 * 63]),
        "a row is missing"
    );
    assert!(
        refused(&|planes| planes[0].0 = &planes[0].0[1..]),
        "not at a multiple of 32"
    );
    assert!(
        refused(&|planes| planes[1] = (planes[0].0, 40)),
        "rows not at multiples of 32"
    );
    assert!(
        refused(&|planes| planes[2].1 = usize::MAX),
        "rows that are no rows"
    );
    assert!(refused(&|planes| planes[2] = (&[], 0)), "no plane");
    let small = Picture::new(&layout(32, 30));
    let mut small = small;
    assert!(
        graph
            .process(&picture.planes(), &mut small.planes_mut())
            .is_err()
    );
}

#[test]
fn a_way_that_there_is_not_is_refused() {
    let error = Graph::new(layout(0, 0), layout(32, 32)).unwrap_err();
    assert!(error.contains("zimg"), "{error}");
}
