//! A worker in this process, on the test's bus.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use bus_schema::id::WorkerName;
use bus_schema::task::TaskClass;
use ractor::ActorId;
use worker::plugins;
use worker::runtime::{self, Child, Message, Options, Running};

use super::plane::{Plane, until};

/// The first light slot.
pub(crate) const SLOT: Child = Child::Slot(TaskClass::Light, 0);

/// The second.
pub(crate) const OTHER_SLOT: Child = Child::Slot(TaskClass::Light, 1);

/// Which plugins children may load, in a folder that stays between runs.
fn environment() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugins");
    let plugins = plugins::prepare(&folder).expect("plugins are installed");
    plugins.environment().clone()
}

pub(crate) fn name() -> WorkerName {
    "w1".parse().expect("a name")
}

/// Worker `w1`, with so many light slots.
pub(crate) async fn start(plane: &Plane, light_slots: u32) -> Running {
    // Another test of this process may have been first.
    drop(rustls::crypto::ring::default_provider().install_default());
    let program = program(plane);
    if !program.exists() {
        symlink(env!("CARGO_BIN_EXE_tcoder-worker"), &program).expect("a link");
    }
    let options = Options {
        name: name(),
        credentials: plane.server.worker(1).expect("a worker's user"),
        slots: BTreeMap::from([(TaskClass::Light, light_slots)]),
        program,
        environment: environment(),
        encoders: Vec::new(),
    };
    runtime::start(options).await.expect("a worker starts")
}

/// Makes a child panic, and waits until another is there in its place.
pub(crate) async fn panic_child(running: &Running, child: Child) {
    let before = children(running);
    let told = running.actor().cast(Message::PanicChild(child));
    told.expect("the root lives");
    let anew = async || {
        let now = children(running);
        (now != before && now.len() == before.len()).then_some(())
    };
    until(&format!("{child:?} is started anew"), anew).await;
}

/// Who the root's children are at this moment.
pub(crate) fn children(running: &Running) -> Vec<ActorId> {
    let cells = running.actor().get_cell().get_children();
    let mut ids: Vec<ActorId> = cells.iter().map(ractor::ActorCell::get_id).collect();
    ids.sort_by_key(ActorId::pid);
    ids
}

/// Processes that do tasks for a plane's worker.
pub(crate) fn task_processes(plane: &Plane) -> Vec<u32> {
    let program = program(plane).to_string_lossy().into_owned();
    let threads = std::fs::read_dir("/proc/self/task").expect("our own threads");
    let children = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let pids: Vec<u32> = children
        .flat_map(|text| {
            let pids = text.split_whitespace().map(str::parse);
            pids.map(|pid| pid.expect("a number")).collect::<Vec<u32>>()
        })
        .collect();
    let is_ours = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).starts_with(&program)
    };
    pids.into_iter().filter(is_ours).collect()
}

/// The real program under a name of this test's own, by which its processes are known.
fn program(plane: &Plane) -> PathBuf {
    plane.server.dir().join("tcoder-worker")
}
