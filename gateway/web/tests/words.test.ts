// What people read: numbers, names, states, advice, choices.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CHOICE_DEFAULT,
  CODECS,
  codecOf,
  hasPicture,
  PRESETS,
  presetOf,
  readChoice,
  withPreset,
  withQuality,
} from "../src/choice";
import { cleanName } from "../src/filename";
import * as format from "../src/format";
import type { Job, JobState } from "../src/job";
import { refusalOf } from "../src/upload";
import { advice, STATE_WORDS, stateLine } from "../src/words";

test("sizes", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 KB"],
    [99_949, "99.9 KB"],
    [99_950, "100 KB"],
    [999_499, "999 KB"],
    [999_500, "1.0 MB"],
    [1_234_567, "1.2 MB"],
    [5_368_709_120, "5.4 GB"],
    [2e15, "2000 TB"],
  ];
  for (const [count, text] of cases) assert.equal(format.bytes(count), text);
});

test("times", () => {
  const durations: [number, string][] = [
    [0, "less than a second"],
    [499, "less than a second"],
    [1_000, "1 s"],
    [59_499, "59 s"],
    [59_600, "1 min"],
    [200_000, "3 min 20 s"],
    [3_600_000, "1 h"],
    [7_500_000, "2 h 5 min"],
  ];
  for (const [ms, text] of durations) assert.equal(format.duration(ms), text);
  assert.equal(format.measured(1234), "1.2 s");
  assert.equal(format.measured(61_000), "1 min 1 s");
  assert.equal(format.clock(62_400), "1:02");
  assert.equal(format.clock(3_723_000), "1:02:03");
  const now = Date.parse("2026-03-05T12:00:00Z");
  assert.equal(format.ago(now - 10_000, now), "just now");
  assert.equal(format.ago(now - 50_000, now), "1 min ago");
  assert.equal(format.ago(now - 3 * 3_600_000, now), "3 h ago");
  assert.match(format.ago(now - 40 * 86_400_000, now, "en"), /2026/);
});

test("only what is done reads 100 %", () => {
  assert.deepEqual([0, 0.9, 63.4, 99.99, 100, 101].map(format.percent), [
    "0 %",
    "0 %",
    "63 %",
    "99 %",
    "100 %",
    "100 %",
  ]);
});

test("names that the gateway refuses are made ones that it takes", () => {
  const cases: [string, string][] = [
    ["film.mp4", "film.mp4"],
    ["a/b\\c.mp4", "a-b-c.mp4"],
    ["../../etc/passwd", ".-.-etc-passwd"],
    ["a\u0000\u001bb", "ab"],
    ["gpj\u202e4pm\u200e.mp4", "gpj4pm.mp4"],
    ["\ufeff\u200b \u2060", "video"],
    ["a\u2028b\u061cc", "abc"],
    ["wait...what.mov", "wait.what.mov"],
    ["", "video"],
    ["..", "video"],
    ["  ", "video"],
    ["ünï 日本.mkv", "ünï 日本.mkv"],
  ];
  for (const [name, clean] of cases) assert.equal(cleanName(name), clean);
  const long = cleanName(`${"日".repeat(200)}.mp4`);
  assert.ok(new TextEncoder().encode(long).length <= 255 && long.endsWith("日.mp4"));
});

test("every state and every error has words", () => {
  for (const state of Object.keys(STATE_WORDS) as JobState[]) {
    const job = { state, preset: "hls", renditions: [] } as unknown as Job;
    assert.ok(stateLine(job, undefined).endsWith("."), state);
  }
  assert.notEqual(
    advice({ code: "not_media", message: "" }),
    advice({ code: "from the future", message: "" }),
  );
});

test("choices fit their preset", () => {
  const many = withQuality(withQuality(CHOICE_DEFAULT, "360p", true), "720p", true);
  assert.deepEqual(many.qualities, ["720p", "360p"], "highest first");
  assert.deepEqual(withPreset(many, "hls").qualities, ["720p"]);
  assert.deepEqual(withPreset(many, "default").qualities, []);
  assert.deepEqual(
    withQuality(withPreset(many, "hls"), "480p", true).qualities,
    ["480p"],
    "one replaces the other",
  );
  assert.deepEqual(withQuality(many, "720p", false).qualities, ["360p"]);
  for (const { preset } of PRESETS) assert.equal(presetOf({ preset }).preset, preset);
  assert.equal(withPreset({ ...many, codec: "av1" }, "hls").codec, "av1");
});

test("a kept choice that is none any more gives the default", () => {
  for (const text of [null, "", "{", "7", '{"preset":"old","qualities":[]}', '{"preset":"hls"}']) {
    assert.deepEqual(readChoice(text), CHOICE_DEFAULT);
  }
  assert.deepEqual(readChoice('{"preset":"hls","qualities":["9p","360p"]}'), {
    preset: "hls",
    qualities: ["360p"],
    codec: "h264",
  });
});

test("a codec is kept as long as there is one, and is for pictures", () => {
  for (const { codec } of CODECS) {
    const kept = readChoice(JSON.stringify({ ...CHOICE_DEFAULT, codec }));
    assert.equal(codecOf(kept).codec, codec);
  }
  assert.equal(readChoice('{"preset":"hls","qualities":[],"codec":"vvc"}').codec, "h264");
  assert.ok(hasPicture(CHOICE_DEFAULT));
  assert.ok(hasPicture({ ...CHOICE_DEFAULT, qualities: ["720p", "audio"] }));
  assert.ok(!hasPicture({ ...CHOICE_DEFAULT, qualities: ["audio"] }));
});

test("choices are of the ladder that the gateway has", () => {
  const offered = ["hd", "sd", "audio"];
  const kept = readChoice('{"preset":"hls-adaptive","qualities":["sd","360p","hd"]}', offered);
  assert.deepEqual(kept.qualities, ["hd", "sd"]);
  assert.deepEqual(withQuality(kept, "audio", true, offered).qualities, offered);
});

test("storage's answers", () => {
  for (const status of [200, 204, 412]) assert.equal(refusalOf(status, ""), undefined);
  for (const status of [408, 409, 429, 500, 503])
    assert.equal(refusalOf(status, "<Code>SlowDown</Code>")?.kind, "broken");
  const refused = refusalOf(
    403,
    "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
  );
  assert.equal(refused?.kind, "refused");
  assert.match(refused?.message ?? "", /AccessDenied/);
  assert.match(refusalOf(400, "nonsense")?.message ?? "", /400/);
});
