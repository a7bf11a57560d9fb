// A bar per rendition, with speed, time left, and the download as soon as its file is there.
import type { Client } from "../api";
import * as format from "../format";
import { AUDIO, isTerminal, type Job, type Rendition } from "../job";
import { Pace } from "../pace";
import { renditionWord } from "../words";
import { el, icon, ICONS, type Part, progressBar, setProgress, setText } from "./element";

/** Numbers that jump ten times a second cannot be read. */
const NUMBERS_MS = 500;

interface Row {
  readonly element: HTMLElement;
  update(job: Job, rendition: Rendition): void;
}

/** The rows, highest first, the sound last. */
export function renditionList(client: Client): Part<Job> {
  const rows = new Map<string, Row>();
  const list = el("ul", { class: "rows", role: "list" });
  const heading = el("h2", {}, "Renditions");
  const element = el(
    "section",
    { class: "panel", "aria-label": "Renditions" },
    el("div", { class: "panel-head" }, heading),
    list,
  );
  return {
    element,
    update(job) {
      element.hidden = job.renditions.length === 0;
      // Bars that stand in the page are never made anew: their values only rise.
      const ordered = [...job.renditions].sort((a, b) => rank(b) - rank(a));
      ordered.forEach((rendition, index) => {
        const row = rows.get(rendition.name) ?? newRow(client, rendition.name);
        rows.set(rendition.name, row);
        if (list.children[index] !== row.element)
          list.insertBefore(row.element, list.children[index] ?? null);
        row.update(job, rendition);
      });
    },
  };
}

function rank(rendition: Rendition): number {
  return rendition.name === AUDIO ? -1 : (rendition.width ?? 0) * (rendition.height ?? 0);
}

function newRow(client: Client, name: string): Row {
  const word = renditionWord(name);
  const size = el("span", { class: "row-size" });
  const bar = progressBar(word);
  bar.dataset["rendition"] = name;
  const percent = el("span", { class: "row-percent" });
  const note = el("span", { class: "row-note" });
  const download = el(
    "a",
    { class: "row-download", "aria-label": `Download ${word}` },
    icon(ICONS.download),
    "Download",
  );
  const element = el(
    "li",
    { class: "row" },
    el("span", { class: "row-name" }, el("strong", {}, word), size),
    percent,
    bar,
    note,
    download,
  );
  const pace = new Pace();
  let shownMs = -Infinity;
  return {
    element,
    update(job, rendition) {
      const nowMs = performance.now();
      setText(size, rendition.width ? `${rendition.width} × ${rendition.height}` : "");
      setProgress(bar, rendition.percent);
      setText(percent, rendition.dropped ? "" : format.percent(bar.value));
      pace.add(nowMs, rendition.percent);
      const fileBytes = bytesOf(job, rendition);
      download.hidden = fileBytes === undefined;
      if (fileBytes !== undefined) download.href = client.downloadUrl(job.id, name);
      element.classList.toggle("row-done", rendition.percent >= 100);
      element.classList.toggle("row-dropped", rendition.dropped !== undefined);
      const isMoving = rendition.percent < 100 && !isTerminal(job.state);
      if (isMoving && nowMs - shownMs < NUMBERS_MS) return;
      shownMs = nowMs;
      setText(note, noteOf(job, rendition, pace, fileBytes));
    },
  };
}

/** Bytes of the finished file, where there is one. */
function bytesOf(job: Job, rendition: Rendition): number | undefined {
  const isFile = (kind: string) => kind === "mp4" || kind === "m4a";
  const output = job.outputs?.find((one) => one.rendition === rendition.name && isFile(one.kind));
  return output?.bytes ?? rendition.file_bytes;
}

function noteOf(job: Job, rendition: Rendition, pace: Pace, fileBytes: number | undefined): string {
  if (rendition.dropped) return `Given up: ${rendition.dropped.message}`;
  if (fileBytes !== undefined) return format.bytes(fileBytes);
  if (job.state === "failed" || job.state === "cancelled") return "Not finished";
  if (rendition.percent >= 100) return job.state === "completed" ? "In the streams" : "Encoded";
  if (rendition.percent <= 0) return "Waiting";
  const words: string[] = [];
  const perSecond = pace.perSecond;
  const etaMs = pace.etaMs(100);
  if (perSecond !== undefined && job.duration_ms)
    words.push(format.speed((perSecond / 100) * (job.duration_ms / 1000)));
  if (etaMs !== undefined) words.push(`${format.duration(etaMs)} left`);
  return words.join(" · ");
}
