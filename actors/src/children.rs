//! The fixed children of a supervisor, one for one: who lives, who has ended, and after which pause it
//! is started anew.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use ractor::{ActorCell, ActorId, ActorProcessingErr, SupervisionEvent};
use tokio::time::Instant;

use crate::restart::{ESSENTIAL, Restarts};

/// Children by what they are for.
#[derive(Debug)]
pub struct Children<C> {
    living: HashMap<ActorId, (C, ActorCell)>,
    restarts: HashMap<C, Restarts>,
}

impl<C> Default for Children<C> {
    fn default() -> Self {
        Self {
            living: HashMap::new(),
            restarts: HashMap::new(),
        }
    }
}

impl<C: Copy + Debug + Eq + Hash> Children<C> {
    /// Takes note of a child that has started.
    pub fn began(&mut self, child: C, cell: ActorCell) {
        self.living.insert(cell.get_id(), (child, cell));
    }

    /// Takes note of an end; which child it was, if it was one of these.
    pub fn ended(&mut self, actor: ActorId) -> Option<C> {
        self.living.remove(&actor).map(|(child, _)| child)
    }

    /// The child's actor, while it lives.
    #[must_use]
    pub fn actor(&self, child: C) -> Option<&ActorCell> {
        self.living
            .values()
            .find_map(|(which, cell)| (*which == child).then_some(cell))
    }

    /// Whether the child has failed before.
    #[must_use]
    pub fn has_failed(&self, child: C) -> bool {
        self.restarts.contains_key(&child)
    }

    /// Counts a failure; after which pause the child is to be started anew.
    ///
    /// # Errors
    /// When it fails again and again: that is then the supervisor's own failure.
    pub fn restart(&mut self, child: C, reason: &str) -> Result<Duration, ActorProcessingErr> {
        tracing::error!(?child, reason, "failed; starting it anew");
        self.restarts
            .entry(child)
            .or_insert_with(|| Restarts::new(ESSENTIAL))
            .next(Instant::now())
            .ok_or_else(|| format!("{child:?} fails again and again: {reason}").into())
    }
}

/// Whose end an event tells of, and why it ended.
#[must_use]
pub fn end(event: SupervisionEvent) -> Option<(ActorCell, String)> {
    match event {
        SupervisionEvent::ActorTerminated(cell, _, reason) => {
            Some((cell, reason.unwrap_or_default()))
        }
        SupervisionEvent::ActorFailed(cell, error) => Some((cell, error.to_string())),
        SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => None,
    }
}
