// A live session that lasts as long as its job: it reconnects by itself, resumes behind the last fact that it has, and
// hands every fact on once and in order. No DOM: it runs in a browser and in Node alike.
import type { Client } from "./api";
import { backoffMs } from "./backoff";
import { serverEvents } from "./event_stream";
import { type Frame, isLast, parseFrame } from "./frame";
import { RefusedError } from "./problem";

/** After so many WebSockets that never spoke, events over HTTP are tried: some proxies let nothing else through. */
const SILENT_SOCKETS_MAX = 3;
/**
 * A connection that says nothing for so long is given up, since a dead one looks the same as one with no news, and
 * resuming costs next to nothing. Longer than two of the server's pings, which a page cannot see.
 */
const SILENCE_MS_MAX = 60_000;

/** How the session stands. */
export type LiveStatus =
  /** Connected, or about to be for the first time. */
  | "live"
  /** Lost, and trying again. */
  | "reconnecting"
  /** The job has ended; nothing more will come. */
  | "ended"
  /** There is no such job any more. */
  | "gone";

/** What a session needs and whom it tells. */
export interface LiveOptions {
  readonly client: Client;
  readonly job: string;
  /** The last fact that the caller has: what follows is handed on. */
  readonly n: number;
  /** A ticket at hand; further ones are asked for. */
  readonly ticket?: string;
  /** Every frame but `hello`. Facts come once each and in order. */
  readonly onFrame: (frame: Frame) => void;
  /** Facts are gone for good: load the job anew, which includes them. Those that follow still come. */
  readonly onGap: () => void;
  readonly onStatus?: (status: LiveStatus) => void;
  /** For Node before 22, and for tests. */
  readonly WebSocket?: typeof WebSocket;
}

/** The server's close code for: the job has ended and everything was sent. */
const CLOSE_FINISHED = 1000;

/** How a connection ended. */
interface Ending {
  /** Whether it ever said a word. */
  readonly hasSpoken: boolean;
}

/** Follows one job. Make it, `start` it, `close` it. */
export class LiveSession {
  readonly #options: LiveOptions;
  readonly #closing = new AbortController();
  #n: number;
  #ticket: string | undefined;
  #isOver = false;
  #silentSockets = 0;
  #wake: (() => void) | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#n = options.n;
    this.#ticket = options.ticket;
  }

  /** Runs until the job's last fact, until the job is gone, or until `close`. Never throws. */
  async start(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted;) {
      let hasSpoken = false;
      try {
        hasSpoken = (await this.#connect(signal)).hasSpoken;
      } catch (error) {
        if (error instanceof RefusedError && (error.status === 404 || error.status === 410)) {
          this.#tell("gone");
          return;
        }
      }
      if (signal.aborted) return;
      if (this.#isOver) {
        this.#tell("ended");
        return;
      }
      failures = hasSpoken ? 0 : failures + 1;
      this.#tell("reconnecting");
      await this.#pause(backoffMs(failures), signal);
    }
  }

  /** Tries again now: the machine woke up, the network is back, the page is looked at. */
  wake(): void {
    this.#wake?.();
  }

  /** Ends it; nothing is handed on afterwards. */
  close(): void {
    this.#closing.abort();
    this.#wake?.();
  }

  async #connect(signal: AbortSignal): Promise<Ending> {
    const ticket = this.#ticket ?? (await this.#options.client.ticket(this.#options.job)).live_ticket;
    // One-time: whatever becomes of this connection, the ticket is spent.
    this.#ticket = undefined;
    if (signal.aborted) return { hasSpoken: false };
    if (this.#silentSockets >= SILENT_SOCKETS_MAX) {
      const ending = await this.#overEvents(ticket, signal);
      // Had events not worked either, it was no proxy that is in the way.
      if (!ending.hasSpoken) this.#silentSockets = 0;
      return ending;
    }
    const ending = await this.#overSocket(ticket, signal);
    this.#silentSockets = ending.hasSpoken ? 0 : this.#silentSockets + 1;
    return ending;
  }

  #overSocket(ticket: string, signal: AbortSignal): Promise<Ending> {
    const { client, job } = this.#options;
    const Socket = this.#options.WebSocket ?? WebSocket;
    const socket = new Socket(client.liveUrl(job, ticket, this.#n));
    return new Promise((resolve) => {
      let hasSpoken = false;
      const end = (): void => {
        clearTimeout(silence);
        signal.removeEventListener("abort", end);
        // Listeners are of no use behind the end: a frame that arrives now comes again on the next connection.
        socket.onmessage = socket.onclose = null;
        // A socket that is closed before it opened says so as an error, which must have a listener in Node.
        socket.onerror = () => undefined;
        socket.close();
        resolve({ hasSpoken });
      };
      let silence = setTimeout(end, SILENCE_MS_MAX);
      signal.addEventListener("abort", end);
      socket.onclose = ({ code }) => {
        this.#isOver ||= code === CLOSE_FINISHED;
        end();
      };
      socket.onerror = () => undefined;
      socket.onmessage = (message: MessageEvent) => {
        if (!hasSpoken) this.#tell("live");
        hasSpoken = true;
        clearTimeout(silence);
        silence = setTimeout(end, SILENCE_MS_MAX);
        if (!this.#take(String(message.data))) end();
      };
    });
  }

  async #overEvents(ticket: string, signal: AbortSignal): Promise<Ending> {
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    signal.addEventListener("abort", abort);
    let silence = setTimeout(abort, SILENCE_MS_MAX);
    let hasSpoken = false;
    try {
      const body = await this.#options.client.events(this.#options.job, ticket, this.#n, stop.signal);
      this.#isOver ||= body === undefined;
      for await (const event of body ? serverEvents(body) : []) {
        if (!hasSpoken) this.#tell("live");
        hasSpoken = true;
        clearTimeout(silence);
        silence = setTimeout(abort, SILENCE_MS_MAX);
        if (!this.#take(event.data)) break;
      }
    } catch (error) {
      // A stream that breaks off is resumed; a refusal is for the caller to judge.
      if (error instanceof RefusedError) throw error;
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", abort);
      stop.abort();
    }
    return { hasSpoken };
  }

  /** Whether the connection is of further use. */
  #take(text: string): boolean {
    const frame = parseFrame(text);
    if (frame === undefined) return true;
    if (frame.type === "hello") {
      if (!frame.recovered) {
        this.#n = frame.n;
        this.#options.onGap();
      }
      return true;
    }
    if (frame.type === "progress") {
      this.#options.onFrame(frame);
      return true;
    }
    if (frame.n <= this.#n) return true;
    // One is missing: the next connection begins with it.
    if (frame.n > this.#n + 1) return false;
    this.#n = frame.n;
    this.#isOver = isLast(frame);
    this.#options.onFrame(frame);
    return !this.#isOver;
  }

  #tell(status: LiveStatus): void {
    if (!this.#closing.signal.aborted) this.#options.onStatus?.(status);
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      const wake = done;
      function done(): void {
        clearTimeout(timer);
        resolve();
      }
      this.#wake = () => {
        this.#wake = undefined;
        wake();
      };
    });
  }
}
