//! Subtitles beside the picture: a WebVTT file a track, for the whole film.
//!
//! Each is one segment of its media playlist. Text is a few hundred kilobytes, so that nothing is won by
//! cutting it; its playlist alone may have a target duration of its own (RFC 8216, section 6.2.4), and
//! it is offered when its file is there, whole, as further tracks of sound are: it never changes.
//!
//! Where software took over for a device, it is two segments with a discontinuity between them, as all other tracks
//! have there, and both are the same file: a segment may hold cues of other times than its own (RFC 8216, section
//! 3.5), and players tell a cue that they have by its time and text. So long as a device may still fail, it is not
//! known where that would be, and subtitles are not offered.

use bus_schema::id::RenditionName;
use bus_schema::language::is_tag;
use bus_schema::object_key;
use bus_schema::plan::subtitles::SubtitlePlan;
use bus_schema::record::JobRecord;

use super::details::Details;
use super::hls::write;
use super::track::{Seam, is_title};

/// The group of the subtitles; there is one.
pub(super) const GROUP: &str = "subs";

/// A track of subtitles that is there.
#[derive(Debug, Clone)]
pub(super) struct TextTrack {
    pub(super) name: RenditionName,
    /// What players call it, unlike the others; fit for a quoted string.
    pub(super) label: String,
    pub(super) language: Option<String>,
    pub(super) is_default: bool,
    pub(super) is_forced: bool,
    /// Relative to the job's outputs.
    pub(super) uri: String,
    bytes: u32,
    /// Of the whole film, in milliseconds; not 0.
    duration_ms: u64,
    /// Where it has a discontinuity, within that.
    cut_ms: Option<u64>,
}

impl TextTrack {
    /// What it takes on the way, in bits per second, rounded up.
    pub(super) fn bps(&self) -> u64 {
        (u64::from(self.bytes) * 8_000).div_ceil(self.duration_ms)
    }
}

/// The tracks whose files are there, once it is known where they are cut.
pub(super) fn tracks(record: &JobRecord, details: &Details) -> Vec<TextTrack> {
    let (Some(plan), Some((origin, result))) = (&record.plan, &details.subtitles) else {
        return Vec::new();
    };
    let Some(cut_ns) = Seam::of(plan, details).for_good_ns() else {
        return Vec::new();
    };
    let duration_ms = plan.duration_ns.div_ceil(1_000_000).max(1);
    let cut_ms = cut_ns.map(|ns| ns / 1_000_000);
    let dir = object_key::attempt_dir(origin.task, origin.attempt);
    let mut tracks: Vec<TextTrack> = Vec::new();
    for (one, shown) in result.shown(&plan.subtitles) {
        let label = label(one, &tracks);
        tracks.push(TextTrack {
            name: one.name.clone(),
            label,
            language: one.language.clone().filter(|text| is_tag(text)),
            is_default: one.is_default,
            is_forced: one.is_forced,
            uri: format!("{dir}{}", object_key::subtitles(&one.name)),
            bytes: shown.bytes,
            duration_ms,
            cut_ms: cut_ms.filter(|ms| (1..duration_ms).contains(ms)),
        });
    }
    tracks
}

/// As the source calls it, or else by its language; and where that is not enough, or there is neither,
/// by its rendition.
fn label(one: &SubtitlePlan, earlier: &[TextTrack]) -> String {
    let title = one.title.as_ref().filter(|text| is_title(text));
    let language = one.language.as_ref().filter(|text| is_tag(text));
    let rendition = one.name.to_string();
    let mut label = title.or(language).unwrap_or(&rendition).clone();
    while earlier.iter().any(|track| track.label == label) {
        label = format!("{label} ({rendition})");
    }
    label
}

/// Whether this is the name of a track that may come.
pub(super) fn is_planned(record: &JobRecord, name: &RenditionName) -> bool {
    let planned = record.plan.iter().flat_map(|plan| &plan.subtitles);
    planned.map(|one| &one.name).any(|planned| planned == name)
}

/// `EXT-X-MEDIA` of each (RFC 8216, section 4.3.4.1). Players may choose any by their users' language.
pub(super) fn push_renditions(text: &mut String, tracks: &[TextTrack]) {
    let word = |is: bool| if is { "YES" } else { "NO" };
    for track in tracks {
        let label = &track.label;
        write(
            text,
            format_args!("#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"{GROUP}\",NAME=\"{label}\""),
        );
        if let Some(language) = &track.language {
            write(text, format_args!(",LANGUAGE=\"{language}\""));
        }
        let (default, forced) = (word(track.is_default), word(track.is_forced));
        let uri = object_key::media_playlist(&track.name);
        write(
            text,
            format_args!(",DEFAULT={default},AUTOSELECT=YES,FORCED={forced},URI=\"{uri}\"\n"),
        );
    }
}

/// The media playlist.
pub(super) fn playlist(track: &TextTrack) -> String {
    let parts = match track.cut_ms {
        Some(cut_ms) => vec![cut_ms, track.duration_ms - cut_ms],
        None => vec![track.duration_ms],
    };
    let longest_ms = parts.iter().max().copied().unwrap_or(0);
    let target_s = longest_ms.div_ceil(1_000);
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target_s}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n"
    );
    for (place, ms) in parts.iter().enumerate() {
        if place > 0 {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        let (seconds, rest_ms) = (ms / 1_000, ms % 1_000);
        let uri = &track.uri;
        write(
            &mut text,
            format_args!("#EXTINF:{seconds}.{rest_ms:03},\n{uri}\n"),
        );
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}
