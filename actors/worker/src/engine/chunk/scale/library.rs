//! libzimg by its C interface (`zimg.h`, version 2.4 of it, which libzimg 3.0 brought).
//!
//! The one module of the engine in which `unsafe` is allowed. What may be asked of it is safe: it checks every size,
//! stride and address against what the library says it reads and writes before it calls it.
#![expect(
    unsafe_code,
    reason = "calls a C library; see the comment at each call"
)]

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr::NonNull;

use super::picture::{ALIGN, Aligned, Layout};

/// `ZIMG_MAKE_API_VERSION(2, 4)`.
const API_VERSION: c_uint = 2 << 8 | 4;
/// `ZIMG_BUFFER_MAX`: a plane that is all there.
const WHOLE: c_uint = c_uint::MAX;
/// `ZIMG_COLOR_YUV`.
const COLOR_YUV: c_int = 2;
/// `ZIMG_RESIZE_BICUBIC`.
const RESIZE_BICUBIC: c_int = 2;
/// `ZIMG_CPU_AUTO`: what this processor has, but no vectors of 64 bytes. With those (`ZIMG_CPU_AUTO_64B`) libzimg
/// 3.0.4 is a sixth faster, and wrong by up to a quarter of the range for some pairs of widths, such as 46 to 20.
const CPU_AUTO: c_int = 1;
/// Longest explanation that is read.
const ERROR_BYTES_MAX: usize = 256;

/// The bicubic kernel's b and c: ffmpeg's, a little sharper than Catmull-Rom (0, 0.5).
pub(super) const BICUBIC: (f64, f64) = (0.0, 0.6);

/// `zimg_image_format`.
#[repr(C)]
struct ImageFormat {
    version: c_uint,
    width: c_uint,
    height: c_uint,
    pixel_type: c_int,
    subsample_w: c_uint,
    subsample_h: c_uint,
    color_family: c_int,
    matrix_coefficients: c_int,
    transfer_characteristics: c_int,
    color_primaries: c_int,
    depth: c_uint,
    pixel_range: c_int,
    field_parity: c_int,
    chroma_location: c_int,
    active_left: f64,
    active_top: f64,
    active_width: f64,
    active_height: f64,
    alpha: c_int,
}

/// `zimg_graph_builder_params`.
#[repr(C)]
struct BuilderParams {
    version: c_uint,
    resample_filter: c_int,
    filter_param_a: f64,
    filter_param_b: f64,
    resample_filter_uv: c_int,
    filter_param_a_uv: f64,
    filter_param_b_uv: f64,
    dither_type: c_int,
    cpu_type: c_int,
    nominal_peak_luminance: f64,
    allow_approximate_gamma: c_char,
}

/// A plane of `zimg_image_buffer_const` and of `zimg_image_buffer`: they differ in `const` alone.
#[repr(C)]
#[derive(Clone, Copy)]
struct BufferPlane {
    data: *mut c_void,
    stride: isize,
    mask: c_uint,
}

/// `zimg_image_buffer_const` and `zimg_image_buffer`.
#[repr(C)]
struct ImageBuffer {
    version: c_uint,
    plane: [BufferPlane; 4],
}

/// `zimg_filter_graph`.
#[repr(C)]
struct FilterGraph {
    _opaque: [u8; 0],
}

/// `zimg_filter_graph_callback`.
type Callback = Option<unsafe extern "C" fn(*mut c_void, c_uint, c_uint, c_uint) -> c_int>;

#[link(name = "zimg")]
unsafe extern "C" {
    fn zimg_image_format_default(format: *mut ImageFormat, version: c_uint);
    fn zimg_graph_builder_params_default(params: *mut BuilderParams, version: c_uint);
    fn zimg_filter_graph_build(
        from: *const ImageFormat,
        to: *const ImageFormat,
        params: *const BuilderParams,
    ) -> *mut FilterGraph;
    fn zimg_filter_graph_free(graph: *mut FilterGraph);
    fn zimg_filter_graph_get_tmp_size(graph: *const FilterGraph, out: *mut usize) -> c_int;
    fn zimg_filter_graph_process(
        graph: *const FilterGraph,
        from: *const ImageBuffer,
        to: *const ImageBuffer,
        tmp: *mut c_void,
        unpack: Callback,
        unpack_user: *mut c_void,
        pack: Callback,
        pack_user: *mut c_void,
    ) -> c_int;
    fn zimg_get_last_error(text: *mut c_char, bytes: usize) -> c_int;
}

/// A way from one layout of pictures to another.
#[derive(Debug)]
pub(super) struct Graph {
    graph: NonNull<FilterGraph>,
    from: Layout,
    to: Layout,
    scratch: Aligned,
}

// SAFETY: the library keeps nothing of a graph in the thread that made it ("the filter graph does not allocate memory
// during processing", and it is never changed once built); what is written to while one is used is `scratch`, and
// `process` takes `&mut self`.
unsafe impl Send for Graph {}

/// Planes of a picture: bytes, and from row to row.
pub(super) type Planes<'a> = [(&'a [u8], usize); 3];
/// Planes that are written.
pub(super) type PlanesMut<'a> = [(&'a mut [u8], usize); 3];

impl Graph {
    /// Makes one; the library's words where it has none.
    pub(super) fn new(from: Layout, to: Layout) -> Result<Self, String> {
        let params = params(from.depth > to.depth);
        let (c_from, c_to) = (c_format(&from), c_format(&to));
        // SAFETY: all three are whole structures of the version that stands in them, and are only read.
        let graph = unsafe {
            zimg_filter_graph_build(&raw const c_from, &raw const c_to, &raw const params)
        };
        let graph = NonNull::new(graph).ok_or_else(last_error)?;
        let mut made = Self {
            graph,
            from,
            to,
            scratch: Aligned::new(0),
        };
        let mut bytes = 0_usize;
        // SAFETY: the graph is alive, and `bytes` is a place to write to.
        let code = unsafe { zimg_filter_graph_get_tmp_size(made.graph.as_ptr(), &raw mut bytes) };
        if code != 0 {
            return Err(last_error());
        }
        made.scratch = Aligned::new(bytes);
        Ok(made)
    }

    /// Converts one picture.
    pub(super) fn process(
        &mut self,
        from: &Planes<'_>,
        to: &mut PlanesMut<'_>,
    ) -> Result<(), String> {
        for (n, (data, stride)) in from.iter().enumerate() {
            self.from.check(n, data, *stride)?;
        }
        for (n, (data, stride)) in to.iter().enumerate() {
            self.to.check(n, data, *stride)?;
        }
        let from = buffer(
            from.each_ref()
                .map(|(data, stride)| (data.as_ptr().cast_mut(), *stride)),
        )?;
        let to = buffer(
            to.each_mut()
                .map(|(data, stride)| (data.as_mut_ptr(), *stride)),
        )?;
        // SAFETY: every plane has been found to begin at a multiple of 32, to have rows at multiples of 32 that are
        // long enough, and as many of them as its layout says, all inside of its slice: that is what the library
        // reads and writes ("filter instances will not read or write beyond image bounds"). It only reads through
        // `from`. `scratch` has the size that the library asked for, and is lent to nobody else meanwhile.
        let code = unsafe {
            zimg_filter_graph_process(
                self.graph.as_ptr(),
                &raw const from,
                &raw const to,
                self.scratch.bytes_mut().as_mut_ptr().cast(),
                None,
                std::ptr::null_mut(),
                None,
                std::ptr::null_mut(),
            )
        };
        if code == 0 { Ok(()) } else { Err(last_error()) }
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: it came from `zimg_filter_graph_build`, and is freed here alone.
        unsafe { zimg_filter_graph_free(self.graph.as_ptr()) }
    }
}

/// The library's structure with its defaults, and this layout in it.
fn c_format(layout: &Layout) -> ImageFormat {
    let mut format = std::mem::MaybeUninit::<ImageFormat>::zeroed();
    // SAFETY: the structure is of the version that is named, and the library fills all of it; zeros, which it held
    // before, are a value of each of its fields, too.
    let mut format = unsafe {
        zimg_image_format_default(format.as_mut_ptr(), API_VERSION);
        format.assume_init()
    };
    let [width, height] = [layout.coded_width(), layout.coded_height()];
    format.width = c_uint::try_from(width).unwrap_or(0);
    format.height = c_uint::try_from(height).unwrap_or(0);
    format.pixel_type = c_int::from(layout.depth > 8);
    format.subsample_w = layout.across;
    format.subsample_h = layout.down;
    format.color_family = COLOR_YUV;
    format.matrix_coefficients = layout.matrix as c_int;
    format.depth = layout.depth;
    format.pixel_range = c_int::from(layout.is_full);
    format.chroma_location = layout.site as c_int;
    if (width, height) != (layout.width, layout.height) {
        format.active_left = 0.0;
        format.active_top = 0.0;
        format.active_width = f64::from(u32::try_from(layout.width).unwrap_or(0));
        format.active_height = f64::from(u32::try_from(layout.height).unwrap_or(0));
    }
    format
}

/// Bicubic for all planes; where bits are given up, an ordered pattern keeps gradients from showing steps.
fn params(gives_up_bits: bool) -> BuilderParams {
    let mut params = std::mem::MaybeUninit::<BuilderParams>::zeroed();
    // SAFETY: as in `c_format`.
    let mut params = unsafe {
        zimg_graph_builder_params_default(params.as_mut_ptr(), API_VERSION);
        params.assume_init()
    };
    params.resample_filter = RESIZE_BICUBIC;
    params.resample_filter_uv = RESIZE_BICUBIC;
    (params.filter_param_a, params.filter_param_b) = BICUBIC;
    (params.filter_param_a_uv, params.filter_param_b_uv) = BICUBIC;
    params.dither_type = c_int::from(gives_up_bits);
    params.cpu_type = CPU_AUTO;
    params
}

fn buffer(planes: [(*mut u8, usize); 3]) -> Result<ImageBuffer, String> {
    let none = BufferPlane {
        data: std::ptr::null_mut(),
        stride: 0,
        mask: WHOLE,
    };
    let mut buffer = ImageBuffer {
        version: API_VERSION,
        plane: [none; 4],
    };
    for (plane, (data, stride)) in buffer.plane.iter_mut().zip(planes) {
        plane.data = data.cast();
        plane.stride = isize::try_from(stride).map_err(|_| "rows are too long".to_owned())?;
    }
    Ok(buffer)
}

/// What the library says of its last failure in this thread.
fn last_error() -> String {
    let mut text = [0_u8; ERROR_BYTES_MAX];
    // SAFETY: the library writes at most so many bytes, the last of them a zero.
    let code = unsafe { zimg_get_last_error(text.as_mut_ptr().cast(), text.len()) };
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    format!("zimg: {} ({code})", String::from_utf8_lossy(text))
}

const _: () = assert!(ALIGN == 32, "what `CPU_AUTO` asks for");
