//! Eight hours: 28,800 frames, one a second, and their sound. Every frame is there once and at its time
//! over all chunks, the sound ends where it should, and the file of it all counts the same.

use std::path::{Path, PathBuf};

use bus_schema::source::SourceFacts;
use bus_schema::task::{Piece, TaskSpec};
use bus_schema::{Attempt, TaskNumber};
use worker::mp4::{Assembly, SampleTable, TrackPieces};

use super::task::{self, Made};
use super::{clip, picture};

const HOURS_S: u64 = 8 * 3_600;
const SEGMENT_S: u64 = 4;
/// Two hours each: as a plan's 16 s they would be 1,800 processes.
const STARTS_S: &[u64] = &[0, 7_200, 14_400, 21_600];
const SIZE: (u32, u32) = (88, 72);
/// What encodes sound in tests of all codecs takes 48,000 a second; at 8,000 it is a sixth of the work.
const SAMPLE_RATE_HZ: u32 = 8_000;
/// Sound comes in units of 1,024 samples: the last one may reach over, and the encoder's last words are another.
const OVER_MAX: u64 = 2 * 1_024;
/// The index of 28,800 frames, 225,000 units of sound and 14,400 chunks of both, with room to spare.
const HEADER_BYTES_MAX: usize = 2 << 20;

/// A tone in the first second and another in the last: in between it is quiet, which encodes at once.
fn film() -> PathBuf {
    let quiet_s = HOURS_S - 2;
    clip::make(
        "eight-hours.mp4",
        &format!(
            "-f lavfi -i testsrc=s=176x144:r=1:d={HOURS_S} -f lavfi -i sine=f=440:r=8000:d=1 \
             -f lavfi -t {quiet_s} -i anullsrc=r=8000:cl=mono -f lavfi -i sine=f=440:r=8000:d=1 \
             -filter_complex '[1][2][3]concat=n=3:v=0:a=1[a]' -map 0:v -map [a] \
             -c:v libx264 -preset ultrafast -g 600 -pix_fmt yuv420p -c:a aac -b:a 16k"
        ),
    )
}

async fn sound(source: &Path, facts: &SourceFacts) -> Made {
    let TaskSpec::Audio(mut spec) = task::audio(source, &facts.audio[0], 0) else {
        unreachable!("the task is one of sound");
    };
    spec.segment_ns = SEGMENT_S * task::SECOND_NS;
    spec.audio.channels = 1;
    spec.audio.sample_rate_hz = SAMPLE_RATE_HZ;
    spec.audio.bitrate_bps = 16_000;
    spec.audio.part_segments = 5;
    let made = task::run(TaskSpec::Audio(spec), source).await;
    assert_eq!(made.failure, None);
    made
}

/// The tables of a track, and where each piece's segments lie.
fn pieces(name: &str, tables: impl Iterator<Item = (u32, SampleTable)>) -> TrackPieces {
    let mut first_segment = 0;
    let tables = tables.map(|(place, table)| {
        let n_segments = u32::try_from(table.segments().len()).expect("few segments");
        let piece = Piece {
            task: TaskNumber(place),
            attempt: Attempt(1),
            part: None,
            first_segment,
            n_segments,
        };
        first_segment += n_segments;
        (piece, table)
    });
    TrackPieces {
        name: name.parse().expect("a name"),
        pieces: tables.collect(),
    }
}

fn table(made: &Made, key: &str) -> SampleTable {
    SampleTable::decode(&made.objects[key]).expect("the table can be read")
}

/// The file, as the assembler would copy it together.
fn assembled(picture: &[Made], sound: &Made) -> PathBuf {
    let tables = picture.iter().map(|made| table(made, "72p/samples"));
    let video = pieces("72p", (0..).zip(tables));
    let parts = sound.parts.iter().map(|part| part.part);
    let tables = parts.map(|part| (part, table(sound, &format!("audio/samples-{part}"))));
    let audio = pieces("audio", tables);
    let assembly = Assembly::new(Some(video), [audio]).expect("the pieces fit together");
    assert_eq!(assembly.frames(), HOURS_S);
    let over_ms = OVER_MAX * 1_000 / u64::from(SAMPLE_RATE_HZ);
    let length_ms = HOURS_S * 1_000..=HOURS_S * 1_000 + over_ms;
    assert!(
        length_ms.contains(&assembly.duration_ms()),
        "{}",
        assembly.duration_ms()
    );
    let header = assembly.header();
    assert!(header.len() < HEADER_BYTES_MAX, "{} bytes", header.len());
    let mut file = header.to_vec();
    for copy in assembly.copies() {
        let name = assembly.object_name(copy).expect("it has a name");
        let (_, key) = name.split_once('/').expect("it lies under an attempt");
        let made = if copy.track == 0 {
            &picture[copy.piece]
        } else {
            sound
        };
        let start = copy.offset as usize;
        file.extend_from_slice(&made.objects[key][start..start + copy.bytes as usize]);
    }
    assert_eq!(file.len() as u64, assembly.bytes());
    clip::write("eight-hours-assembled.mp4", &file)
}

#[tokio::test]
async fn eight_hours_keep_every_frame_and_the_end_of_their_sound() {
    if !clip::has_ffmpeg("eight_hours_keep_every_frame_and_the_end_of_their_sound") {
        return;
    }
    let source = film();
    let facts = task::facts(&source).await;
    let video = facts.video.as_ref().expect("there is a picture");
    assert_eq!(video.frames, Some(HOURS_S));
    assert_eq!(video.duration_ns, HOURS_S * task::SECOND_NS);

    let all = picture::chunks(&source, video, STARTS_S, SEGMENT_S, &[SIZE]).await;
    picture::check(&source, video, &all, &[SIZE]);
    let results = all.iter().map(picture::result);
    let n_segments: usize = results.clone().map(|result| result.durations.len()).sum();
    assert_eq!(n_segments as u64, HOURS_S / SEGMENT_S);
    let frame = u64::from(video.timescale);
    for (result, start_s) in results.zip(STARTS_S) {
        assert_eq!(result.start, start_s * frame);
        let of_all = result.durations.iter().map(|&units| u64::from(units));
        assert!(of_all.clone().all(|units| units == SEGMENT_S * frame));
    }

    let sound = sound(&source, &facts).await;
    let last = sound.parts.last().expect("there is sound");
    let units: u64 = last.durations.iter().map(|&units| u64::from(units)).sum();
    let over = (last.start + units).checked_sub(HOURS_S * u64::from(SAMPLE_RATE_HZ));
    assert!(
        over.is_some_and(|over| over <= OVER_MAX),
        "{over:?} samples too many"
    );

    let file = assembled(&all, &sound);
    let times = clip::frame_times(&file);
    assert_eq!(times.len() as u64, HOURS_S);
    let last = times.last().expect("there are frames");
    assert!((last - 28_799.0).abs() < 1e-6, "{last}");
    check_end_of_sound(&file);
}

/// The last tone begins a second before the end; the encoder smears it over a unit, which is 128 ms here.
fn check_end_of_sound(file: &Path) {
    let from_s = HOURS_S - 10;
    let tail = clip::make(
        "eight-hours-tail.wav",
        &format!("-ss {from_s} -i {} -map 0:a:0", file.display()),
    );
    let samples = clip::samples(&tail);
    let length_s = samples.len() as f64 / 48_000.0;
    assert!((length_s - 10.0).abs() < 0.2, "{length_s} s of 10");
    let onset = samples.iter().position(|level| level.abs() > 0.01);
    let onset_s = onset.expect("the last tone is heard") as f64 / 48_000.0;
    assert!(
        (onset_s - 9.0).abs() < 0.2,
        "the last tone begins {onset_s} s into the last ten"
    );
}
