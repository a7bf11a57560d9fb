//! Short names for containers and codecs.

use gstreamer as gst;
use gstreamer_video::{VideoColorPrimaries, VideoTransferFunction};

/// Media types of what holds other files.
const ARCHIVES: &[&str] = &[
    "application/zip",
    "application/x-gzip",
    "application/x-bzip",
    "application/x-xz",
    "application/x-rar",
    "application/x-tar",
];

/// A container's short name; `None` for what is no audio-visual file: text, a picture, an archive.
#[must_use]
pub fn container(caps: &gst::CapsRef) -> Option<String> {
    let structure = caps.structure(0)?;
    let field = |name| structure.get::<&str>(name).ok();
    let name = match structure.name().as_str() {
        "video/quicktime" if field("variant") == Some("apple") => "mov",
        "video/quicktime" | "audio/x-m4a" | "application/x-3gp" => "mp4",
        "video/x-matroska" | "audio/x-matroska" | "video/x-matroska-3d" => "matroska",
        "video/webm" | "audio/webm" => "webm",
        "video/mpegts" => "mpegts",
        "video/mpeg" if structure.get::<bool>("systemstream") == Ok(true) => "mpegps",
        "video/x-msvideo" => "avi",
        "video/x-ms-asf" => "asf",
        "video/x-flv" => "flv",
        "application/ogg" | "video/ogg" | "audio/ogg" => "ogg",
        "audio/x-wav" => "wav",
        other => {
            let (kind, rest) = other.split_once('/')?;
            let is_media = matches!(kind, "video" | "audio") || other == "application/x-id3";
            return is_media.then(|| rest.trim_start_matches("x-").to_owned());
        }
    };
    Some(name.to_owned())
}

/// Kinds of files of which the media type does not say that they are video or sound.
const OTHERS: &[(&str, &str)] = &[
    ("application/mxf", "mxf"),
    ("application/gxf", "gxf"),
    ("application/vnd.rn-realmedia", "realmedia"),
    ("application/x-yuv4mpeg", "yuv4mpeg"),
    ("application/x-ape", "ape"),
];

/// What a file of video or sound is called that nothing here reads; `None` for what is no such file.
#[must_use]
pub fn unread(caps: &gst::CapsRef) -> Option<String> {
    let name = caps.structure(0)?.name().as_str();
    let other = OTHERS.iter().find(|(media_type, _)| *media_type == name);
    other.map_or_else(|| container(caps), |(_, called)| Some((*called).to_owned()))
}

/// What a file is that [`container`] has no name for, as people call it; `None` for what they have
/// no word for.
#[must_use]
pub fn stranger(caps: &gst::CapsRef) -> Option<&'static str> {
    let name = caps.structure(0)?.name().as_str();
    match name.split('/').next()? {
        "image" => Some("a picture"),
        "text" => Some("a text"),
        _ => ARCHIVES.contains(&name).then_some("an archive"),
    }
}

/// A transfer's name, as ffmpeg has it; `None` for what no film is made in.
#[must_use]
pub fn transfer(transfer: VideoTransferFunction) -> Option<&'static str> {
    Some(match transfer {
        VideoTransferFunction::Bt709 => "bt709",
        VideoTransferFunction::Bt601 => "smpte170m",
        VideoTransferFunction::Bt202010 => "bt2020-10",
        VideoTransferFunction::Bt202012 => "bt2020-12",
        VideoTransferFunction::Smpte240m => "smpte240m",
        VideoTransferFunction::Gamma22 => "bt470m",
        VideoTransferFunction::Gamma28 => "bt470bg",
        VideoTransferFunction::Srgb => "iec61966-2-1",
        VideoTransferFunction::Smpte2084 => "smpte2084",
        VideoTransferFunction::AribStdB67 => "arib-std-b67",
        _ => return None,
    })
}

/// The name of a set of primaries, as ffmpeg has it; `None` for what no film is made in.
#[must_use]
pub fn primaries(primaries: VideoColorPrimaries) -> Option<&'static str> {
    Some(match primaries {
        VideoColorPrimaries::Bt709 => "bt709",
        VideoColorPrimaries::Bt470m => "bt470m",
        VideoColorPrimaries::Bt470bg => "bt470bg",
        VideoColorPrimaries::Smpte170m => "smpte170m",
        VideoColorPrimaries::Smpte240m => "smpte240m",
        VideoColorPrimaries::Bt2020 => "bt2020",
        VideoColorPrimaries::Smpteeg432 => "smpte432",
        _ => return None,
    })
}

/// A codec's short name.
#[must_use]
pub fn codec(caps: &gst::CapsRef) -> String {
    let Some(structure) = caps.structure(0) else {
        return "unknown".to_owned();
    };
    let number = |name| structure.get::<i32>(name).unwrap_or(0);
    let name = match (
        structure.name().as_str(),
        number("mpegversion"),
        number("layer"),
    ) {
        ("video/x-h265", ..) => "hevc",
        ("video/mpeg", 1, _) => "mpeg1",
        ("video/mpeg", 2, _) => "mpeg2",
        ("video/mpeg" | "video/x-divx" | "video/x-xvid", ..) => "mpeg4",
        ("audio/mpeg", 2 | 4, _) => "aac",
        ("audio/mpeg", 1, 3) => "mp3",
        ("audio/mpeg", 1, 2) => "mp2",
        ("image/jpeg", ..) => "mjpeg",
        ("video/x-raw", ..) => "raw",
        ("audio/x-raw", ..) => "pcm",
        (other, ..) => {
            let rest = other.split_once('/').map_or(other, |(_, rest)| rest);
            // What the container calls it, where nobody else has a name for it.
            rest.trim_start_matches("x-")
                .trim_start_matches("gst-fourcc-")
        }
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_media_has_no_container() {
        gst::init().unwrap();
        let name = |media_type: &str| container(&gst::Caps::new_empty_simple(media_type));
        assert_eq!(name("video/webm").as_deref(), Some("webm"));
        assert_eq!(name("audio/x-flac").as_deref(), Some("flac"));
        for media_type in [
            "text/plain",
            "image/jpeg",
            "application/pdf",
            "application/zip",
        ] {
            assert_eq!(name(media_type), None, "{media_type}");
        }
    }
}
