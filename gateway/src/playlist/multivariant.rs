//! HLS multivariant playlists (RFC 8216): every picture with the sound beside it.
//!
//! Several tracks of sound are one group, of which a player takes one: the first, unless its user
//! chooses or speaks the language of another. Without a picture the first one is the variant, and the
//! group beside it holds them all.

use bus_schema::object_key;

use super::bandwidth::{Measured, measure, measure_keyframes};
use super::hls::write;
use super::subtitles::{self, TextTrack};
use super::track::{Medium, Track};

/// The group of the sound; there is one.
const AUDIO_GROUP: &str = "audio";

/// Where rates come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rates {
    /// The plan: what the encoder is capped at.
    Promised,
    /// The segments, when they are all there.
    Measured,
}

/// The text. Every track has a segment.
pub(super) fn text(tracks: &[Track], texts: &[TextTrack], rates: Rates) -> String {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n".to_owned();
    let audio: Vec<&Track> = tracks.iter().filter(|track| track.is_audio()).collect();
    let has_video = tracks.iter().any(|track| !track.is_audio());
    let group = if has_video || audio.len() > 1 {
        audio.as_slice()
    } else {
        &[]
    };
    for (place, (track, name)) in group.iter().zip(names(group)).enumerate() {
        push_rendition(&mut text, track, &name, place == 0);
    }
    subtitles::push_renditions(&mut text, texts);
    let variants = tracks.iter().filter(|track| !track.is_audio());
    // Without a picture the first track of sound is one; what is in its group is not another.
    let sound = audio.first().copied().filter(|_| !has_video);
    for track in variants.chain(sound) {
        push_variant(&mut text, track, group, rates);
        if !texts.is_empty() {
            write(
                &mut text,
                format_args!(",SUBTITLES=\"{}\"", subtitles::GROUP),
            );
        }
        write(
            &mut text,
            format_args!("\n{}\n", object_key::media_playlist(&track.name)),
        );
    }
    if rates == Rates::Measured {
        for track in tracks.iter().filter(|track| track.has_keyframes()) {
            push_keyframes(&mut text, track);
        }
    }
    text
}

/// The playlist of a picture's keyframes alone (RFC 8216, section 4.3.4.3).
fn push_keyframes(text: &mut String, track: &Track) {
    let Measured { peak_bps, mean_bps } = measure_keyframes(track);
    write(
        text,
        format_args!(
            "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={peak_bps},AVERAGE-BANDWIDTH={mean_bps},CODECS=\"{}\"",
            track.codecs().join(",")
        ),
    );
    if let Medium::Video { width, height, .. } = &track.medium {
        write(text, format_args!(",RESOLUTION={width}x{height}"));
    }
    let uri = object_key::iframe_playlist(&track.name);
    write(text, format_args!(",URI=\"{uri}\"\n"));
}

/// What the tracks of a group are called, each differently (RFC 8216, section 4.3.4.1.1): a single one
/// as its rendition; of several each as the source calls it or else by its language, and where that
/// is not enough by its rendition too.
fn names(group: &[&Track]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for track in group {
        let Medium::Audio {
            language, title, ..
        } = &track.medium
        else {
            continue;
        };
        let rendition = track.name.to_string();
        let known = title.as_ref().or(language.as_ref());
        let known = known.filter(|_| group.len() > 1);
        let mut name = known.unwrap_or(&rendition).clone();
        while names.contains(&name) {
            name = format!("{name} ({rendition})");
        }
        names.push(name);
    }
    names
}

fn push_rendition(text: &mut String, audio: &Track, name: &str, is_default: bool) {
    let Medium::Audio {
        channels, language, ..
    } = &audio.medium
    else {
        return;
    };
    write(
        text,
        format_args!("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{AUDIO_GROUP}\",NAME=\"{name}\""),
    );
    if let Some(language) = language {
        write(text, format_args!(",LANGUAGE=\"{language}\""));
    }
    let default = if is_default { "YES" } else { "NO" };
    let uri = object_key::media_playlist(&audio.name);
    write(
        text,
        format_args!(",DEFAULT={default},AUTOSELECT=YES,CHANNELS=\"{channels}\",URI=\"{uri}\"\n"),
    );
}

/// The tag of a variant, but for what is behind its sound. A variant takes what it takes itself and the dearest of
/// its group, of which one plays at a time (RFC 8216, section 4.3.4.2).
fn push_variant(text: &mut String, track: &Track, group: &[&Track], rates: Rates) {
    let others = || group.iter().filter(|other| other.name != track.name);
    let sum = |rate: &dyn Fn(&Track) -> u64| {
        let dearest = others().map(|other| rate(other)).max().unwrap_or(0);
        // Sound is not played beside sound.
        if track.is_audio() {
            rate(track).max(dearest)
        } else {
            rate(track).saturating_add(dearest)
        }
    };
    text.push_str("#EXT-X-STREAM-INF:");
    match rates {
        Rates::Promised => {
            let bps = sum(&|track| track.rate_bps);
            write(text, format_args!("BANDWIDTH={bps}"));
        }
        Rates::Measured => {
            let peak = sum(&|track| measure(track).peak_bps);
            let mean = sum(&|track| measure(track).mean_bps);
            write(
                text,
                format_args!("BANDWIDTH={peak},AVERAGE-BANDWIDTH={mean}"),
            );
        }
    }
    let mut codecs = track.codecs();
    for codec in others().flat_map(|other| other.codecs()) {
        if !codecs.contains(&codec) {
            codecs.push(codec);
        }
    }
    write(text, format_args!(",CODECS=\"{}\"", codecs.join(",")));
    if let Medium::Video { width, height, fps } = &track.medium {
        write(text, format_args!(",RESOLUTION={width}x{height}"));
        if let Some((num, den)) = fps {
            write(
                text,
                format_args!(",FRAME-RATE={:.3}", f64::from(*num) / f64::from(*den)),
            );
        }
    }
    if !group.is_empty() {
        write(text, format_args!(",AUDIO=\"{AUDIO_GROUP}\""));
    }
}
