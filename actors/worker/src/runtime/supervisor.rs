//! The worker's root: supervises heartbeat, listener and slots.

use std::collections::HashMap;
#[cfg(feature = "test-util")]
use std::sync::Arc;
use std::time::Duration;

use bus_schema::task::TaskClass;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::Shared;
use super::control::Listener;
use super::heartbeat::Beat;
use super::slot::Slot;

/// Restarts of one child within [`WINDOW`] before the worker gives up and leaves: its machine's
/// supervisor starts a fresh one.
const RESTARTS_MAX: usize = 10;
/// See there.
const WINDOW: Duration = Duration::from_secs(60);
/// Pause before a restart, after the first, which is at once.
const PAUSE: Duration = Duration::from_millis(200);

/// The root: configuration.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) shared: Shared,
}

/// One of the root's children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Child {
    /// The heartbeat.
    Beat,
    /// The listener for cancels.
    Listener,
    /// A slot: class and ordinal.
    Slot(TaskClass, u32),
}

/// What the root is told.
#[derive(Debug)]
pub enum Message {
    /// Start this child again.
    Start(Child),
    /// Make a child fail like a defect would; a slot in the midst of what it does.
    #[cfg(feature = "test-util")]
    PanicChild(Child),
    /// Fail like a defect would.
    #[cfg(feature = "test-util")]
    Panic,
}

/// What the root holds.
#[derive(Debug)]
pub(crate) struct State {
    children: HashMap<ActorId, (Child, ActorCell)>,
    restarts: HashMap<Child, Vec<tokio::time::Instant>>,
    #[cfg(feature = "test-util")]
    defects: HashMap<Child, Arc<tokio::sync::Notify>>,
}

// === impl Actor ===

impl Actor for Supervisor {
    type Msg = Message;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        let mut state = State {
            children: HashMap::new(),
            restarts: HashMap::new(),
            #[cfg(feature = "test-util")]
            defects: HashMap::new(),
        };
        let slots = self
            .shared
            .slots
            .iter()
            .flat_map(|(&class, &n)| (0..n).map(move |ordinal| Child::Slot(class, ordinal)));
        // The heartbeat first: see there.
        for child in [Child::Beat, Child::Listener].into_iter().chain(slots) {
            self.start(&myself, &mut state, child).await?;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            // Its failure and the word to drain may have crossed.
            Message::Start(Child::Slot(..)) if self.is_draining() => {}
            Message::Start(child) => {
                if let Err(error) = self.start(&myself, state, child).await {
                    self.restart(&myself, state, child, &error.to_string())?;
                }
            }
            #[cfg(feature = "test-util")]
            Message::PanicChild(child) => panic_child(state, child)?,
            #[cfg(feature = "test-util")]
            Message::Panic => super::fail_on_purpose(),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (cell, reason) = match event {
            SupervisionEvent::ActorTerminated(cell, _, reason) => {
                (cell, reason.unwrap_or_default())
            }
            SupervisionEvent::ActorFailed(cell, error) => (cell, error.to_string()),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {
                return Ok(());
            }
        };
        let Some((child, _)) = state.children.remove(&cell.get_id()) else {
            return Ok(());
        };
        if matches!(child, Child::Slot(..)) {
            self.shared.n_slots.send_modify(|n| *n -= 1);
            if self.is_draining() {
                tracing::debug!(?child, reason, "left");
                return Ok(());
            }
        }
        tracing::error!(?child, reason, "failed; starting it anew");
        self.restart(&myself, state, child, &reason)
    }
}

impl Supervisor {
    async fn start(
        &self,
        myself: &ActorRef<Message>,
        state: &mut State,
        child: Child,
    ) -> Result<(), ActorProcessingErr> {
        let (shared, root) = (self.shared.clone(), myself.get_cell());
        let cell = match child {
            Child::Beat => Actor::spawn_linked(None, Beat { shared }, (), root)
                .await?
                .0
                .get_cell(),
            Child::Listener => Actor::spawn_linked(None, Listener { shared }, (), root)
                .await?
                .0
                .get_cell(),
            Child::Slot(class, _) => {
                let slot = Slot {
                    shared,
                    class,
                    #[cfg(feature = "test-util")]
                    defect: Arc::clone(state.defects.entry(child).or_default()),
                };
                let (slot, _) = Actor::spawn_linked(None, slot, (), root).await?;
                self.shared.n_slots.send_modify(|n| *n += 1);
                slot.get_cell()
            }
        };
        state.children.insert(cell.get_id(), (child, cell));
        Ok(())
    }

    fn is_draining(&self) -> bool {
        *self.shared.is_draining.borrow()
    }

    /// Starts a child anew, the first time at once. What a failed slot had in hand it has reported.
    #[expect(clippy::unused_self, reason = "reads as a verb of the supervisor")]
    fn restart(
        &self,
        myself: &ActorRef<Message>,
        state: &mut State,
        child: Child,
        reason: &str,
    ) -> Result<(), ActorProcessingErr> {
        let now = tokio::time::Instant::now();
        let restarts = state.restarts.entry(child).or_default();
        restarts.retain(|at| now.duration_since(*at) < WINDOW);
        if restarts.len() >= RESTARTS_MAX {
            return Err(format!("{child:?} fails again and again: {reason}").into());
        }
        let pause = if restarts.is_empty() {
            Duration::ZERO
        } else {
            PAUSE
        };
        restarts.push(now);
        myself.send_after(pause, move || Message::Start(child));
        Ok(())
    }
}

#[cfg(feature = "test-util")]
fn panic_child(state: &State, child: Child) -> Result<(), ActorProcessingErr> {
    for (which, cell) in state.children.values() {
        if *which == child {
            match child {
                Child::Beat => cell.send_message(super::heartbeat::Message::Panic)?,
                Child::Listener => cell.send_message(super::control::Message::Panic)?,
                // Its mailbox is looked into between tasks alone.
                Child::Slot(..) => {
                    if let Some(defect) = state.defects.get(&child) {
                        defect.notify_one();
                    }
                }
            }
        }
    }
    Ok(())
}
