//! The GStreamer plugins that a task may load, and the registry that makes them start fast.
//!
//! A folder of links is the whitelist: a demuxer or decoder that is not in it does not exist for a
//! task, whatever is installed. A registry of its own is 0.65 s to build and 36 ms to read; it must
//! not be the user's, which may be older than a driver.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Plugins by the names of their libraries, with what each is for.
const ALLOWED: &[&str] = &[
    // The frame.
    "coreelements",
    "app",
    "typefindfunctions",
    "playback",
    // Containers.
    "isomp4",
    "matroska",
    "avi",
    "flv",
    "ogg",
    "asf",
    "mpegpsdemux",
    "wavparse",
    "id3demux",
    // Parsers and decoders.
    "videoparsersbad",
    "audioparsers",
    "opusparse",
    "libav",
    "vpx",
    "aom",
    "dav1d",
    "theora",
    "opus",
    "vorbis",
    "flac",
    "mpg123",
    "adpcmdec",
    "jpeg",
    // Still images are written as either.
    "webp",
    // What happens to frames and samples.
    "videoconvertscale",
    "videofilter",
    "audioconvert",
    "audioresample",
    // Encoders; the sound's is in libav, those of VP9 and AV1 are beside their decoders.
    "x264",
    "x265",
];

/// Plugins of encoders in hardware, with how the names of their devices begin under [`DEVICES`]: without one of
/// those a plugin has nothing to offer, and is not linked. What else is in them is not used.
pub(crate) const HARDWARE: &[(&str, &[&str])] = &[
    ("nvcodec", &["nvidia", "dxg"]),
    ("va", &["dri"]),
    ("qsv", &["dri"]),
    ("amfcodec", &["dri"]),
    ("video4linux2", &["video"]),
    ("vulkan", &["dri", "nvidia"]),
];

/// Where devices are.
const DEVICES: &str = "/dev";

/// The folder of links.
const LINKS: &str = "plugins";

/// Where distributions install plugins.
const SYSTEM: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/gstreamer-1.0",
    "/usr/lib/aarch64-linux-gnu/gstreamer-1.0",
    "/usr/lib64/gstreamer-1.0",
    "/usr/lib/gstreamer-1.0",
    "/usr/local/lib/gstreamer-1.0",
];

/// GStreamer's own list of what the plugins hold.
const REGISTRY: &str = "registry.bin";

/// Links begun in this process: each has a name of its own until it is in place.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// A prepared whitelist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugins {
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    missing: Vec<&'static str>,
}

impl Plugins {
    /// The folder that it was prepared in, absolute: ours alone.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The plugins' libraries, as links.
    pub(crate) fn links(&self) -> PathBuf {
        self.folder.join(LINKS)
    }

    /// Whether a child has built the registry already.
    pub(crate) fn has_registry(&self) -> bool {
        self.folder.join(REGISTRY).exists()
    }

    /// What a child is started with, to know these plugins and no others.
    #[must_use]
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Plugins that are not installed: sources and encoders that need them are refused.
    #[must_use]
    pub fn missing(&self) -> &[&'static str] {
        &self.missing
    }
}

/// Makes the folder of links under `dir`, which is ours alone; several workers may share it. The registry in it is
/// rebuilt by the first child that starts, so one should be started before tasks come: the trial encodes are.
///
/// # Errors
/// When no plugins are installed, or `dir` cannot be written.
pub fn prepare(dir: &Path) -> io::Result<Plugins> {
    let from = SYSTEM.iter().map(PathBuf::from).find(|path| path.is_dir()).ok_or_else(|| {
        let message = "no GStreamer plugins found: install gstreamer1.0-plugins-base, -good, -bad, \
                       -ugly and gstreamer1.0-libav";
        io::Error::new(io::ErrorKind::NotFound, message)
    })?;
    // What lies in it is loaded and run: nobody else may write there.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir.join(LINKS))?;
    let folder = dir.canonicalize()?;
    let links = folder.join(LINKS);
    remove_strangers(&links)?;
    let mut missing = Vec::new();
    for name in allowed() {
        let library = format!("libgst{name}.so");
        if !from.join(&library).is_file() {
            remove(&links.join(&library))?;
            missing.push(name);
            continue;
        }
        link(&folder, &from.join(&library), &links.join(&library))?;
    }
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let environment = BTreeMap::from([
        ("GST_PLUGIN_SYSTEM_PATH_1_0".to_owned(), text(&links)),
        ("GST_PLUGIN_PATH_1_0".to_owned(), String::new()),
        ("GST_REGISTRY_1_0".to_owned(), text(&folder.join(REGISTRY))),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        // Frames go back to the system when they are freed, instead of into heaps of many threads.
        ("MALLOC_MMAP_THRESHOLD_".to_owned(), "262144".to_owned()),
    ]);
    Ok(Plugins {
        folder,
        environment,
        missing,
    })
}

/// The whitelist of this machine.
fn allowed() -> impl Iterator<Item = &'static str> {
    let devices: Vec<String> = std::fs::read_dir(DEVICES)
        .into_iter()
        .flatten()
        .map_while(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let has = move |prefixes: &[&str]| {
        let of_these = |name: &String| prefixes.iter().any(|prefix| name.starts_with(prefix));
        devices.iter().any(of_these)
    };
    let hardware = HARDWARE.iter().filter(move |(_, devices)| has(devices));
    ALLOWED
        .iter()
        .copied()
        .chain(hardware.map(|(name, _)| *name))
}

/// A link of an earlier version's whitelist must not outlive it.
fn remove_strangers(links: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(links)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let plugin = name
            .strip_prefix("libgst")
            .and_then(|name| name.strip_suffix(".so"));
        if !plugin.is_some_and(|plugin| allowed().any(|one| one == plugin)) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Another worker that starts may have been faster.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes `link` lead to `library`, also where it led elsewhere: the plugins may have moved.
fn link(folder: &Path, library: &Path, link: &Path) -> io::Result<()> {
    if std::fs::read_link(link).is_ok_and(|to| to == library) {
        return Ok(());
    }
    let n = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = folder.join(format!("link.{}.{n}", std::process::id()));
    remove(&draft)?;
    symlink(library, &draft)?;
    std::fs::rename(&draft, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_may_prepare_one_new_folder_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let one = prepare(dir.path()).unwrap();
        for round in 0..20 {
            let folder = dir.path().join(round.to_string());
            let prepared: Vec<_> = std::thread::scope(|scope| {
                let threads = [(); 8].map(|()| scope.spawn(|| prepare(&folder)));
                threads.map(|thread| thread.join().unwrap()).into()
            });
            for plugins in prepared {
                assert_eq!(plugins.unwrap().missing(), one.missing());
            }
        }
    }

    #[test]
    fn the_folder_holds_the_whitelist_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let links = prepare(dir.path()).unwrap().links();
        std::fs::write(links.join("libgstsoup.so"), "").unwrap();
        let moved = links.join("libgstapp.so");
        std::fs::remove_file(&moved).unwrap();
        symlink("/elsewhere/libgstapp.so", &moved).unwrap();
        let plugins = prepare(dir.path()).unwrap();
        assert!(!links.join("libgstsoup.so").exists());
        assert!(links.join("libgstcoreelements.so").exists());
        assert!(moved.exists(), "it leads to where the plugin is now");
        let n_links = std::fs::read_dir(links).unwrap().count();
        assert_eq!(n_links + plugins.missing().len(), allowed().count());
    }
}
