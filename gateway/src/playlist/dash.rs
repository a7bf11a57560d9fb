//! The DASH manifest: static, segments listed one by one, because they lie in the folders of different
//! attempts and no template can name them. One period, or two where software took over for a device.

mod period;

use super::bandwidth::measure;
use super::hls::write;
use super::subtitles::TextTrack;
use super::track::{Medium, Segment, Track};
use period::{Part, Period};

/// The text. Names, codecs and languages are checked words; only the names of tracks need escaping.
///
/// Segments keep their times: in the first period, without a `presentationTimeOffset`, they are shown at them, so
/// that picture and sound stay where the source has them, and so they are in the second. The presentation ends
/// with the last one, rounded up: players cut off what lies behind its end (ISO/IEC 23009-1, section 5.3.1.2).
///
/// Subtitles are one file for all periods, by the presentation's times as well.
pub(super) fn text(tracks: &[Track], texts: &[TextTrack]) -> String {
    let end_us = tracks.iter().map(Track::end_us).max().unwrap_or(0);
    let buffer_s = tracks.iter().map(|track| track.target_s).max().unwrap_or(1);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" profiles=\"urn:mpeg:dash:profile:isoff-main:2011\" \
         type=\"static\" mediaPresentationDuration=\"{}\" minBufferTime=\"PT{buffer_s}S\">\n",
        duration(end_us)
    );
    let periods = Period::all(tracks);
    for (number, period) in periods.iter().enumerate() {
        let next_us = periods.get(number + 1).map(|next| next.start_us);
        let span = Span {
            start_us: period.start_us,
            end_us: next_us.unwrap_or(end_us),
            is_all: periods.len() == 1,
        };
        push_period(&mut text, number, period, (texts, span));
    }
    text.push_str("</MPD>\n");
    text
}

/// Microseconds as XML has durations; nothing at all without a fraction.
fn duration(us: u64) -> String {
    match (us / 1_000_000, us % 1_000_000) {
        (0, 0) => "PT0S".to_owned(),
        (seconds, rest_us) => format!("PT{seconds}.{rest_us:06}S"),
    }
}

/// The time that a period takes, for subtitles.
#[derive(Debug, Clone, Copy)]
struct Span {
    start_us: u64,
    end_us: u64,
    /// Whether there is no other.
    is_all: bool,
}

fn push_period(
    text: &mut String,
    number: usize,
    period: &Period<'_>,
    (texts, span): (&[TextTrack], Span),
) {
    let start = duration(period.start_us);
    write(
        text,
        format_args!("<Period id=\"{number}\" start=\"{start}\">\n"),
    );
    let (audio, video): (Vec<&Part<'_>>, Vec<&Part<'_>>) =
        period.parts.iter().partition(|part| part.track.is_audio());
    let video: Vec<&Part<'_>> = video.into_iter().filter(|part| !part.is_empty()).collect();
    if !video.is_empty() {
        push_set(text, 0, &video, None);
    }
    // A set is what a player may switch within: each track of sound is one of its own, by the same number in
    // all periods.
    for (number, part) in (1..).zip(&audio) {
        let role = match number {
            _ if audio.len() == 1 => None,
            1 => Some("main"),
            _ => Some("alternate"),
        };
        if !part.is_empty() {
            push_set(text, number, &[part], role);
        }
    }
    for (number, one) in (audio.len() + 1..).zip(texts) {
        push_text(text, number, one, span);
    }
    text.push_str("</Period>\n");
}

/// Subtitles: one file for the whole presentation, whose times are the presentation's (DASH-IF IOP 4.3, section
/// 6.4.2: a side-loaded file). Where there are several periods it is the one segment of each, whose offset says at
/// which of its times the period begins, as those of picture and sound do.
fn push_text(text: &mut String, number: usize, one: &TextTrack, span: Span) {
    write(
        text,
        format_args!("<AdaptationSet id=\"{number}\" contentType=\"text\" mimeType=\"text/vtt\""),
    );
    if let Some(language) = &one.language {
        write(text, format_args!(" lang=\"{language}\""));
    }
    text.push_str(">\n");
    let mut roles = vec![if one.is_forced {
        "forced-subtitle"
    } else {
        "subtitle"
    }];
    roles.extend(one.is_default.then_some("main"));
    for role in roles {
        write(
            text,
            format_args!("<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"{role}\"/>\n"),
        );
    }
    write(
        text,
        format_args!("<Label>{}</Label>\n", escaped(&one.label)),
    );
    let (name, bps, uri) = (&one.name, one.bps(), &one.uri);
    write(
        text,
        format_args!("<Representation id=\"{name}\" bandwidth=\"{bps}\">"),
    );
    if span.is_all {
        write(text, format_args!("<BaseURL>{uri}</BaseURL>"));
    } else {
        let Span {
            start_us, end_us, ..
        } = span;
        let us = end_us.saturating_sub(start_us);
        write(
            text,
            format_args!("\n<SegmentList timescale=\"1000000\" duration=\"{us}\""),
        );
        if start_us > 0 {
            write(text, format_args!(" presentationTimeOffset=\"{start_us}\""));
        }
        write(
            text,
            format_args!(">\n<SegmentURL media=\"{uri}\"/>\n</SegmentList>\n"),
        );
    }
    text.push_str("</Representation>\n</AdaptationSet>\n");
}

fn push_set(text: &mut String, number: usize, parts: &[&Part<'_>], role: Option<&str>) {
    let audio = parts.iter().find_map(|part| match &part.track.medium {
        Medium::Audio {
            language, title, ..
        } => Some((language, title)),
        Medium::Video { .. } => None,
    });
    let kind = if audio.is_some() { "audio" } else { "video" };
    write(
        text,
        format_args!(
            "<AdaptationSet id=\"{number}\" contentType=\"{kind}\" mimeType=\"{kind}/mp4\" \
             segmentAlignment=\"true\" startWithSAP=\"1\""
        ),
    );
    if let Some((Some(language), _)) = audio {
        write(text, format_args!(" lang=\"{language}\""));
    }
    text.push_str(">\n");
    if let Some(role) = role {
        write(
            text,
            format_args!("<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"{role}\"/>\n"),
        );
    }
    if let Some((_, Some(title))) = audio {
        write(text, format_args!("<Label>{}</Label>\n", escaped(title)));
    }
    for part in parts {
        push_representation(text, part);
    }
    text.push_str("</AdaptationSet>\n");
}

/// A stranger's words as XML's text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn push_representation(text: &mut String, part: &Part<'_>) {
    let Part {
        track,
        edition,
        segments,
        offset,
    } = part;
    let (name, timescale) = (&track.name, track.timescale);
    let (init, codecs) = (&edition.init, &edition.codecs);
    let bps = measure(track).peak_bps;
    write(
        text,
        format_args!("<Representation id=\"{name}\" bandwidth=\"{bps}\" codecs=\"{codecs}\""),
    );
    match &track.medium {
        Medium::Video { width, height, fps } => {
            write(text, format_args!(" width=\"{width}\" height=\"{height}\""));
            if let Some((num, den)) = fps {
                write(text, format_args!(" frameRate=\"{num}/{den}\""));
            }
            text.push_str(">\n");
        }
        Medium::Audio {
            channels,
            sample_rate_hz,
            ..
        } => write(
            text,
            format_args!(
                " audioSamplingRate=\"{sample_rate_hz}\">\n<AudioChannelConfiguration \
                 schemeIdUri=\"urn:mpeg:dash:23003:3:audio_channel_configuration:2011\" value=\"{channels}\"/>\n"
            ),
        ),
    }
    write(text, format_args!("<SegmentList timescale=\"{timescale}\""));
    if *offset > 0 {
        write(text, format_args!(" presentationTimeOffset=\"{offset}\""));
    }
    write(
        text,
        format_args!(">\n<Initialization sourceURL=\"{init}\"/>\n"),
    );
    push_timeline(text, segments);
    for segment in *segments {
        write(
            text,
            format_args!("<SegmentURL media=\"{}\"/>\n", segment.uri),
        );
    }
    text.push_str("</SegmentList>\n</Representation>\n");
}

/// Runs of equal durations are one element, and a time is told only where a segment does not begin
/// where the one before ends.
fn push_timeline(text: &mut String, segments: &[Segment]) {
    text.push_str("<SegmentTimeline>\n");
    let mut at = None;
    for run in segments.chunk_by(|a, b| a.duration == b.duration && a.end() == b.start) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        text.push_str("<S");
        if at != Some(first.start) {
            write(text, format_args!(" t=\"{}\"", first.start));
        }
        write(text, format_args!(" d=\"{}\"", first.duration));
        if run.len() > 1 {
            write(text, format_args!(" r=\"{}\"", run.len() - 1));
        }
        text.push_str("/>\n");
        at = Some(last.end());
    }
    text.push_str("</SegmentTimeline>\n");
}
