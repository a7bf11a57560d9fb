// Subtitles are offered in the source's order when their files are there, each under a name of its own.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job, Output, SubtitlePlan } from "../src/job";
import { tracksOf } from "../src/subtitles";

const plan = (name: string, more: Partial<SubtitlePlan> = {}): SubtitlePlan => ({
  name,
  language: null,
  title: null,
  is_default: false,
  ...more,
});
const file = (name: string): Output => ({
  kind: "subtitles",
  rendition: name,
  url: `/play/${name}.vtt`,
  bytes: 1,
});
const job = (subtitles: SubtitlePlan[], outputs: Output[]): Job => ({
  id: "j",
  state: "playable",
  preset: "hls",
  filename: "film.mkv",
  size: 10,
  renditions: [],
  created_at: "2026-01-01T00:00:00Z",
  subtitles,
  outputs,
});

test("what has no file is not offered", () => {
  const plans = [plan("subtitles"), plan("subtitles-2")];
  const film: Output = { kind: "mp4", rendition: "subtitles", url: "/film", bytes: 1 };
  assert.deepEqual(tracksOf(job(plans, [film])), []);
  const [track, ...others] = tracksOf(job(plans, [film, file("subtitles-2")]));
  assert.equal(track?.url, "/play/subtitles-2.vtt");
  assert.deepEqual(others, []);
});

test("each is called as the source calls it, or else by its language, and unlike the others", () => {
  const plans = [
    plan("subtitles", { language: "de", title: "Signs" }),
    plan("subtitles-2", { language: "de" }),
    plan("subtitles-3", { language: "de" }),
    plan("subtitles-4", { language: "no such tag" }),
    plan("subtitles-5"),
  ];
  const tracks = tracksOf(job(plans, plans.map(({ name }) => file(name)).reverse()));
  assert.deepEqual(
    tracks.map(({ label }) => label),
    ["Signs", "German", "German (subtitles-3)", "no such tag", "subtitles-5"],
  );
  assert.equal(tracks[4]?.language, "");
});

test("one is shown by itself at most", () => {
  const plans = [
    plan("subtitles"),
    plan("subtitles-2", { is_default: true }),
    plan("subtitles-3", { is_default: true }),
  ];
  const tracks = tracksOf(
    job(
      plans,
      plans.map(({ name }) => file(name)),
    ),
  );
  assert.deepEqual(
    tracks.map(({ isDefault }) => isDefault),
    [false, true, false],
  );
});
