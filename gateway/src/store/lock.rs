//! The lock on the store's folder.

use std::fs::{File, TryLockError};
use std::path::Path;

/// Held while the store is open, and given back when it is dropped.
///
/// Closing the file is not enough for that. The lock belongs to the open file, which a process that is started by
/// another thread shares from its fork to its exec: closed here in between, it stays locked until that process gets
/// its turn, and a store that is opened at once again would find itself open.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock, unless another open store has it.
    pub(super) fn take(path: &Path) -> Result<Self, TryLockError> {
        let file = File::create(path).map_err(TryLockError::Error)?;
        file.try_lock()?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the store's folder could not be unlocked; it is when this process ends");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = Lock::take(&path).unwrap();
        assert!(matches!(Lock::take(&path), Err(TryLockError::WouldBlock)));
        drop(held);
        Lock::take(&path).unwrap();
    }

    /// As a process does that is being started.
    #[test]
    fn it_is_free_again_although_somebody_shares_the_open_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = Lock::take(&path).unwrap();
        let shared = held.0.try_clone().unwrap();
        drop(held);
        Lock::take(&path).unwrap();
        drop(shared);
    }
}
