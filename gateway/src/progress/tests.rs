//! Progress must rise, reach its end with the job and not before, and estimate soberly.

use bus_schema::id::WorkerName;
use bus_schema::plan::TaskRole;
use bus_schema::task::TaskKind;
use proptest::prelude::*;

use super::*;
use crate::sample_job::{SECOND_NS, SampleJob};

fn word(job: JobId, task: u32, attempt: u16, done_ns: &[u64], total_ns: u64) -> Progress {
    Progress {
        worker: "w1".parse::<WorkerName>().unwrap(),
        job,
        task: TaskNumber(task),
        attempt: Attempt(attempt),
        done_ns: done_ns.to_vec(),
        total_ns,
        frames_per_s: 0,
    }
}

fn percents(progress: &JobProgress) -> Vec<f64> {
    progress
        .renditions
        .iter()
        .map(|rendition| rendition.percent)
        .collect()
}

fn done(task: u32, kind: TaskKind) -> Fact {
    Fact::TaskDone {
        task: TaskNumber(task),
        kind,
        attempt: Attempt(1),
    }
}

#[test]
fn remuxing_is_told_until_there_is_a_plan() {
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    let plan = job.record.plan.take();
    let id = job.record.id;
    let mut meter = Meter::new(id);
    meter.load(&job.record);
    assert_eq!(meter.read(1_000).remuxed_percent, None);
    meter.progress(&word(id, 0, 1, &[300], 1_000));
    assert!(meter.is_due(1_200));
    let told = meter.read(1_200);
    assert_eq!((told.remuxed_percent, told.percent), (Some(30.0), 0.0));
    // Another attempt begins anew, a worker tells nonsense: nothing falls, and nothing is above the whole.
    meter.progress(&word(id, 0, 2, &[100], 1_000));
    assert_eq!(meter.read(2_000).remuxed_percent, Some(30.0));
    meter.progress(&word(id, 0, 2, &[u64::MAX], 0));
    assert_eq!(meter.read(3_000).remuxed_percent, Some(100.0));
    job.record.plan = plan;
    meter.load(&job.record);
    assert_eq!(meter.read(4_000).remuxed_percent, None);
}

#[test]
fn chunks_in_hand_and_done_make_percents() {
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    job.finish_chunk(0, 1);
    let mut meter = Meter::new(job.record.id);
    meter.load(&job.record);
    // 4 of 60 s are done, 8 more of a 16 s chunk in the lower rendition.
    meter.progress(&word(
        job.record.id,
        3,
        1,
        &[8 * SECOND_NS, 2 * SECOND_NS],
        16 * SECOND_NS,
    ));
    meter.progress(&word(
        job.record.id,
        1,
        1,
        &[30 * SECOND_NS],
        60 * SECOND_NS,
    ));
    let progress = meter.read(1_000);
    assert_eq!(percents(&progress), [20.0, 10.0, 50.0]);
    assert_eq!(progress.percent, round(97.0 * (0.95 * 0.15 + 0.05 * 0.5)));
    assert_eq!(
        (progress.speed, progress.eta_ms),
        (0.0, None),
        "nothing was observed yet"
    );
}

#[test]
fn a_lost_attempt_makes_nothing_fall() {
    let job = SampleJob::running(60 * SECOND_NS, false);
    let mut meter = Meter::new(job.record.id);
    meter.load(&job.record);
    let id = job.record.id;
    meter.progress(&word(id, 2, 1, &[12 * SECOND_NS; 2], 16 * SECOND_NS));
    let before = meter.read(100);
    meter.progress(&word(id, 2, 2, &[0; 2], 16 * SECOND_NS));
    meter.progress(&word(id, 2, 1, &[16 * SECOND_NS; 2], 16 * SECOND_NS));
    let after = meter.read(200);
    assert_eq!(
        (before.percent, percents(&before)),
        (after.percent, percents(&after))
    );
    meter.progress(&word(id, 2, 2, &[13 * SECOND_NS; 2], 16 * SECOND_NS));
    assert!(meter.read(300).percent > before.percent);
}

#[test]
fn a_hundred_percent_is_the_completed_job_alone() {
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    job.finish_all();
    let mut meter = Meter::new(job.record.id);
    meter.load(&job.record);
    let encoded = meter.read(0);
    assert_eq!(percents(&encoded), [100.0, 100.0, 100.0]);
    assert_eq!(encoded.percent, 97.0);
    let files = job.plan().first_file_task();
    for task in files..job.plan().n_tasks() {
        meter.fact(&done(u32::try_from(task).unwrap(), TaskKind::Assemble));
    }
    assert_eq!(meter.read(100).percent, 99.0);
    job.record.state = JobState::Completed;
    job.record.times.finished_ms = Some(31_000);
    meter.load(&job.record);
    let end = meter.read(200);
    assert_eq!((end.percent, end.eta_ms), (100.0, Some(0)));
    assert_eq!(end.speed, 2.0, "60 s of source in 30 s");
}

#[test]
fn speed_and_rest_follow_a_steady_job_and_survive_a_hiccup() {
    let mut job = SampleJob::running(600 * SECOND_NS, false);
    let mut meter = Meter::new(job.record.id);
    let id = job.record.id;
    meter.load(&job.record);
    let mut now_ms = 0;
    let mut last = meter.read(now_ms);
    // Ten seconds of source a second, told ten times a second; every chunk ends.
    for step in 1..=200_u64 {
        now_ms += 100;
        let done_ns = step * SECOND_NS;
        while let Some(chunk) = next_whole(&job, done_ns) {
            job.finish_chunk(chunk, 1);
            meter.fact(&done(1 + chunk, TaskKind::Chunk));
        }
        let chunk = first_waiting(&job);
        let partial = done_ns - job.plan().chunk(chunk).start_ns;
        meter.progress(&word(id, 1 + chunk, 1, &[partial; 2], 16 * SECOND_NS));
        last = meter.read(now_ms);
    }
    assert!((9.0..11.0).contains(&last.speed), "{}", last.speed);
    let eta_ms = last.eta_ms.unwrap();
    assert!((38_000..46_000).contains(&eta_ms), "{eta_ms}");
    // Two seconds of silence slow it, and frighten nobody.
    for _ in 0..20 {
        now_ms += 100;
        last = meter.read(now_ms);
    }
    assert!((7.0..10.0).contains(&last.speed), "{}", last.speed);
}

#[test]
fn what_stands_still_or_hardly_moves_has_no_end_in_sight() {
    let job = SampleJob::running(600 * SECOND_NS, false);
    let id = job.record.id;
    // Tells one chunk's progress ten times a second, at this speed, and then nothing.
    let follow = |speed: u64, told_ms: u64, silent_ms: u64| {
        let mut meter = Meter::new(id);
        meter.load(&job.record);
        let mut last = meter.read(0);
        for now_ms in (100..=told_ms + silent_ms).step_by(100) {
            let done_ns = speed * now_ms.min(told_ms) * 10_000;
            meter.progress(&word(id, 2, 1, &[done_ns; 2], 16 * SECOND_NS));
            last = meter.read(now_ms);
        }
        (meter, last)
    };
    // Hundredths of real time.
    let (_, slow) = follow(20, 20_000, 0);
    assert!((0.15..0.25).contains(&slow.speed), "{}", slow.speed);
    assert!(slow.eta_ms.is_some());
    let (_, slowest) = follow(4, 20_000, 0);
    assert!(slowest.percent > 0.0);
    assert_eq!((slowest.speed, slowest.eta_ms), (0.0, None));
    let (_, paused) = follow(100, 10_000, 8_000);
    assert!(paused.speed > 0.0 && paused.eta_ms.is_some());
    let (mut meter, stopped) = follow(100, 10_000, 12_000);
    assert_eq!((stopped.speed, stopped.eta_ms), (0.0, None));
    meter.progress(&word(id, 2, 1, &[11 * SECOND_NS; 2], 16 * SECOND_NS));
    let again = meter.read(23_000);
    assert!(again.speed > 0.0 && again.eta_ms.is_some(), "it goes on");
}

fn first_waiting(job: &SampleJob) -> u32 {
    u32::try_from(job.record.chunk_prefix().len()).unwrap()
}

fn next_whole(job: &SampleJob, done_ns: u64) -> Option<u32> {
    let chunk = first_waiting(job);
    job.plan()
        .chunk(chunk)
        .end_ns
        .filter(|end_ns| *end_ns <= done_ns)
        .map(|_| chunk)
}

#[test]
fn values_are_due_ten_times_a_second_and_once_when_nothing_happens() {
    let job = SampleJob::running(60 * SECOND_NS, false);
    let mut meter = Meter::new(job.record.id);
    meter.load(&job.record);
    assert!(meter.is_due(5_000));
    meter.read(5_000);
    assert!(!meter.is_due(5_999) && meter.is_due(6_000));
    meter.progress(&word(job.record.id, 1, 1, &[1], 4 * SECOND_NS));
    assert!(!meter.is_due(5_099) && meter.is_due(5_100));
    meter.fact(&Fact::Cancelled {});
    meter.read(6_000);
    assert!(!meter.is_due(u64::MAX), "an ended job has nothing to say");
}

#[test]
fn plans_and_losses_are_read_in_the_record() {
    let job = SampleJob::running(60 * SECOND_NS, true);
    let mut meter = Meter::new(job.record.id);
    assert_eq!(meter.read(0).renditions, []);
    let mut record = job.record.clone();
    meter.load(&record);
    record.dropped.push("audio".parse().unwrap());
    meter.load(&record);
    assert_eq!(percents(&meter.read(100)).len(), 2);
    let roles: Vec<_> = (0..3)
        .filter_map(|n| job.plan().role(TaskNumber(n)))
        .collect();
    assert_eq!(
        roles,
        [TaskRole::Probe, TaskRole::Audio(0), TaskRole::Chunk(0)]
    );
}

proptest! {
    /// Whatever workers say, in whatever order: nothing falls, nothing leaves 0 to 100.
    #[test]
    fn nothing_ever_falls(words in prop::collection::vec(
        (0_u32..12, 0_u16..4, prop::collection::vec(any::<u64>(), 0..4), any::<u64>(), 0_u64..400), 0..120
    )) {
        let mut job = SampleJob::running(60 * SECOND_NS, true);
        let mut meter = Meter::new(job.record.id);
        meter.load(&job.record);
        let mut last = meter.read(0);
        let mut now_ms = 0;
        for (task, attempt, done_ns, total_ns, passed_ms) in words {
            now_ms += passed_ms;
            meter.progress(&word(job.record.id, task, attempt, &done_ns, total_ns));
            if attempt == 3 && task >= 2 {
                meter.fact(&done(task, TaskKind::Chunk));
            }
            if task == 0 {
                job.finish_part(1, &[48_000]);
                meter.load(&job.record);
            }
            let now = meter.read(now_ms);
            prop_assert!(now.percent >= last.percent && now.percent <= 100.0);
            for (a, b) in percents(&last).iter().zip(percents(&now)) {
                prop_assert!(*a <= b && b <= 100.0);
            }
            prop_assert!(now.speed.is_finite() && now.speed >= 0.0);
            last = now;
        }
    }
    /// Whatever a plan says: no panic, and numbers that can be shown.
    #[test]
    fn any_plan_is_survived(
        numbers in prop::array::uniform6(prop_oneof![
            prop::sample::select(vec![0, 1, SECOND_NS, u64::MAX / 2, u64::MAX]),
            any::<u64>(),
        ]),
        (part, part_segments) in (any::<u32>(), any::<u32>()),
        words in prop::collection::vec((0_u32..8, any::<u64>(), any::<u64>(), any::<u64>()), 1..8),
    ) {
        let mut job = SampleJob::running(60 * SECOND_NS, true);
        let plan = job.record.plan.as_mut().unwrap();
        let [segment_ns, first_chunk_ns, chunk_ns, duration_ns, end_ns, mut now_ms] = numbers;
        (plan.segment_ns, plan.first_chunk_ns, plan.chunk_ns) = (segment_ns, first_chunk_ns, chunk_ns);
        plan.duration_ns = duration_ns;
        plan.video.as_mut().unwrap().end_ns = end_ns;
        plan.audio[0].part_segments = part_segments;
        let mut meter = Meter::new(job.record.id);
        meter.load(&job.record);
        meter.fact(&Fact::PartDone { task: TaskNumber(1), kind: TaskKind::Audio, part, attempt: Attempt(1) });
        for (task, done_ns, total_ns, passed_ms) in words {
            now_ms = now_ms.wrapping_add(passed_ms);
            meter.progress(&word(job.record.id, task, 1, &[done_ns; 2], total_ns));
            meter.fact(&done(task, TaskKind::Chunk));
            let now = meter.read(now_ms);
            for percent in percents(&now).into_iter().chain([now.percent]) {
                prop_assert!((0.0..=100.0).contains(&percent), "{}", percent);
            }
            prop_assert!(now.speed.is_finite() && now.speed >= 0.0);
        }
    }
}

#[test]
fn a_copy_counts_in_bytes() {
    let job = SampleJob::copying(60 * SECOND_NS);
    let mut meter = Meter::new(job.record.id);
    meter.load(&job.record);
    assert_eq!(percents(&meter.read(0)), [0.0, 0.0]);
    meter.progress(&word(job.record.id, 1, 1, &[250_000], 1_000_000));
    let quarter = meter.read(100);
    assert_eq!(percents(&quarter), [25.0, 25.0]);
    assert!(
        (24.0..26.0).contains(&quarter.percent),
        "{}",
        quarter.percent
    );
    meter.fact(&done(1, TaskKind::Remux));
    let copied = meter.read(200);
    assert_eq!(percents(&copied), [100.0, 100.0]);
    assert!(copied.percent > 97.0 && copied.percent < 100.0);
    meter.fact(&Fact::Completed {
        after_ms: 1,
        warnings: Vec::new(),
    });
    assert_eq!(meter.read(300).percent, 100.0);
}
