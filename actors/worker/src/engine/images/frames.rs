//! Frames of a film by their times: by seeking where that is possible, else on the way through it.

use bus_schema::source::VideoFacts;

use super::super::chunk;
use super::super::chunk::deinterlace::Pictures;
use super::super::chunk::grade::Grade;
use super::super::decode::Decode;
use super::super::frame::Frame;
use super::super::{Error, Result};

/// Frames of a film.
pub(super) struct Frames<'a> {
    decode: &'a Decode,
    pictures: Pictures<'a>,
    is_seekable: bool,
    /// How much earlier a seek goes: interlaced frames need the one before them.
    lead_ns: u64,
    /// The last frame that was given, with nothing done to it yet.
    last: Option<Frame>,
    grade: Grade,
}

impl<'a> Frames<'a> {
    /// Of a film that was just opened.
    pub(super) fn new(decode: &'a Decode, facts: &VideoFacts) -> Result<Self> {
        let is_seekable = chunk::is_seekable(decode) && decode.seek(0);
        decode.play()?;
        Ok(Self {
            decode,
            pictures: Pictures::new(decode),
            is_seekable,
            lead_ns: chunk::lead_ns(facts),
            last: None,
            grade: Grade::default(),
        })
    }

    /// The frame that is shown at a time, or one that is at most `slack_ns` earlier. Before the first
    /// frame that is the first, behind the last one the last. Times must rise; `None` of a film
    /// without frames.
    pub(super) fn at(&mut self, at_ns: u64, slack_ns: u64) -> Result<Option<Frame>> {
        if self.is_seekable {
            if !self.decode.seek_before(at_ns, self.lead_ns) {
                return Err(Error::internal("a seek was refused after others were not"));
            }
            self.pictures = Pictures::new(self.decode);
        }
        let found = self.run_to(at_ns, slack_ns)?.or_else(|| self.last.clone());
        self.last.clone_from(&found);
        found
            .map(|frame| super::graded(frame, &mut self.grade))
            .transpose()
    }

    /// Goes on until the next frame would be too late, or this one is near enough.
    fn run_to(&mut self, at_ns: u64, slack_ns: u64) -> Result<Option<Frame>> {
        let mut is_there = self.pictures.now_ns().is_some();
        loop {
            if let Some(now_ns) = self.pictures.now_ns().filter(|_| is_there) {
                let is_next_late = self
                    .pictures
                    .next_ns()
                    .is_none_or(|next_ns| next_ns > at_ns);
                if is_next_late || now_ns.saturating_add(slack_ns) >= at_ns {
                    return self.pictures.whole().map(Some);
                }
            }
            // Before the end of the stream nothing is thrown away.
            if self.pictures.next()?.is_none() {
                return Ok(None);
            }
            is_there = true;
        }
    }
}
