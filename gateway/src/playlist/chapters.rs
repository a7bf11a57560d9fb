//! Chapters in HLS: date ranges (RFC 8216, section 4.3.2.7) on a calendar whose zero is the film's begin.

use bus_schema::chapter::{self, Chapter};
use bus_schema::record::JobRecord;

use super::details::Details;
use super::hls::write;
use super::track::{Segment, Track};

/// Who else's date ranges players may know are told apart by this.
const CLASS: &str = "tcoder.chapter";
const SECOND_NS: u64 = 1_000_000_000;

/// The chapters of a whole job, where they were asked for.
pub(super) fn of(record: &JobRecord, details: &Details) -> Vec<Chapter> {
    let video = record.plan.as_ref().and_then(|plan| plan.video.as_ref());
    let (Some(asked), Some(video)) = (record.request.chapters, video) else {
        return Vec::new();
    };
    let chunks = details.chunks.iter().map(|(_, chunk)| &**chunk);
    let changes = chapter::changes(chunks, video.timescale);
    let length_ns = asked.length_ms_min.saturating_mul(1_000_000);
    chapter::chapters(&changes, length_ns, video.end_ns)
}

/// The date of a track's first segment, and the chapters as date ranges; nothing without chapters.
pub(super) fn tags(track: &Track, chapters: &[Chapter]) -> String {
    let Some(first) = track.segments.first().filter(|_| !chapters.is_empty()) else {
        return String::new();
    };
    let mut text = date_tag(track, first);
    for (n, chapter) in (1..).zip(chapters) {
        let length_ms = chapter.end_ns.saturating_sub(chapter.start_ns) / 1_000_000;
        write(
            &mut text,
            format_args!(
                "#EXT-X-DATERANGE:ID=\"chapter-{n}\",CLASS=\"{CLASS}\",START-DATE=\"{}\",DURATION={}.{:03},\
                 X-TITLE=\"Chapter {n}\"\n",
                date(chapter.start_ns),
                length_ms / 1_000,
                length_ms % 1_000,
            ),
        );
    }
    text
}

/// The date of a segment.
pub(super) fn date_tag(track: &Track, segment: &Segment) -> String {
    let scale = u128::from(track.timescale.max(1));
    let start_ns = u128::from(segment.start) * u128::from(SECOND_NS) / scale;
    let start_ns = u64::try_from(start_ns).unwrap_or(u64::MAX);
    format!("#EXT-X-PROGRAM-DATE-TIME:{}\n", date(start_ns))
}

/// A time of the film as a date: of 1 January 1970, and of the days behind it for longer ones.
fn date(ns: u64) -> String {
    let ms = ns / 1_000_000;
    let (days, of_day_ms) = (ms / 86_400_000, ms % 86_400_000);
    // January has room for the longest film.
    let day = 1 + days.min(30);
    format!(
        "1970-01-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        of_day_ms / 3_600_000,
        of_day_ms / 60_000 % 60,
        of_day_ms / 1_000 % 60,
        of_day_ms % 1_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_dates() {
        assert_eq!(date(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(date(3_723_004 * 1_000_000), "1970-01-01T01:02:03.004Z");
        assert_eq!(date(90_000 * SECOND_NS), "1970-01-02T01:00:00.000Z");
    }
}
