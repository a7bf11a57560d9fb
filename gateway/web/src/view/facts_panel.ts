// What is known of the source, and how long things took.
import { presetOf } from "../choice";
import * as format from "../format";
import type { Job } from "../job";
import { el, type Part } from "./element";

/** A list of terms, filled as they become known. */
export function factsPanel(): Part<Job> {
  const list = el("dl", { class: "facts" });
  const element = el(
    "section",
    { class: "panel", "aria-label": "Details" },
    el("div", { class: "panel-head" }, el("h2", {}, "Details")),
    list,
  );
  let shown = "";
  return {
    element,
    update(job) {
      const facts = factsOf(job);
      const next = JSON.stringify(facts);
      if (next === shown) return;
      shown = next;
      const items = facts.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value)));
      list.replaceChildren(...items);
    },
  };
}

function factsOf(job: Job): [string, string][] {
  const facts: [string, string | undefined][] = [
    ["Preset", presetOf(job).title],
    ["Size", format.bytes(job.size)],
    ["Length", job.duration_ms ? format.clock(job.duration_ms) : undefined],
    ["Streams", streams(job)],
    ["Playable after", since(job.uploaded_at, job.playable_at)],
    [job.state === "completed" ? "Done after" : "Ended after", since(job.uploaded_at, job.finished_at)],
    ["Job", job.id],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
}

/** What becomes of the source's streams, where its preset may go either way. */
function streams(job: Job): string | undefined {
  if (job.is_copied) return "Copied as they are: every browser plays them.";
  return job.encode_reason ?? undefined;
}

/** From the upload's end, as all durations count. */
function since(from: string | null | undefined, to: string | null | undefined): string | undefined {
  return from && to ? format.measured(Date.parse(to) - Date.parse(from)) : undefined;
}
