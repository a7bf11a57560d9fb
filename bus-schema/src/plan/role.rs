//! What each task of a job is for: their numbers follow from the plan.

use super::Plan;
use crate::id::{RenditionName, TaskNumber};
use crate::task::{TaskClass, TaskKind};

/// What a task of a job is for, derived from its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskRole {
    /// Read the source's facts. Always task 0.
    Probe,
    /// Encode this one of [`Plan::audio`].
    Audio(usize),
    /// Encode this chunk of the picture.
    Chunk(u32),
    /// Assemble this one of [`Plan::files`].
    Assemble(usize),
    /// Copy the source's streams into the only one of [`Plan::files`].
    Remux,
    /// Make the still images.
    Images,
    /// Encode this chunk of the picture once more, for files alone: what is listed of it was made by a device
    /// that has failed since (see [`Takeover`](super::Takeover)).
    FileChunk(u32),
    /// Carry over all of [`Plan::subtitles`].
    Subtitles,
}

impl TaskRole {
    /// Its kind on the bus.
    #[must_use]
    pub fn kind(self) -> TaskKind {
        match self {
            Self::Probe => TaskKind::Probe,
            Self::Audio(_) => TaskKind::Audio,
            Self::Chunk(_) | Self::FileChunk(_) => TaskKind::Chunk,
            Self::Assemble(_) => TaskKind::Assemble,
            Self::Remux => TaskKind::Remux,
            Self::Images => TaskKind::Images,
            Self::Subtitles => TaskKind::Subtitles,
        }
    }

    /// Which workers can do it.
    #[must_use]
    pub fn class(self) -> TaskClass {
        match self {
            Self::Chunk(_) | Self::FileChunk(_) => TaskClass::Cpu,
            Self::Probe
            | Self::Audio(_)
            | Self::Assemble(_)
            | Self::Remux
            | Self::Images
            | Self::Subtitles => TaskClass::Light,
        }
    }

    /// Which one of [`Plan::files`] it writes, if it writes one.
    #[must_use]
    pub fn file(self) -> Option<usize> {
        match self {
            Self::Assemble(file) => Some(file),
            Self::Remux => Some(0),
            Self::Probe
            | Self::Audio(_)
            | Self::Chunk(_)
            | Self::Images
            | Self::FileChunk(_)
            | Self::Subtitles => None,
        }
    }
}

impl Plan {
    /// Whether what a task wrote is of no use once all files are assembled: segments and sample tables of what is
    /// not streamed, or that were made for files alone.
    #[must_use]
    pub fn is_assembled_away(&self, task: TaskNumber) -> bool {
        match self.role(task) {
            Some(TaskRole::Audio(_) | TaskRole::Chunk(_)) => !self.is_streamed,
            Some(TaskRole::FileChunk(_)) => true,
            Some(
                TaskRole::Probe
                | TaskRole::Assemble(_)
                | TaskRole::Remux
                | TaskRole::Images
                | TaskRole::Subtitles,
            )
            | None => false,
        }
    }

    /// Number of tasks: probe, audio, chunks, files; or probe and copy. Images are behind them, then subtitles, and
    /// last come the chunks that are made once more.
    #[must_use]
    pub fn n_tasks(&self) -> usize {
        self.first_file_chunk_task() + self.n_file_chunks() as usize
    }

    /// The task that makes the still images, if there is one.
    #[must_use]
    pub fn images_task(&self) -> Option<TaskNumber> {
        self.images.as_ref()?;
        u32::try_from(self.images_index()).ok().map(TaskNumber)
    }

    /// The task that carries over the subtitles, if there are any.
    #[must_use]
    pub fn subtitles_task(&self) -> Option<TaskNumber> {
        let index = u32::try_from(self.subtitles_index()).ok();
        index.map(TaskNumber).filter(|_| !self.subtitles.is_empty())
    }

    fn subtitles_index(&self) -> usize {
        self.images_index() + usize::from(self.images.is_some())
    }

    fn images_index(&self) -> usize {
        self.first_file_task() + self.files.len()
    }

    /// What a task is for; `None` for a number that the plan does not have.
    #[must_use]
    pub fn role(&self, task: TaskNumber) -> Option<TaskRole> {
        let n = task.index();
        let first_chunk = self.first_chunk_task();
        let first_file = self.first_file_task();
        if n == 0 {
            Some(TaskRole::Probe)
        } else if n < first_chunk {
            Some(TaskRole::Audio(n - 1))
        } else if n < first_file {
            Some(TaskRole::Chunk(task.0 - u32::try_from(first_chunk).ok()?))
        } else if n < self.images_index() {
            Some(match self.copy {
                Some(_) => TaskRole::Remux,
                None => TaskRole::Assemble(n - first_file),
            })
        } else if n < self.subtitles_index() {
            Some(TaskRole::Images)
        } else if n < self.first_file_chunk_task() {
            Some(TaskRole::Subtitles)
        } else {
            let chunk = u32::try_from(n - self.first_file_chunk_task()).ok()?;
            (chunk < self.n_file_chunks()).then_some(TaskRole::FileChunk(chunk))
        }
    }

    /// The task of one of [`Plan::audio`].
    #[must_use]
    pub fn audio_task(&self, track: usize) -> Option<TaskNumber> {
        let task = u32::try_from(track).ok()?.checked_add(1)?;
        (track < self.audio.len()).then_some(TaskNumber(task))
    }

    /// Whether a file is sound alone: it is named after the first track.
    #[must_use]
    pub fn is_audio_file(&self, name: &RenditionName) -> bool {
        self.audio.first().is_some_and(|audio| audio.name == *name)
    }

    /// Index of the first chunk's task.
    #[must_use]
    pub fn first_chunk_task(&self) -> usize {
        1 + self.audio.len()
    }

    /// Index of the first file's task.
    #[must_use]
    pub fn first_file_task(&self) -> usize {
        self.first_chunk_task() + self.n_chunks() as usize
    }

    /// Index of the first task of a chunk that is made once more.
    #[must_use]
    pub fn first_file_chunk_task(&self) -> usize {
        self.subtitles_index() + usize::from(!self.subtitles.is_empty())
    }

    /// How many chunks are made once more for files: all that are listed as a failed device made them.
    #[must_use]
    pub fn n_file_chunks(&self) -> u32 {
        let takeover = self
            .video
            .as_ref()
            .and_then(|video| video.takeover.as_ref());
        takeover.map_or(0, |takeover| takeover.from_chunk.min(self.n_chunks()))
    }

    /// The task that makes what files hold of a chunk.
    #[must_use]
    pub fn file_task_of_chunk(&self, chunk: u32) -> Option<TaskNumber> {
        let first = if chunk < self.n_file_chunks() {
            self.first_file_chunk_task()
        } else {
            self.first_chunk_task()
        };
        let first = u32::try_from(first).ok()?;
        (chunk < self.n_chunks())
            .then(|| first.checked_add(chunk))?
            .map(TaskNumber)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SECOND, plan};
    use super::super::{CopyPlan, Takeover};
    use super::*;

    #[test]
    fn a_copy_is_one_task_behind_the_probe() {
        let name: RenditionName = "720p".parse().unwrap();
        let plan = Plan {
            video: None,
            copy: Some(CopyPlan {
                name: name.clone(),
                width: 1280,
                height: 720,
                audio: None,
            }),
            is_streamed: false,
            files: vec![name],
            ..plan(60 * SECOND, 0)
        };
        let roles: Vec<Option<TaskRole>> = (0..3).map(|n| plan.role(TaskNumber(n))).collect();
        assert_eq!(roles, [Some(TaskRole::Probe), Some(TaskRole::Remux), None]);
        assert_eq!((plan.n_tasks(), plan.n_chunks()), (2, 0));
        assert_eq!(TaskRole::Remux.file(), Some(0));
    }

    #[test]
    fn numbers_name_roles_without_gaps() {
        for n_audio in [0, 1, 3] {
            let plan = plan(60 * SECOND, n_audio);
            let roles: Vec<TaskRole> = (0..=plan.n_tasks())
                .map_while(|n| plan.role(TaskNumber(u32::try_from(n).unwrap())))
                .collect();
            assert_eq!(roles.len(), plan.n_tasks());
            assert_eq!(roles[0], TaskRole::Probe);
            let tracks: Vec<TaskRole> = (0..n_audio).map(TaskRole::Audio).collect();
            assert_eq!(roles[1..=n_audio], tracks);
            for (track, number) in (0..n_audio).zip(1..) {
                assert_eq!(plan.audio_task(track), Some(TaskNumber(number)));
            }
            assert_eq!(plan.audio_task(n_audio), None);
            assert_eq!(roles.last(), Some(&TaskRole::Assemble(0)));
            assert_eq!(
                roles
                    .iter()
                    .filter(|r| matches!(r, TaskRole::Chunk(_)))
                    .count(),
                plan.n_chunks() as usize
            );
        }
    }

    #[test]
    fn what_is_not_streamed_is_of_no_use_once_it_is_assembled() {
        let mut plan = plan(60 * SECOND, 1);
        let used_up = |plan: &Plan| -> Vec<usize> {
            let tasks = (0..=plan.n_tasks()).filter_map(|n| u32::try_from(n).ok());
            let tasks = tasks.filter(|n| plan.is_assembled_away(TaskNumber(*n)));
            tasks.map(|n| n as usize).collect()
        };
        assert!(plan.is_streamed);
        assert_eq!(used_up(&plan), [0_usize; 0]);
        if let Some(video) = &mut plan.video {
            video.takeover = Some(Takeover {
                from_chunk: 2,
                encoder: "x264enc".to_owned(),
                crf: 23,
            });
        }
        let again = plan.first_file_chunk_task();
        assert_eq!(used_up(&plan), [again, again + 1]);
        plan.is_streamed = false;
        let encoded: Vec<usize> = (1..plan.first_file_task())
            .chain([again, again + 1])
            .collect();
        assert_eq!(used_up(&plan), encoded);
    }

    #[test]
    fn listed_chunks_are_made_once_more_behind_all_other_tasks() {
        let mut plan = plan(60 * SECOND, 1);
        let before = plan.n_tasks();
        assert_eq!(plan.n_chunks(), 5);
        assert_eq!(plan.file_task_of_chunk(1), Some(TaskNumber(3)));
        if let Some(video) = &mut plan.video {
            video.takeover = Some(Takeover {
                from_chunk: 2,
                encoder: "x264enc".to_owned(),
                crf: 23,
            });
        }
        assert_eq!(plan.n_tasks(), before + 2);
        let number = |n: usize| TaskNumber(u32::try_from(n).unwrap());
        assert_eq!(plan.role(number(before)), Some(TaskRole::FileChunk(0)));
        assert_eq!(plan.role(number(before + 1)), Some(TaskRole::FileChunk(1)));
        assert_eq!(plan.role(number(before + 2)), None);
        let of_files: Vec<_> = (0..6).map(|chunk| plan.file_task_of_chunk(chunk)).collect();
        let numbers = [before, before + 1, 4, 5, 6];
        assert_eq!(of_files[..5], numbers.map(|n| Some(number(n))));
        assert_eq!(of_files[5], None);
        let role = TaskRole::FileChunk(0);
        assert_eq!(
            (role.kind(), role.class()),
            (TaskKind::Chunk, TaskClass::Cpu)
        );
    }
}
