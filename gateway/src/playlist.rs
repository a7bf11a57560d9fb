//! Playlists: from the record and the details of attempts to text. No IO, no clock.
//!
//! While a job runs, only the longest whole prefix is listed, and nothing that was listed ever changes.
//! Addresses are relative to the job's outputs, so that the same text works behind the gateway, in
//! storage and behind a CDN.

mod bandwidth;

mod chapters;

mod dash;

mod details;

mod hls;

mod multivariant;

mod subtitles;

mod track;

use bus_schema::id::RenditionName;
use bus_schema::object_key;
use bus_schema::record::JobRecord;

pub use details::{DetailKey, Details};

use hls::Kind;
use track::{Track, tracks};

/// Media type of HLS playlists (RFC 8216, section 4).
pub const HLS_TYPE: &str = "application/vnd.apple.mpegurl";
/// Media type of DASH manifests (ISO/IEC 23009-1, annex C).
pub const DASH_TYPE: &str = "application/dash+xml";

/// Why there is no playlist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing can be played yet.
    #[error("nothing can be played yet: the first seconds are still being transcoded")]
    NotReady,
    /// The job has no such rendition, or gave it up.
    #[error("the job has no rendition `{0}`")]
    UnknownRendition(String),
    /// A final playlist was asked for while pieces are missing.
    #[error("{what} is not whole: {n_found} of {n_wanted} pieces have details")]
    Incomplete {
        /// The track.
        what: String,
        /// Pieces with details.
        n_found: usize,
        /// Pieces in the plan.
        n_wanted: usize,
    },
    /// A final playlist was asked for of a rendition that nothing came out of.
    #[error("nothing came out of the source for {0}: its track is empty")]
    Empty(String),
    /// Details that contradict the plan, or are not what a worker may write.
    #[error("the details under `{key}` are damaged: {reason}")]
    Damaged {
        /// Their key.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

/// A file to write beside the segments, under [`object_key::outputs`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalFile {
    /// Relative to the job's outputs.
    pub name: String,
    /// Its media type.
    pub content_type: &'static str,
    /// What is in it.
    pub text: String,
}

/// The multivariant playlist of a running job: rates as the plan promises them.
///
/// # Errors
/// [`Error::NotReady`] before the first chunk (or part of the sound), [`Error::Damaged`].
pub fn multivariant(record: &JobRecord, details: &Details) -> Result<String, Error> {
    let tracks = tracks(record, details)?;
    // Further tracks of sound are offered from their first segment on: nobody waits for them.
    let further = further_sound(&tracks);
    let tracks: Vec<Track> = tracks
        .into_iter()
        .zip(further)
        .filter(|(track, is_further)| !(*is_further && track.segments.is_empty()))
        .map(|(track, _)| track)
        .collect();
    if tracks.is_empty() || tracks.iter().any(|track| track.segments.is_empty()) {
        return Err(Error::NotReady);
    }
    let texts = subtitles::tracks(record, details);
    Ok(multivariant::text(
        &tracks,
        &texts,
        multivariant::Rates::Promised,
    ))
}

/// One rendition's playlist of a running job.
///
/// # Errors
/// [`Error::UnknownRendition`], [`Error::NotReady`] before its first segment, [`Error::Damaged`].
pub fn media(record: &JobRecord, details: &Details, name: &RenditionName) -> Result<String, Error> {
    if record.plan.is_none() {
        return Err(Error::NotReady);
    }
    if subtitles::is_planned(record, name) {
        let texts = subtitles::tracks(record, details);
        let text = texts.iter().find(|text| text.name == *name);
        return text.map(subtitles::playlist).ok_or(Error::NotReady);
    }
    if !is_offered(record, name) {
        return Err(Error::UnknownRendition(name.to_string()));
    }
    let tracks = tracks(record, details)?;
    let track = tracks
        .iter()
        .find(|track| track.name == *name)
        .ok_or(Error::NotReady)?;
    if track.segments.is_empty() {
        return Err(Error::NotReady);
    }
    Ok(hls::text(track, Kind::Growing, ""))
}

/// The final playlists and the DASH manifest, with measured rates; written once, before the job is
/// completed.
///
/// # Errors
/// [`Error::Incomplete`] when any piece of a rendition that is not dropped has no details,
/// [`Error::Empty`] when all pieces of one are empty, [`Error::Damaged`].
pub fn finish(record: &JobRecord, details: &Details) -> Result<Vec<FinalFile>, Error> {
    let tracks = tracks(record, details)?;
    details.check_whole(record)?;
    if tracks.is_empty() {
        return Err(Error::NotReady);
    }
    // Some pieces may be empty, but there is no playlist without a segment.
    if let Some(empty) = tracks.iter().find(|track| track.segments.is_empty()) {
        return Err(Error::Empty(empty.name.to_string()));
    }
    let chapters = chapters::of(record, details);
    let playlists = tracks.iter().map(|track| FinalFile {
        name: object_key::media_playlist(&track.name),
        content_type: HLS_TYPE,
        text: hls::text(track, Kind::Final, &chapters::tags(track, &chapters)),
    });
    let mut files: Vec<FinalFile> = playlists.collect();
    let with_keyframes = tracks.iter().filter(|track| track.has_keyframes());
    files.extend(with_keyframes.map(|track| FinalFile {
        name: object_key::iframe_playlist(&track.name),
        content_type: HLS_TYPE,
        text: hls::keyframes(track),
    }));
    let texts = subtitles::tracks(record, details);
    files.extend(texts.iter().map(|text| FinalFile {
        name: object_key::media_playlist(&text.name),
        content_type: HLS_TYPE,
        text: subtitles::playlist(text),
    }));
    files.push(FinalFile {
        name: object_key::DASH_MANIFEST.to_owned(),
        content_type: DASH_TYPE,
        text: dash::text(&tracks, &texts),
    });
    // The multivariant playlist last: what it names is there when it is.
    files.push(FinalFile {
        name: object_key::MULTIVARIANT_PLAYLIST.to_owned(),
        content_type: HLS_TYPE,
        text: multivariant::text(&tracks, &texts, multivariant::Rates::Measured),
    });
    Ok(files)
}

/// Which tracks are sound, but not the first of it.
fn further_sound(tracks: &[Track]) -> Vec<bool> {
    let mut audio = 0;
    let is_further = |track: &Track| {
        audio += usize::from(track.is_audio());
        track.is_audio() && audio > 1
    };
    tracks.iter().map(is_further).collect()
}

/// Whether a rendition is planned and not given up.
fn is_offered(record: &JobRecord, name: &RenditionName) -> bool {
    let Some(plan) = &record.plan else {
        return false;
    };
    let video = plan
        .video
        .iter()
        .flat_map(|video| &video.renditions)
        .map(|r| &r.name);
    let mut names = video.chain(plan.audio.iter().map(|audio| &audio.name));
    !record.dropped.contains(name) && names.any(|planned| planned == name)
}

#[cfg(test)]
mod tests;
