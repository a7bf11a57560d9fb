//! Jobs are listed, shown, cancelled and deleted; health tells what is missing.

use std::sync::atomic::Ordering;

use bus_schema::id::{Attempt, JobId, TaskNumber};
use bus_schema::progress::Progress;
use bus_schema::record::{JobState, Output, OutputKind};
use bus_schema::report::{ErrorCode, TaskError};
use serde_json::{Value, json};

use crate::fixture::{DEADLINE, Fixture, code, json as body_of, problem};
use crate::sample_job::{SECOND_NS, SampleJob};

/// How a rendition of the picture is shown; a copy has no encoder.
fn picture(name: &str, (width, height): (u32, u32), percent: f64, encoder: Option<&str>) -> Value {
    json!({"name": name, "is_audio": false, "language": null, "title": null, "encoder": encoder,
           "width": width, "height": height, "percent": percent})
}

#[tokio::test]
async fn the_list_is_paged_newest_first_and_filtered() {
    let fixture = Fixture::start().await;
    let mut ids = Vec::new();
    for n in 0..25_u8 {
        let mut job = SampleJob::running(1, false);
        job.record.id = JobId::from_parts(u64::from(n), [n; 10]);
        job.record.state = if n % 5 == 0 {
            JobState::Failed
        } else {
            JobState::Running
        };
        job.record.request.external_id = (n == 7).then(|| "seven".to_owned());
        ids.insert(0, job.record.id.to_string());
        fixture.jobs.put(job);
    }
    let mut seen: Vec<String> = Vec::new();
    let mut after = String::new();
    let mut pages = 0;
    loop {
        let page = body_of(fixture.get(&format!("/v1/jobs?limit=10{after}")).await).await;
        let jobs = page["jobs"].as_array().unwrap();
        seen.extend(
            jobs.iter()
                .map(|job| job["id"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!((seen, pages), (ids, 3));
    let count = async |query: &str| {
        let page = body_of(fixture.get(&format!("/v1/jobs{query}")).await).await;
        page["jobs"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 20);
    assert_eq!(count("?state=failed").await, 5);
    assert_eq!(count("?external_id=seven").await, 1);
    assert_eq!(count("?external_id=eight&limit=5").await, 0);
}

#[tokio::test]
async fn a_job_shows_what_a_client_wants_to_know() {
    let fixture = Fixture::start().await;
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    job.finish_chunk(0, 1);
    job.record.state = JobState::Playable;
    job.record.times.playable_ms = Some(1_763_000_005_250);
    job.record.warnings = vec!["slow".to_owned()];
    job.record.n_facts = 9;
    let (id, record) = (job.record.id, job.record.clone());
    fixture.jobs.put(job);
    let shown = body_of(fixture.get(&format!("/v1/jobs/{id}")).await).await;
    assert_eq!(
        shown["playback"]["hls"],
        format!("/v1/jobs/{id}/play/master.m3u8")
    );
    assert_eq!(shown["playable_at"], "2025-11-13T02:13:25.25Z");
    assert_eq!(
        (&shown["duration_ms"], &shown["n"]),
        (&json!(60_000), &json!(9))
    );
    assert_eq!(
        shown["renditions"],
        json!([
            picture("360p", (640, 360), 6.67, Some("x264enc")),
            picture("720p", (1280, 720), 6.67, Some("x264enc")),
            {"name": "audio", "is_audio": true, "language": "de", "title": null, "encoder": null,
             "width": null, "height": null, "percent": 0.0},
        ])
    );
    // A worker's word counts, also when nobody watches.
    let progress = Progress {
        worker: "w1".parse().unwrap(),
        job: id,
        task: TaskNumber(1),
        attempt: Attempt(1),
        done_ns: vec![30 * SECOND_NS],
        total_ns: 60 * SECOND_NS,
        frames_per_s: 0,
    };
    let is_heard = |job: &Value| job["renditions"][2]["percent"] == 50.0;
    // Said again and again, as workers do: the gateway's subscription may reach the bus after one word.
    tokio::time::timeout(DEADLINE, async {
        loop {
            fixture.tell(progress.clone()).await;
            if is_heard(&body_of(fixture.get(&format!("/v1/jobs/{id}")).await).await) {
                return;
            }
        }
    })
    .await
    .expect("progress is heard");
    let mut failed = SampleJob {
        record,
        details: std::collections::BTreeMap::new(),
    };
    failed.record.state = JobState::Failed;
    failed.record.error = Some(TaskError {
        code: ErrorCode::NotMedia,
        message: "Not a video.".to_owned(),
    });
    fixture.jobs.put(failed);
    let shown = body_of(fixture.get(&format!("/v1/jobs/{id}")).await).await;
    assert_eq!(
        shown["error"],
        json!({"code": "not_media", "message": "Not a video."})
    );
    assert_eq!(shown["playback"], Value::Null);
}

#[tokio::test]
async fn a_copy_is_one_rendition_and_no_stream() {
    let fixture = Fixture::start().await;
    let mut job = SampleJob::copying(60 * SECOND_NS);
    let id = job.record.id;
    job.record.state = JobState::Playable;
    fixture.jobs.put(job);
    let view = body_of(fixture.get(&format!("/v1/jobs/{id}")).await).await;
    let sound = json!({
        "name": "audio", "is_audio": true, "language": "de", "title": null, "width": null,
        "height": null, "encoder": null, "percent": 0.0,
    });
    let expected = json!([picture("720p", (1280, 720), 0.0, None), sound]);
    assert_eq!(view["renditions"], expected, "{view:#}");
    assert_eq!(view["playback"], Value::Null, "{view:#}");
    assert_eq!(view["encode_reason"], Value::Null, "{view:#}");
    assert_eq!(view["is_copied"], true, "{view:#}");
    let master = fixture
        .get(&format!("/v1/jobs/{id}/play/master.m3u8"))
        .await;
    assert!(!master.status().is_success(), "{}", master.status());

    let mut job = SampleJob::running(60 * SECOND_NS, false);
    let plan = job.record.plan.as_mut().unwrap();
    plan.encode_reason = Some("The source is encoded, since it is old.".to_owned());
    let id = job.record.id;
    fixture.jobs.put(job);
    let view = body_of(fixture.get(&format!("/v1/jobs/{id}")).await).await;
    assert_eq!(
        view["encode_reason"],
        "The source is encoded, since it is old."
    );
}

#[tokio::test]
async fn outputs_have_addresses() {
    let fixture = Fixture::start().await;
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    job.record.state = JobState::Completed;
    let output = |kind, rendition: Option<&str>, name: &str| Output {
        kind,
        rendition: rendition.map(|name| name.parse().unwrap()),
        name: name.to_owned(),
        bytes: 5,
        frames: None,
        duration_ms: None,
        codecs: None,
    };
    job.record.outputs = vec![
        output(OutputKind::Mp4, Some("720p"), "t9a1/720p.mp4"),
        output(OutputKind::Hls, None, "master.m3u8"),
        output(OutputKind::Dash, None, "manifest.mpd"),
    ];
    let id = job.record.id;
    fixture.jobs.put(job);
    let shown = body_of(fixture.get(&format!("/v1/jobs/{id}")).await).await;
    let urls: Vec<&str> = shown["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["url"].as_str().unwrap())
        .collect();
    assert_eq!(
        urls,
        [
            format!("/v1/jobs/{id}/download?rendition=720p"),
            format!("/v1/jobs/{id}/play/master.m3u8"),
            format!("/v1/jobs/{id}/play/manifest.mpd"),
        ]
    );
    assert_eq!(shown["outputs"][0]["kind"], "mp4");
    assert!(
        shown["renditions"]
            .as_array()
            .unwrap()
            .iter()
            .all(|r| r["percent"] == 100.0),
        "{shown}"
    );
}

#[tokio::test]
async fn a_job_is_cancelled_once_and_deleted() {
    let fixture = Fixture::start().await;
    let id = fixture.running_job();
    let cancel = async || {
        fixture
            .http
            .post(fixture.url(&format!("/v1/jobs/{id}/cancel")))
            .send()
            .await
            .unwrap()
    };
    assert_eq!(body_of(cancel().await).await["state"], "cancelled");
    let again = cancel().await;
    assert_eq!(
        (again.status().as_u16(), code(again).await.as_str()),
        (409, "conflict")
    );
    let deleted = fixture
        .http
        .delete(fixture.url(&format!("/v1/jobs/{id}")))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            deleted.status().as_u16(),
            deleted.text().await.unwrap().as_str()
        ),
        (204, "")
    );
    for id in [id.as_str(), "nonsense"] {
        let unknown = problem(fixture.get(&format!("/v1/jobs/{id}")).await).await;
        assert_eq!(unknown["code"], "unknown_job");
        let detail = unknown["detail"].as_str().unwrap();
        assert!(
            detail.contains(id) && detail.contains("GET /v1/jobs lists"),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn health_names_what_is_missing() {
    let fixture = Fixture::start().await;
    assert_eq!(body_of(fixture.get("/healthz").await).await["status"], "ok");
    assert_eq!(body_of(fixture.get("/readyz").await).await["status"], "ok");
    fixture.jobs.is_storage_down.store(true, Ordering::Relaxed);
    let response = fixture.get("/readyz").await;
    assert!(response.headers().contains_key("retry-after"));
    let problem = problem(response).await;
    assert_eq!(
        (&problem["status"], &problem["code"]),
        (&json!(503), &json!("unavailable"))
    );
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("storage: no answer since 12:00")
    );
    assert_eq!(
        body_of(fixture.get("/v1/status").await).await["leader"],
        "here"
    );
    assert_eq!(
        body_of(fixture.get("/v1/stats").await).await["jobs"]["uploading"],
        0
    );
    assert_eq!(fixture.get("/healthz").await.status(), 200);
}
