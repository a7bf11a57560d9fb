// The list of jobs, newest first, kept fresh while it is looked at.
import type { Client } from "../api";
import * as format from "../format";
import { isTerminal, type Job } from "../job";
import { sentence } from "../problem";
import { STATE_WORDS } from "../words";
import { button, el, icon, ICONS, progressBar, setText } from "./element";

/** Often enough to see things move, seldom enough for many open pages. */
const REFRESH_MS = 3_000;
/** Jobs to a page of the list. */
const PAGE_JOBS = 20;
/** No more than that is shown and refreshed at once. */
const SHOWN_JOBS_MAX = 100;

/** The list; it fetches by itself until `dispose`. */
export function jobsList(client: Client): { readonly element: HTMLElement; dispose(): void } {
  const list = el("ul", { class: "jobs", role: "list" });
  const empty = el("p", { class: "jobs-empty", hidden: true }, "No jobs yet. The first one appears here.");
  const problem = el("p", { class: "notice notice-error", role: "alert", hidden: true });
  const more = button("Show more", "button-quiet", () => {
    shownMax = Math.min(SHOWN_JOBS_MAX, shownMax + PAGE_JOBS);
    void refresh();
  });
  more.hidden = true;
  const element = el(
    "section",
    { class: "jobs-section", "aria-label": "Jobs" },
    el("h2", {}, "Jobs"),
    problem,
    list,
    empty,
    more,
  );
  const rows = new Map<string, ReturnType<typeof newRow>>();
  let shownMax = PAGE_JOBS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;

  async function refresh(): Promise<void> {
    clearTimeout(timer);
    try {
      const { jobs, next } = await client.listJobs({ limit: shownMax });
      if (isStopped) return;
      draw(jobs, Boolean(next));
      problem.hidden = true;
    } catch (error) {
      if (isStopped) return;
      setText(problem, sentence(error));
      problem.hidden = false;
    }
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(() => void refresh(), REFRESH_MS);
  }
  function draw(jobs: readonly Job[], hasMore: boolean): void {
    const ids = new Set(jobs.map(({ id }) => id));
    for (const [id, row] of rows) {
      if (ids.has(id)) continue;
      row.element.remove();
      rows.delete(id);
    }
    jobs.forEach((job, index) => {
      const row = rows.get(job.id) ?? newRow(job);
      rows.set(job.id, row);
      if (list.children[index] !== row.element) list.insertBefore(row.element, list.children[index] ?? null);
      row.update(job);
    });
    empty.hidden = jobs.length > 0;
    more.hidden = !hasMore || shownMax >= SHOWN_JOBS_MAX;
  }
  const onVisible = (): void => void (!document.hidden && refresh());
  document.addEventListener("visibilitychange", onVisible);
  void refresh();
  return {
    element,
    dispose() {
      isStopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    },
  };
}

function newRow(first: Job): { readonly element: HTMLElement; update(job: Job): void } {
  const name = el("span", { class: "jobs-name" }, first.filename);
  const meta = el("span", { class: "jobs-meta" });
  const pill = el("span", { class: "pill" });
  const bar = progressBar(`Progress of ${first.filename}`);
  const link = el(
    "a",
    { class: "jobs-link", href: `#/jobs/${first.id}` },
    icon(ICONS.film),
    el("span", { class: "jobs-text" }, name, meta),
    pill,
    bar,
  );
  const element = el("li", { class: "jobs-item" }, link);
  return {
    element,
    update(job) {
      setText(pill, STATE_WORDS[job.state]);
      pill.dataset["state"] = job.state;
      setText(meta, metaOf(job));
      // A list shows snapshots: a bar may be made for another stage, so it simply takes the value.
      bar.value = job.progress?.percent ?? 0;
      bar.hidden = job.state !== "running" && job.state !== "playable";
    },
  };
}

function metaOf(job: Job): string {
  const words = [format.bytes(job.size), format.ago(Date.parse(job.created_at), Date.now())];
  if (job.state === "failed" && job.error) words.push(job.error.message);
  else if (!isTerminal(job.state) && job.progress) words.push(format.percent(job.progress.percent));
  return words.join(" · ");
}
