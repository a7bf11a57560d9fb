//! Devices that encode, by families of drivers: where their nodes lie, what their drivers read besides, and by which
//! commands they are spoken to. A process that encodes with one is given that family and no other; all others are
//! given none.
//!
//! Names and numbers are those of the drivers' own headers. None of it was run with real hardware: what a driver needs
//! beyond it shows as a failed trial, and software encodes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bus_schema::encoder;
use bus_schema::task::TaskSpec;

/// Where nodes lie.
const DEV: &str = "/dev";
/// Nodes of a family that are looked at: a machine has a few dozens at most.
const NODES_MAX: usize = 256;
/// Names a further node of every family, for tests of processes that have no hardware.
#[cfg(feature = "test-util")]
pub const NODE_FOR_TESTS: &str = "TCODER_TEST_DEVICE";

/// A family of drivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// NVIDIA's own driver: NVENC, and Vulkan through it. Under WSL it is reached through `dxg`.
    Nvidia,
    /// Render nodes of the kernel's graphics drivers: VA-API, Quick Sync, AMF, Vulkan.
    Render,
    /// Encoders of chips and boards: V4L2.
    Video,
}

/// What of ioctl's numbers a driver uses: those that equal `value` in the bits of `mask`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commands {
    /// Bits that are compared.
    pub mask: u32,
    /// What they are.
    pub value: u32,
}

/// How the names of encoders' elements begin, and what those are driven by.
const DRIVEN_BY: &[(&str, &[Family])] = &[
    ("vulkan", &[Family::Render, Family::Nvidia]),
    ("v4l2", &[Family::Video]),
    ("qsv", &[Family::Render]),
    ("amf", &[Family::Render]),
    ("va", &[Family::Render]),
    ("nv", &[Family::Nvidia]),
];

/// What an encoder is driven by; nothing for one in software, and for one of another system.
#[must_use]
pub fn of(element: &str) -> &'static [Family] {
    if !encoder::is_hardware(element) {
        return &[];
    }
    let driven_by = DRIVEN_BY
        .iter()
        .find(|(start, _)| element.starts_with(start));
    match driven_by {
        Some((_, families)) => families,
        None => &[],
    }
}

/// What the encoders are driven by that a task is planned with.
#[must_use]
pub fn of_task(spec: &TaskSpec) -> Vec<Family> {
    let TaskSpec::Chunk(chunk) = spec else {
        return Vec::new();
    };
    let elements = chunk
        .video
        .renditions
        .iter()
        .map(|one| one.encoder.as_str());
    let families: BTreeSet<Family> = elements.flat_map(of).copied().collect();
    families.into_iter().collect()
}

/// Variables by which a machine's owner says where drivers lie and which device is used. Those of all families: a process
/// with any is given them.
pub const ENVIRONMENT: &[&str] = &[
    "LIBVA_DRIVERS_PATH",
    "LIBVA_DRIVER_NAME",
    "VK_DRIVER_FILES",
    "VK_ICD_FILENAMES",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
    "NVIDIA_VISIBLE_DEVICES",
];
/// Those of them that name files and folders, which are to be read.
pub(crate) const PATH_VARIABLES: &[&str] =
    &["LIBVA_DRIVERS_PATH", "VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

impl Family {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nvidia, Self::Render, Self::Video];

    /// Its nodes on this machine, to be read, written and commanded.
    #[must_use]
    pub fn nodes(self) -> Vec<PathBuf> {
        let (folder, starts): (_, &[&str]) = match self {
            Self::Nvidia => (DEV, &["nvidia", "dxg"]),
            // The nodes of screens, `card0`, beside them are nothing to encode with.
            Self::Render => ("/dev/dri", &["renderD"]),
            Self::Video => (DEV, &["video", "media"]),
        };
        let mut nodes = Vec::new();
        for path in entries(Path::new(folder)) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !starts.iter().any(|start| name.starts_with(start)) {
                continue;
            }
            if path.is_dir() {
                nodes.extend(entries(&path));
            } else {
                nodes.push(path);
            }
        }
        nodes.truncate(NODES_MAX);
        #[cfg(feature = "test-util")]
        nodes.extend(std::env::var_os(NODE_FOR_TESTS).map(PathBuf::from));
        nodes
    }

    /// What its drivers read besides libraries: facts of the devices, and where drivers are registered. What is not there
    /// on a machine is left out.
    #[must_use]
    pub fn readable(self) -> &'static [&'static str] {
        match self {
            Self::Nvidia => &[
                "/proc/driver/nvidia",
                "/proc/devices",
                "/sys/bus/pci/devices",
                "/sys/devices",
                "/sys/module/nvidia",
                "/usr/share/nvidia",
                "/usr/share/vulkan",
                "/etc/vulkan",
            ],
            Self::Render => &[
                "/dev/dri",
                "/sys/dev/char",
                "/sys/class/drm",
                "/sys/bus/pci/devices",
                "/sys/devices",
                "/usr/share/libdrm",
                "/usr/share/drirc.d",
                "/etc/drirc",
                "/usr/share/vulkan",
                "/etc/vulkan",
                "/opt/amdgpu",
                "/opt/amdgpu-pro",
                "/opt/intel",
            ],
            Self::Video => &["/sys/dev/char", "/sys/class/video4linux", "/sys/devices"],
        }
    }

    /// Its drivers' commands. The letter that a driver marks its commands with is their second byte
    /// (`<asm-generic/ioctl.h>`).
    #[must_use]
    pub fn commands(self) -> &'static [Commands] {
        const NVIDIA: &[Commands] = &[
            // `NV_IOCTL_MAGIC` of nv-ioctl-numbers.h, and nvidia-modeset's.
            letter(b'F'),
            letter(b'm'),
            // `d3dkmthk.h` of WSL.
            letter(b'G'),
            // uvm_ioctl.h counts without a letter, but for the two by which it begins and ends.
            Commands {
                mask: 0xffff_ff00,
                value: 0,
            },
            Commands {
                mask: 0xffff_fffc,
                value: 0x3000_0000,
            },
        ];
        // `DRM_IOCTL_BASE` of drm.h, `DMA_BUF_BASE` of dma-buf.h, `SYNC_IOC_MAGIC` of sync_file.h.
        const RENDER: &[Commands] = &[letter(b'd'), letter(b'b'), letter(b'>')];
        // Those of videodev2.h, media.h and dma-buf.h.
        const VIDEO: &[Commands] = &[letter(b'V'), letter(b'|'), letter(b'b')];
        match self {
            Self::Nvidia => NVIDIA,
            Self::Render => RENDER,
            Self::Video => VIDEO,
        }
    }

    /// Why its devices cannot be opened by this process, one sentence each; nothing where all can.
    #[must_use]
    pub fn obstacles(self) -> Vec<String> {
        let nodes = self.nodes();
        if nodes.is_empty() {
            let place = match self {
                Self::Nvidia => "/dev/nvidia0",
                Self::Render => "/dev/dri/renderD128",
                Self::Video => "/dev/video0",
            };
            return vec![format!("there is no device like {place}")];
        }
        let refused = |node: PathBuf| {
            let opened = std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(&node);
            let error = opened.err()?;
            let hint = match error.kind() {
                std::io::ErrorKind::PermissionDenied => ", which the group that owns it may do",
                _ => "",
            };
            Some(format!(
                "{} cannot be opened{hint}: {error}",
                node.display()
            ))
        };
        nodes.into_iter().filter_map(refused).collect()
    }
}

const fn letter(letter: u8) -> Commands {
    Commands {
        mask: 0xff00,
        value: (letter as u32) << 8,
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use bus_schema::encoder::ENCODERS;

    use super::*;

    #[test]
    fn every_encoder_in_hardware_has_a_family_and_none_in_software_has() {
        for encoder in ENCODERS {
            let families = of(encoder.element);
            // Of a system that this worker does not run on.
            let is_elsewhere = encoder.element.starts_with("vtenc");
            assert_eq!(
                families.is_empty(),
                !encoder.is_hardware || is_elsewhere,
                "{}",
                encoder.element
            );
        }
        assert_eq!(of("nvh264enc"), [Family::Nvidia]);
        assert_eq!(of("vah265enc"), [Family::Render]);
        assert_eq!(of("v4l2h264enc"), [Family::Video]);
        assert_eq!(of("vulkanh264enc").len(), 2);
        assert_eq!(of("somethingelse"), []);
    }

    #[test]
    fn no_family_s_commands_type_on_a_terminal_or_steal_a_signal() {
        // `TIOCSTI`, `TIOCLINUX`, `FIOSETOWN` and `SIOCSPGRP`.
        for number in [0x5412, 0x541c, 0x8901, 0x8902_u32] {
            for family in Family::ALL {
                let commands = family.commands().iter();
                let mut hits = commands.filter(|one| number & one.mask == one.value);
                assert_eq!(hits.next(), None, "{family:?} {number:x}");
            }
        }
    }
}
