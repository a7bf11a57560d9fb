//! Playlists come from the record while a job runs and from storage when it is done; segments and files
//! from storage or a CDN, never through us.

use bus_schema::object_key;
use bus_schema::record::{JobRecord, JobState, Output, OutputKind};
use bytes::Bytes;
use gateway::edge::Options;

use crate::fixture::{Fixture, code};
use crate::sample_job::{SECOND_NS, SampleJob};

fn playable() -> SampleJob {
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    job.finish_chunk(0, 2);
    job.finish_part(1, &[192_512, 191_488]);
    job.record.state = JobState::Playable;
    job
}

async fn store(fixture: &Fixture, record: &JobRecord, name: &str, text: &'static str) {
    let key = format!("{}{name}", object_key::outputs(&record.tenant, &record.id));
    fixture
        .storage
        .put_bytes(
            &key,
            Bytes::from_static(text.as_bytes()),
            "text/plain",
            None,
        )
        .await
        .expect("the store takes it");
}

#[tokio::test]
async fn a_growing_film_is_followed_from_master_to_segment() {
    let fixture = Fixture::start().await;
    let job = playable();
    let (id, record) = (job.record.id, job.record.clone());
    fixture.jobs.put(job);
    store(&fixture, &record, "t2a2/720p/000000.m4s", "picture").await;
    let base =
        reqwest::Url::parse(&fixture.url(&format!("/v1/jobs/{id}/play/master.m3u8"))).unwrap();
    let master = fixture.http.get(base.clone()).send().await.unwrap();
    assert_eq!(
        master.headers()["content-type"],
        "application/vnd.apple.mpegurl"
    );
    assert_eq!(master.headers()["cache-control"], "no-cache");
    let master = master.text().await.unwrap();
    let uri = master
        .lines()
        .find(|line| line.starts_with("720p"))
        .unwrap();
    let media_url = base.join(uri).unwrap();
    let media = fixture
        .http
        .get(media_url.clone())
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let uri = media.lines().find(|line| line.ends_with(".m4s")).unwrap();
    let segment = fixture
        .http
        .get(media_url.join(uri).unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(segment.status(), 302);
    assert!(
        segment.headers()["cache-control"]
            .to_str()
            .unwrap()
            .contains("private")
    );
    let signed = segment.headers()["location"].to_str().unwrap();
    let range = fixture
        .http
        .get(signed)
        .header("range", "bytes=0-3")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            range.status().as_u16(),
            range.text().await.unwrap().as_str()
        ),
        (206, "pict")
    );
}

#[tokio::test]
async fn what_is_not_media_or_not_there_yet_is_not_played() {
    let fixture = Fixture::start().await;
    let job = playable();
    let id = job.record.id;
    fixture.jobs.put(job);
    for path in [
        "job.json",
        "t2a2/720p/samples",
        "..%2f..%2finputs%2fx",
        "t2a2/../x.m4s",
    ] {
        let response = fixture.get(&format!("/v1/jobs/{id}/play/{path}")).await;
        assert_eq!(code(response).await, "not_found", "{path}");
    }
    assert_eq!(
        code(fixture.get(&format!("/v1/jobs/{id}/play/144p.m3u8")).await).await,
        "unknown_rendition"
    );
    assert_eq!(
        code(
            fixture
                .get(&format!("/v1/jobs/{id}/play/manifest.mpd"))
                .await
        )
        .await,
        "not_ready"
    );
    let early = fixture.running_job();
    let response = fixture
        .get(&format!("/v1/jobs/{early}/play/master.m3u8"))
        .await;
    assert_eq!(
        (response.status().as_u16(), code(response).await.as_str()),
        (409, "not_ready")
    );
}

#[tokio::test]
async fn a_cdn_takes_the_place_of_storage() {
    let base = Some("https://cdn.example.com/media/".parse().unwrap());
    let fixture = Fixture::start_with(Options {
        media_base_url: base,
        ..Options::default()
    })
    .await;
    let job = playable();
    let id = job.record.id;
    fixture.jobs.put(job);
    let response = fixture
        .get(&format!("/v1/jobs/{id}/play/t2a2/720p/000000.m4s"))
        .await;
    assert_eq!(
        response.headers()["location"],
        format!("https://cdn.example.com/media/outputs/default/{id}/t2a2/720p/000000.m4s")
    );
}

#[tokio::test]
async fn a_completed_film_is_played_from_its_final_playlists() {
    let fixture = Fixture::start().await;
    let mut job = playable();
    job.record.state = JobState::Completed;
    let name = object_key::MULTIVARIANT_PLAYLIST.to_owned();
    job.record.outputs = vec![Output {
        kind: OutputKind::Hls,
        rendition: None,
        name,
        bytes: 5,
        frames: None,
        duration_ms: None,
        codecs: None,
    }];
    // The details were folded into the manifest and are gone.
    job.details.clear();
    let (id, record) = (job.record.id, job.record.clone());
    fixture.jobs.put(job);
    for (name, text) in [
        ("master.m3u8", "final master"),
        ("720p.m3u8", "final 720p"),
        ("manifest.mpd", "<MPD/>"),
    ] {
        store(&fixture, &record, name, text).await;
        let response = fixture.get(&format!("/v1/jobs/{id}/play/{name}")).await;
        assert_eq!(response.text().await.unwrap(), text);
    }
    assert_eq!(
        code(fixture.get(&format!("/v1/jobs/{id}/play/480p.m3u8")).await).await,
        "unknown_rendition"
    );
    // What keeps no playlists is played while it grows, and then its files are.
    let mut filed = playable();
    filed.record.state = JobState::Completed;
    let id = filed.record.id;
    fixture.jobs.put(filed);
    for name in ["master.m3u8", "720p.m3u8"] {
        let response = fixture.get(&format!("/v1/jobs/{id}/play/{name}")).await;
        assert_eq!(code(response).await, "job_ended", "{name}");
    }
    let mut failed = playable();
    failed.record.state = JobState::Failed;
    let id = failed.record.id;
    fixture.jobs.put(failed);
    assert_eq!(
        code(
            fixture
                .get(&format!("/v1/jobs/{id}/play/master.m3u8"))
                .await
        )
        .await,
        "job_ended"
    );
}

#[tokio::test]
async fn downloads_lead_to_storage_under_the_users_name() {
    let fixture = Fixture::start().await;
    let mut job = playable();
    job.record.request.filename = "Mein \"Film\".mov".to_owned();
    let output = |rendition: &str, name: &str| Output {
        kind: OutputKind::Mp4,
        rendition: Some(rendition.parse().unwrap()),
        name: name.to_owned(),
        bytes: 5,
        frames: None,
        duration_ms: None,
        codecs: None,
    };
    job.record.outputs = vec![output("360p", "t8a1/360p.mp4")];
    let (id, record) = (job.record.id, job.record.clone());
    fixture.jobs.put(job.clone());
    store(&fixture, &record, "t8a1/360p.mp4", "small").await;
    store(&fixture, &record, "t9a1/720p.mp4", "large").await;
    let get = async |query: &str| fixture.get(&format!("/v1/jobs/{id}/download{query}")).await;
    let response = get("?rendition=360p").await;
    assert_eq!(response.status(), 302);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let file = fixture.http.get(location).send().await.unwrap();
    let disposition = file.headers()["content-disposition"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        disposition.starts_with("attachment; filename=\"Mein _Film_-360p.mp4\""),
        "{disposition}"
    );
    assert_eq!(file.text().await.unwrap(), "small");
    for (query, status, expected) in [
        ("?rendition=720p", 409, "not_ready"),
        ("", 409, "not_ready"),
        ("?rendition=480p", 404, "unknown_rendition"),
        ("?rendition=../x", 404, "unknown_rendition"),
        ("?quality=720p", 400, "invalid_query"),
    ] {
        let response = get(query).await;
        assert_eq!(
            (response.status().as_u16(), code(response).await.as_str()),
            (status, expected),
            "{query}"
        );
    }
    job.record.outputs.push(output("720p", "t9a1/720p.mp4"));
    fixture.jobs.put(job.clone());
    let location = get("").await.headers()["location"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        fixture
            .http
            .get(location)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "large"
    );
    job.record.outputs.clear();
    job.record.state = JobState::Cancelled;
    fixture.jobs.put(job);
    assert_eq!(code(get("?rendition=720p").await).await, "job_ended");
}
