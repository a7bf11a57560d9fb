//! A pipeline that is always brought down, and its errors as ours.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bus_schema::report::ErrorCode;
use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::time::Instant;

use super::{Error, Result};

/// How long a pipeline may take to its first frame. Fetching has its own, shorter limits in the
/// parent; this one is for a demuxer or decoder that waits for what never comes.
const PREROLL_MS_MAX: u64 = 120_000;
/// What is said of a file that no demuxer knows, or that is not what it looked like.
pub(crate) const NOT_MEDIA: &str = "The file is not video or sound that can be read: upload a film \
                                    or a recording, as MP4, MOV, MKV or WebM.";
/// How long the reason of a failed change of state is waited for: the element that fails says so in a
/// thread of its own, and the pipeline may know before that is heard.
const REASON_MS_MAX: u64 = 2_000;
/// How long nothing may run in a pipeline that is not whole yet: nothing will come of it. An element that
/// is handed on from one thread to another is at rest for far less.
const REST_MS_MAX: u64 = 500;
/// How often waiting looks up.
pub(crate) const POLL_MS: u64 = 100;
/// How often a pipeline that is being built is looked at: it is on the way to the first picture.
const STEP_MS: u64 = 5;

/// How far a pipeline is that adds elements to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// Elements are still being added.
    Growing,
    /// All are there.
    Whole,
    /// None will be: nothing runs any more, and nothing has said why. A demuxer that fails while
    /// `parsebin` still tries it is heard by `parsebin` alone, which may forget it.
    Stopped,
}

/// A pipeline. Dropping one that is not at `NULL` hangs the process, so this type alone holds them.
#[derive(Debug)]
pub struct Pipeline {
    inner: gst::Pipeline,
    bus: gst::Bus,
    is_eos: AtomicBool,
}

impl Pipeline {
    /// An empty pipeline.
    ///
    /// # Errors
    /// Never in practice: every pipeline has a bus.
    pub fn new() -> Result<Self> {
        let inner = gst::Pipeline::new();
        let bus = inner
            .bus()
            .ok_or_else(|| Error::internal("a pipeline without a bus"))?;
        Ok(Self {
            inner,
            bus,
            is_eos: AtomicBool::new(false),
        })
    }

    /// The pipeline itself, to add elements to and to seek in.
    #[must_use]
    pub fn inner(&self) -> &gst::Pipeline {
        &self.inner
    }

    /// Adds elements and links each to the next.
    ///
    /// # Errors
    /// When two do not fit together.
    pub fn chain(&self, elements: &[&gst::Element]) -> Result<()> {
        self.inner.add_many(elements.iter().copied())?;
        gst::Element::link_many(elements.iter().copied())?;
        Ok(())
    }

    /// Starts a change of state.
    ///
    /// # Errors
    /// What the pipeline's elements say.
    pub fn set_state(&self, state: gst::State) -> Result<()> {
        match self.inner.set_state(state) {
            Ok(_) => Ok(()),
            Err(_) => Err(self
                .wait_error(REASON_MS_MAX)
                .unwrap_or_else(|| Error::internal(format!("no way to {state:?}")))),
        }
    }

    /// Brings the pipeline to `PAUSED`: until then every sink has its first buffer. A pipeline
    /// whose sinks come later is at `PAUSED` before that; `build` tells when all are there.
    ///
    /// # Errors
    /// What the pipeline's elements say, [`ErrorCode::NotMedia`] when they stopped without a word, or
    /// that nothing came for two minutes.
    pub fn preroll(&self, build: impl Fn() -> Build) -> Result<()> {
        self.set_state(gst::State::Paused)?;
        let deadline = Instant::now() + Duration::from_millis(PREROLL_MS_MAX);
        let mut at_rest_since = None;
        loop {
            // Asked for before the state, so that a sink which is there is also looked at.
            let build = build();
            let (change, current, _) = self.inner.state(gst::ClockTime::ZERO);
            match change {
                Ok(gst::StateChangeSuccess::Async) => {}
                Ok(_) if build == Build::Whole && current == gst::State::Paused => return Ok(()),
                Ok(_) => {}
                Err(_) => {
                    return Err(self.wait_error(REASON_MS_MAX).unwrap_or_else(unexplained));
                }
            }
            if let Some(error) = self.wait_error(STEP_MS) {
                return Err(error);
            }
            let now = Instant::now();
            if build != Build::Stopped {
                at_rest_since = None;
            } else if now.duration_since(*at_rest_since.get_or_insert(now))
                >= Duration::from_millis(REST_MS_MAX)
            {
                let reason = "everything stopped before a stream was found";
                return Err(Error::new(ErrorCode::NotMedia, NOT_MEDIA).because(reason));
            }
            if now >= deadline {
                let message = "Nothing could be read out of the file in two minutes: it is damaged. \
                               Upload it again.";
                return Err(Error::new(ErrorCode::Damaged, message));
            }
        }
    }

    /// Whether any element runs: whether a thread of GStreamer's moves data through any of their pads.
    #[must_use]
    pub fn is_running(&self) -> bool {
        let mut elements = self.inner.iterate_recurse().into_iter();
        elements.any(|element| {
            // The set of elements changed meanwhile: somebody was at it.
            let Ok(element) = element else { return true };
            let is_started = |pad: &gst::Pad| pad.task_state() == gst::TaskState::Started;
            element.pads().iter().any(is_started)
        })
    }

    /// Waits until every sink has seen the end, calling `each` some ten times a second.
    ///
    /// # Errors
    /// What the pipeline's elements say, or `each`.
    pub fn wait_eos(&self, mut each: impl FnMut() -> Result<()>) -> Result<()> {
        loop {
            each()?;
            if let Some(error) = self.wait_error(POLL_MS) {
                return Err(error);
            }
            if self.is_eos.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
    }

    /// The first error that an element posted, if any did.
    #[must_use]
    pub fn take_error(&self) -> Option<Error> {
        self.wait_error(0)
    }

    /// Popping for one kind of message throws others away, so the end is remembered here.
    fn wait_error(&self, timeout_ms: u64) -> Option<Error> {
        let kinds = [gst::MessageType::Error, gst::MessageType::Eos];
        let timeout = gst::ClockTime::from_mseconds(timeout_ms);
        let message = self.bus.timed_pop_filtered(Some(timeout), &kinds)?;
        if message.type_() == gst::MessageType::Eos {
            self.is_eos.store(true, Ordering::Relaxed);
        }
        fault(&message)
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        if self.inner.set_state(gst::State::Null).is_err() {
            tracing::warn!("a pipeline refused to go down");
        }
    }
}

/// An element by name.
///
/// # Errors
/// [`ErrorCode::Unsupported`] where the plugin is not installed.
pub fn element(factory: &str) -> Result<gst::Element> {
    gst::ElementFactory::make(factory).build().map_err(|_| {
        let message = format!(
            "This worker lacks the GStreamer element `{factory}`: install the plugin that has it."
        );
        Error::new(ErrorCode::Unsupported, message)
    })
}

/// A queue of a few buffers, whatever their size: the default of 10 MB holds three 1080p frames.
///
/// # Errors
/// When there is no such element.
pub fn queue(buffers_max: u32) -> Result<gst::Element> {
    let queue = element("queue")?;
    queue.set_property("max-size-buffers", buffers_max);
    queue.set_property("max-size-bytes", 0_u32);
    queue.set_property("max-size-time", 0_u64);
    Ok(queue)
}

fn unexplained() -> Error {
    Error::internal("the pipeline failed without a reason")
}

/// What an error message means for the task. Its own words are for the log: they name elements, and
/// may quote the file.
fn fault(message: &gst::Message) -> Option<Error> {
    let gst::MessageView::Error(error) = message.view() else {
        return None;
    };
    let cause = error.error();
    let from = error
        .src()
        .map(|src| src.name().to_string())
        .unwrap_or_default();
    let debug = error.debug().unwrap_or_default();
    let detail = format!("{from}: {cause} ({debug})");
    Some(meaning(&cause).because(detail))
}

/// What an element's error means for people.
fn meaning(cause: &gst::glib::Error) -> Error {
    use gst::StreamError;
    let lacks_plugin = cause.kind::<gst::CoreError>() == Some(gst::CoreError::MissingPlugin);
    let kind = if lacks_plugin {
        Some(StreamError::CodecNotFound)
    } else {
        cause.kind::<StreamError>()
    };
    let (code, message) = match kind {
        Some(StreamError::TypeNotFound | StreamError::WrongType) => {
            (ErrorCode::NotMedia, NOT_MEDIA)
        }
        Some(StreamError::CodecNotFound | StreamError::NotImplemented) => (
            ErrorCode::Unsupported,
            "The file holds a format that this worker cannot read: convert it to MP4 with H.264 and \
             AAC, and upload that.",
        ),
        Some(StreamError::Decrypt | StreamError::DecryptNokey) => (
            ErrorCode::Unsupported,
            "The file is encrypted: upload it without copy protection.",
        ),
        Some(_) => (
            ErrorCode::Damaged,
            "The file is damaged and cannot be read to its end: upload it again, or a repaired copy.",
        ),
        None if cause.is::<gst::ResourceError>() => (
            ErrorCode::Unavailable,
            "The file could not be read from storage: it is tried again.",
        ),
        None => return Error::internal("an element failed"),
    };
    Error::new(code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_element_says_is_for_the_log_alone() {
        gst::init().unwrap();
        let of = |error: gst::glib::Error| {
            let message = gst::message::Error::builder_from_error(error).build();
            fault(&message).unwrap()
        };
        let said = "Stream error in qtdemux0.";
        let errors = [
            of(gst::glib::Error::new(gst::StreamError::TypeNotFound, said)),
            of(gst::glib::Error::new(gst::StreamError::CodecNotFound, said)),
            of(gst::glib::Error::new(gst::CoreError::MissingPlugin, said)),
            of(gst::glib::Error::new(gst::StreamError::Decrypt, said)),
            of(gst::glib::Error::new(gst::StreamError::Demux, said)),
            of(gst::glib::Error::new(gst::ResourceError::Read, said)),
            of(gst::glib::Error::new(gst::CoreError::Pad, said)),
        ];
        let codes = errors.each_ref().map(|error| error.code);
        let expected = [
            ErrorCode::NotMedia,
            ErrorCode::Unsupported,
            ErrorCode::Unsupported,
            ErrorCode::Unsupported,
            ErrorCode::Damaged,
            ErrorCode::Unavailable,
            ErrorCode::Internal,
        ];
        assert_eq!(codes, expected);
        for error in errors {
            assert!(!error.message.contains("qtdemux"), "{error:?}");
            assert!(error.to_log().contains(said), "{error:?}");
            assert!(error.to_log().contains(&error.message), "{error:?}");
        }
    }
}
