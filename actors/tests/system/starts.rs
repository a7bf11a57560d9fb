//! What a killed run leaves behind never stops the next start.

use serde_json::json;

use crate::harness::facts::whole_story;
use crate::harness::{System, clips};

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
    for _ in 1..STARTS {
        // Work in hand, so that a worker is among what is left behind.
        let other = system.client().upload(bytes.clone(), &json!({})).await;
        system.kill_control_plane();
        system.start_again().await;
        assert_eq!(system.client().job(&id).await, job);
        assert_eq!(system.client().job(&other).await["id"], json!(other));
    }
    let last = system.client().upload(bytes, &json!({})).await;
    let job = system.client().completed(&last).await;
    whole_story(&system.bus().await, &job).await;
}
