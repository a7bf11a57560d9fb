//! MPEG-TS: its demuxer, and what such a file says of itself beside its streams. The bytes that flow to the
//! demuxer are looked at: which packets are missing, by their counters, and which streams there are, by the
//! broadcast's own table.

mod demuxer;
mod element;
mod framing;
mod kinds;
mod latm;
mod opus;
mod packets;
mod programme;
mod streams;
mod tables;
mod times;
mod units;

use std::sync::{Arc, Mutex, PoisonError};

use bus_schema::broadcast::{BroadcastFacts, UNREAD_TOLD_MAX, UnreadFacts};
use bus_schema::report::ErrorCode;

pub(super) use self::element::register;

use self::demuxer::SCAN_BYTES_MAX;
use self::packets::Packets;
use self::streams::ListedStream;
use self::tables::Tables;
use super::demux::{Medium, Stream};
use super::error::Error;

/// A file that holds no packet in so many bytes is no transport stream.
const PACKETLESS_BYTES_MAX: u64 = 1 << 20;

/// Looks at the bytes of a source as they flow, each once and in their order; several may hold it.
#[derive(Debug, Clone, Default)]
pub(super) struct Transport {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Up to here all bytes were seen.
    at: u64,
    packets: Packets,
    tables: Tables,
}

impl Transport {
    /// Looks at bytes that were read at an offset. What is behind a hole is looked at when the hole was:
    /// demuxers look at the end of a file first.
    pub(super) fn see(&self, offset: u64, bytes: &[u8]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen {
            at,
            packets,
            tables,
        } = &mut *seen;
        let known = at.checked_sub(offset).and_then(|n| usize::try_from(n).ok());
        let Some(new) = known.and_then(|known| bytes.get(known..)) else {
            return;
        };
        if *at > PACKETLESS_BYTES_MAX && packets.is_none() {
            return;
        }
        *at += new.len() as u64;
        packets.see(new, |packet| tables.see(packet));
    }

    /// What the broadcast lacks, given the streams that its demuxer showed; it has so many bytes and lasts
    /// so long.
    pub(super) fn facts(
        &self,
        shown: &[Stream],
        source_bytes: u64,
        duration_ns: u64,
    ) -> BroadcastFacts {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let pids: Vec<u16> = shown.iter().filter_map(pid).collect();
        let listed = seen.tables.streams(&pids);
        let is_listed = |pid: u16| listed.iter().any(|stream| stream.pid == pid);
        let losses = seen.packets.losses(is_listed);
        let first_gap_ns = losses.first_at.map(|at| {
            let part = u128::from(at) * u128::from(duration_ns);
            u64::try_from(part / u128::from(source_bytes.max(1))).unwrap_or(duration_ns)
        });
        let before = |nth: usize, pid: u16| {
            let mut before = listed.iter().take(nth);
            before.find(|stream| stream.pid == pid)
        };
        let unread = listed.iter().enumerate().filter_map(|(nth, stream)| {
            let before = before(nth, stream.pid);
            let is_same = before.is_some_and(|before| before.kind == stream.kind);
            (!is_same).then(|| seen.unread(stream, before.is_none(), &pids))?
        });
        BroadcastFacts {
            lost_packets: losses.packets,
            gaps: losses.gaps,
            first_gap_ns,
            lead_ns: 0,
            unread: unread.take(UNREAD_TOLD_MAX).collect(),
        }
    }

    /// Why nothing, or nothing of a picture, can be read of a broadcast that holds one or the other.
    pub(super) fn refusal(&self, shown: &[Stream]) -> Option<Error> {
        let unread = self.facts(shown, 0, 0).unread;
        let is_strange =
            |stream: &&UnreadFacts| stream.is_scrambled || !kinds::is_read(&stream.codec);
        let mut strange = unread.iter().filter(is_strange);
        let stream = strange.clone().find(|stream| stream.is_video);
        let stream = stream.or_else(|| strange.next().filter(|_| shown.is_empty()))?;
        let what = if stream.is_video { "picture" } else { "sound" };
        let message = if stream.is_scrambled {
            format!(
                "The {what} of the broadcast is scrambled: record it with a receiver that has the key, and \
                 upload that."
            )
        } else {
            format!(
                "This worker has no decoder for the {what} of the broadcast, which is {}: convert the file \
                 to MP4 with H.264 and AAC, and upload that.",
                stream.codec
            )
        };
        let detail = format!("PID {}", stream.pid);
        Some(Error::new(ErrorCode::Unsupported, message).because(detail))
    }
}

impl Seen {
    /// A stream that the table lists and nothing shows, though there is something of it. Of what is
    /// scrambled a demuxer may show a stream, in which there is nothing. A number may also be that of another
    /// stream before: then it is not the first.
    fn unread(&self, stream: &ListedStream, is_first: bool, shown: &[u16]) -> Option<UnreadFacts> {
        let count = self.packets.of(stream.pid)?;
        let is_scrambled = count.is_unreadable();
        let is_shown = shown.contains(&stream.pid) && !is_scrambled && is_first;
        if is_shown || count.with_payload == 0 {
            return None;
        }
        let kind = stream.kind.filter(|kind| !kind.is_text())?;
        Some(UnreadFacts {
            pid: stream.pid,
            is_video: kind.medium == Medium::Video,
            codec: kind.name.to_owned(),
            is_scrambled,
            is_late: !is_first || stream.is_added || count.first_at >= SCAN_BYTES_MAX as u64,
            language: stream.language.clone(),
        })
    }
}

/// The demuxer ends the names of a broadcast's streams with their number, in hexadecimal digits.
fn pid(stream: &Stream) -> Option<u16> {
    u16::from_str_radix(&stream.id, 16).ok()
}
