//! What a killed run leaves behind never stops the next start.

use reqwest::Method;
use serde_json::json;

use crate::harness::facts::whole_story;
use crate::harness::{System, clips, until};

/// As the product's promise has it.
const STARTS: u32 = 20;

#[tokio::test]
async fn killed_twenty_times_every_start_answers() {
    if !clips::has_ffmpeg("killed_twenty_times_every_start_answers") {
        return;
    }
    let mut system = System::start().await;
    let client = system.client();
    let bytes = std::fs::read(clips::silent().await).expect("a clip");
    let id = client.upload(bytes.clone(), &json!({})).await;
    let job = client.completed(&id).await;
    let mut others = Vec::new();
    for _ in 1..STARTS {
        others.push(system.client().upload(bytes.clone(), &json!({})).await);
        // So that a worker is among what is left behind.
        let lives = async || {
            let (_, status) = system.client().ask(Method::GET, "/v1/status", None).await;
            (status["workers"] != json!([])).then_some(())
        };
        until("a worker of this run lives", lives).await;
        system.kill_control_plane();
        system.start_again().await;
        assert_eq!(system.client().job(&id).await, job);
    }
    // What was accepted is not lost, however often it was interrupted.
    for id in others {
        let job = system.client().completed(&id).await;
        whole_story(&system.bus().await, &job).await;
    }
}
