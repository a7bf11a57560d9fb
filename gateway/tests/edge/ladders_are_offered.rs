//! The qualities that can be asked for are those of the ladder that is configured, and are told.

use bus_schema::ladder::{Ladder, Rung};
use gateway::edge::Options;
use serde_json::json;

use crate::fixture::{Fixture, code, json as body};

#[tokio::test]
async fn a_ladder_of_one_s_own_replaces_the_standard_one() {
    let rung = |name: &str, short_side, bitrate_max_bps| Rung {
        name: name.parse().unwrap(),
        short_side,
        bitrate_max_bps,
    };
    let ladder = Ladder::new(vec![rung("hd", 720, 3_000_000), rung("sd", 432, 1_200_000)]).unwrap();
    let fixture = Fixture::start_with(Options {
        ladder,
        ..Options::default()
    })
    .await;
    let told = body(fixture.get("/v1/ladder").await).await;
    assert_eq!(
        told,
        json!({
            "rungs": [
                {"name": "sd", "short_side": 432, "bitrate_max_bps": 1_200_000},
                {"name": "hd", "short_side": 720, "bitrate_max_bps": 3_000_000},
            ],
            "audio": "audio",
        })
    );
    let upload = |quality: &str| json!({"filename": "film.mp4", "content_type": "video/mp4", "size": 1000, "qualities": [quality]});
    for quality in ["hd", "sd", "audio"] {
        let answer = fixture.post("/v1/uploads", &upload(quality)).await;
        assert_eq!(answer.status(), 201, "{quality}");
    }
    let refused = fixture.post("/v1/uploads", &upload("720p")).await;
    assert_eq!(refused.status(), 422);
    assert_eq!(code(refused).await, "unknown_quality");
}
