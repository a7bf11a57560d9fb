// How a job changes by what its live session says. Pure: the same frames give the same job, and applying a frame to a
// job that includes it already changes nothing.
import type { FactFrame, Frame, ProgressFrame } from "./frame";
import { AUDIO, isTerminal, type Job, type JobState, type Rendition } from "./job";

const ORDER: readonly JobState[] = ["uploading", "queued", "running", "playable", "completed"];

/** The job after this frame. */
export function fold(job: Job, frame: Frame): Job {
  if (frame.type === "hello") return job;
  if (frame.type === "progress") return progressed(job, frame);
  return { ...happened(job, frame), n: Math.max(job.n ?? 0, frame.n) };
}

/** A freshly loaded job, with what was seen of it before: no bar may fall because an answer was slow. */
export function refreshed(seen: Job, loaded: Job): Job {
  const renditions = loaded.renditions.map((rendition) => {
    const before = seen.renditions.find(({ name }) => name === rendition.name);
    return before
      ? { ...before, ...rendition, percent: Math.max(before.percent, rendition.percent) }
      : rendition;
  });
  // What was given up is listed no more, but the page still says why; an older view may not know all.
  const isOlder = (loaded.n ?? 0) < (seen.n ?? 0);
  const missing = seen.renditions.filter(
    ({ name, dropped }) => (isOlder || dropped) && renditions.every((one) => one.name !== name),
  );
  const merged: Job = {
    ...seen,
    ...loaded,
    duration_ms: loaded.duration_ms ?? seen.duration_ms ?? null,
    renditions: [...renditions, ...missing],
    progress: ahead(seen.progress, loaded.progress),
    n: Math.max(seen.n ?? 0, loaded.n ?? 0),
  };
  const next = withState({ ...merged, state: seen.state }, loaded.state);
  return next.state === "completed" ? whole(next) : next;
}

function ahead(seen: Job["progress"], loaded: Job["progress"]): NonNullable<Job["progress"]> | null {
  if (!seen || !loaded) return loaded ?? seen ?? null;
  return loaded.percent < seen.percent ? seen : loaded;
}

/** States only move on: facts may be applied to a view that is newer than they are. */
function withState(job: Job, state: JobState): Job {
  if (isTerminal(job.state)) return job;
  const moves = isTerminal(state) || ORDER.indexOf(state) > ORDER.indexOf(job.state);
  if (!moves) return job;
  const next = { ...job, state };
  return state === "completed" ? whole(next) : next;
}

/** Everything that was not given up is at its end. */
function whole(job: Job): Job {
  const renditions = job.renditions.map((one) => (one.dropped ? one : { ...one, percent: 100 }));
  return { ...job, renditions, progress: { percent: 100, speed: job.progress?.speed ?? 0, eta_ms: 0 } };
}

function happened(job: Job, fact: FactFrame): Job {
  const at = new Date(fact.at_ms).toISOString();
  switch (fact.type) {
    case "uploaded":
      return withState({ ...job, size: fact.bytes, uploaded_at: job.uploaded_at ?? at }, "queued");
    case "started":
      return withState({ ...job, started_at: job.started_at ?? at }, "running");
    case "probed":
      return { ...job, duration_ms: fact.duration_ms };
    case "planned":
      return planned(job, fact);
    case "rendition-dropped":
      return changed(job, fact.rendition, { dropped: fact.error });
    case "file-done":
      return changed(job, fact.rendition, { file_bytes: fact.bytes, percent: 100 });
    case "playable":
      return withState({ ...job, playable_at: job.playable_at ?? at }, "playable");
    case "completed":
      return withState(
        { ...job, finished_at: job.finished_at ?? at, warnings: fact.warnings ?? job.warnings ?? [] },
        "completed",
      );
    case "failed":
      return withState({ ...job, finished_at: job.finished_at ?? at, error: fact.error }, "failed");
    case "cancelled":
      return withState({ ...job, finished_at: job.finished_at ?? at }, "cancelled");
    default:
      return job;
  }
}

function planned(job: Job, fact: FactFrame & { readonly type: "planned" }): Job {
  const names: Pick<Rendition, "name" | "width" | "height">[] = [...fact.renditions];
  if (fact.has_audio && names.every(({ name }) => name !== AUDIO))
    names.push({ name: AUDIO, width: null, height: null });
  const renditions = names.map((one) => {
    const before = job.renditions.find(({ name }) => name === one.name);
    return { ...before, name: one.name, width: one.width, height: one.height, percent: before?.percent ?? 0 };
  });
  // Sound alone has no chunks either.
  const is_copied = fact.n_chunks === 0 && !fact.has_audio;
  return { ...job, renditions, is_copied, encode_reason: fact.encode_reason ?? null };
}

function changed(job: Job, name: string, change: Partial<Rendition>): Job {
  const renditions = job.renditions.map((one) => (one.name === name ? { ...one, ...change } : one));
  return { ...job, renditions };
}

function progressed(job: Job, frame: ProgressFrame): Job {
  if (isTerminal(job.state)) return job;
  const percents = new Map(frame.renditions.map(({ name, percent }) => [name, percent]));
  const known = job.renditions.map((one) => ({
    ...one,
    percent: Math.max(one.percent, percents.get(one.name) ?? 0),
  }));
  const fresh = frame.renditions
    .filter(({ name }) => job.renditions.every((one) => one.name !== name))
    .map(({ name, percent }) => ({ name, width: null, height: null, percent }));
  const percent = Math.max(job.progress?.percent ?? 0, frame.percent);
  const progress = {
    percent,
    speed: frame.speed,
    eta_ms: frame.eta_ms ?? null,
    remuxed_percent: frame.remuxed_percent ?? null,
  };
  return { ...job, renditions: [...known, ...fresh], progress };
}
