//! Every supervised actor may fail while a job runs: it is started anew, and the job completes.

use std::path::PathBuf;

use actors::admission;
use actors::config::Config;
use actors::intake::Source;
use actors::root::{self, Child};
use actors::up::{Options, Up};
use ractor::{ActorCell, ActorRef};
use serde_json::json;

use crate::harness::facts::whole_story;
use crate::harness::system::worker_program;
use crate::harness::{Client, System, clips, until};

/// The system inside this process, where its actors can be reached.
async fn start(data: &std::path::Path) -> Up {
    let mut config = Config::default();
    config.pool.worker = Some(worker_program());
    let options = Options {
        data: data.to_owned(),
        config,
        port: Some(0),
        tcoder: PathBuf::from(env!("CARGO_BIN_EXE_tcoder")),
    };
    // Another test of this process may have been first.
    drop(rustls::crypto::ring::default_provider().install_default());
    Box::pin(Up::start(options)).await.expect("up")
}

/// The actor that takes these messages, once it lives.
async fn child<M: ractor::Message>(root: &ActorRef<root::Message>) -> ActorRef<M> {
    let look = async || {
        let cells = root.get_cell().get_children();
        let is_one = |cell: &ActorCell| cell.is_message_type_of::<M>() == Some(true);
        cells.into_iter().find(is_one).map(ActorRef::from)
    };
    until("the child lives", look).await
}

/// A job at work.
async fn begin(client: &Client) -> String {
    let id = client.upload_file(&clips::silent().await, &json!({})).await;
    let look = async || {
        let job = client.job(&id).await;
        (job["started_at"] != json!(null)).then_some(())
    };
    until("the job has started", look).await;
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_child_of_the_root_fails_and_the_job_completes() {
    if !clips::has_ffmpeg("each_child_of_the_root_fails_and_the_job_completes") {
        return;
    }
    let data = tempfile::tempdir().expect("a folder");
    let up = start(data.path()).await;
    let client = Client::new(&up.run.url);
    let root = up.root().clone();
    let bus = nats::connect(up.run.nats.as_ref().expect("a bus of its own"), "test").await;
    let bus = bus.expect("a bus");
    let first = begin(&client).await;
    client.completed(&first).await;
    let worker = System::worker_pid(&bus, "w1").await;
    for which in Child::ALL {
        let id = begin(&client).await;
        let before = ids(&root);
        let message = root::Message::PanicChild(which);
        root.cast(message).expect("the root lives");
        let is_anew = || ids(&root) != before && ids(&root).len() == before.len();
        let anew = async || is_anew().then_some(());
        until(&format!("{which:?} is started anew"), anew).await;
        let job = client.completed(&id).await;
        whole_story(&bus, &job).await;
    }
    let now = System::worker_pid(&bus, "w1").await;
    assert_eq!(now, worker, "workers go on whoever begins anew");
    Box::pin(up.stop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_intake_fails_and_the_job_completes() {
    if !clips::has_ffmpeg("each_intake_fails_and_the_job_completes") {
        return;
    }
    let data = tempfile::tempdir().expect("a folder");
    let up = start(data.path()).await;
    let client = Client::new(&up.run.url);
    let intakes = Source::ALL.map(admission::Child::Intake);
    for which in intakes.into_iter().chain([admission::Child::Claims]) {
        let id = begin(&client).await;
        let admission = child::<admission::Message>(up.root()).await;
        let before = ids(&admission);
        let message = admission::Message::PanicChild(which);
        admission.cast(message).expect("admission lives");
        // Jobs come and go among the children: one that was there at first is missing.
        let missing = async || {
            let now = ids(&admission);
            before.iter().any(|id| !now.contains(id)).then_some(())
        };
        until(&format!("{which:?} has ended"), missing).await;
        client.completed(&id).await;
    }
    Box::pin(up.stop()).await;
}

/// Who the children are at this moment.
fn ids<M>(parent: &ActorRef<M>) -> Vec<ractor::ActorId> {
    let mut ids: Vec<_> = parent
        .get_cell()
        .get_children()
        .iter()
        .map(ActorCell::get_id)
        .collect();
    ids.sort_by_key(|id| id.pid());
    ids
}
