//! A planned job for tests, piece by piece as workers would report it.

use std::collections::BTreeMap;

use bus_schema::attempt::{self, AudioPart, ChunkResult, RenditionResult};
use bus_schema::id::{Attempt, JobId, RenditionName, TaskNumber, TenantId};
use bus_schema::ladder::audio_names;
use bus_schema::plan::{AudioPlan, CopiedAudio, CopyPlan, Plan, VideoPlan, VideoRendition};
use bus_schema::record::{
    JobRecord, JobState, RECORD_VERSION, SourceObject, TaskState, Tasks, Times,
};
use bus_schema::request::{JobRequest, Preset};
use bus_schema::source::{SourceFacts, VideoFacts};
use bus_schema::video_codec::VideoCodec;

pub(crate) const SECOND_NS: u64 = 1_000_000_000;
/// Units per second of the sample's picture: 25 frames of 512.
pub(crate) const TIMESCALE: u32 = 12_800;
pub(crate) const SAMPLE_RATE: u32 = 48_000;

/// A job with its attempts' details.
#[derive(Debug, Clone)]
pub(crate) struct SampleJob {
    pub(crate) record: JobRecord,
    pub(crate) details: BTreeMap<String, Vec<u8>>,
}

/// Renditions as (name, width, height, cap).
pub(crate) const LADDER: [(&str, u32, u32, u32); 2] = [
    ("360p", 640, 360, 1_000_000),
    ("720p", 1280, 720, 4_500_000),
];

impl SampleJob {
    /// Running, planned, nothing done.
    pub(crate) fn running(duration_ns: u64, has_audio: bool) -> Self {
        let tracks: &[&str] = if has_audio { &["de"] } else { &[] };
        Self::with_sound(duration_ns, tracks)
    }

    /// The same, with a track of sound in each of these languages.
    pub(crate) fn with_sound(duration_ns: u64, languages: &[&str]) -> Self {
        let plan = plan(duration_ns, languages);
        let n_tasks = plan.n_tasks();
        let record = JobRecord {
            v: RECORD_VERSION,
            id: JobId::random(1_763_000_000_000),
            tenant: TenantId::default(),
            state: JobState::Running,
            priority: 50,
            request: request(),
            source: SourceObject {
                key: "inputs/x".to_owned(),
                bytes: 1_000,
                etag: None,
            },
            times: Times {
                created_ms: 1,
                started_ms: Some(1_000),
                ..Times::default()
            },
            facts: Some(source_facts(duration_ns)),
            plan: Some(plan),
            tasks: Tasks::waiting(n_tasks),
            dropped: Vec::new(),
            warnings: Vec::new(),
            error: None,
            outputs: Vec::new(),
            n_facts: 0,
            n_timers: 0,
            next_look_ms: None,
            outbox: Vec::new(),
        };
        Self {
            record,
            details: BTreeMap::new(),
        }
    }

    /// Running, planned as a copy of 720p, nothing done.
    pub(crate) fn copying(duration_ns: u64) -> Self {
        let mut job = Self::running(duration_ns, false);
        let name: RenditionName = "720p".parse().expect("a rendition name");
        let plan = Plan {
            video: None,
            copy: Some(CopyPlan {
                name: name.clone(),
                width: 1280,
                height: 720,
                audio: Some(CopiedAudio {
                    name: "audio".parse().expect("a rendition name"),
                    language: Some("de".to_owned()),
                    title: None,
                }),
            }),
            is_streamed: false,
            files: vec![name],
            ..job.plan().clone()
        };
        job.record.tasks = Tasks::waiting(plan.n_tasks());
        job.record.plan = Some(plan);
        job
    }

    pub(crate) fn plan(&self) -> &Plan {
        self.record.plan.as_ref().expect("a sample is planned")
    }

    /// A chunk is in storage.
    pub(crate) fn finish_chunk(&mut self, chunk: u32, attempt: u16) {
        let task =
            TaskNumber(u32::try_from(self.plan().first_chunk_task()).expect("few tasks") + chunk);
        let durations = self.chunk_durations(chunk);
        let start = self.plan().chunk(chunk).start_ns / 1_000_000 * u64::from(TIMESCALE) / 1_000;
        let video = self.plan().video.as_ref().expect("a picture");
        let is_by_another = video.of_chunk(chunk).renditions != video.renditions;
        let (codecs, config) = if is_by_another {
            ("avc1.42c01f", "another")
        } else {
            ("avc1.64001f", "same")
        };
        let rendition = |(name, _, _, bitrate): &(&str, u32, u32, u32)| RenditionResult {
            name: name.parse().expect("a rendition name"),
            bytes: durations
                .iter()
                .map(|units| bitrate / 16 / TIMESCALE * units + 1)
                .collect(),
            keyframe_bytes: durations.iter().map(|units| units / 512 + 1).collect(),
            init_bytes: 700,
            samples_bytes: 100,
            codecs: codecs.to_owned(),
            config: config.to_owned(),
        };
        let result = ChunkResult {
            frames: durations.iter().map(|units| u64::from(units / 512)).sum(),
            held: 0,
            start,
            renditions: LADDER.iter().map(rendition).collect(),
            durations: durations.clone(),
            cpu_ms: 1,
            scenes: Vec::new(),
        };
        self.finish_chunk_as(task, attempt, &result);
    }

    /// The same, with these details.
    pub(crate) fn finish_chunk_as(&mut self, task: TaskNumber, attempt: u16, result: &ChunkResult) {
        self.finish_task(task, attempt);
        let key = attempt::key(&self.record.id, task, Attempt(attempt), None);
        self.details
            .insert(key, serde_json::to_vec(result).expect("it is JSON"));
    }

    /// A task is done, without details.
    pub(crate) fn finish_task(&mut self, task: TaskNumber, attempt: u16) {
        let task = self.record.tasks.get_mut(task).expect("the plan has it");
        task.state = TaskState::Done {
            attempt: Attempt(attempt),
        };
        task.attempts = attempt;
    }

    /// The next part of the sound is in storage; these are its segments.
    pub(crate) fn finish_part(&mut self, attempt: u16, durations: &[u32]) {
        self.finish_part_of(0, attempt, durations);
    }

    /// The next part of this track of sound is in storage.
    pub(crate) fn finish_part_of(&mut self, track: usize, attempt: u16, durations: &[u32]) {
        let task = self.plan().audio_task(track).expect("the sample has sound");
        let part = self
            .record
            .tasks
            .get(task)
            .expect("the plan has it")
            .n_parts();
        let before: Vec<AudioPart> = (0..part).map(|part| self.part(task, part)).collect();
        let units = before
            .iter()
            .flat_map(|part| &part.durations)
            .map(|units| u64::from(*units))
            .sum();
        let segments = before
            .iter()
            .map(|part| part.durations.len())
            .sum::<usize>();
        let result = AudioPart {
            part,
            first_segment: u32::try_from(segments).expect("few segments"),
            start: units,
            durations: durations.to_vec(),
            bytes: durations.iter().map(|units| units / 3 + 1).collect(),
            init_bytes: 600,
            samples_bytes: 90,
            codecs: "mp4a.40.2".to_owned(),
        };
        self.record
            .tasks
            .get_mut(task)
            .expect("the plan has it")
            .push_part(Attempt(attempt));
        let key = attempt::key(&self.record.id, task, Attempt(attempt), Some(part));
        self.details
            .insert(key, serde_json::to_vec(&result).expect("it is JSON"));
    }

    fn part(&self, task: TaskNumber, part: u32) -> AudioPart {
        let attempts = self
            .record
            .tasks
            .get(task)
            .into_iter()
            .flat_map(|task| task.part_attempts());
        let attempt = attempts
            .skip(part as usize)
            .take(1)
            .last()
            .expect("the part is there");
        let key = attempt::key(&self.record.id, task, attempt, Some(part));
        serde_json::from_slice(&self.details[&key]).expect("it is a part")
    }

    /// All of it is in storage.
    pub(crate) fn finish_all(&mut self) {
        for chunk in 0..self.plan().n_chunks() {
            self.finish_chunk(chunk, 1);
        }
        for track in 0..self.plan().audio.len() {
            let task = self.plan().audio_task(track).expect("the plan has it");
            let segments = self.plan().duration_ns.div_ceil(4 * SECOND_NS);
            for _ in 0..segments.div_ceil(5) {
                self.finish_part_of(track, 1, &[4 * SAMPLE_RATE; 5]);
            }
            self.finish_task(task, 1);
        }
    }

    fn chunk_durations(&self, chunk: u32) -> Vec<u32> {
        let plan = self.plan();
        let span = plan.chunk(chunk);
        let end_ns = span
            .end_ns
            .unwrap_or(plan.duration_ns)
            .max(span.start_ns + 1);
        let cuts =
            (span.start_ns..end_ns).step_by(usize::try_from(plan.segment_ns).expect("64 bits"));
        cuts.map(|from_ns| {
            let to_ns = (from_ns + plan.segment_ns).min(end_ns);
            let frames = ((to_ns - from_ns) * 25).div_ceil(SECOND_NS);
            u32::try_from(frames * 512).expect("a short segment")
        })
        .collect()
    }
}

fn request() -> JobRequest {
    JobRequest {
        filename: "film.mp4".to_owned(),
        content_type: "video/mp4".to_owned(),
        preset: Preset::HlsAdaptive,
        qualities: Vec::new(),
        codec: VideoCodec::H264,
        webhook_url: None,
        metadata: BTreeMap::new(),
        external_id: None,
        watermark: None,
        images: None,
        loudness: None,
        chapters: None,
        clip: None,
    }
}

fn source_facts(duration_ns: u64) -> SourceFacts {
    let video = VideoFacts {
        codec: "h264".to_owned(),
        width: 1280,
        height: 720,
        coded_width: 1280,
        coded_height: 720,
        rotation_deg: 0,
        fps_num: 25,
        fps_den: 1,
        timescale: TIMESCALE,
        frames: None,
        may_lack: false,
        bit_depth: 8,
        is_interlaced: false,
        start_ns: 0,
        duration_ns,
        transfer: None,
        primaries: None,
    };
    SourceFacts {
        container: "mp4".to_owned(),
        duration_ns,
        video: Some(video),
        audio: Vec::new(),
        subtitles: Vec::new(),
        index: None,
        intermediate: None,
        broadcast: None,
    }
}

fn plan(duration_ns: u64, languages: &[&str]) -> Plan {
    let rendition = |(name, width, height, bitrate): (&str, u32, u32, u32)| VideoRendition {
        name: name.parse().expect("a rendition name"),
        width,
        height,
        encoder: "x264enc".to_owned(),
        crf: 23,
        bitrate_max_bps: bitrate,
        buffer_bits: bitrate,
        keyframe_frames_max: 101,
    };
    let named = audio_names().zip(0..).zip(languages);
    let audio = named.map(|((name, track), language)| AudioPlan {
        name,
        track,
        channels: 2,
        sample_rate_hz: SAMPLE_RATE,
        bitrate_bps: 128_000,
        part_segments: 5,
        language: Some((*language).to_owned()),
        title: None,
        loudness: None,
    });
    Plan {
        segment_ns: 4 * SECOND_NS,
        first_chunk_ns: 4 * SECOND_NS,
        chunk_ns: 16 * SECOND_NS,
        duration_ns,
        video: Some(VideoPlan {
            timescale: TIMESCALE,
            end_ns: duration_ns,
            renditions: LADDER.map(rendition).to_vec(),
            takeover: None,
        }),
        audio: audio.collect(),
        warnings: Vec::new(),
        is_streamed: true,
        copy: None,
        encode_reason: None,
        files: LADDER
            .iter()
            .map(|(name, ..)| name.parse().expect("a rendition name"))
            .collect(),
        images: None,
        subtitles: Vec::new(),
    }
}
