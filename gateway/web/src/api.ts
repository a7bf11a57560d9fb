// The gateway's HTTP API. No DOM: it runs in a browser and in Node alike.
import type { Codec } from "./choice";
import type { Job, JobState, Preset } from "./job";
import { refusal, UnreachableError } from "./problem";

/** Longest wait for an answer. The gateway gives up on its own parts sooner than that. */
const ANSWER_MS_MAX = 30_000;

/** What to upload, and what to make of it. */
export interface NewUpload {
  readonly filename: string;
  readonly content_type: string;
  /** Bytes. */
  readonly size: number;
  readonly preset?: Preset;
  /** Names of rungs, or `audio`; none means the preset's own choice. */
  readonly qualities?: readonly string[];
  /** `h264` by default. */
  readonly codec?: Codec;
  readonly priority?: number;
  readonly webhook_url?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly external_id?: string;
  readonly watermark?: Watermark;
  readonly images?: Images;
  readonly chapters?: Chapters;
}

/** Chapters that begin where scenes do. */
export interface Chapters {
  /** Percent of the range of luma by which a scene's first frame differs; 10 by default. */
  readonly threshold?: number;
  /** Seconds; 30 by default. */
  readonly min_length_s?: number;
}

/** Still images of the film. */
export interface Images {
  readonly format?: "jpeg" | "webp";
  /** Pixels; up to four. */
  readonly widths?: readonly number[];
  /** True by default. */
  readonly poster?: boolean;
  readonly poster_at_s?: number;
  /** An image of yours is the poster: it is sent before the film, to `image_upload` of the answer. */
  readonly uploaded?: {
    readonly content_type: "image/jpeg" | "image/png" | "image/webp";
    readonly size: number;
  };
  readonly thumbnails?:
    | { readonly mode: "none" }
    | { readonly mode: "automatic"; readonly count?: number }
    | { readonly mode: "times"; readonly at_s: readonly number[] }
    | { readonly mode: "scenes"; readonly count?: number }
    | { readonly mode: "interval"; readonly every_s: number };
  readonly storyboard?: boolean;
  readonly clip?: Clip;
}

/** The part of a source that is taken, in milliseconds from its beginning. */
export interface Clip {
  /** 0 by default. */
  readonly start_ms?: number;
  /** The source's end by default. */
  readonly end_ms?: number;
}

/** A mark over the picture of every rendition: either `text` or `image`. */
export interface Watermark {
  /** One line of up to 64 letters. */
  readonly text?: string;
  /** A PNG of up to 24 KiB, in base64. */
  readonly image?: string;
  readonly position?: "top-left" | "top-right" | "bottom-left" | "bottom-right" | "center";
  /** Percent of the picture's width; 15 by default. */
  readonly width_percent?: number;
  readonly opacity_percent?: number;
  readonly margin_percent?: number;
}

/** A request that storage will accept once, as signed: the headers must be sent exactly so. */
export interface UploadTarget {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** An authorized upload. */
export interface AuthorizedUpload {
  readonly job_id: string;
  readonly key: string;
  readonly upload: UploadTarget;
  /** Where to send the image that was announced. */
  readonly image_upload?: UploadTarget;
  /** RFC 3339. */
  readonly expires_at: string;
  /** Opens one live session, once. */
  readonly live_ticket: string;
}

/** One-time right to a live session. */
export interface Ticket {
  readonly live_ticket: string;
}

/** Which jobs to list, newest first. */
export interface ListFilter {
  readonly state?: JobState;
  readonly limit?: number;
  /** Continue behind this job. */
  readonly after?: string;
}

/** A page of the list. */
export interface JobList {
  readonly jobs: readonly Job[];
  /** Pass it as `after` to read on; absent at the end. */
  readonly next?: string | null;
}

/** What can be asked for: names of rungs, lowest first, and of the sound alone. */
interface Ladder {
  readonly rungs: readonly { readonly name: string }[];
  readonly audio: string;
}

/** Calls the gateway at one address. Every method throws `RefusedError` or `UnreachableError`. */
export class Client {
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly #fetch: typeof fetch;

  constructor(baseUrl: string, fetchWith: typeof fetch = (input, init) => fetch(input, init)) {
    this.baseUrl = baseUrl.replace(/\/+$/, "");
    this.#fetch = fetchWith;
  }

  /** Asks for an upload; the bytes then go straight to storage. */
  authorizeUpload(upload: NewUpload): Promise<AuthorizedUpload> {
    return this.#call("POST", "/v1/uploads", upload);
  }

  /** Names of the qualities that can be asked for, highest first, and of the sound alone. */
  async qualities(): Promise<readonly string[]> {
    const ladder: Ladder = await this.#call("GET", "/v1/ladder");
    return [...ladder.rungs.map(({ name }) => name).reverse(), ladder.audio];
  }

  getJob(id: string): Promise<Job> {
    return this.#call("GET", jobPath(id));
  }

  listJobs(filter: ListFilter = {}): Promise<JobList> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(filter)) {
      if (value !== undefined) query.set(name, String(value));
    }
    return this.#call("GET", `/v1/jobs?${query}`);
  }

  /** Stops the work; what is stored stays. */
  cancelJob(id: string): Promise<Job> {
    return this.#call("POST", jobPath(id, "/cancel"));
  }

  /** Cancels if needed, then removes outputs and record. */
  async deleteJob(id: string): Promise<void> {
    await this.#answer("DELETE", jobPath(id));
  }

  /** A fresh ticket for a live session, good for a minute. */
  ticket(id: string): Promise<Ticket> {
    return this.#call("POST", jobPath(id, "/ticket"));
  }

  /** Where a rendition's finished file is downloaded from. */
  downloadUrl(id: string, rendition: string): string {
    return `${this.baseUrl}${jobPath(id, "/download")}?${new URLSearchParams({ rendition })}`;
  }

  /** Where the job's playlists begin. */
  playlistUrl(id: string): string {
    return `${this.baseUrl}${jobPath(id, "/play/master.m3u8")}`;
  }

  /** The WebSocket of a live session that goes on behind the last fact `n` that the caller has. */
  liveUrl(id: string, ticket: string, n: number): string {
    const url = `${this.baseUrl}${jobPath(id, "/live")}?${new URLSearchParams({ ticket, n: String(n) })}`;
    return url.replace(/^http/, "ws");
  }

  /** The same session as server-sent events, in a body without end; `undefined` when there is nothing behind `n`. */
  async events(
    id: string,
    ticket: string,
    n: number,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array> | undefined> {
    const headers = { accept: "text/event-stream", "last-event-id": String(n) };
    const url = `${this.baseUrl}${jobPath(id, "/events")}?${new URLSearchParams({ ticket })}`;
    const response = await this.#fetched(url, { headers, cache: "no-store", signal });
    return response.status === 204 ? undefined : (response.body ?? undefined);
  }

  /** The text that an output's address leads to. */
  async text(path: string): Promise<string> {
    const response = await this.#answer("GET", path);
    try {
      return await response.text();
    } catch (error) {
      throw new UnreachableError(error);
    }
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#answer(method, path, body);
    try {
      return (await response.json()) as T;
    } catch (error) {
      throw new UnreachableError(error);
    }
  }

  #answer(method: string, path: string, body?: unknown): Promise<Response> {
    const init: RequestInit = { method, signal: AbortSignal.timeout(ANSWER_MS_MAX), cache: "no-store" };
    if (body !== undefined) {
      init.headers = { "content-type": "application/json" };
      init.body = JSON.stringify(body);
    }
    return this.#fetched(`${this.baseUrl}${path}`, init);
  }

  async #fetched(url: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await this.#fetch(url, init);
    } catch (error) {
      throw new UnreachableError(error);
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

function jobPath(id: string, rest = ""): string {
  return `/v1/jobs/${encodeURIComponent(id)}${rest}`;
}
