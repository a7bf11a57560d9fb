//! Folders of this run, in the build's own place for what tests write: nothing is left in `/tmp`.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// This run's: named by its process, since several may run at once.
static RUN: LazyLock<PathBuf> = LazyLock::new(|| {
    let runs = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine");
    std::fs::create_dir_all(&runs).expect("the build's folder can be written");
    // Nobody is told when a run ends; the next one tidies up.
    for entry in std::fs::read_dir(&runs).expect("the folder").flatten() {
        let pid = entry.file_name();
        if !Path::new("/proc").join(&pid).exists() {
            // Another run may be at it, too.
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
    runs.join(std::process::id().to_string())
});

/// A folder of this run, made once.
pub(crate) fn of_run(name: &str) -> PathBuf {
    let folder = RUN.join(name);
    std::fs::create_dir_all(&folder).expect("the build's folder can be written");
    folder
}
