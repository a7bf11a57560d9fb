//! A task that a child does: probe, chunk, sound. The parent is its hands: it reads the source for it
//! and stores what it makes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bus_schema::attempt::AudioPart;
use bus_schema::claim::SignedRequest;
use bus_schema::intermediate::IntermediatePlace;
use bus_schema::report::{ErrorCode, Outcome};
use bus_schema::task::{TaskClass, TaskSpec};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::attempt::{Attempt, stopped};
use super::halt::Halt;
use super::source::Source;
use super::uploads::Uploads;
use super::{Shared, priority};
use crate::child::{ChildEvent, ChildTask, RangeReply};
use crate::protocol::{Position, Readable};

/// Progress is told at most this often.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// How often an attempt asks whether it is still wanted; cancels usually come at once.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// What is reported once everything before it is stored.
#[derive(Debug)]
enum Milestone {
    Part(AudioPart),
    Last(Box<Outcome>),
}

/// A task in a child.
#[derive(Debug)]
pub(crate) struct Media {
    attempt: Attempt,
    source: Arc<Source>,
    /// Where a task has one.
    image: Option<Arc<Source>>,
    /// They end the attempt where it is no use to read on; the child then waits for its answer.
    reads: JoinSet<Result<(), (Halt, RangeReply)>>,
    /// At most one question whether the attempt is still wanted. The work goes on meanwhile: a control
    /// plane that is away answers in minutes.
    check: JoinSet<Result<(), Halt>>,
    uploads: Uploads,
    milestones: VecDeque<(u64, Milestone)>,
    position: Option<Position>,
    child: u32,
    /// Whether somebody waits for what the child makes next: of sound, until its first part is there.
    is_urgent: bool,
}

/// Runs a task in a child until its last report is stored. It reads the source, or what that was remuxed
/// into.
pub(crate) async fn run(
    shared: &Shared,
    attempt: Attempt,
    class: TaskClass,
    spec: TaskSpec,
    (source, intermediate): (SignedRequest, Option<IntermediatePlace>),
) -> Result<(), Halt> {
    let can_wait = matches!(spec, TaskSpec::Images(_) | TaskSpec::Subtitles(_));
    let image = match &spec {
        TaskSpec::Images(spec) if spec.uploaded.is_some() => {
            Some(Arc::new(Source::image(shared, &attempt).await?))
        }
        _ => None,
    };
    let child = ChildTask::spawn(&shared.child_options(class), spec)
        .map_err(|error| Halt::unavailable(format!("No process starts for the task: {error}.")))?;
    if can_wait {
        priority::give_way(child.pid());
    }
    let media = Media {
        uploads: Uploads::new(attempt.clone(), shared.http.clone()),
        source: Arc::new(Source::new(shared, attempt.clone(), source, intermediate)),
        image,
        attempt,
        reads: JoinSet::new(),
        check: JoinSet::new(),
        milestones: VecDeque::new(),
        position: None,
        child: child.pid(),
        is_urgent: true,
    };
    media.drive(child).await
}

impl Media {
    async fn drive(mut self, mut child: ChildTask) -> Result<(), Halt> {
        let ended = self.follow(&mut child).await;
        // Whatever the reason: the child is gone before the task is.
        child.kill().await;
        ended
    }

    async fn follow(&mut self, child: &mut ChildTask) -> Result<(), Halt> {
        let mut ticks = interval(PROGRESS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut check_ticks = interval(CHECK_INTERVAL);
        check_ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        check_ticks.reset();
        let mut is_child_done = false;
        loop {
            if self.report_reached().await? {
                return Ok(());
            }
            tokio::select! {
                event = child.next(), if !is_child_done => match event {
                    Some(event) => is_child_done = self.note(event)?,
                    None => is_child_done = true,
                },
                stored = self.uploads.next() => stored?,
                Some(read) = self.reads.join_next() => match read {
                    Ok(Ok(())) => {}
                    Ok(Err((halt, _))) => return Err(halt),
                    Err(error) => return Err(Halt::defect(error)),
                },
                _ = ticks.tick() => self.tell().await,
                _ = check_ticks.tick(), if self.check.is_empty() => {
                    let attempt = self.attempt.clone();
                    self.check.spawn(async move { attempt.check().await });
                }
                Some(check) = self.check.join_next() => check.map_err(Halt::defect)??,
                () = self.attempt.stop.cancelled() => return Err(stopped()),
            }
            if is_child_done && self.milestones.is_empty() {
                return Err(Halt::failed(
                    ErrorCode::Crashed,
                    "The task's process ended without a word: if that happens again, report it with the \
                     worker's log.",
                ));
            }
        }
    }

    /// Takes note of an event; tells whether the child is done.
    fn note(&mut self, event: ChildEvent) -> Result<bool, Halt> {
        match event {
            ChildEvent::Range {
                of,
                offset,
                len,
                reply,
            } => match of {
                Readable::Source => self.read(offset, len, reply),
                Readable::Image => self.read_image(offset, len, reply),
            },
            ChildEvent::Object {
                name,
                bytes,
                credit,
            } => self.uploads.push(name, bytes, credit),
            ChildEvent::Progress(position) => self.position = Some(position),
            ChildEvent::AudioPart(part) => {
                self.reach(Milestone::Part(part));
                if std::mem::take(&mut self.is_urgent) {
                    priority::give_way(self.child);
                }
            }
            ChildEvent::Probed(facts) => self.end(Outcome::Probed(facts)),
            ChildEvent::Transcoded(result) => self.end(Outcome::Transcoded(result)),
            ChildEvent::Pictured(result) => self.end(Outcome::Pictured(result)),
            ChildEvent::Subtitled(result) => self.end(Outcome::Subtitled(result)),
            ChildEvent::AudioDone { n_parts, loudness } => {
                self.end(Outcome::AudioDone { n_parts, loudness })
            }
            ChildEvent::CopyHead(_) | ChildEvent::CopyPlanned(_) => {
                return Err(Halt::defect("a copy's plan in another task"));
            }
            ChildEvent::Failed(error) => return Err(Halt::Failed(error)),
            ChildEvent::Exited => return Ok(true),
        }
        Ok(false)
    }

    fn end(&mut self, outcome: Outcome) {
        self.reach(Milestone::Last(Box::new(outcome)));
    }

    fn reach(&mut self, milestone: Milestone) {
        self.milestones.push_back((self.uploads.mark(), milestone));
    }

    /// Reports what is due; tells whether that was the last.
    async fn report_reached(&mut self) -> Result<bool, Halt> {
        while self
            .milestones
            .front()
            .is_some_and(|(mark, _)| self.uploads.is_stored(*mark))
        {
            match self.milestones.pop_front() {
                Some((_, Milestone::Part(part))) => {
                    self.attempt.report(Outcome::AudioPart(part)).await?;
                }
                Some((_, Milestone::Last(outcome))) => {
                    self.tell().await;
                    self.attempt.report(*outcome).await?;
                    return Ok(true);
                }
                None => {}
            }
        }
        Ok(false)
    }

    /// Reads for the child, beside everything else; how many at once is the child's credit.
    fn read(&mut self, offset: u64, len: u32, reply: RangeReply) {
        let source = Arc::clone(&self.source);
        self.reads.spawn(async move {
            match source.read(offset, u64::from(len)).await {
                // The child could only say that a read failed. It gets no answer: it has no time to.
                Err(halt) if halt.is_final() => return Err((halt, reply)),
                read => reply.send(read.map_err(|halt| halt.to_string())),
            }
            Ok(())
        });
    }

    /// The same of the uploaded image. Without it the film has another poster: no reason to end the attempt.
    fn read_image(&mut self, offset: u64, len: u32, reply: RangeReply) {
        let image = self.image.clone();
        self.reads.spawn(async move {
            let read = match image {
                Some(image) => image.read(offset, u64::from(len)).await,
                None => Err(Halt::defect("an image that the task was not given")),
            };
            reply.send(read.map_err(|halt| halt.to_string()));
            Ok(())
        });
    }

    async fn tell(&mut self) {
        if let Some(position) = self.position.take() {
            self.attempt.progress(position).await;
        }
    }
}
