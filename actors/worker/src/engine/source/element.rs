//! A source as the element at the head of a pipeline.
//!
//! Not an `appsrc`: what it was given for a read stays in its queue when a flush comes between that and the
//! answer, and is the answer to the next read then, wherever in the file that is. A seek while a demuxer reads
//! ended with wrong pictures, or at once, by chance. (`gst_app_src_create` empties its queue for no change of
//! offset; seen in GStreamer 1.22.) Here a read and its answer are one call.

use std::sync::{LazyLock, OnceLock};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer_base as gst_base;
use gstreamer_base::prelude::*;
use gstreamer_base::subclass::base_src::CreateSuccess;
use gstreamer_base::subclass::prelude::*;

use super::{Error, Result, Source};

/// How much is given at a time where a demuxer takes what comes instead of asking for ranges.
const PUSH_BYTES: u32 = 64 << 10;

glib::wrapper! {
    /// The element.
    pub(super) struct Reader(ObjectSubclass<Imp>)
        @extends gst_base::BaseSrc, gst::Element, gst::Object;
}

impl Reader {
    /// An element that reads this source from its start.
    pub(super) fn new(source: Source) -> Result<Self> {
        let reader: Self = glib::Object::new();
        reader.set_format(gst::Format::Bytes);
        reader.set_blocksize(PUSH_BYTES);
        let set = reader.imp().source.set(source);
        set.map_err(|_| Error::internal("a new element that has a source"))?;
        Ok(reader)
    }
}

/// Its inside.
#[derive(Debug, Default)]
pub(super) struct Imp {
    source: OnceLock<Source>,
}

#[glib::object_subclass]
impl ObjectSubclass for Imp {
    const NAME: &'static str = "TcoderReader";
    type Type = Reader;
    type ParentType = gst_base::BaseSrc;
}

impl ObjectImpl for Imp {}
impl GstObjectImpl for Imp {}

impl ElementImpl for Imp {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Reader",
                "Source",
                "Reads ranges of a source",
                "tcoder",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let (direction, presence) = (gst::PadDirection::Src, gst::PadPresence::Always);
            let template = gst::PadTemplate::new("src", direction, presence, &gst::Caps::new_any());
            template.into_iter().collect()
        });
        TEMPLATES.as_ref()
    }
}

impl BaseSrcImpl for Imp {
    /// The size must be known before a demuxer asks for it, or it settles for what comes.
    fn size(&self) -> Option<u64> {
        self.source.get().map(Source::size)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    /// Exactly what is asked for, as one buffer; less only at the end.
    fn create(
        &self,
        offset: u64,
        given: Option<&mut gst::BufferRef>,
        len: u32,
    ) -> std::result::Result<CreateSuccess, gst::FlowError> {
        let source = self.source.get().ok_or(gst::FlowError::Error)?;
        let bytes = source.read(offset, u64::from(len)).map_err(|error| {
            gst::element_imp_error!(self, gst::ResourceError::Read, ["{error}"]);
            gst::FlowError::Error
        })?;
        // Some demuxers ask for nothing, and take the end for an answer as the end.
        if bytes.is_empty() && len > 0 {
            return Err(gst::FlowError::Eos);
        }
        source.flows(offset, &bytes);
        // A demuxer that brings its own buffer gets it filled: the bindings would copy ours into it, and panic
        // where it is longer than what is left of the source.
        if let Some(given) = given {
            given.set_size(bytes.len().min(given.maxsize()));
            let filled = given.copy_from_slice(0, &bytes);
            return match filled {
                Ok(()) => Ok(CreateSuccess::FilledBuffer),
                Err(_) => Err(gst::FlowError::Error),
            };
        }
        let mut buffer = gst::Buffer::from_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_offset(offset);
        }
        Ok(CreateSuccess::NewBuffer(buffer))
    }
}
