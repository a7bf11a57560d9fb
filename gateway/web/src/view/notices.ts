// What went wrong or fell short, and what to do.
import type { Job } from "../job";
import { advice, renditionWord } from "../words";
import { el, type Part } from "./element";

/** The error, if the job failed; then the warnings. */
export function notices(): Part<Job> {
  const element = el("div", { class: "notices" });
  let shown = "";
  return {
    element,
    update(job) {
      const dropped = job.renditions.filter((one) => one.dropped);
      const next = JSON.stringify([job.error, job.warnings, dropped]);
      if (next === shown) return;
      shown = next;
      const parts: HTMLElement[] = [];
      if (job.error) {
        const what = el("p", {}, el("strong", {}, job.error.message));
        const code = el("p", { class: "notice-code" }, `${job.error.code} · job ${job.id}`);
        parts.push(
          el(
            "div",
            { class: "notice notice-error", role: "alert" },
            what,
            el("p", {}, advice(job.error)),
            code,
          ),
        );
      }
      for (const text of warningsOf(job)) parts.push(el("p", { class: "notice notice-warning" }, text));
      element.replaceChildren(...parts);
      element.hidden = parts.length === 0;
    },
  };
}

function warningsOf(job: Job): string[] {
  const dropped = job.renditions
    .filter((one) => one.dropped)
    .map((one) => {
      const why = one.dropped?.message ?? "";
      return `${renditionWord(one.name)} was given up: ${why} The other renditions are not affected.`;
    });
  // Once the job is completed its own warnings name what was given up.
  return job.warnings && job.warnings.length > 0 ? [...job.warnings] : dropped;
}
