//! The scaler as an element of a pipeline.
//!
//! It takes pictures in planes, of any size and depth, and gives them in 8 bits and 4:2:0, in the size, matrix and
//! range that stand in the caps behind it. It also converts, so nothing is resampled twice.

use std::sync::{Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer_base as gst_base;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use gstreamer_video::subclass::prelude::*;
use gstreamer_video::{VideoFormat, VideoFrameRef, VideoInfo};

use super::library::{Graph, Planes};
use super::picture::{ALIGN, Layout, Matrix, Picture, Site, is_aligned};

/// What it takes: planes of bytes, or of two bytes in this machine's order.
const TAKES: [VideoFormat; 9] = [
    VideoFormat::I420,
    VideoFormat::Y42b,
    VideoFormat::Y444,
    VideoFormat::I42010le,
    VideoFormat::I42210le,
    VideoFormat::Y44410le,
    VideoFormat::I42012le,
    VideoFormat::I42212le,
    VideoFormat::Y44412le,
];
/// Largest side of a picture in caps.
const PIXELS_MAX: i32 = i32::MAX;

glib::wrapper! {
    /// The scaler.
    pub(super) struct Scaler(ObjectSubclass<Imp>)
        @extends gst_video::VideoFilter, gst_base::BaseTransform, gst::Element, gst::Object;
}

impl Scaler {
    /// A scaler.
    pub(super) fn new() -> Self {
        glib::Object::new()
    }
}

/// Its inside.
#[derive(Debug, Default)]
pub(super) struct Imp {
    work: Mutex<Option<Work>>,
}

/// What pictures of the present caps are scaled with.
#[derive(Debug)]
struct Work {
    graph: Graph,
    from: Layout,
    to: Layout,
    /// A copy of what does not lie as the library wants it.
    copied: Option<Picture>,
    /// The result, where the buffer for it does not.
    made: Option<Picture>,
}

#[glib::object_subclass]
impl ObjectSubclass for Imp {
    const NAME: &'static str = "TcoderScaler";
    type Type = Scaler;
    type ParentType = gst_video::VideoFilter;
}

impl ObjectImpl for Imp {}
impl GstObjectImpl for Imp {}

impl ElementImpl for Imp {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: std::sync::LazyLock<gst::subclass::ElementMetadata> =
            std::sync::LazyLock::new(|| {
                gst::subclass::ElementMetadata::new(
                    "Scaler",
                    "Filter/Converter/Video/Scaler",
                    "Scales and converts pictures with libzimg",
                    "tcoder",
                )
            });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: std::sync::LazyLock<Vec<gst::PadTemplate>> =
            std::sync::LazyLock::new(|| {
                let template = |name, direction, caps: &gst::Caps| {
                    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, caps)
                };
                [
                    template("sink", gst::PadDirection::Sink, &takes()),
                    template("src", gst::PadDirection::Src, &gives()),
                ]
                .into_iter()
                .flatten()
                .collect()
            });
        TEMPLATES.as_ref()
    }
}

fn takes() -> gst::Caps {
    gst_video::VideoCapsBuilder::new()
        .format_list(TAKES)
        .build()
}

fn gives() -> gst::Caps {
    gst_video::VideoCapsBuilder::new()
        .format(VideoFormat::I420)
        .build()
}

impl BaseTransformImpl for Imp {
    const MODE: gst_base::subclass::BaseTransformMode =
        gst_base::subclass::BaseTransformMode::NeverInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = true;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    /// Everything may change but the frame rate and what else is said of time.
    fn transform_caps(
        &self,
        direction: gst::PadDirection,
        caps: &gst::Caps,
        filter: Option<&gst::Caps>,
    ) -> Option<gst::Caps> {
        let other = match direction {
            gst::PadDirection::Src => takes(),
            _ => gives(),
        };
        let other = other.structure(0)?;
        let mut all = gst::Caps::new_empty();
        {
            let all = all.get_mut()?;
            for of in caps.iter() {
                let mut one = of.to_owned();
                one.remove_fields(["colorimetry", "chroma-site", "pixel-aspect-ratio"]);
                one.set_value("format", other.value("format").ok()?.to_owned());
                one.set("width", gst::IntRange::new(1, PIXELS_MAX));
                one.set("height", gst::IntRange::new(1, PIXELS_MAX));
                all.append_structure(one);
            }
        }
        Some(match filter {
            Some(filter) => filter.intersect_with_mode(&all, gst::CapsIntersectMode::First),
            None => all,
        })
    }

    /// Buffers for results come from a pool of ours: no other one would lay rows as the library wants them, and a
    /// new buffer for each picture costs more than scaling a small one.
    fn decide_allocation(
        &self,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        let failed = |what: &str| gst::loggable_error!(gst::CAT_RUST, "{what}");
        let (caps, _) = query.get_owned();
        let caps = caps.ok_or_else(|| failed("no caps"))?;
        let align = u32::try_from(ALIGN - 1).unwrap_or(0);
        let mut alignment = gst_video::VideoAlignment::new(0, 0, 0, 0, &[align; 4]);
        let mut padded = VideoInfo::from_caps(&caps).map_err(|_| failed("no size"))?;
        padded
            .align(&mut alignment)
            .map_err(|_| failed("no alignment"))?;
        let bytes = u32::try_from(padded.size()).map_err(|_| failed("too large"))?;
        let pool = gst_video::VideoBufferPool::new();
        let mut config = pool.config();
        config.set_params(Some(&caps), bytes, 0, 0);
        config.set_allocator(
            None::<&gst::Allocator>,
            Some(&gst::AllocationParams::new(
                gst::MemoryFlags::empty(),
                ALIGN - 1,
                0,
                0,
            )),
        );
        config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_META);
        config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
        config.set_video_alignment(&alignment);
        pool.set_config(config).map_err(|_| failed("no pool"))?;
        while query.allocation_pools().next().is_some() {
            query.remove_nth_allocation_pool(0);
        }
        query.add_allocation_pool(Some(&pool), bytes, 0, 0);
        Ok(())
    }
}

impl VideoFilterImpl for Imp {
    fn set_info(
        &self,
        _: &gst::Caps,
        from: &VideoInfo,
        _: &gst::Caps,
        to: &VideoInfo,
    ) -> Result<(), gst::LoggableError> {
        let failed = |what: String| gst::loggable_error!(gst::CAT_RUST, "{what}");
        let (from, to) = (layout(from), layout(to));
        let is_same = from == to;
        let work = if is_same {
            None
        } else {
            Some(Work {
                graph: Graph::new(from, to).map_err(failed)?,
                from,
                to,
                copied: None,
                made: None,
            })
        };
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = work;
        // What differs in words alone is not touched.
        self.obj().set_passthrough(is_same);
        Ok(())
    }

    fn transform_frame(
        &self,
        from: &VideoFrameRef<&gst::BufferRef>,
        to: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let work = work.as_mut().ok_or(gst::FlowError::NotNegotiated)?;
        work.scale(from, to).map_err(|error| {
            gst::element_imp_error!(self, gst::CoreError::Failed, ["{error}"]);
            gst::FlowError::Error
        })?;
        Ok(gst::FlowSuccess::Ok)
    }
}

impl Work {
    fn scale(
        &mut self,
        from: &VideoFrameRef<&gst::BufferRef>,
        to: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<(), String> {
        let strides = strides(from.plane_stride())?;
        let [luma, blue, red, _] = from.planes_data();
        let mut planes: Planes<'_> = [(luma, strides[0]), (blue, strides[1]), (red, strides[2])];
        if !lies_well(&self.from, &planes) {
            let copied = self.copied.get_or_insert_with(|| Picture::new(&self.from));
            copied.fill(&planes, &self.from);
            planes = copied.planes();
        }
        let strides = self::strides(to.plane_stride())?;
        let [luma, blue, red, _] = to.planes_data_mut();
        let mut made = [(luma, strides[0]), (blue, strides[1]), (red, strides[2])];
        if made.iter().all(|(data, stride)| is_aligned(data, *stride)) {
            return self.graph.process(&planes, &mut made);
        }
        let picture = self.made.get_or_insert_with(|| Picture::new(&self.to));
        self.graph.process(&planes, &mut picture.planes_mut())?;
        picture.give(&mut made, &self.to);
        Ok(())
    }
}

/// Whether the library can read it where it is: aligned, and with no half of a chroma sample at an edge.
fn lies_well(layout: &Layout, planes: &Planes<'_>) -> bool {
    (layout.coded_width(), layout.coded_height()) == (layout.width, layout.height)
        && planes
            .iter()
            .all(|(data, stride)| is_aligned(data, *stride))
}

fn strides(of: &[i32]) -> Result<[usize; 3], String> {
    let stride = |n: usize| of.get(n).and_then(|stride| usize::try_from(*stride).ok());
    match (stride(0), stride(1), stride(2)) {
        (Some(luma), Some(blue), Some(red)) => Ok([luma, blue, red]),
        _ => Err("a picture without rows".to_owned()),
    }
}

/// What caps say, in the library's words; what they do not say is what H.264 is taken for.
fn layout(info: &VideoInfo) -> Layout {
    use gst_video::{VideoChromaSite as At, VideoColorMatrix as Of, VideoColorRange};
    let format = info.format_info();
    let colours = info.colorimetry();
    let (across, down) = (format.w_sub()[1], format.h_sub()[1]);
    let site = info.chroma_site();
    let site = if site.contains(At::H_COSITED | At::V_COSITED) {
        Site::TopLeft
    } else if site.contains(At::V_COSITED) {
        Site::Top
    } else if site.contains(At::NONE) && !site.contains(At::H_COSITED) {
        Site::Centre
    } else {
        Site::Left
    };
    Layout {
        width: info.width() as usize,
        height: info.height() as usize,
        across,
        down,
        depth: info.comp_depth(0),
        matrix: match colours.matrix() {
            Of::Fcc => Matrix::Fcc,
            Of::Bt601 => Matrix::Bt601,
            Of::Smpte240m => Matrix::Smpte240m,
            Of::Bt2020 => Matrix::Bt2020,
            _ => Matrix::Bt709,
        },
        is_full: colours.range() == VideoColorRange::Range0_255,
        // It makes no difference where chroma has all columns and rows.
        site: if across == 0 && down == 0 {
            Site::Left
        } else {
            site
        },
    }
}
