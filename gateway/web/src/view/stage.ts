// The place of the picture: what is going on while there is none, the player from the first seconds on.
import type { Client } from "../api";
import * as format from "../format";
import { isTerminal, type Job, type Output } from "../job";
import { type Level, Player, preload, start } from "../player";
import { Subtitles } from "../subtitles";
import { el, icon, ICONS, type Part, setText } from "./element";

/** Shows `waiting` words until something can be played. */
export function stage(client: Client): Part<Job> {
  const video = el("video", { class: "stage-video", controls: true, playsinline: true, preload: "auto" });
  const percent = el("p", { class: "stage-percent", "aria-hidden": "true" });
  const words = el("p", { class: "stage-words" });
  const curtain = el("div", { class: "stage-curtain" }, icon(ICONS.film), percent, words);
  const frame = el("div", { class: "stage-frame" }, video, curtain);
  const quality = el("select", { id: "quality" });
  const choice = el(
    "div",
    { class: "stage-choice", hidden: true },
    el("label", { for: "quality" }, "Quality"),
    quality,
  );
  const pause = el("p", { class: "stage-pause", role: "status" });
  const under = el("div", { class: "stage-under" }, pause, choice);
  const problem = el("p", { class: "notice notice-error", role: "alert", hidden: true });
  const element = el("section", { class: "stage", "aria-label": "Player" }, frame, under, problem);

  const subtitles = new Subtitles(video, (url) => client.text(url));
  let shown: Job | undefined;
  let mustShowSubtitles = false;
  let player: Player | undefined;
  let source: Playable | undefined;
  let isFirst = true;
  // Whoever opens a finished job has not asked for sound; whoever waited for this one has.
  let mayStart = false;
  let isGrowing = false;

  // Whoever watches faster than it is encoded comes to the end of what there is.
  video.addEventListener("waiting", () => {
    const isAtEnd = video.duration - video.currentTime < 1;
    setText(pause, isGrowing && isAtEnd ? "The next seconds are being encoded. It goes on by itself." : "");
  });
  for (const event of ["playing", "pause", "emptied"])
    video.addEventListener(event, () => setText(pause, ""));
  quality.addEventListener("change", () => player?.chooseLevel(Number(quality.value)));
  function showLevels(levels: readonly Level[]): void {
    const options = [...levels]
      .reverse()
      .map(({ index, label }) => el("option", { value: String(index) }, label));
    quality.replaceChildren(el("option", { value: "-1" }, "Automatic"), ...options);
    choice.hidden = levels.length < 2;
  }
  function showProblem(text: string): void {
    setText(problem, text);
    problem.hidden = false;
  }
  function showSubtitles(): void {
    mustShowSubtitles = true;
    if (shown) subtitles.update(shown);
  }
  function open(job: Job): void {
    const next = playable(client, job);
    // The same film from another address is no better; but streams of a job that keeps none end with it.
    if (!next || next.isStream === source?.isStream || source?.isStream === false) return;
    source = next;
    if (next.isStream) {
      player = new Player(video, next.url, {
        onError: showProblem,
        onLevels: showLevels,
        onFed: showSubtitles,
      });
      void player.open(mayStart);
    } else {
      const { currentTime, paused } = video;
      const goesOn = player ? !paused : mayStart;
      player?.destroy();
      player = undefined;
      choice.hidden = true;
      video.src = next.url;
      mustShowSubtitles = true;
      video.currentTime = currentTime;
      if (goesOn) void start(video);
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
      isGrowing = job.state === "playable";
      open(job);
      shown = job;
      if (mustShowSubtitles) subtitles.update(job);
      const isShown = source !== undefined;
      element.hidden = !isShown && isTerminal(job.state);
      curtain.hidden = isShown;
      video.hidden = !isShown;
      video.setAttribute("aria-label", job.filename);
      frame.classList.toggle(
        "stage-tall",
        job.renditions.some(({ width, height }) => (height ?? 0) > (width ?? 0)),
      );
      setText(percent, curtainPercent(job));
      setText(words, curtainWords(job));
    },
    dispose() {
      subtitles.remove();
      player?.destroy();
      if (!player) video.removeAttribute("src");
    },
  };
}

function isStreamed(job: Job): boolean {
  return job.preset === "hls" || job.preset === "hls-adaptive";
}

interface Playable {
  readonly url: string;
  readonly isStream: boolean;
}

/** What can be played of this job now, if anything. */
function playable(client: Client, job: Job): Playable | undefined {
  // The fact comes before the job is loaded with its addresses: playing begins at once.
  const isGrowing = job.state === "playable" && !job.is_copied;
  const stream = job.playback?.hls ?? (isGrowing ? client.playlistUrl(job.id) : undefined);
  if (stream) return { url: stream, isStream: true };
  const file = bestFile(job.outputs ?? []);
  return file && { url: file.url, isStream: false };
}

/** The largest with a picture, else the sound. */
function bestFile(outputs: readonly Output[]): Output | undefined {
  const rank = ({ kind, bytes }: Output): number => (kind === "mp4" ? bytes + 1 : kind === "m4a" ? 0 : -1);
  const best = [...outputs].sort((a, b) => rank(b) - rank(a))[0];
  return best && rank(best) >= 0 ? best : undefined;
}

function curtainPercent(job: Job): string {
  if (job.state !== "running") return "";
  const done = job.renditions.length > 0 ? (job.progress?.percent ?? 0) : job.progress?.remuxed_percent;
  return typeof done === "number" ? format.percent(done) : "";
}

function curtainWords(job: Job): string {
  switch (job.state) {
    case "uploading":
      return "The picture appears here as soon as it can be played.";
    case "queued":
      return "Waiting for a free worker";
    case "running":
      if (job.renditions.length > 0) return "Encoding the first seconds";
      return typeof job.progress?.remuxed_percent === "number"
        ? "Preparing the video: this kind of file has to be rewritten first"
        : "Reading the video";
    case "playable":
      return "Almost there";
    case "completed":
    case "failed":
    case "cancelled":
      return "";
  }
}
