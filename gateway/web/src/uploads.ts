// The uploads that run in this page. They outlive the view that shows them: one may look at another job meanwhile.
import type { AuthorizedUpload, Client } from "./api";
import { type Choice, hasPicture } from "./choice";
import { cleanName } from "./filename";
import { sentence } from "./problem";
import { upload, UploadError, type UploadProgress } from "./upload";
import type { UploadStage } from "./words";

/** One upload as a view shows it. */
export interface RunningUpload {
  readonly stage: UploadStage;
  readonly progress: UploadProgress;
  /** Why it stopped, and whether another try can help. */
  readonly problem?: { readonly text: string; readonly canRetry: boolean };
}

interface Entry {
  readonly file: File;
  readonly target: AuthorizedUpload["upload"];
  ticket: string | undefined;
  stop: AbortController;
  shown: RunningUpload;
  readonly listeners: Set<() => void>;
}

/** All of them, by job. */
export class Uploads {
  readonly #client: Client;
  readonly #entries = new Map<string, Entry>();

  constructor(client: Client) {
    this.#client = client;
    window.addEventListener("beforeunload", (event) => {
      if ([...this.#entries.values()].some(({ shown }) => shown.stage === "sending")) event.preventDefault();
    });
  }

  /** Asks for permission and begins; answers with the job's id as soon as there is one. */
  async begin(file: File, choice: Choice): Promise<string> {
    const authorized = await this.#client.authorizeUpload({
      filename: cleanName(file.name),
      // Browsers guess by the name, and may add parameters that the gateway does not take.
      content_type: /^[\w.+-]+\/[\w.+-]+$/.test(file.type) ? file.type : "application/octet-stream",
      size: file.size,
      preset: choice.preset,
      ...(choice.qualities.length > 0 && { qualities: choice.qualities }),
      ...(hasPicture(choice) && { codec: choice.codec }),
    });
    const entry: Entry = {
      file,
      target: authorized.upload,
      ticket: authorized.live_ticket,
      stop: new AbortController(),
      shown: { stage: "sending", progress: { sent: 0, total: file.size } },
      listeners: new Set(),
    };
    this.#entries.set(authorized.job_id, entry);
    void this.#send(entry);
    return authorized.job_id;
  }

  get(job: string): RunningUpload | undefined {
    return this.#entries.get(job)?.shown;
  }

  /** The job's first ticket, once. */
  takeTicket(job: string): string | undefined {
    const entry = this.#entries.get(job);
    const ticket = entry?.ticket;
    if (entry) entry.ticket = undefined;
    return ticket;
  }

  /** Calls back on every change until the answer is called. */
  listen(job: string, onChange: () => void): () => void {
    const listeners = this.#entries.get(job)?.listeners;
    listeners?.add(onChange);
    return () => listeners?.delete(onChange);
  }

  /** Stops sending; the job is another matter. */
  stop(job: string): void {
    this.#entries.get(job)?.stop.abort();
  }

  /** Sends again from the start, to the same address. */
  retry(job: string): void {
    const entry = this.#entries.get(job);
    if (entry?.shown.stage !== "stopped") return;
    entry.stop = new AbortController();
    this.#show(entry, { stage: "sending", progress: { sent: 0, total: entry.file.size } });
    void this.#send(entry);
  }

  async #send(entry: Entry): Promise<void> {
    const onProgress = (progress: UploadProgress): void => this.#show(entry, { stage: "sending", progress });
    try {
      await upload(entry.file, entry.target, onProgress, entry.stop.signal);
      const total = entry.file.size;
      this.#show(entry, { stage: "sent", progress: { sent: total, total } });
    } catch (error) {
      const canRetry = error instanceof UploadError && error.kind === "broken";
      const { progress } = entry.shown;
      this.#show(entry, { stage: "stopped", progress, problem: { text: sentence(error), canRetry } });
    }
  }

  #show(entry: Entry, shown: RunningUpload): void {
    entry.shown = shown;
    for (const listener of entry.listeners) listener();
  }
}
