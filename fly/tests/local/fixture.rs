//! A pool of shell scripts in a folder of its own, and what waits for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fly::local::Options;
use fly::{Launch, LocalProvider, Machine, MachineName, MachineState};
use tempfile::TempDir;

/// Long enough for the slowest machine; a test that needs it hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// A folder, and the options of a pool in it that runs this script. `$OUT` names a folder that the
/// script may write to.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) options: Options,
}

impl Place {
    pub(crate) fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut options = Options::new("/bin/sh", folder.path().join("workers"), 4);
        options.args = vec!["-c".into(), script.into()];
        options
            .env
            .insert("OUT".to_owned(), folder.path().display().to_string());
        Self { folder, options }
    }

    pub(crate) async fn open(&self) -> LocalProvider {
        LocalProvider::open(self.options.clone())
            .await
            .expect("the pool opens")
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Waits until the script has written a line to this file.
    pub(crate) async fn read(&self, file: &str) -> String {
        let path = self.path(file);
        until(&format!("a line in {}", path.display()), || async {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            text.ends_with('\n').then_some(text)
        })
        .await
    }
}

pub(crate) fn launch(n: u32) -> Launch {
    Launch {
        name: MachineName::numbered(n),
        env: BTreeMap::new(),
    }
}

/// The machine of this name, as listed now.
pub(crate) async fn listed(pool: &LocalProvider, name: &MachineName) -> Option<Machine> {
    pool.list()
        .await
        .into_iter()
        .find(|machine| machine.name == *name)
}

pub(crate) async fn until_state(
    pool: &LocalProvider,
    name: &MachineName,
    state: MachineState,
) -> Machine {
    until(&format!("{name} {state:?}"), || async {
        listed(pool, name)
            .await
            .filter(|machine| machine.state == state)
    })
    .await
}

/// Waits for a condition.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let wait = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let found = tokio::time::timeout(DEADLINE, wait).await;
    found.expect(what)
}

/// Whether the number is taken at all, by a running process or one that waits to be reaped.
pub(crate) fn is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Whether a process of this number runs.
pub(crate) fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
