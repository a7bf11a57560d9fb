//! Object keys, the only file that spells them out.
//!
//! Inputs and outputs share no prefix: a notification rule filters to [`INPUTS`], so that no output
//! can ever become a new job.

use crate::id::{Attempt, JobId, RenditionName, TaskNumber, TenantId};
use crate::request::images::ImageFormat;

/// Where uploads land, and the only prefix that notification rules watch.
pub const INPUTS: &str = "inputs/";
/// Where everything that we write lies.
pub const OUTPUTS: &str = "outputs/";

/// The key that an authorized upload is written to: `inputs/<tenant>/<job>/source`. The user's file
/// name is metadata and never part of a key.
#[must_use]
pub fn source(tenant: &TenantId, job: &JobId) -> String {
    format!("{INPUTS}{tenant}/{job}/source")
}

/// The job of a source key, when the key is one that [`source`] makes.
#[must_use]
pub fn job_of_source(key: &str) -> Option<(TenantId, JobId)> {
    let rest = key.strip_prefix(INPUTS)?;
    let mut parts = rest.split('/');
    let (tenant, job, name) = (parts.next()?, parts.next()?, parts.next()?);
    (parts.next().is_none() && name == "source")
        .then(|| Some((tenant.parse().ok()?, job.parse().ok()?)))?
}

/// The key that a job's image is uploaded to, where it brings one: `inputs/<tenant>/<job>/image`. It begins no job.
#[must_use]
pub fn image(tenant: &TenantId, job: &JobId) -> String {
    format!("{INPUTS}{tenant}/{job}/image")
}

/// Whether a key is one that [`source`] or [`image`] makes: it goes with its job.
#[must_use]
pub fn is_upload(key: &str) -> bool {
    let of_image = || {
        let (folder, name) = key.rsplit_once('/')?;
        (name == "image").then(|| job_of_source(&format!("{folder}/source")))?
    };
    job_of_source(key).or_else(of_image).is_some()
}

/// Everything of one job: `outputs/<tenant>/<job>/`.
#[must_use]
pub fn outputs(tenant: &TenantId, job: &JobId) -> String {
    format!("{OUTPUTS}{tenant}/{job}/")
}

/// Where one attempt writes: `outputs/<tenant>/<job>/t<task>a<attempt>/`. A slow twin of a task has a
/// prefix of its own and can never overwrite the winner.
#[must_use]
pub fn attempt(tenant: &TenantId, job: &JobId, task: TaskNumber, attempt: Attempt) -> String {
    format!("{OUTPUTS}{tenant}/{job}/{}", attempt_dir(task, attempt))
}

/// The same relative to [`outputs`], as playlists name it.
#[must_use]
pub fn attempt_dir(task: TaskNumber, attempt: Attempt) -> String {
    format!("t{task}a{attempt}/")
}

/// The task of a key under [`outputs`], relative to them: the other way round.
#[must_use]
pub fn task_of(name: &str) -> Option<TaskNumber> {
    let (task, attempt) = name.strip_prefix('t')?.split_once('/')?.0.split_once('a')?;
    attempt.parse().map(Attempt).ok()?;
    task.parse().map(TaskNumber).ok()
}

/// A media segment under its attempt: `720p/000012.m4s`; numbered over the whole rendition.
#[must_use]
pub fn segment(rendition: &RenditionName, number: u32) -> String {
    format!("{rendition}/{number:06}.m4s")
}

/// A rendition's init segment under its attempt: `720p/init.mp4`.
#[must_use]
pub fn init(rendition: &RenditionName) -> String {
    format!("{rendition}/init.mp4")
}

/// A rendition's sample tables under its attempt, from which MP4s are assembled: `720p/samples`.
#[must_use]
pub fn samples(rendition: &RenditionName) -> String {
    format!("{rendition}/samples")
}

/// The sample tables of one part of a long task: `audio/samples-3`.
#[must_use]
pub fn part_samples(rendition: &RenditionName, part: u32) -> String {
    format!("{rendition}/samples-{part}")
}

/// A finished file under its attempt: `720p.mp4`, `audio.m4a`.
#[must_use]
pub fn file(rendition: &RenditionName, is_audio_only: bool) -> String {
    if is_audio_only {
        format!("{rendition}.m4a")
    } else {
        format!("{rendition}.mp4")
    }
}

/// A track of subtitles under its attempt: `subtitles-2.vtt`.
#[must_use]
pub fn subtitles(name: &RenditionName) -> String {
    format!("{name}.vtt")
}

/// What begins the names of everything that an intermediate consists of, under its attempt.
pub const INTERMEDIATE: &str = "intermediate/";

/// A piece of an intermediate's head under its attempt, from 0: `intermediate/head-000`.
#[must_use]
pub fn intermediate_head(number: u32) -> String {
    format!("{INTERMEDIATE}head-{number:03}")
}

/// A piece of an intermediate's media under its attempt, from 0: `intermediate/000012`.
#[must_use]
pub fn intermediate_media(number: u32) -> String {
    format!("{INTERMEDIATE}{number:06}")
}

/// The image that stands for the film, so wide, under its attempt: `images/poster-640.jpg`.
#[must_use]
pub fn poster(width: u32, format: ImageFormat) -> String {
    format!("images/poster-{width}.{}", format.extension())
}

/// A thumbnail by its number from 1, so wide, under its attempt: `images/thumbnail-0007-320.webp`.
#[must_use]
pub fn thumbnail(number: u32, width: u32, format: ImageFormat) -> String {
    format!(
        "images/thumbnail-{number:04}-{width}.{}",
        format.extension()
    )
}

/// A storyboard's sheet, from 0, under its attempt: `images/storyboard-001.jpg`.
#[must_use]
pub fn storyboard_sheet(sheet: u32, format: ImageFormat) -> String {
    format!(
        "images/storyboard-{:03}.{}",
        sheet.saturating_add(1),
        format.extension()
    )
}

/// The index of a storyboard, relative to [`outputs`].
pub const STORYBOARD: &str = "storyboard.vtt";
/// A film's chapters as WebVTT, relative to [`outputs`].
pub const CHAPTERS: &str = "chapters.vtt";
/// The same as JSON.
pub const CHAPTERS_JSON: &str = "chapters.json";
/// The list of all images, relative to [`outputs`].
pub const IMAGES: &str = "images.json";

/// The final multivariant playlist, relative to [`outputs`].
pub const MULTIVARIANT_PLAYLIST: &str = "master.m3u8";
/// The final DASH manifest, relative to [`outputs`].
pub const DASH_MANIFEST: &str = "manifest.mpd";
/// What is kept of a finished job's attempts, relative to [`outputs`].
pub const MANIFEST: &str = "job.json";

/// A rendition's final media playlist, relative to [`outputs`].
#[must_use]
pub fn media_playlist(rendition: &RenditionName) -> String {
    format!("{rendition}.m3u8")
}

/// The final playlist of a rendition's keyframes alone, relative to [`outputs`]: `720p-iframes.m3u8`.
#[must_use]
pub fn iframe_playlist(rendition: &RenditionName) -> String {
    format!("{rendition}-iframes.m3u8")
}

/// Whether a worker may ask to write this name under its attempt: segments, init segments, sample
/// tables and finished files, one folder deep at most.
#[must_use]
pub fn is_attempt_name(name: &str) -> bool {
    let is_word = |word: &str| {
        (1..=32).contains(&word.len())
            && !word.starts_with('.')
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
    };
    let mut words = name.split('/');
    let first = words.next().is_some_and(is_word);
    let second = words.next().is_none_or(is_word);
    first && second && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_key_names_its_job_and_nothing_else_does() {
        let tenant = TenantId::default();
        let job = JobId::from_parts(1, [7; 10]);
        let key = source(&tenant, &job);
        assert_eq!(job_of_source(&key), Some((tenant.clone(), job)));
        let image = image(&tenant, &job);
        assert_eq!(job_of_source(&image), None);
        assert!(is_upload(&key) && is_upload(&image));
        assert!(!is_upload(&format!("{image}s")) && !is_upload("inputs/default/notajob/image"));
        for key in [
            format!("{key}/x"),
            format!("{key}x"),
            format!("x{key}"),
            key.replace("inputs", "outputs"),
            "inputs/default/notajob/source".to_owned(),
            "inputs/film.mp4".to_owned(),
            String::new(),
        ] {
            assert_eq!(job_of_source(&key), None, "{key}");
        }
    }

    #[test]
    fn the_task_of_what_an_attempt_wrote_is_in_its_name() {
        let name = attempt_dir(TaskNumber(12), Attempt(3)) + "720p/000001.m4s";
        assert_eq!(task_of(&name), Some(TaskNumber(12)));
        for name in [
            "t12a3",
            "t12/x",
            "ta1/x",
            "t1a/x",
            "t-1a1/x",
            "master.m3u8",
            "",
            "x12a3/y",
        ] {
            assert_eq!(task_of(name), None, "{name}");
        }
    }

    #[test]
    fn a_worker_cannot_name_its_way_out_of_its_attempt() {
        for name in [
            "720p/000001.m4s",
            "720p/init.mp4",
            "720p.mp4",
            "audio/samples-3",
            "subtitles-32.vtt",
            &intermediate_head(3),
            &intermediate_media(u32::MAX),
            &poster(3_840, ImageFormat::Webp),
            &thumbnail(500, 3_840, ImageFormat::Webp),
            &storyboard_sheet(9, ImageFormat::Jpeg),
        ] {
            assert!(is_attempt_name(name), "{name}");
        }
        for name in [
            "", "/", "..", "../x", "a/../b", "a//b", "a/b/c", "a/", "/a", "A", "a b", "a/.b",
            "a\0", "a%2fb",
        ] {
            assert!(!is_attempt_name(name), "{name}");
        }
    }
}
