// A job changes by facts and progress as the page shows them: states only move on, bars only rise, and applying the
// same frames again changes nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fold, refreshed } from "../src/fold";
import type { Frame } from "../src/frame";
import type { Job } from "../src/job";

const NEW: Job = {
  id: "j",
  state: "uploading",
  preset: "hls-adaptive",
  filename: "film.mp4",
  size: 10,
  n: 1,
  renditions: [],
  created_at: "2026-01-01T00:00:00Z",
};

let n = 1;
const fact = (body: object): Frame =>
  ({ job: "j", at_ms: 1_700_000_000_000 + n, ...body, n: (n += 1) }) as Frame;
const progress = (percent: number, ...percents: number[]): Frame => ({
  type: "progress",
  job: "j",
  n,
  percent,
  speed: 2,
  eta_ms: 1000,
  renditions: percents.map((value, index) => ({
    name: ["360p", "720p", "audio"][index] ?? "",
    percent: value,
  })),
});
const run = (job: Job, frames: readonly Frame[]): Job => frames.reduce(fold, job);

const RENDITIONS = [
  { name: "360p", width: 640, height: 360 },
  { name: "720p", width: 1280, height: 720 },
];
const UNTIL_PLAYABLE: readonly Frame[] = [
  fact({ type: "uploaded", bytes: 11, etag: "e" }),
  fact({ type: "started" }),
  fact({ type: "probed", container: "mp4", duration_ms: 5000, width: 1280, height: 720, has_audio: true }),
  fact({ type: "planned", renditions: RENDITIONS, has_audio: true, n_tasks: 5, n_chunks: 2 }),
  progress(10, 12, 11, 30),
  fact({ type: "playable", after_ms: 900 }),
];
const REST: readonly Frame[] = [
  progress(60, 70, 65, 100),
  fact({ type: "file-done", rendition: "360p", bytes: 1234 }),
  fact({ type: "completed", after_ms: 5000 }),
];
test("what is remuxed before anything is planned is told, and no longer", () => {
  const remuxing = run(NEW, [
    fact({ type: "uploaded", bytes: 11, etag: "e" }),
    fact({ type: "started" }),
    { ...progress(0), remuxed_percent: 42.5 } as Frame,
  ]);
  assert.equal(remuxing.progress?.remuxed_percent, 42.5);
  assert.equal(remuxing.progress?.percent, 0);
  assert.equal(run(remuxing, [progress(1, 1, 1, 1)]).progress?.remuxed_percent, null);
});

const percents = (job: Job) => job.renditions.map(({ percent }) => percent);

test("a job goes its way", () => {
  const playable = run(NEW, UNTIL_PLAYABLE);
  assert.equal(playable.state, "playable");
  assert.equal(playable.size, 11);
  assert.equal(playable.duration_ms, 5000);
  assert.deepEqual(
    playable.renditions.map(({ name }) => name),
    ["360p", "720p", "audio"],
  );
  assert.deepEqual(percents(playable), [12, 11, 30]);
  const done = run(playable, REST);
  assert.equal(done.state, "completed");
  assert.deepEqual(percents(done), [100, 100, 100]);
  assert.equal(done.progress?.percent, 100);
  assert.equal(done.renditions[0]?.file_bytes, 1234);
  assert.equal(done.n, REST.at(-1)?.n);
});

test("the same frames again change nothing", () => {
  const once = run(NEW, [...UNTIL_PLAYABLE, ...REST]);
  assert.deepEqual(run(once, [...UNTIL_PLAYABLE, ...REST]), once);
});

test("a frame does not change the job that it is applied to", () => {
  const before = structuredClone(NEW);
  run(NEW, UNTIL_PLAYABLE);
  assert.deepEqual(NEW, before);
});

test("bars and states never go back", () => {
  let job = run(NEW, UNTIL_PLAYABLE);
  job = fold(job, progress(5, 1, 50, 2));
  assert.deepEqual(percents(job), [12, 50, 30]);
  assert.equal(job.progress?.percent, 10);
  job = fold(job, fact({ type: "started" }));
  assert.equal(job.state, "playable");
  const cancelled = fold(job, fact({ type: "cancelled" }));
  assert.equal(cancelled.state, "cancelled");
  assert.equal(fold(cancelled, fact({ type: "playable", after_ms: 1 })).state, "cancelled");
  assert.deepEqual(percents(fold(cancelled, progress(99, 99, 99, 99))), [12, 50, 30]);
});

test("progress that comes before the plan is kept", () => {
  const early = fold(NEW, progress(3, 4, 5));
  const planned = fold(
    early,
    fact({ type: "planned", renditions: RENDITIONS, has_audio: false, n_tasks: 1, n_chunks: 1 }),
  );
  assert.deepEqual(percents(planned), [4, 5]);
  assert.equal(planned.renditions[1]?.width, 1280);
});

test("what was given up is named and does not reach the end", () => {
  const error = { code: "crashed", message: "It crashed." };
  let job = run(NEW, UNTIL_PLAYABLE);
  job = fold(job, fact({ type: "rendition-dropped", rendition: "720p", error }));
  job = fold(job, fact({ type: "completed", after_ms: 1, warnings: ["720p was given up"] }));
  assert.deepEqual(job.renditions[1]?.dropped, error);
  assert.deepEqual(percents(job), [100, 11, 100]);
  assert.deepEqual(job.warnings, ["720p was given up"]);
});

test("a failure tells why", () => {
  const error = { code: "not_media", message: "Not a video." };
  const job = fold(NEW, fact({ type: "failed", error }));
  assert.equal(job.state, "failed");
  assert.deepEqual(job.error, error);
});

test("facts that this code does not know count and change nothing else", () => {
  const strange = fact({ type: "polished" });
  assert.deepEqual(fold(NEW, strange), { ...NEW, n: strange.n });
});

test("a loaded job adds what no fact carries and takes nothing back", () => {
  const seen = run(NEW, UNTIL_PLAYABLE);
  const stale: Job = {
    ...NEW,
    n: 3,
    state: "running",
    progress: { percent: 1, speed: 1 },
    renditions: [{ name: "360p", width: 640, height: 360, percent: 2 }],
    playback: { hls: "/v1/jobs/j/play/master.m3u8" },
  };
  const merged = refreshed(seen, stale);
  assert.equal(merged.state, "playable");
  assert.equal(merged.n, seen.n);
  assert.equal(merged.playback?.hls, "/v1/jobs/j/play/master.m3u8");
  assert.deepEqual(percents(merged), [12, 11, 30]);
  assert.equal(merged.progress?.percent, 10);
  assert.deepEqual(percents(refreshed(seen, { ...stale, state: "completed" })), [100, 100, 100]);
});

test("a newer view without a rendition means that it is gone, but for what was given up with a reason", () => {
  const error = { code: "crashed", message: "It crashed." };
  const seen = fold(run(NEW, UNTIL_PLAYABLE), fact({ type: "rendition-dropped", rendition: "720p", error }));
  const loaded: Job = {
    ...NEW,
    n: (seen.n ?? 0) + 3,
    state: "playable",
    renditions: [{ name: "360p", width: 640, height: 360, percent: 50 }],
  };
  const merged = refreshed(seen, loaded);
  assert.deepEqual(
    merged.renditions.map(({ name }) => name),
    ["360p", "720p"],
  );
  assert.deepEqual(merged.renditions[1]?.dropped, error);
});

test("a completed job is whole as it is loaded", () => {
  const loaded: Job = {
    ...NEW,
    state: "completed",
    renditions: [{ name: "360p", width: 640, height: 360, percent: 0 }],
  };
  assert.deepEqual(percents(refreshed(loaded, loaded)), [100]);
});

test("a copy is told by its plan, and why a source is encoded", () => {
  const plan = { type: "planned", renditions: RENDITIONS.slice(1), has_audio: false, n_tasks: 2 };
  const copied = fold(NEW, fact({ ...plan, n_chunks: 0 }));
  assert.equal(copied.is_copied, true);
  assert.equal(copied.encode_reason, null);
  assert.deepEqual(percents(copied), [0]);
  const done = run(copied, [
    { ...progress(50), renditions: [{ name: "720p", percent: 50 }] } as Frame,
    fact({ type: "file-done", rendition: "720p", bytes: 9 }),
    fact({ type: "playable", after_ms: 2 }),
    fact({ type: "completed", after_ms: 3 }),
  ]);
  assert.deepEqual([done.state, ...percents(done)], ["completed", 100]);
  const reason = "The source is encoded, since it is old.";
  const encoded = fold(NEW, fact({ ...plan, n_chunks: 2, encode_reason: reason }));
  assert.deepEqual([encoded.is_copied, encoded.encode_reason], [false, reason]);
  // Sound alone has no chunks, and is encoded.
  assert.equal(fold(NEW, fact({ ...plan, renditions: [], has_audio: true, n_chunks: 0 })).is_copied, false);
});
