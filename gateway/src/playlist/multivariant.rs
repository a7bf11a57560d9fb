//! HLS multivariant playlists (RFC 8216): every picture with the sound beside it.

use bus_schema::object_key;

use super::bandwidth::{Measured, measure, measure_keyframes};
use super::hls::write;
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
pub(super) fn text(tracks: &[Track], rates: Rates) -> String {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n".to_owned();
    let audio = tracks.iter().find(|track| track.is_audio());
    let has_video = tracks.iter().any(|track| !track.is_audio());
    if let Some(audio) = audio.filter(|_| has_video) {
        push_audio_group(&mut text, audio);
    }
    for track in tracks
        .iter()
        .filter(|track| !(has_video && track.is_audio()))
    {
        push_variant(&mut text, track, audio.filter(|_| has_video), rates);
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
            track.codecs
        ),
    );
    if let Medium::Video { width, height, .. } = &track.medium {
        write(text, format_args!(",RESOLUTION={width}x{height}"));
    }
    let uri = object_key::iframe_playlist(&track.name);
    write(text, format_args!(",URI=\"{uri}\"\n"));
}

fn push_audio_group(text: &mut String, audio: &Track) {
    let Medium::Audio {
        channels, language, ..
    } = &audio.medium
    else {
        return;
    };
    write(
        text,
        format_args!(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{AUDIO_GROUP}\",NAME=\"{}\"",
            audio.name
        ),
    );
    if let Some(language) = language {
        write(text, format_args!(",LANGUAGE=\"{language}\""));
    }
    let uri = object_key::media_playlist(&audio.name);
    write(
        text,
        format_args!(",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"{channels}\",URI=\"{uri}\"\n"),
    );
}

fn push_variant(text: &mut String, track: &Track, audio: Option<&Track>, rates: Rates) {
    let all = || std::iter::once(track).chain(audio);
    text.push_str("#EXT-X-STREAM-INF:");
    match rates {
        Rates::Promised => {
            let bps = sum(all().map(|track| track.rate_bps));
            write(text, format_args!("BANDWIDTH={bps}"));
        }
        Rates::Measured => {
            let peak = sum(all().map(|track| measure(track).peak_bps));
            let mean = sum(all().map(|track| measure(track).mean_bps));
            write(
                text,
                format_args!("BANDWIDTH={peak},AVERAGE-BANDWIDTH={mean}"),
            );
        }
    }
    let codecs: Vec<&str> = all().map(|track| track.codecs.as_str()).collect();
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
    if audio.is_some() {
        write(text, format_args!(",AUDIO=\"{AUDIO_GROUP}\""));
    }
    write(
        text,
        format_args!("\n{}\n", object_key::media_playlist(&track.name)),
    );
}

/// Rates of tracks that are played together; absurd ones do not overflow.
fn sum(rates: impl Iterator<Item = u64>) -> u64 {
    rates.fold(0, u64::saturating_add)
}
