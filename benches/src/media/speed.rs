//! What encoding takes: ours, ffmpeg in one process and in four, x264 alone, and ours in chunks.

use std::path::Path;

use super::process::{self, Cost};
use super::theirs::Raw;
use super::{Bench, QUALITIES, ours, theirs};
use crate::report::{Row, complain, percentile};

/// Length of the chunks whose sum is compared with one pass, in seconds.
const CHUNK_SECONDS: u32 = 15;
/// CPU of ours by that of one ffmpeg process.
const CPU_MAX: f64 = 1.00;
/// Wall time of ours by that of one ffmpeg process.
const WALL_MAX: f64 = 0.95;
/// Wall time of ours by that of one ffmpeg process per rendition.
const WALL_EACH_MAX: f64 = 0.60;
/// CPU of ours by that of x264 alone.
const CPU_X264_MAX: f64 = 1.30;
/// CPU of chunks by that of one pass.
const CPU_CHUNKS_MAX: f64 = 1.03;

/// What one round took.
#[derive(Debug)]
struct Round {
    ours: Cost,
    at_once: Cost,
    each: Cost,
    x264: Cost,
    picture: Cost,
    chunks: Cost,
}

/// Measures in rounds, and compares within each.
pub(super) async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let planned = bench.engine.plan(&bench.film, &QUALITIES).await?;
    complain("making the raw frames of each rendition");
    let raw = Raw::make(&planned, bench.scratch()?).await?;
    let mut rounds = Vec::new();
    for n in 0..bench.pairs {
        let round = round(bench, &planned, &raw).await?;
        complain(&format!(
            "round {} of {}: CPU {:.1} s, ffmpeg's {:.1} s; wall {:.1} s, ffmpeg's {:.1} s",
            n + 1,
            bench.pairs,
            round.ours.cpu_s,
            round.at_once.cpu_s,
            round.ours.wall_s,
            round.at_once.wall_s,
        ));
        rounds.push(round);
    }
    let median = |of: &dyn Fn(&Round) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        percentile(&mut values, 50)
    };
    let seconds = |what: &str, of: &dyn Fn(&Round) -> f64| Row::plain(what, median(of), "s");
    let ratio = |what: &str, limit: f64, of: &dyn Fn(&Round) -> f64| {
        Row::at_most(what, median(of), "times", limit)
    };
    Ok(vec![
        seconds("CPU, ours", &|r| r.ours.cpu_s),
        seconds("CPU, one ffmpeg", &|r| r.at_once.cpu_s),
        seconds("CPU, ffmpeg per rendition", &|r| r.each.cpu_s),
        seconds("CPU, x264 alone", &|r| r.x264.cpu_s),
        seconds("wall, ours", &|r| r.ours.wall_s),
        seconds("wall, one ffmpeg", &|r| r.at_once.wall_s),
        seconds("wall, ffmpeg per rendition", &|r| r.each.wall_s),
        ratio("CPU : one ffmpeg", CPU_MAX, &|r| {
            r.ours.cpu_s / r.at_once.cpu_s
        }),
        ratio("wall : one ffmpeg", WALL_MAX, &|r| {
            r.ours.wall_s / r.at_once.wall_s
        }),
        ratio("wall : one ffmpeg per rendition", WALL_EACH_MAX, &|r| {
            r.ours.wall_s / r.each.wall_s
        }),
        ratio("CPU : x264 alone on raw frames", CPU_X264_MAX, &|r| {
            r.ours.cpu_s / r.x264.cpu_s
        }),
        ratio("CPU of chunks of 15 s : one pass", CPU_CHUNKS_MAX, &|r| {
            r.chunks.cpu_s / r.picture.cpu_s
        }),
    ])
}

async fn round(bench: &Bench, planned: &ours::Planned, raw: &Raw) -> anyhow::Result<Round> {
    let engine = &bench.engine;
    let [ours_out, once_out, each_out, x264_out, chunks_out] = [
        bench.scratch()?,
        bench.scratch()?,
        bench.scratch()?,
        bench.scratch()?,
        bench.scratch()?,
    ];
    let ours = process::cost(engine.encode_all(planned, ours_out.path())).await?;
    let at_once = process::cost(async {
        let mut command = theirs::at_once(planned, crf(planned)?, once_out.path())?;
        process::run(&mut command, "ffmpeg").await.map(drop)
    })
    .await?;
    let picture = {
        let out = bench.scratch()?;
        process::cost(engine.encode(planned, ours::WHOLE, 0, out.path())).await?
    };
    let chunks = process::cost(async {
        let mut first_segment = 0;
        let length_s = CHUNK_SECONDS.min(bench.film.seconds / 2);
        for span in planned.spans(length_s) {
            engine
                .encode(planned, span, first_segment, chunks_out.path())
                .await?;
            first_segment += length_s.div_ceil(u32::try_from(planned.segment_s())?);
        }
        Ok(())
    })
    .await?;
    let each = process::cost(async {
        for mut command in theirs::each(planned, each_out.path())? {
            process::run(&mut command, "ffmpeg").await?;
        }
        Ok(())
    })
    .await?;
    let x264 = process::cost(async {
        for mut command in raw.encoders(planned, x264_out.path())? {
            process::run(&mut command, "x264").await?;
        }
        Ok(())
    })
    .await?;
    same(planned, ours_out.path(), once_out.path(), x264_out.path()).await?;
    Ok(Round {
        ours,
        at_once,
        each,
        x264,
        picture,
        chunks,
    })
}

/// The quality of all renditions.
pub(super) fn crf(planned: &ours::Planned) -> anyhow::Result<u8> {
    let first = planned.video()?.renditions.first();
    Ok(first.map_or(23, |rendition| rendition.crf))
}

/// Fails unless x264 had the same settings and made as many frames everywhere.
async fn same(
    planned: &ours::Planned,
    ours_out: &Path,
    once_out: &Path,
    x264_out: &Path,
) -> anyhow::Result<()> {
    for rendition in &planned.video()?.renditions {
        let ours = ours::joined(ours_out, &rendition.name.to_string())?;
        let once = theirs::file(once_out, rendition);
        let alone = x264_out.join(format!("{}.264", rendition.name));
        theirs::same_settings(&ours, &once)?;
        theirs::same_settings(&ours, &alone)?;
        let (a, b) = (theirs::frames(&ours).await?, theirs::frames(&once).await?);
        anyhow::ensure!(
            a == b,
            "{} has {a} frames, and ffmpeg's {b}",
            rendition.name
        );
    }
    Ok(())
}
