// Bytes from the network, however they are cut: events, frames, and how fast things move.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BACKOFF_MS_MAX, backoffMs } from "../src/backoff";
import { serverEvents } from "../src/event_stream";
import { isLast, parseFrame } from "../src/frame";
import { Pace } from "../src/pace";

async function read(bytes: Uint8Array, cut: number): Promise<object[]> {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += cut) controller.enqueue(bytes.slice(at, at + cut));
      controller.close();
    },
  });
  const events = [];
  for await (const event of serverEvents(stream)) events.push(event);
  return events;
}

test("events are read alike wherever their bytes are cut", async () => {
  const text =
    ': ping\r\nid: 7\r\nevent: started\r\ndata: {"é":1}\r\n\r\ndata:a\ndata: b\n\nretry: 5\n\ndata: x\rid: 9\r\rdata: lost';
  const expected = [
    { event: "started", data: '{"é":1}', id: "7" },
    { event: "message", data: "a\nb", id: "7" },
    { event: "message", data: "x", id: "9" },
  ];
  const bytes = new TextEncoder().encode(text);
  for (let cut = 1; cut <= bytes.length; cut += 1)
    assert.deepEqual(await read(bytes, cut), expected, `cut at ${cut}`);
});

test("an event without end is not kept in memory", async () => {
  await assert.rejects(read(new Uint8Array(1_100_000).fill(120), 65_536), /too long/);
});

test("frames are objects with a type and a number, and nothing else is", () => {
  assert.equal(parseFrame('{"type":"started","job":"j","n":3,"at_ms":1}')?.n, 3);
  for (const text of ["", "null", "[]", "3", '"x"', "{}", '{"type":"started"}', '{"n":1}', "{"]) {
    assert.equal(parseFrame(text), undefined, text);
  }
});

test("a feed ends with the job", () => {
  const frame = (type: string) => parseFrame(JSON.stringify({ type, n: 1 })) ?? assert.fail();
  for (const type of ["completed", "failed", "cancelled"]) assert.ok(isLast(frame(type)));
  for (const type of ["hello", "progress", "playable", "from-the-future"]) assert.ok(!isLast(frame(type)));
});

test("waits grow, are bounded, and differ", () => {
  assert.equal(
    backoffMs(0, () => 0),
    250,
  );
  assert.equal(
    backoffMs(0, () => 1),
    500,
  );
  assert.equal(
    backoffMs(3, () => 1),
    4_000,
  );
  for (const failures of [10, 100, 1e9])
    assert.equal(
      backoffMs(failures, () => 1),
      BACKOFF_MS_MAX,
    );
});

test("a steady pace is told exactly, and nothing before enough was seen", () => {
  const pace = new Pace();
  pace.add(0, 0);
  pace.add(500, 50);
  assert.equal(pace.perSecond, undefined);
  for (let ms = 1_000; ms <= 5_000; ms += 500) pace.add(ms, ms / 10);
  assert.ok(Math.abs((pace.perSecond ?? 0) - 100) < 1e-6);
  assert.ok(Math.abs((pace.etaMs(1_000) ?? 0) - 5_000) < 1e-6);
});

test("a pace follows a change, and forgets when it starts anew", () => {
  const pace = new Pace();
  for (let second = 0; second <= 10; second += 1) pace.add(second * 1_000, second * 100);
  for (let second = 1; second <= 30; second += 1) pace.add(10_000 + second * 1_000, 1_000 + second * 10);
  const speed = pace.perSecond ?? 0;
  assert.ok(speed > 9.9 && speed < 12, `${speed}`);
  pace.add(41_000, 0);
  assert.equal(pace.perSecond, undefined);
  assert.equal(pace.etaMs(10), undefined);
});

test("what stands still has no speed yet", () => {
  const pace = new Pace();
  for (let second = 0; second < 5; second += 1) pace.add(second * 1_000, 7);
  assert.equal(pace.perSecond, undefined);
});
