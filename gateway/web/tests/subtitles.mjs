// The subtitles of a completed job on its page, in a real Chromium: the browser's player lists each by its name, and has
// every cue of it at its time and as it is meant to look, whether the page plays a stream or a file.
//
//   TCODER_URL=http://127.0.0.1:8080 TCODER_JOB=<id> \
//     TCODER_TRACKS='[{"label": "German", "cues": [{"from": 1, "to": 2, "html": "<i>Hallo</i>"}]}]' node tests/subtitles.mjs
//
// TCODER_SHOTS=dir keeps a picture of each first cue, TCODER_CHROMIUM names another browser. Prints `ok ...` for each
// track that is right; ends with 1 and the reasons on stderr when any is not, with 2 when it could not begin.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launchChromium } from "./chromium.mjs";

/** To catch a hang, not to measure. */
const DEADLINE_MS = 120_000;
/** Times are written in milliseconds. */
const CUE_TOLERANCE_S = 0.0015;

const base = need("TCODER_URL").replace(/\/+$/, "");
const job = need("TCODER_JOB");
const expected = JSON.parse(need("TCODER_TRACKS"));
const shots = process.env.TCODER_SHOTS;

function need(name) {
  const value = process.env[name];
  if (value) return value;
  console.error(`${name} is not set: the head of this file says what it takes.`);
  process.exit(2);
}

/** In the page: shows one track alone, and gives its cues once it has any. */
async function cuesOf(label) {
  const { textTracks } = document.querySelector("video");
  const chosen = [...textTracks].find((track) => track.label === label);
  for (const track of textTracks) track.mode = track === chosen ? "showing" : "disabled";
  while (!chosen.cues?.length) await new Promise((resolve) => setTimeout(resolve, 20));
  return [...chosen.cues].map((cue) => {
    const box = document.createElement("div");
    box.append(cue.getCueAsHTML());
    return { from: cue.startTime, to: cue.endTime, html: box.innerHTML };
  });
}

/** In the page: goes to a place of the film, and waits until it is seen there. */
async function goTo(seconds) {
  const video = document.querySelector("video");
  const isThere = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
  video.currentTime = seconds;
  await isThere;
}

async function shot(page, label, { from, to }) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.evaluate(goTo, (from + to) / 2);
  await page.screenshot({ path: join(shots, `subtitles-${job}-${label}.png`) });
}

function isSame(cues, wanted) {
  const isNear = (one, other) => Math.abs(one - other) <= CUE_TOLERANCE_S;
  const isEqual = (cue, want) =>
    cue.html === want.html && isNear(cue.from, want.from) && isNear(cue.to, want.to);
  return cues.length === wanted.length && cues.every((cue, place) => isEqual(cue, wanted[place]));
}

async function run(page) {
  const problems = [];
  page.on("console", (message) => message.type() === "error" && problems.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(`page: ${error.message}`));
  await page.goto(`${base}/#/jobs/${job}`);
  const labels = expected.map(({ label }) => label);
  const isListed = (n) => document.querySelector("video")?.textTracks.length >= n;
  await page.waitForFunction(isListed, labels.length);
  const listed = await page.evaluate(() =>
    [...document.querySelector("video").textTracks].map(({ label }) => label),
  );
  if (listed.join() !== labels.join()) return [`listed are ${listed.join()}, and not ${labels.join()}`];
  for (const { label, cues: wanted } of expected) {
    const cues = await page.evaluate(cuesOf, label);
    if (isSame(cues, wanted)) console.log(`ok ${label}: ${cues.length} cues`);
    else problems.push(`${label}: ${JSON.stringify(cues)}`);
    await shot(page, label, wanted[0]);
  }
  return problems;
}

const browser = await launchChromium();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(DEADLINE_MS);
  for (const problem of await run(page)) {
    console.error(`not ok ${problem}`);
    process.exitCode = 1;
  }
} finally {
  await browser.close();
}
