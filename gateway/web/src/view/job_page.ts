// One job, from the first byte of its upload to its last file.
import type { Client } from "../api";
import { fold, refreshed } from "../fold";
import type { Frame } from "../frame";
import { isTerminal, type Job } from "../job";
import { LiveSession, type LiveStatus } from "../live";
import { RefusedError, sentence } from "../problem";
import type { Uploads } from "../uploads";
import { STATE_WORDS, stateLine } from "../words";
import { announce } from "./announce";
import { confirm } from "./confirm";
import { button, el, icon, ICONS, type Page, type Part, setText } from "./element";
import { factsPanel } from "./facts_panel";
import { filesPanel } from "./files_panel";
import { notices } from "./notices";
import { overallPanel } from "./overall_panel";
import { renditionList } from "./rendition_list";
import { stage } from "./stage";
import { uploadPanel } from "./upload_panel";

/** Facts after which the job is loaded anew: they bring addresses that no fact carries. So does the end of the task
 * that makes subtitles. */
const LOADING_FACTS = new Set([
  "playable",
  "file-done",
  "rendition-dropped",
  "completed",
  "failed",
  "cancelled",
]);
/** How long the page waits to load a job again that could not be loaded. */
const RELOAD_MS = 3_000;

function bringsAddresses(frame: Frame): boolean {
  return LOADING_FACTS.has(frame.type) || (frame.type === "task-done" && frame.kind === "subtitles");
}

/** The page at `#/jobs/<id>`. */
export function jobPage(client: Client, uploads: Uploads, id: string): Page {
  return new JobPage(client, uploads, id);
}

class JobPage implements Page {
  readonly element = el("div", { class: "job", "data-job": "" });
  readonly title = "Job";
  readonly #client: Client;
  readonly #uploads: Uploads;
  readonly #id: string;
  readonly #stop = new AbortController();
  #job: Job | undefined;
  #session: LiveSession | undefined;
  #isLoading = false;
  #mustLoad = false;
  #draw: ((job: Job) => void) | undefined;
  #parts: Part<Job>[] = [];
  #frameRequest = 0;
  readonly #connection = el("p", { class: "connection", role: "status", hidden: true });

  constructor(client: Client, uploads: Uploads, id: string) {
    this.#client = client;
    this.#uploads = uploads;
    this.#id = id;
    this.element.append(el("p", { class: "loading", role: "status" }, "Loading the job"));
    const wake = (): void => this.#session?.wake();
    for (const event of ["online", "focus", "pageshow"]) {
      window.addEventListener(event, wake, { signal: this.#stop.signal });
    }
    void this.#open();
  }

  dispose(): void {
    this.#stop.abort();
    this.#session?.close();
    cancelAnimationFrame(this.#frameRequest);
    for (const part of this.#parts) part.dispose?.();
  }

  async #open(): Promise<void> {
    try {
      const loaded = await this.#client.getJob(this.#id);
      this.#job = refreshed(loaded, loaded);
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#showProblem(error);
      return;
    }
    if (this.#stop.signal.aborted) return;
    this.#build(this.#job);
    this.#redraw();
    this.#stop.signal.addEventListener(
      "abort",
      this.#uploads.listen(this.#id, () => this.#redraw()),
    );
    if (!isTerminal(this.#job.state)) this.#follow(this.#job);
  }

  #follow(job: Job): void {
    const ticket = this.#uploads.takeTicket(this.#id);
    this.#session = new LiveSession({
      client: this.#client,
      job: this.#id,
      n: job.n ?? 0,
      ...(ticket !== undefined && { ticket }),
      onFrame: (frame) => this.#take(frame),
      onGap: () => void this.#reload(),
      onStatus: (status) => this.#showStatus(status),
    });
    void this.#session.start();
  }

  #take(frame: Frame): void {
    if (!this.#job) return;
    this.#job = fold(this.#job, frame);
    if (bringsAddresses(frame)) void this.#reload();
    this.#redraw();
  }

  /** One request at a time, and one more for all that happened meanwhile. */
  async #reload(): Promise<void> {
    this.#mustLoad = true;
    if (this.#isLoading) return;
    this.#isLoading = true;
    while (this.#mustLoad && !this.#stop.signal.aborted) {
      this.#mustLoad = false;
      try {
        const loaded = await this.#client.getJob(this.#id);
        if (this.#job) this.#job = refreshed(this.#job, loaded);
        this.#redraw();
      } catch (error) {
        if (error instanceof RefusedError && error.status === 404) break;
        this.#mustLoad = true;
        await new Promise((resolve) => setTimeout(resolve, RELOAD_MS));
      }
    }
    this.#isLoading = false;
  }

  /** At most once per frame of the screen, whatever comes in. */
  #redraw(): void {
    if (this.#frameRequest !== 0 || this.#stop.signal.aborted) return;
    this.#frameRequest = requestAnimationFrame(() => {
      this.#frameRequest = 0;
      if (this.#job) this.#draw?.(this.#job);
    });
  }

  #showStatus(status: LiveStatus): void {
    if (status === "gone") {
      this.#session?.close();
      this.#showProblem(new Error("This job was deleted."));
      return;
    }
    // Nothing more comes: what the feed did not say, the job itself does.
    if (status === "ended") void this.#reload();
    this.#connection.hidden = status !== "reconnecting";
    setText(
      this.#connection,
      status === "reconnecting" ? "The connection is lost. Trying again; nothing is missed." : "",
    );
  }

  #showProblem(error: unknown): void {
    const isGone = !(error instanceof RefusedError) || error.status === 404;
    const again = button("Try again", "button-main", () => location.reload());
    const home = el("a", { class: "button button-quiet", href: "#/" }, "All jobs");
    const actions = el("div", { class: "actions" }, ...(isGone ? [home] : [again, home]));
    this.element.replaceChildren(
      el("div", { class: "notice notice-error", role: "alert" }, el("p", {}, sentence(error)), actions),
    );
    for (const part of this.#parts) part.dispose?.();
    this.#parts = [];
    this.#draw = undefined;
  }

  #build(first: Job): void {
    const title = el("h1", { class: "job-title" }, first.filename);
    document.title = `${first.filename} · tcoder`;
    const pill = el("span", { class: "pill" });
    const line = el("p", { class: "job-line", role: "status" });
    const overall = overallPanel();
    const player = stage(this.#client);
    const upload = uploadPanel({
      onCancel: () => void this.#cancel(),
      onRetry: () => this.#uploads.retry(this.#id),
    });
    const problems = notices();
    const renditions = renditionList(this.#client);
    const files = filesPanel();
    const facts = factsPanel();
    const cancel = button("Cancel job", "button-quiet", () => void this.#cancel());
    const remove = button("Delete", "button-quiet", () => void this.#remove());
    const next = el("a", { class: "button button-main", href: "#/" }, "New upload");
    const head = el(
      "header",
      { class: "job-head" },
      el("a", { class: "back", href: "#/" }, icon(ICONS.back), "All jobs"),
      el("div", { class: "job-name" }, title, pill),
      line,
      this.#connection,
    );
    const parts = [player, problems, renditions, files, facts, overall];
    this.#parts = parts;
    this.element.replaceChildren(
      head,
      problems.element,
      el("div", { class: "job-main" }, upload.element, player.element, overall.element, files.element),
      el(
        "div",
        { class: "job-side" },
        renditions.element,
        facts.element,
        el("div", { class: "actions" }, next, cancel, remove),
      ),
    );
    this.#draw = (job) => {
      const running = this.#uploads.get(this.#id);
      this.element.dataset["job"] = job.id;
      this.element.dataset["state"] = job.state;
      const isStopped = job.state === "uploading" && running?.stage === "stopped";
      setText(pill, isStopped ? "Stopped" : STATE_WORDS[job.state]);
      pill.dataset["state"] = isStopped ? "failed" : job.state;
      setText(line, stateLine(job, running?.stage));
      upload.update(job.state === "uploading" ? running : undefined);
      for (const part of parts) part.update(job);
      cancel.hidden = isTerminal(job.state) || (job.state === "uploading" && running?.stage === "sending");
      remove.hidden = next.hidden = !isTerminal(job.state);
    };
  }

  async #cancel(): Promise<void> {
    const text = "What is being uploaded or encoded stops at once.";
    if (!(await confirm("Cancel this job?", text, "Cancel the job", "Keep going"))) return;
    this.#uploads.stop(this.#id);
    try {
      const job = await this.#client.cancelJob(this.#id);
      if (this.#job) this.#job = refreshed(this.#job, job);
      this.#redraw();
      announce("The job is cancelled.");
    } catch (error) {
      announce(sentence(error));
      void this.#reload();
    }
  }

  async #remove(): Promise<void> {
    const text = "Its files and streams are removed from storage. This cannot be undone.";
    if (!(await confirm("Delete this job?", text, "Delete", "Keep it"))) return;
    try {
      await this.#client.deleteJob(this.#id);
      announce("The job is deleted.");
      location.hash = "#/";
    } catch (error) {
      announce(sentence(error));
    }
  }
}
