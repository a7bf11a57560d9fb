//! A transport stream taken apart: from its bytes to the frames of its streams. Which streams there are is found
//! out before anything is given out.

use std::collections::{BTreeMap, BTreeSet};

use super::framing::{Frame, Framing};
use super::kinds::Kind;
use super::packets::{PACKET_BYTES, Packet, Packets};
use super::programme::{self, Begun};
use super::streams::ListedStream;
use super::tables::Tables;
use super::times::{Position, Time, Times};
use super::units::{Assembly, Unit};
use crate::engine::Result;
use crate::engine::demux::Medium;

/// How far in the streams of a programme are looked for, which is held in memory meanwhile: some seconds
/// of the richest broadcast. What begins later is left out, and told.
pub(super) const SCAN_BYTES_MAX: usize = 16 << 20;

/// Most packets that are kept until the first table says what is in them: twice what the richest broadcast has
/// between two of them.
const EARLY_PACKETS_MAX: usize = (8 << 20) / PACKET_BYTES;

/// Most bytes of units that are not whole yet, of all streams.
const PENDING_BYTES_MAX: usize = 64 << 20;

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// All streams that there will be; nothing comes before.
    Streams(Vec<Shown>),
    /// What the stream of this place is called from here on.
    Caps(usize, String),
    Frame(usize, Frame),
}

/// A stream that is given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) pid: u16,
    pub(super) caps: String,
    /// Three letters, as they are told.
    pub(super) language: Option<String>,
}

/// Takes a transport stream apart.
#[derive(Debug, Default)]
pub(super) struct Demuxer {
    packets: Packets,
    state: State,
}

/// What is known of a broadcast up to a packet.
#[derive(Debug, Default)]
struct State {
    tables: Tables,
    /// How much the tables listed when it was last looked at.
    n_listed: usize,
    /// Packets that came before any table, each with its payload.
    early: Vec<(Packet<'static>, Vec<u8>)>,
    assemblies: BTreeMap<u16, Assembly>,
    /// What all of these hold.
    pending_bytes: usize,
    /// Units that wait for the streams to be known, and how many packets there were.
    scanned: Vec<(u16, Unit)>,
    n_packets: usize,
    begun: Begun,
    /// Given out, once that is known.
    shown: Option<Vec<Stream>>,
    times: Times,
    /// What times are counted from.
    base_ns: i64,
    outputs: Vec<Output>,
}

/// What is kept of a stream that is given out.
#[derive(Debug)]
struct Stream {
    pid: u16,
    kind: Kind,
    framing: Framing,
    position: Position,
}

impl Demuxer {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When times leap too often.
    pub(super) fn see(&mut self, bytes: &[u8]) -> Result<Vec<Output>> {
        let state = &mut self.state;
        let mut seen = Ok(());
        self.packets.see(bytes, |packet| {
            if seen.is_ok() {
                seen = state.see(packet);
            }
        });
        seen?;
        Ok(std::mem::take(&mut state.outputs))
    }

    /// The end of the file.
    ///
    /// # Errors
    /// As [`Self::see`].
    pub(super) fn finish(&mut self) -> Result<Vec<Output>> {
        let state = &mut self.state;
        for (pid, mut assembly) in std::mem::take(&mut state.assemblies) {
            state.take(pid, assembly.finish())?;
        }
        if state.shown.is_none() {
            state.release()?;
        }
        Ok(std::mem::take(&mut state.outputs))
    }
}

impl State {
    fn see(&mut self, packet: Packet<'_>) -> Result<()> {
        self.tables.see(packet);
        if self.n_listed != self.tables.n_listed() {
            self.n_listed = self.tables.n_listed();
            self.list()?;
            for (early, payload) in std::mem::take(&mut self.early) {
                self.assemble(Packet {
                    payload: Some(&payload),
                    ..early
                })?;
            }
        }
        if self.n_listed == 0 {
            self.keep(packet);
        } else {
            self.assemble(packet)?;
        }
        self.n_packets += 1;
        if self.shown.is_none() && self.n_packets >= SCAN_BYTES_MAX / PACKET_BYTES {
            self.release()?;
        }
        Ok(())
    }

    fn assemble(&mut self, packet: Packet<'_>) -> Result<()> {
        let Some(assembly) = self.assemblies.get_mut(&packet.pid) else {
            return Ok(());
        };
        let held = assembly.pending_bytes();
        let units = assembly.take(packet);
        self.pending_bytes = self.pending_bytes + assembly.pending_bytes() - held;
        if self.pending_bytes > PENDING_BYTES_MAX {
            self.pending_bytes -= assembly.pending_bytes();
            assembly.give_up();
        }
        for unit in units {
            self.take(packet.pid, Some(unit))?;
        }
        Ok(())
    }

    /// Keeps a packet of which no table has said what it is.
    fn keep(&mut self, packet: Packet<'_>) {
        if self.early.len() >= EARLY_PACKETS_MAX {
            self.early.clear();
        }
        if let Some(payload) = packet.payload {
            let bare = Packet {
                payload: None,
                ..packet
            };
            self.early.push((bare, payload.to_vec()));
        }
    }

    /// Something new is listed. A number may be another stream's from now on: then the one that had it is over.
    fn list(&mut self) -> Result<()> {
        let replaced = self.tables.replaced();
        if self.shown.is_none() {
            let listed = self.tables.programmes().flatten();
            let read = listed.filter(|stream| may_be_read(stream));
            for stream in read.filter(|stream| !replaced.contains(&stream.pid)) {
                let is_picture = stream.kind.is_some_and(|kind| kind.medium == Medium::Video);
                let assembly = self.assemblies.entry(stream.pid);
                assembly.or_insert_with(|| Assembly::new(is_picture));
            }
        }
        for pid in replaced {
            if let Some(mut ended) = self.assemblies.remove(&pid) {
                self.pending_bytes -= ended.pending_bytes();
                self.take(pid, ended.finish())?;
            }
        }
        Ok(())
    }

    fn take(&mut self, pid: u16, unit: Option<Unit>) -> Result<()> {
        let Some(unit) = unit else {
            return Ok(());
        };
        if self.shown.is_some() {
            return self.give(pid, unit);
        }
        if !self.begun.contains_key(&pid)
            && let Some(caps) = self.caps(pid, &unit)
        {
            self.begun.insert(pid, caps);
        }
        self.scanned.push((pid, unit));
        if programme::is_known(&self.tables, &self.begun) {
            self.release()?;
        }
        Ok(())
    }

    /// What a stream is called, given a unit of it with which it may begin.
    fn caps(&self, pid: u16, unit: &Unit) -> Option<String> {
        let mut listed = self.tables.programmes().flatten();
        let stream = listed.find(|stream| stream.pid == pid)?;
        let is_timed = unit.shown.is_some() || stream.kind.is_some_and(Kind::is_text);
        Framing::caps(stream, unit).filter(|_| is_timed)
    }

    /// Gives out what was found, and what has waited for it.
    fn release(&mut self) -> Result<()> {
        let programme = programme::chosen(&self.tables, &self.begun);
        let shown = |stream: &ListedStream| {
            let begun = self.begun.get(&stream.pid).map(String::as_str);
            Some(Shown {
                pid: stream.pid,
                caps: begun.or_else(|| stream.kind?.caps())?.to_owned(),
                language: stream.language.clone(),
            })
        };
        let told = programme.iter().filter_map(shown).collect();
        self.outputs.push(Output::Streams(told));
        let streams = programme.iter().filter_map(|stream| {
            let kind = stream.kind?;
            Some(Stream {
                pid: stream.pid,
                kind,
                framing: Framing::of(kind),
                position: Position::default(),
            })
        });
        let mut streams: Vec<Stream> = streams.collect();
        let pids: BTreeSet<u16> = streams.iter().map(|stream| stream.pid).collect();
        self.assemblies.retain(|pid, _| pids.contains(pid));
        let held = self.assemblies.values().map(Assembly::pending_bytes);
        self.pending_bytes = held.sum();
        let mut timed = Vec::new();
        let mut firsts = BTreeMap::new();
        for (pid, unit) in std::mem::take(&mut self.scanned) {
            let place = streams.iter().position(|stream| stream.pid == pid);
            let Some((place, stream)) = place.and_then(|n| Some((n, streams.get_mut(n)?))) else {
                continue;
            };
            let time = time(&mut self.times, stream, &unit)?;
            if let Some(ns) = time.shown_ns {
                firsts.entry(pid).or_insert(ns);
            }
            timed.push((place, unit, time));
        }
        self.base_ns = firsts.into_values().min().unwrap_or(0);
        self.shown = Some(streams);
        for (place, unit, time) in timed {
            self.frame(place, unit, time);
        }
        Ok(())
    }

    /// Gives out a unit's frames.
    fn give(&mut self, pid: u16, unit: Unit) -> Result<()> {
        let streams = self.shown.as_mut().map_or(&mut [][..], Vec::as_mut_slice);
        let place = streams.iter().position(|stream| stream.pid == pid);
        let Some((place, stream)) = place.and_then(|n| Some((n, streams.get_mut(n)?))) else {
            return Ok(());
        };
        let time = time(&mut self.times, stream, &unit)?;
        self.frame(place, unit, time);
        Ok(())
    }

    fn frame(&mut self, place: usize, unit: Unit, time: Time) {
        let streams = self.shown.as_mut().map_or(&mut [][..], Vec::as_mut_slice);
        let Some(stream) = streams.get_mut(place) else {
            return;
        };
        let time = Time {
            shown_ns: time.shown_ns.map(|ns| ns - self.base_ns),
            decoded_ns: time.decoded_ns.map(|ns| ns - self.base_ns),
        };
        let (caps, frames) = stream.framing.frames(stream.kind, unit, time);
        self.outputs
            .extend(caps.map(|caps| Output::Caps(place, caps)));
        let frames = frames.into_iter();
        self.outputs
            .extend(frames.map(|frame| Output::Frame(place, frame)));
    }
}

/// Whether it is, or may turn out to be, what is read here.
fn may_be_read(stream: &ListedStream) -> bool {
    stream
        .kind
        .map_or(stream.is_private, |kind| kind.caps().is_some())
}

/// When a unit is shown; text has times of its own kind, which nobody here reads.
fn time(times: &mut Times, stream: &mut Stream, unit: &Unit) -> Result<Time> {
    if stream.kind.is_text() {
        return Ok(Time::default());
    }
    times.place(&mut stream.position, unit)
}

#[cfg(test)]
mod tests;
