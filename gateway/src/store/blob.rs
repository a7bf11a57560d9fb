//! Bytes on disk: written once, shared by whoever refers to them, removed with the last of them.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::layout::{self, Layout};

/// An immutable file of bytes.
///
/// A blob is born provisional: dropped so, its file goes with it, which is what an upload that breaks
/// off wants. [`Blob::keep`] ties it to a record on disk, [`Blob::discard`] unties it; the file then
/// lives until the last reader has let go. A crash between these leaves a file that no record names,
/// which the next start sweeps.
#[derive(Debug)]
pub(super) struct Blob {
    layout: Arc<Layout>,
    id: u128,
    size: u64,
    kept: AtomicBool,
}

impl Blob {
    /// The blob that a record on disk names.
    pub(super) fn recorded(layout: &Arc<Layout>, id: u128, size: u64) -> Arc<Self> {
        Arc::new(Self {
            layout: Arc::clone(layout),
            id,
            size,
            kept: AtomicBool::new(true),
        })
    }

    /// A second name for the same bytes, provisional; the bytes are immutable, so a link is a copy.
    pub(super) fn link(&self) -> io::Result<Arc<Self>> {
        let twin = Self {
            layout: Arc::clone(&self.layout),
            id: layout::new_id()?,
            size: self.size,
            kept: AtomicBool::new(false),
        };
        let (from, to) = (self.layout.blob(self.id), self.layout.blob(twin.id));
        create_parent(&to)?;
        // Not every file system has links (exFAT, some network mounts).
        if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to)?;
            self.layout.make_durable(&File::open(&to)?)?;
        }
        twin.make_name_durable()?;
        Ok(Arc::new(twin))
    }

    pub(super) fn id(&self) -> u128 {
        self.id
    }

    /// Bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// A record on disk names this blob from now on.
    pub(super) fn keep(&self) {
        self.kept.store(true, Ordering::Release);
    }

    /// No record names this blob any more.
    pub(super) fn discard(&self) {
        self.kept.store(false, Ordering::Release);
    }

    /// Reads `length` bytes from `offset`, both within the blob.
    pub(super) fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        File::open(self.layout.blob(self.id))?.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn make_name_durable(&self) -> io::Result<()> {
        let path = self.layout.blob(self.id);
        path.parent()
            .map_or(Ok(()), |folder| self.layout.make_names_durable(folder))
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        if !*self.kept.get_mut() {
            layout::remove_if_there(&self.layout.blob(self.id));
        }
    }
}

/// A blob in the making.
#[derive(Debug)]
pub(super) struct BlobWriter {
    file: File,
    blob: Blob,
}

impl BlobWriter {
    pub(super) fn create(layout: &Arc<Layout>) -> io::Result<Self> {
        let id = layout::new_id()?;
        let path = layout.blob(id);
        create_parent(&path)?;
        let file = File::create_new(&path)?;
        let kept = AtomicBool::new(false);
        Ok(Self {
            file,
            blob: Blob {
                layout: Arc::clone(layout),
                id,
                size: 0,
                kept,
            },
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.blob.size += bytes.len() as u64;
        Ok(())
    }

    /// Makes the bytes durable, under a name that is durable too.
    pub(super) fn finish(self) -> io::Result<Arc<Blob>> {
        self.blob.layout.make_durable(&self.file)?;
        self.blob.make_name_durable()?;
        Ok(Arc::new(self.blob))
    }
}

fn create_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}
