// The whole job's bar.
import * as format from "../format";
import type { Job } from "../job";
import { el, type Part, progressBar, setProgress, setText } from "./element";

/** Shown while tasks are at work, with speed and time left as the gateway estimates them. */
export function overallPanel(): Part<Job> {
  const bar = progressBar("Whole job");
  bar.dataset["overall"] = "";
  const percent = el("span", { class: "row-percent" });
  const note = el("p", { class: "panel-note" });
  const element = el(
    "section",
    { class: "overall", "aria-label": "Overall progress" },
    bar,
    el("div", { class: "panel-foot" }, note, percent),
  );
  return {
    element,
    update(job) {
      element.hidden = job.state !== "running" && job.state !== "playable";
      setProgress(bar, job.progress?.percent ?? 0);
      setText(percent, format.percent(bar.value));
      const words: string[] = [];
      if (job.progress && job.progress.speed > 0) words.push(`${format.speed(job.progress.speed)} real time`);
      if (typeof job.progress?.eta_ms === "number")
        words.push(`${format.duration(job.progress.eta_ms)} left`);
      const remuxed = job.progress?.remuxed_percent;
      const waiting =
        typeof remuxed === "number"
          ? `Preparing the video: ${format.percent(remuxed)}`
          : "Working out how long it takes";
      setText(note, words.join(" · ") || waiting);
    },
  };
}
