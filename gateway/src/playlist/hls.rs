//! HLS media playlists (RFC 8216).

use std::fmt::Write as _;

use super::chapters;
use super::track::{Edition, Segment, Track};

/// A playlist's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// May grow; players begin at the start, not at the live edge.
    Growing,
    /// Never changes again.
    Final,
}

/// The text; `tags` stand before the first segment.
pub(super) fn text(track: &Track, kind: Kind, tags: &str) -> String {
    let target_s = match kind {
        Kind::Growing => track.target_s,
        // A frame of a slide show can be longer than the plan could know.
        Kind::Final => track.target_s.max(longest_s(track)),
    };
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target_s}\n#EXT-X-MEDIA-SEQUENCE:0\n"
    );
    text.push_str(match kind {
        Kind::Growing => "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-START:TIME-OFFSET=0\n",
        Kind::Final => "#EXT-X-PLAYLIST-TYPE:VOD\n",
    });
    text.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    push_segments(&mut text, track, tags, |text, segment| {
        write(text, format_args!("{}\n", segment.uri));
    });
    if track.is_whole || kind == Kind::Final {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    text
}

/// The final playlist of a track's keyframes alone, for scrubbing: the first bytes of each segment, up to
/// the end of its first frame (RFC 8216, section 4.3.3.6). Each is shown until the next one.
pub(super) fn keyframes(track: &Track) -> String {
    let target_s = track.target_s.max(longest_s(track));
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target_s}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-I-FRAMES-ONLY\n#EXT-X-INDEPENDENT-SEGMENTS\n"
    );
    push_segments(&mut text, track, "", |text, segment| {
        let bytes = segment.keyframe_bytes.unwrap_or(segment.bytes);
        write(
            text,
            format_args!("#EXT-X-BYTERANGE:{bytes}@0\n{}\n", segment.uri),
        );
    });
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

/// All segments, each edition behind its init segment. Those behind the first begin with a discontinuity (RFC
/// 8216, section 4.3.2.3), for another decoder's configuration applies from there on; where `tags` give dates, it
/// has one too, since dates are not counted on over a discontinuity (section 4.3.2.6).
fn push_segments(
    text: &mut String,
    track: &Track,
    tags: &str,
    mut push: impl FnMut(&mut String, &Segment),
) {
    let mut segments = timed(track);
    for (place, (edition, of_edition)) in track.each_edition().enumerate() {
        // Nothing is said of one that has nothing yet: of the first it is known where it will be.
        if place == 0 {
            push_map(text, edition);
            text.push_str(tags);
        } else if let Some(first) = of_edition.first() {
            text.push_str("#EXT-X-DISCONTINUITY\n");
            push_map(text, edition);
            if !tags.is_empty() {
                text.push_str(&chapters::date_tag(track, first));
            }
        }
        for (segment, us) in segments.by_ref().take(of_edition.len()) {
            push_extinf(text, us);
            push(text, segment);
        }
    }
}

fn push_map(text: &mut String, edition: &Edition) {
    write(text, format_args!("#EXT-X-MAP:URI=\"{}\"\n", edition.init));
}

/// Segments with their durations in microseconds: rounded sums, not sums of roundings, so that hours of
/// segments stay in step.
fn timed(track: &Track) -> impl Iterator<Item = (&Segment, u64)> {
    let mut units = 0_u64;
    track.segments.iter().map(move |segment| {
        let from_us = micros(units, track.timescale);
        units += u64::from(segment.duration);
        (segment, micros(units, track.timescale) - from_us)
    })
}

fn push_extinf(text: &mut String, us: u64) {
    let (seconds, rest_us) = (us / 1_000_000, us % 1_000_000);
    write(text, format_args!("#EXTINF:{seconds}.{rest_us:06},\n"));
}

/// RFC 8216, section 4.3.3.1: EXTINF rounded to the nearest whole second must not be above.
fn longest_s(track: &Track) -> u64 {
    let longest = track
        .segments
        .iter()
        .map(|segment| segment.duration)
        .max()
        .unwrap_or(0);
    (micros(u64::from(longest), track.timescale) + 500_000) / 1_000_000
}

/// Units to the nearest microsecond.
fn micros(units: u64, timescale: u32) -> u64 {
    let scale = u128::from(timescale);
    let us = (u128::from(units) * 1_000_000 + scale / 2) / scale;
    u64::try_from(us).unwrap_or(u64::MAX)
}

/// Appends; a `String` takes everything.
pub(super) fn write(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("a String takes everything");
}
