//! Every wish that cannot be has a code of its own; everyday ones pass.

use super::*;

fn wishes() -> Wishes {
    Wishes {
        filename: "film.mp4".to_owned(),
        content_type: "video/mp4".to_owned(),
        preset: None,
        qualities: Vec::new(),
        codec: None,
        priority: None,
        webhook_url: None,
        metadata: BTreeMap::new(),
        external_id: None,
        watermark: None,
        images: None,
        loudness: None,
        chapters: None,
        clip: None,
    }
}

async fn code(change: impl FnOnce(&mut Wishes)) -> Option<Code> {
    let mut wishes = wishes();
    change(&mut wishes);
    wishes
        .check(&Options::default())
        .await
        .err()
        .map(|problem| problem.code)
}

#[tokio::test]
async fn defaults_and_everyday_wishes_pass() {
    let (request, priority) = wishes().check(&Options::default()).await.unwrap();
    assert_eq!(
        (request.preset, priority),
        (Preset::HlsAdaptive, PRIORITY_DEFAULT)
    );
    for name in [
        "ä ö.mp4",
        " 3.00.00\u{202f}PM.mov",
        "a..b.mp4",
        ".hidden",
        "…",
        &"x".repeat(255),
    ] {
        assert_eq!(
            code(|w| name.clone_into(&mut w.filename)).await,
            None,
            "{name}"
        );
    }
    assert_eq!(
        code(|w| w.qualities = vec!["720p".to_owned(), "audio".to_owned()]).await,
        None
    );
    assert_eq!(
        code(|w| w.webhook_url = Some("https://8.8.8.8/hook".to_owned())).await,
        None
    );
}

#[tokio::test]
async fn a_codec_is_one_of_four_and_of_a_picture() {
    let codec = |name: &str| Some(name.to_owned());
    for known in VideoCodec::ALL {
        let wishes = Wishes {
            codec: codec(known.as_str()),
            ..wishes()
        };
        let (request, _) = wishes.check(&Options::default()).await.unwrap();
        assert_eq!(request.codec, known);
    }
    for unknown in ["H264", "h265", "", "x264enc"] {
        let refused = code(|w| w.codec = codec(unknown)).await;
        assert_eq!(refused, Some(Code::UnknownCodec), "{unknown}");
    }
    let of_sound = |w: &mut Wishes| {
        w.codec = codec("av1");
        w.qualities = vec!["audio".to_owned()];
    };
    assert_eq!(code(of_sound).await, Some(Code::UnknownCodec));
}

#[tokio::test]
async fn names_that_are_paths_or_hold_control_characters_are_refused() {
    for name in [
        "",
        ".",
        "..",
        "a/b",
        "/etc/passwd",
        "..\\x",
        "a\0b",
        "a\nb",
        "a\u{7f}",
        "a\u{85}b",
        " ",
        " \u{3000}\u{a0}",
        "\u{feff}film.mp4",
        "gpj\u{202e}4pm",
        "a\u{2066}b",
        "a\u{200b}b",
        "\u{2060}",
        "a\u{2028}b",
        "a\u{61c}b",
        &"x".repeat(256),
    ] {
        assert_eq!(
            code(|w| name.clone_into(&mut w.filename)).await,
            Some(Code::InvalidFilename),
            "{name:?}"
        );
    }
    for text in [
        "",
        "video",
        "video/",
        "/mp4",
        "video/mp4; a=b",
        "video/mp4\r\nx: y",
        "a b/c",
    ] {
        assert_eq!(
            code(|w| text.clone_into(&mut w.content_type)).await,
            Some(Code::InvalidContentType),
            "{text:?}"
        );
    }
}

#[tokio::test]
async fn every_other_wish_has_its_own_code() {
    assert_eq!(
        code(|w| w.preset = Some("4k".to_owned())).await,
        Some(Code::UnknownPreset)
    );
    assert_eq!(
        code(|w| w.qualities = vec!["721p".to_owned()]).await,
        Some(Code::UnknownQuality)
    );
    assert_eq!(
        code(|w| w.qualities = vec!["720p".to_owned(); 2]).await,
        Some(Code::UnknownQuality)
    );
    assert_eq!(
        code(|w| w.priority = Some(101)).await,
        Some(Code::InvalidPriority)
    );
    assert_eq!(
        code(|w| w.external_id = Some(String::new())).await,
        Some(Code::InvalidMetadata)
    );
    let many = (0..17).map(|n| (n.to_string(), String::new())).collect();
    assert_eq!(
        code(|w| w.metadata = many).await,
        Some(Code::InvalidMetadata)
    );
    assert_eq!(
        code(|w| w.webhook_url = Some("http://127.0.0.1/".to_owned())).await,
        Some(Code::WebhookRefused)
    );
}

#[tokio::test]
async fn a_watermark_needs_a_picture_and_a_mark() {
    let asked = |json: &str| Some(serde_json::from_str(json).unwrap());
    let text = r#"{"text": "me"}"#;
    assert_eq!(code(|w| w.watermark = asked(text)).await, None);
    let of_sound = |w: &mut Wishes| {
        w.watermark = asked(text);
        w.qualities = vec!["audio".to_owned()];
    };
    assert_eq!(code(of_sound).await, Some(Code::InvalidWatermark));
    let images_of_sound = |w: &mut Wishes| {
        w.images = Some(serde_json::from_str("{}").unwrap());
        w.qualities = vec!["audio".to_owned()];
    };
    assert_eq!(code(images_of_sound).await, Some(Code::InvalidImages));
    assert_eq!(
        code(|w| w.watermark = asked("{}")).await,
        Some(Code::InvalidWatermark)
    );
}

#[tokio::test]
async fn a_clip_ends_behind_its_beginning() {
    let asked = |json: &str| Some(serde_json::from_str(json).unwrap());
    for json in [
        "{}",
        r#"{"start_ms": 5}"#,
        r#"{"end_ms": 5}"#,
        r#"{"start_ms": 4, "end_ms": 5}"#,
    ] {
        assert_eq!(code(|w| w.clip = asked(json)).await, None, "{json}");
    }
    for json in [r#"{"end_ms": 0}"#, r#"{"start_ms": 5, "end_ms": 5}"#] {
        let code = code(|w| w.clip = asked(json)).await;
        assert_eq!(code, Some(Code::InvalidClip), "{json}");
    }
}
