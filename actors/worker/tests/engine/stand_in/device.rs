//! The device: x264 in a box, with a fault.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;

/// The variable that tells the fault.
const FAULT: &str = "STAND_IN";
/// The variable that names a node which it opens, as a driver opens its device.
const NODE: &str = "STAND_IN_NODE";
/// Frames that go well before a fault in the middle.
const FRAMES_BEFORE: u64 = 10;
/// Frames that go well before a late one: more than a film's first chunk has at 25 a second, fewer than a whole one
/// behind it.
const FRAMES_BEFORE_LATE: u64 = 150;

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing.
    None,
    /// It does not open.
    Open,
    /// It says that it failed, after some frames.
    Middle,
    /// The same after so many that a film's first chunk is whole.
    Late,
    /// It takes the process with it, after some frames.
    Crash,
    /// It leaves frames out, and says nothing.
    Loss,
}

impl Fault {
    fn of_environment() -> Self {
        match std::env::var(FAULT).as_deref() {
            Ok("open") => Self::Open,
            Ok("middle") => Self::Middle,
            Ok("late") => Self::Late,
            Ok("crash") => Self::Crash,
            Ok("loss") => Self::Loss,
            _ => Self::None,
        }
    }
}

glib::wrapper! {
    /// An element like a hardware encoder's.
    pub(crate) struct Device(ObjectSubclass<Inner>) @extends gst::Bin, gst::Element, gst::Object;
}

/// Its inside.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    n_frames: Arc<AtomicU64>,
}

#[glib::object_subclass]
impl ObjectSubclass for Inner {
    const NAME: &'static str = "TcoderStandIn";
    type Type = Device;
    type ParentType = gst::Bin;
}

impl ObjectImpl for Inner {
    fn constructed(&self) {
        self.parent_constructed();
        let encoder = gst::ElementFactory::make("x264enc")
            .property_from_str("speed-preset", "ultrafast")
            .property_from_str("tune", "zerolatency")
            .property("option-string", "scenecut=0:open-gop=0")
            .build()
            .expect("x264 is installed");
        self.obj().add(&encoder).expect("it is in no other bin");
        for name in ["sink", "src"] {
            let inner = encoder.static_pad(name).expect("an encoder has both");
            if name == "sink" {
                self.watch(&inner);
            }
            let pad = gst::GhostPad::builder_with_target(&inner)
                .expect("the pad is free")
                .name(name)
                .build();
            self.obj().add_pad(&pad).expect("the name is free");
        }
    }
}

impl Inner {
    /// Counts frames on their way in, and fails in time.
    fn watch(&self, pad: &gst::Pad) {
        let (fault, n_frames) = (Fault::of_environment(), Arc::clone(&self.n_frames));
        let device = self.obj().downgrade();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            let n = n_frames.fetch_add(1, Ordering::Relaxed);
            if n < FRAMES_BEFORE {
                return gst::PadProbeReturn::Ok;
            }
            match fault {
                Fault::Crash => std::process::abort(),
                Fault::Late if n < FRAMES_BEFORE_LATE => gst::PadProbeReturn::Ok,
                Fault::Middle | Fault::Late => {
                    if let Some(device) = device.upgrade() {
                        gst::element_error!(
                            device,
                            gst::StreamError::Encode,
                            ["the device is gone"]
                        );
                    }
                    gst::PadProbeReturn::Ok
                }
                Fault::Loss if n.is_multiple_of(5) => gst::PadProbeReturn::Handled,
                Fault::None | Fault::Open | Fault::Loss => gst::PadProbeReturn::Ok,
            }
        });
    }
}

impl GstObjectImpl for Inner {}

impl ElementImpl for Inner {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Stand-in",
                "Codec/Encoder/Video/Hardware",
                "A device that does not exist",
                "tcoder",
            )
        });
        Some(&*METADATA)
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let is_opened = transition == gst::StateChange::NullToReady;
        if is_opened && Fault::of_environment() == Fault::Open {
            gst::element_error!(
                self.obj(),
                gst::ResourceError::OpenReadWrite,
                ["no session is free"]
            );
            return Err(gst::StateChangeError);
        }
        if let Some(node) = std::env::var_os(NODE).filter(|_| is_opened)
            && let Err(error) = open(Path::new(&node))
        {
            gst::element_error!(
                self.obj(),
                gst::ResourceError::OpenReadWrite,
                ["the node: {error}"]
            );
            return Err(gst::StateChangeError);
        }
        self.parent_change_state(transition)
    }
}

impl BinImpl for Inner {}

/// Opens a node for reading and writing, and asks it something.
fn open(node: &Path) -> io::Result<()> {
    let device = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(node)?;
    match rustix::io::ioctl_fionread(&device) {
        Err(error @ (rustix::io::Errno::ACCESS | rustix::io::Errno::PERM)) => Err(error.into()),
        // It has nothing to say to that, and may be asked.
        Ok(_) | Err(_) => Ok(()),
    }
}
