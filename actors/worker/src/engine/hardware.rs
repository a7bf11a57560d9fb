//! What GStreamer has of hardware on this machine.

use bus_schema::encoder::ENCODERS;
use gstreamer as gst;
use gstreamer::prelude::*;

use super::{Error, Result};
use crate::plugins::HARDWARE;

/// The encoders with settings whose elements are here: most of those in hardware register nothing where there is
/// no device of theirs.
///
/// # Errors
/// When GStreamer does not start.
pub fn present() -> Result<Vec<&'static str>> {
    gst::init().map_err(|error| Error::internal(format!("GStreamer: {error}")))?;
    let names = ENCODERS.iter().map(|encoder| encoder.element);
    Ok(names
        .filter(|name| gst::ElementFactory::find(name).is_some())
        .collect())
}

/// Has decoding and scaling left to software: the plugins of hardware bring decoders, too, which rank above
/// ours, and what strangers' bytes meet is not for a driver.
pub(super) fn keep_to_encoding() {
    let registry = gst::Registry::get();
    for (plugin, _) in HARDWARE {
        for feature in registry.features_by_plugin(plugin) {
            feature.set_rank(gst::Rank::NONE);
        }
    }
}
