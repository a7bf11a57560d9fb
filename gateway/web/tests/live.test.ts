// A live session hands on every fact once and in order, whatever happens to its connections.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { WebSocket as NodeWebSocket } from "ws";
import { Client } from "../src/api";
import type { Frame } from "../src/frame";
import { LiveSession, type LiveStatus } from "../src/live";
import { TestGateway } from "./gateway";

/** To catch a hang: backoff takes seconds, a slow machine more. */
const DEADLINE_MS = 60_000;

let gateway: TestGateway;
let session: LiveSession | undefined;

beforeEach(async () => {
  gateway = await TestGateway.start();
});

afterEach(async () => {
  session?.close();
  session = undefined;
  await gateway.stop();
});

interface Heard {
  readonly facts: number[];
  readonly frames: Frame[];
  readonly statuses: LiveStatus[];
  readonly done: Promise<void>;
  gaps: number;
}

function follow(n = 0, ticket?: string): Heard {
  const heard = { facts: [] as number[], frames: [] as Frame[], statuses: [] as LiveStatus[], gaps: 0 };
  session = new LiveSession({
    client: new Client(gateway.url),
    job: "j",
    n,
    ...(ticket !== undefined && { ticket }),
    onFrame: (frame) => {
      heard.frames.push(frame);
      if (frame.type !== "progress") heard.facts.push(frame.n);
    },
    onGap: () => (heard.gaps += 1),
    onStatus: (status) => heard.statuses.push(status),
    WebSocket: NodeWebSocket as unknown as typeof WebSocket,
  });
  const done = session.start();
  return Object.assign(heard, { done });
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const end = Date.now() + DEADLINE_MS; !condition();) {
    assert.ok(Date.now() < end, `${what}: not within ${DEADLINE_MS} ms`);
    session?.wake();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

test("it hands on what was missed, then what happens, and ends with the job", async () => {
  gateway.put({ type: "authorized" });
  gateway.put({ type: "uploaded", bytes: 1 });
  const heard = follow(1, gateway.ticket());
  await until("the missed fact", () => heard.facts.length === 1);
  gateway.progress({ percent: 5, speed: 1, renditions: [] });
  gateway.put({ type: "started" });
  gateway.put({ type: "completed", after_ms: 1 });
  await heard.done;
  assert.deepEqual(heard.facts, [2, 3, 4]);
  assert.deepEqual(
    heard.frames.map(({ type }) => type),
    ["uploaded", "progress", "started", "completed"],
  );
  assert.deepEqual(heard.statuses, ["live", "ended"]);
  assert.equal(gateway.counts.tickets, 0, "the ticket at hand was enough");
});

test("it resumes after every break and misses nothing", async () => {
  gateway.faults = { breaksAfterFrames: 3 };
  for (let index = 0; index < 8; index += 1) gateway.put({ type: "part-done", part: index });
  const heard = follow();
  await until("8 facts", () => heard.facts.length === 8);
  gateway.put({ type: "cancelled" });
  await until("the end", () => heard.statuses.at(-1) === "ended");
  assert.deepEqual(heard.facts, numbers(1, 9));
  assert.deepEqual(gateway.resumedFrom, [0, 2, 4, 6, 8], "hello and two facts each time");
  assert.equal(gateway.counts.tickets, gateway.resumedFrom.length, "a ticket each");
  assert.ok(heard.statuses.includes("reconnecting"));
});

test("it hands on no fact twice", async () => {
  gateway.faults = { repeats: true };
  for (let index = 0; index < 5; index += 1) gateway.put({ type: "part-done", part: index });
  gateway.put({ type: "completed", after_ms: 1 });
  const heard = follow();
  await heard.done;
  assert.deepEqual(heard.facts, numbers(1, 6));
});

test("it comes back for a fact that was left out", async () => {
  gateway.faults = { skipsOnce: 2 };
  for (let index = 0; index < 4; index += 1) gateway.put({ type: "part-done", part: index });
  const heard = follow();
  await until("4 facts", () => heard.facts.length === 4);
  assert.deepEqual(heard.facts, numbers(1, 4));
  assert.deepEqual(gateway.resumedFrom, [0, 1]);
});

test("it says when facts are gone for good, and goes on behind them", async () => {
  for (let index = 0; index < 4; index += 1) gateway.put({ type: "part-done", part: index });
  gateway.faults = { goneUpTo: 3 };
  const heard = follow(1);
  gateway.put({ type: "completed", after_ms: 1 });
  await heard.done;
  assert.equal(heard.gaps, 1);
  assert.deepEqual(heard.facts, [4, 5]);
});

test("it takes events where sockets do not get through", async () => {
  gateway.faults = { refusesSockets: true, breaksAfterFrames: 2 };
  gateway.put({ type: "started" });
  gateway.put({ type: "playable", after_ms: 1 });
  const heard = follow();
  await until("2 facts", () => heard.facts.length === 2);
  gateway.put({ type: "completed", after_ms: 1 });
  await until("the end", () => heard.statuses.at(-1) === "ended");
  assert.deepEqual(heard.facts, [1, 2, 3]);
  assert.equal(gateway.counts.sockets, 0);
  assert.ok(gateway.counts.streams >= 2, "events too were resumed after a break");
});

test("it ends when there is nothing more to say, over sockets as over events", async () => {
  gateway.put({ type: "completed", after_ms: 1 });
  const overSockets = follow(1);
  await overSockets.done;
  gateway.faults = { refusesSockets: true };
  const overEvents = follow(1);
  await until("the end", () => overEvents.statuses.at(-1) === "ended");
  assert.deepEqual([...overSockets.facts, ...overEvents.facts], []);
});

test("it asks for a new ticket when the one at hand is no good", async () => {
  gateway.put({ type: "completed", after_ms: 1 });
  const heard = follow(0, "0123456789abcdef0123456789abcdef");
  await until("the end", () => heard.statuses.at(-1) === "ended");
  assert.equal(gateway.counts.tickets, 1);
});

test("it stops when the job is gone", async () => {
  gateway.isGone = true;
  const heard = follow();
  await heard.done;
  assert.deepEqual(heard.statuses, ["gone"]);
});

test("it hands on nothing once it is closed", async () => {
  gateway.put({ type: "started" });
  const heard = follow();
  await until("the first fact", () => heard.facts.length === 1);
  session?.close();
  gateway.put({ type: "playable", after_ms: 1 });
  await heard.done;
  assert.deepEqual(heard.facts, [1]);
  assert.deepEqual(heard.statuses, ["live"]);
});
