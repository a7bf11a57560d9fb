// A small gateway for the tests: real HTTP and real WebSockets on a free port, serving one job's facts as they are put
// into it, and doing to its clients what networks do.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { type Frame, isLast } from "../src/frame";

/** How the gateway misbehaves. */
export interface Faults {
  /** Refuses WebSockets, as some proxies do. */
  readonly refusesSockets?: boolean;
  /** Breaks each connection after so many frames. */
  readonly breaksAfterFrames?: number;
  /** Sends every fact twice. */
  readonly repeats?: boolean;
  /** Leaves out this fact, once. */
  readonly skipsOnce?: number;
  /** Facts up to this one are gone. */
  readonly goneUpTo?: number;
}

/** What clients did. */
export interface Counts {
  sockets: number;
  streams: number;
  tickets: number;
}

type Send = (frame: object) => void;

/** Serves `/v1/jobs/<job>/{live,events,ticket}`. */
export class TestGateway {
  readonly facts: Frame[] = [];
  readonly counts: Counts = { sockets: 0, streams: 0, tickets: 0 };
  /** Every `n` that a client came with. */
  readonly resumedFrom: number[] = [];
  faults: Faults = {};
  /** Answers like a job that was deleted. */
  isGone = false;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #tickets = new Set<string>();
  readonly #listeners = new Set<Send>();
  readonly #breaks = new Set<() => void>();
  #skipped = false;

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.on("upgrade", (request, socket, head) => {
      const n = this.#admit(request);
      if (n === undefined || this.faults.refusesSockets) {
        socket.end("HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n");
        return;
      }
      this.counts.sockets += 1;
      this.#sockets.handleUpgrade(request, socket, head, (live) => {
        const send: Send = (frame) => live.readyState === WebSocket.OPEN && live.send(JSON.stringify(frame));
        this.#serve(n, send, () => live.terminate());
        live.on("close", () => this.#listeners.delete(send));
        const last = this.facts.at(-1);
        if (last && last.n === n && isLast(last)) live.close(1000, "the job has ended");
      });
    });
  }

  static async start(): Promise<TestGateway> {
    const gateway = new TestGateway();
    await new Promise<void>((resolve) => gateway.#server.listen(0, "127.0.0.1", resolve));
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A ticket without being asked. */
  ticket(): string {
    const ticket = `t${this.#tickets.size}-${this.counts.tickets}-${Math.random()}`;
    this.#tickets.add(ticket);
    return ticket;
  }

  /** Records a fact and sends it to whoever listens. */
  put(fact: object): void {
    const frame = { job: "j", at_ms: 1_700_000_000_000, ...fact, n: this.facts.length + 1 } as Frame;
    this.facts.push(frame);
    for (const send of [...this.#listeners]) this.#fact(send, frame);
  }

  /** Sends what is no fact. */
  progress(frame: object): void {
    for (const send of this.#listeners) send({ type: "progress", job: "j", n: this.facts.length, ...frame });
  }

  /** Breaks every connection. */
  breakAll(): void {
    for (const breakOne of this.#breaks) breakOne();
    this.#breaks.clear();
    this.#listeners.clear();
  }

  async stop(): Promise<void> {
    this.breakAll();
    this.#sockets.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #admit(request: IncomingMessage): number | undefined {
    const { searchParams } = new URL(request.url ?? "", "http://localhost");
    // One-time: deleted whether it was right or not.
    if (!this.#tickets.delete(searchParams.get("ticket") ?? "") || this.isGone) return undefined;
    const n = Number(searchParams.get("n"));
    this.resumedFrom.push(n);
    return n;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    if (this.isGone) {
      const problem = {
        type: "urn:x",
        title: "Unknown job",
        status: 404,
        code: "unknown_job",
        detail: "There is no job `j`.",
      };
      response.writeHead(404, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
    } else if (path.includes("/ticket")) {
      this.counts.tickets += 1;
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ live_ticket: this.ticket() }));
    } else if (path.includes("/events")) {
      const { searchParams } = new URL(path, "http://localhost");
      if (!this.#tickets.delete(searchParams.get("ticket") ?? "")) {
        const problem = {
          type: "urn:x",
          title: "Ticket not valid",
          status: 403,
          code: "invalid_ticket",
          detail: "Used.",
        };
        response.writeHead(403, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
        return;
      }
      const n = Number(request.headers["last-event-id"]);
      this.resumedFrom.push(n);
      const last = this.facts.at(-1);
      if (last && last.n === n && isLast(last)) {
        response.writeHead(204).end();
        return;
      }
      this.counts.streams += 1;
      response.writeHead(200, { "content-type": "text/event-stream" });
      const send: Send = (frame) => response.write(`data: ${JSON.stringify(frame)}\n\n`);
      this.#serve(n, send, () => response.destroy());
      response.on("close", () => this.#listeners.delete(send));
    } else {
      response.writeHead(500).end();
    }
  }

  #serve(n: number, sendTo: Send, breakOff: () => void): void {
    let left = this.faults.breaksAfterFrames ?? Infinity;
    const send: Send = (frame) => {
      if (left <= 0) return;
      sendTo(frame);
      left -= 1;
      if (left === 0) {
        this.#listeners.delete(send);
        setImmediate(breakOff);
      }
    };
    this.#breaks.add(breakOff);
    const goneUpTo = this.faults.goneUpTo ?? 0;
    const recovered = n >= goneUpTo;
    const from = recovered ? n : goneUpTo;
    send({ type: "hello", job: "j", n: from, recovered });
    for (const fact of this.facts.slice(from)) this.#fact(send, fact);
    this.#listeners.add(send);
  }

  #fact(send: Send, fact: Frame): void {
    if (fact.n === this.faults.skipsOnce && !this.#skipped) {
      this.#skipped = true;
      return;
    }
    send(fact);
    if (this.faults.repeats) send(fact);
  }
}
