//! Pictures as the scaler takes them: in three planes, with rows that begin where vectors do.

/// Addresses and strides are multiples of this: the width of the vectors that are used, in bytes.
pub(super) const ALIGN: usize = 32;

/// What luma and chroma are computed from red, green and blue with (ITU-T H.273, table 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Matrix {
    /// BT.709.
    Bt709 = 1,
    /// FCC 1953.
    Fcc = 4,
    /// BT.601.
    Bt601 = 6,
    /// SMPTE 240M.
    Smpte240m = 7,
    /// BT.2020 with non-constant luminance.
    Bt2020 = 9,
}

/// Where chroma samples lie between luma samples (ITU-T H.273, section 8.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Site {
    /// Over the left one, between two rows: MPEG-2 and after.
    Left = 0,
    /// In the middle of four: JPEG and MPEG-1.
    Centre = 1,
    /// Over the upper left one: BT.2020, DV.
    TopLeft = 2,
    /// Over the upper ones, between two columns.
    Top = 3,
}

/// How a picture lies in memory, and what its numbers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Pixels that are shown.
    pub(super) width: usize,
    /// Rows that are shown.
    pub(super) height: usize,
    /// Chroma has 1 of 2^across columns.
    pub(super) across: u32,
    /// Chroma has 1 of 2^down rows.
    pub(super) down: u32,
    /// Bits of a sample: two bytes in this machine's order where they are more than 8.
    pub(super) depth: u32,
    /// What chroma is made with.
    pub(super) matrix: Matrix,
    /// Whether black is 0.
    pub(super) is_full: bool,
    /// Where chroma lies.
    pub(super) site: Site,
}

impl Layout {
    /// Pixels of a row as it lies in memory: a whole number of chroma samples.
    pub(super) fn coded_width(&self) -> usize {
        self.width.next_multiple_of(1 << self.across)
    }

    /// Rows as they lie in memory: a whole number of chroma samples.
    pub(super) fn coded_height(&self) -> usize {
        self.height.next_multiple_of(1 << self.down)
    }

    /// Bytes of a row of a plane, and how many rows it has.
    pub(super) fn plane(&self, n: usize) -> (usize, usize) {
        let (across, down) = if n == 0 {
            (0, 0)
        } else {
            (self.across, self.down)
        };
        let sample = if self.depth > 8 { 2 } else { 1 };
        (
            (self.coded_width() >> across) * sample,
            self.coded_height() >> down,
        )
    }

    /// Whether a plane's bytes are what this layout says, where vectors can be read and written.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn check(&self, n: usize, data: &[u8], stride: usize) -> Result<(), String> {
        let (row_bytes, rows) = self.plane(n);
        let is_enough = stride >= row_bytes
            && stride
                .checked_mul(rows)
                .is_some_and(|bytes| data.len() >= bytes);
        if !is_enough {
            return Err(format!(
                "plane {n} has {} bytes of {rows} rows of {stride}",
                data.len()
            ));
        }
        if !is_aligned(data, stride) {
            return Err(format!("plane {n} does not begin where vectors do"));
        }
        Ok(())
    }
}

/// Whether rows begin where vectors do.
pub(super) fn is_aligned(data: &[u8], stride: usize) -> bool {
    data.as_ptr().align_offset(ALIGN) == 0 && stride.is_multiple_of(ALIGN)
}

/// Bytes that begin where vectors do.
#[derive(Debug)]
pub(super) struct Aligned {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// Zeros.
    pub(super) fn new(len: usize) -> Self {
        let bytes = vec![0; len + ALIGN];
        let start = bytes.as_ptr().align_offset(ALIGN).min(ALIGN);
        Self { bytes, start, len }
    }

    /// All of them.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }

    /// All of them, to write to.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.len]
    }
}

/// A picture of a layout in memory of our own.
#[derive(Debug)]
pub(super) struct Picture {
    planes: [(Aligned, usize); 3],
}

impl Picture {
    /// Of zeros.
    pub(super) fn new(layout: &Layout) -> Self {
        let plane = |n| {
            let (row_bytes, rows) = layout.plane(n);
            let stride = row_bytes.next_multiple_of(ALIGN);
            (Aligned::new(stride * rows), stride)
        };
        Self {
            planes: [plane(0), plane(1), plane(2)],
        }
    }

    /// Its planes, and from row to row.
    pub(super) fn planes(&self) -> [(&[u8], usize); 3] {
        self.planes
            .each_ref()
            .map(|(data, stride)| (data.bytes(), *stride))
    }

    /// Its planes, to write to.
    pub(super) fn planes_mut(&mut self) -> [(&mut [u8], usize); 3] {
        self.planes
            .each_mut()
            .map(|(data, stride)| (data.bytes_mut(), *stride))
    }

    /// Copies planes in. The last column and row are repeated where the layout has one more in memory than is shown.
    pub(super) fn fill(&mut self, from: &[(&[u8], usize); 3], layout: &Layout) {
        for (n, (from, from_stride)) in from.iter().enumerate() {
            let (row_bytes, rows) = layout.plane(n);
            let sample = if layout.depth > 8 { 2 } else { 1 };
            let shown = if n == 0 {
                (layout.width * sample, layout.height)
            } else {
                (row_bytes, rows)
            };
            let (to, to_stride) = &mut self.planes[n];
            let to_stride = *to_stride;
            let to = to.bytes_mut();
            for y in 0..rows {
                let start = y.min(shown.1.saturating_sub(1)) * from_stride;
                let source = &from[start..(start + shown.0).min(from.len())];
                let row = &mut to[y * to_stride..y * to_stride + row_bytes];
                row[..source.len()].copy_from_slice(source);
                for x in source.len()..row_bytes {
                    row[x] = row[x.saturating_sub(sample)];
                }
            }
        }
    }

    /// Copies planes out.
    pub(super) fn give(&self, to: &mut [(&mut [u8], usize); 3], layout: &Layout) {
        for (n, (to, to_stride)) in to.iter_mut().enumerate() {
            let (row_bytes, rows) = layout.plane(n);
            let (from, from_stride) = &self.planes[n];
            let rows = from
                .bytes()
                .chunks(*from_stride)
                .zip(to.chunks_mut(*to_stride))
                .take(rows);
            for (from, to) in rows {
                let len = row_bytes.min(to.len());
                to[..len].copy_from_slice(&from[..len]);
            }
        }
    }
}
