// The upload's bar, while the file is on its way.
import * as format from "../format";
import type { RunningUpload } from "../uploads";
import { button, el, type Part, progressBar, setText } from "./element";

/** What a person may do about an upload. */
export interface UploadActions {
  readonly onCancel: () => void;
  readonly onRetry: () => void;
}

/** Shown while there is an upload in this page that is not through. */
export function uploadPanel(actions: UploadActions): Part<RunningUpload | undefined> {
  const bar = progressBar("Upload");
  bar.dataset["upload"] = "";
  const percent = el("span", { class: "row-percent" });
  const numbers = el("p", { class: "panel-note" });
  const problem = el("p", { class: "panel-problem", role: "alert" });
  const cancel = button("Cancel upload", "button-quiet", actions.onCancel);
  const retry = button("Try again", "button-main", actions.onRetry);
  const element = el(
    "section",
    { class: "panel", "aria-label": "Upload" },
    el("div", { class: "panel-head" }, el("h2", {}, "Upload"), percent),
    bar,
    el(
      "div",
      { class: "panel-foot" },
      el("div", {}, numbers, problem),
      el("div", { class: "actions" }, retry, cancel),
    ),
  );
  return {
    element,
    update(upload) {
      element.hidden = upload === undefined || upload.stage === "sent";
      if (!upload) return;
      const share = upload.progress.total > 0 ? (upload.progress.sent / upload.progress.total) * 100 : 100;
      bar.value = Math.round(share * 10) / 10;
      // What a broken connection had taken says nothing about what storage has.
      setText(percent, upload.stage === "sending" ? format.percent(share) : "");
      bar.hidden = upload.stage !== "sending";
      setText(numbers, upload.stage === "sending" ? numbersOf(upload) : "");
      setText(problem, upload.problem?.text ?? "");
      retry.hidden = !upload.problem?.canRetry;
      cancel.hidden = upload.stage !== "sending";
    },
  };
}

function numbersOf({ progress }: RunningUpload): string {
  const words = [`${format.bytes(progress.sent)} of ${format.bytes(progress.total)}`];
  if (progress.speed !== undefined) words.push(`${format.bytes(progress.speed)}/s`);
  if (progress.eta_ms !== undefined) words.push(`${format.duration(progress.eta_ms)} left`);
  return progress.sent < progress.total
    ? words.join(" · ")
    : "All bytes are sent; storage is writing them down.";
}
