//! The four verbs, whoever carries them out.

use std::time::Duration;

use crate::error::Result;
use crate::local::LocalProvider;
use crate::machine::{Launch, Machine, MachineName};

/// Who runs machines. Cheap to clone; all clones are the same pool.
///
/// A closed enum: every caller sees which providers there are, and nothing is generic over them.
#[derive(Debug, Clone)]
pub enum Provider {
    /// Workers as processes of this machine.
    Local(LocalProvider),
}

impl Provider {
    /// Every machine that there is, sorted by name. What has ended is never shown as running.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] when the provider cannot say.
    pub async fn list(&self) -> Result<Vec<Machine>> {
        match self {
            Self::Local(local) => Ok(local.list().await),
        }
    }

    /// Starts the machine of this name, new or stopped. One that runs already is left as it is and
    /// returned: an answer that was lost may be asked for again.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for a name beyond the cap, [`crate::ErrorKind::Busy`] while it
    /// is stopping, else [`crate::ErrorKind::Unavailable`].
    pub async fn launch(&self, launch: &Launch) -> Result<Machine> {
        match self {
            Self::Local(local) => local.launch(launch).await,
        }
    }

    /// Tells it to drain, and returns: it is `Stopping` until its worker has left, and killed when
    /// that takes too long. Nothing happens to one that is stopped.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Missing`] when there is none of this name.
    pub async fn stop(&self, name: &MachineName) -> Result<()> {
        match self {
            Self::Local(local) => local.stop(name).await,
        }
    }

    /// Ends it now and forgets it; its name is free afterwards. One that does not exist is gone
    /// already, which is no error.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] when it does not end.
    pub async fn destroy(&self, name: &MachineName) -> Result<()> {
        match self {
            Self::Local(local) => local.destroy(name).await,
        }
    }

    /// Ends what must not outlive this process: tells all to drain, and kills what still runs
    /// after `patience`. Returns how many were killed.
    pub async fn shutdown(&self, patience: Duration) -> usize {
        match self {
            Self::Local(local) => local.shutdown(patience).await,
        }
    }
}
