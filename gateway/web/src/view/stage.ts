// The place of the picture: what is going on while there is none, the player from the first seconds on.
import type { Client } from "../api";
import * as format from "../format";
import { isTerminal, type Job, type Output } from "../job";
import { type Level, Player, preload, start } from "../player";
import { el, icon, ICONS, type Part, setText } from "./element";

/** Shows `waiting` words until something can be played. */
export function stage(client: Client): Part<Job> {
  const video = el("video", { class: "stage-video", controls: true, playsinline: true, preload: "auto" });
  const percent = el("p", { class: "stage-percent", "aria-hidden": "true" });
  const words = el("p", { class: "stage-words" });
  const curtain = el("div", { class: "stage-curtain" }, icon(ICONS.film), percent, words);
  const frame = el("div", { class: "stage-frame" }, video, curtain);
  const quality = el("select", { id: "quality" });
  const choice = el("div", { class: "stage-choice", hidden: true }, el("label", { for: "quality" }, "Quality"), quality);
  const problem = el("p", { class: "notice notice-error", role: "alert", hidden: true });
  const element = el("section", { class: "stage", "aria-label": "Player" }, frame, choice, problem);

  let player: Player | undefined;
  let source: string | undefined;
  let isFirst = true;
  // Whoever opens a finished job has not asked for sound; whoever waited for this one has.
  let mayStart = false;

  quality.addEventListener("change", () => player?.chooseLevel(Number(quality.value)));
  function showLevels(levels: readonly Level[]): void {
    const options = [...levels].reverse().map(({ index, label }) => el("option", { value: String(index) }, label));
    quality.replaceChildren(el("option", { value: "-1" }, "Automatic"), ...options);
    choice.hidden = levels.length < 2;
  }
  function showProblem(text: string): void {
    setText(problem, text);
    problem.hidden = false;
  }
  function open(job: Job): void {
    const next = playable(client, job);
    if (!next || next.url === source || player) return;
    source = next.url;
    if (next.isStream) {
      player = new Player(video, next.url, { onError: showProblem, onLevels: showLevels });
      void player.open(mayStart);
    } else {
      video.src = next.url;
      if (mayStart) void start(video);
    }
  }

  return {
    element,
    update(job) {
      if (isFirst) {
        isFirst = false;
        mayStart = !isTerminal(job.state);
        if (isStreamed(job)) preload();
      }
      open(job);
      const isShown = source !== undefined;
      element.hidden = !isShown && isTerminal(job.state);
      curtain.hidden = isShown;
      video.hidden = !isShown;
      video.setAttribute("aria-label", job.filename);
      if (job.source && job.source.height > 0 && job.source.height > job.source.width) frame.classList.add("stage-tall");
      const isMoving = job.state === "running" && job.renditions.length > 0;
      setText(percent, isMoving ? format.percent(job.progress?.percent ?? 0) : "");
      setText(words, curtainWords(job));
    },
    dispose() {
      player?.destroy();
      if (!player) video.removeAttribute("src");
    },
  };
}

function isStreamed(job: Job): boolean {
  return job.preset === "hls" || job.preset === "hls-adaptive";
}

/** What can be played of this job now, if anything. */
function playable(client: Client, job: Job): { readonly url: string; readonly isStream: boolean } | undefined {
  const isReady = job.state === "playable" || job.state === "completed";
  if (isReady && isStreamed(job)) return { url: job.playback?.hls ?? client.playlistUrl(job.id), isStream: true };
  const file = bestFile(job.outputs ?? []);
  return file && { url: file.url, isStream: false };
}

function bestFile(outputs: readonly Output[]): Output | undefined {
  const files = outputs.filter(({ kind }) => kind === "mp4" || kind === "m4a");
  return files.reduce<Output | undefined>((best, one) => (best && best.bytes >= one.bytes ? best : one), undefined);
}

function curtainWords(job: Job): string {
  switch (job.state) {
    case "uploading":
      return "The picture appears here as soon as it can be played.";
    case "queued":
      return "Waiting for a free worker";
    case "running":
      return job.renditions.length === 0 ? "Reading the video" : "Encoding the first seconds";
    case "playable":
      return "Almost there";
    case "completed":
    case "failed":
    case "cancelled":
      return "";
  }
}
