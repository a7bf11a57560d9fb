// The page in a real Chromium, against a running gateway: upload a clip, see every bar rise to 100 %, watch before the
// job is completed, and hear no complaint from the browser.
//
//   TCODER_URL=http://127.0.0.1:8080 TCODER_CLIP=clip.mkv TCODER_SUBTITLES=German,English node tests/browser.mjs
//
// TCODER_SUBTITLES names the clip's tracks of subtitles as the player must list them, without being opened anew, and
// though the playlist is from before they were there.
// TCODER_SHOTS=dir keeps screenshots, TCODER_CHROMIUM names another browser. Prints `ok ...` for each thing that held;
// ends with 1 and the reason on stderr at the first that did not, with 2 when it could not begin.
import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { launchChromium } from "./chromium.mjs";

/** To catch a hang, not to measure: two slow cores may be at it with everything else. */
const DEADLINE_MS = 240_000;
const POLL_MS = 100;

const base = need("TCODER_URL").replace(/\/+$/, "");
const clip = need("TCODER_CLIP");
const subtitles = (process.env.TCODER_SUBTITLES ?? "").split(",").filter((label) => label);
const shots = process.env.TCODER_SHOTS;
const deadline = Date.now() + DEADLINE_MS;
const complaints = [];

function need(name) {
  const value = process.env[name];
  if (value) return value;
  console.error(
    `${name} is not set: it names the running gateway's address (TCODER_URL) or a video (TCODER_CLIP).`,
  );
  process.exit(2);
}

function check(holds, what) {
  if (!holds) throw new Error(what);
  console.log(`ok ${what}`);
}

async function until(what, condition) {
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${DEADLINE_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Runs in the page before its own code: writes down every value of every bar, and when the picture began to move. */
function record() {
  const seen = { bars: {}, upload: [], playing: null, places: [] };
  window.__seen = seen;
  const note = (bar) => {
    const name = bar.dataset?.rendition;
    if (name !== undefined) (seen.bars[name] ??= []).push(bar.value);
    else if (bar.dataset?.upload !== undefined) seen.upload.push(bar.value);
  };
  const observer = new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "attributes") note(target);
      for (const node of addedNodes) {
        if (node instanceof Element) node.querySelectorAll("progress").forEach(note);
      }
    }
  });
  observer.observe(document, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ["value"],
  });
  const onTime = async ({ target }) => {
    if (!(target instanceof HTMLVideoElement) || seen.playing) return;
    if (seen.places.at(-1) !== target.currentTime) seen.places.push(target.currentTime);
    // Two places that differ, both after the start: it moves.
    if (target.paused || seen.places.length < 2 || target.currentTime <= seen.places[0]) return;
    const job = document.querySelector("[data-job][data-state]");
    seen.playing = { at_ms: Date.now(), shown_state: job?.dataset.state, places: [...seen.places] };
    const response = await fetch(`/v1/jobs/${job?.dataset.job}`);
    seen.playing.state = (await response.json()).state;
  };
  // Media events do not bubble, but they are captured.
  document.addEventListener("timeupdate", onTime, true);
}

async function job(id) {
  const response = await fetch(`${base}/v1/jobs/${id}`);
  if (!response.ok)
    throw new Error(`GET /v1/jobs/${id} answered ${response.status}: ${await response.text()}`);
  const value = await response.json();
  if (value.state === "failed" || value.state === "cancelled") {
    throw new Error(`the job ended as ${value.state}: ${value.error?.message ?? "no error is given"}`);
  }
  return value;
}

async function shot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

function checkBars(bars, names) {
  for (const name of names) {
    const values = bars[name] ?? [];
    const fall = values.findIndex((value, index) => index > 0 && value < values[index - 1]);
    const shown = values.slice(Math.max(0, fall - 2), fall + 2).join(", ");
    check(
      fall < 0,
      fall < 0 ? `${name}: ${values.length} values, never falling` : `${name} never falls, but went ${shown}`,
    );
    check(values.at(-1) === 100, `${name}: the last value is 100 (it is ${values.at(-1)})`);
    check(new Set(values).size > 1, `${name}: the bar moved (${new Set(values).size} different values)`);
  }
}

/** The playlist as it is when subtitles come late: a player that is told of them there and then would pass by chance. */
async function withoutSubtitles(route) {
  const response = await route.fetch();
  const text = await response.text();
  const lines = text.split("\n").filter((line) => !line.includes("TYPE=SUBTITLES"));
  await route.fulfill({ response, body: lines.join("\n").replace(/,SUBTITLES="[^"]*"/g, "") });
}

async function run(page) {
  await page.route("**/play/master.m3u8", withoutSubtitles);
  await page.goto(`${base}/`);
  await page.locator("input[type=file]").waitFor({ state: "attached" });
  await shot(page, "1-home");
  await page.locator(".choices summary").click();
  const format = page.getByLabel("Picture format");
  await format.selectOption("vp9");
  const chosen = await page.locator(".choices-names").textContent();
  check(chosen?.endsWith("VP9"), `the codec that is chosen is shown (${chosen})`);
  await shot(page, "1-choices");
  await format.selectOption("h264");
  await page.setInputFiles("input[type=file]", clip);
  await page.waitForURL(/#\/jobs\/[0-9a-z]+$/);
  const id = new URL(page.url()).hash.split("/").at(-1);
  check(true, `the upload of ${basename(clip)} is authorized as job ${id}`);

  const seen = () => page.evaluate(() => window.__seen);
  await until("every rendition has a bar", async () => {
    const { renditions } = await job(id);
    const { bars } = await seen();
    return renditions.length > 0 && renditions.every(({ name }) => bars[name]);
  });
  await shot(page, "2-running");

  const playing = await until("the video plays", async () => {
    await job(id);
    const { playing } = await seen();
    return playing?.state && playing;
  });
  await shot(page, "3-playing");
  check(playing.places[0] < 1, `it plays from the beginning (first place ${playing.places[0]} s)`);
  check(
    playing.shown_state !== "completed",
    `it played while the page showed the job as ${playing.shown_state}`,
  );
  check(playing.state !== "completed", `it played while the gateway gave the job as ${playing.state}`);

  const listed = await until("the player lists the subtitles", async () => {
    const { state } = await job(id);
    const labels = await page.evaluate(() =>
      [...document.querySelector("video").textTracks].map(({ label }) => label),
    );
    return labels.length >= subtitles.length && { labels, state };
  });
  check(
    listed.labels.join() === subtitles.join(),
    `the player lists the subtitles ${listed.labels.join()} while the job is ${listed.state}`,
  );

  const done = await until("the job is completed", async () => {
    const value = await job(id);
    return value.state === "completed" && value;
  });
  await page.locator("[data-job][data-state=completed]").waitFor();
  const names = done.renditions.filter(({ dropped }) => !dropped).map(({ name }) => name);
  await until("every bar reaches 100", async () => {
    const { bars } = await seen();
    return names.every((name) => bars[name]?.at(-1) === 100);
  });
  const { bars } = await seen();
  check(names.length > 0, `there are renditions: ${names.join(", ")}`);
  checkBars(bars, names);
  const downloads = page.getByRole("link", { name: /^Download / });
  await downloads.first().waitFor();
  check(true, `${await downloads.count()} files can be downloaded`);
  await shot(page, "4-completed");

  await page.reload();
  await page.locator("[data-job][data-state=completed]").waitFor();
  check(true, "the job's address can be reloaded");
  await page.getByRole("link", { name: "All jobs" }).click();
  await page.locator(`a[href="#/jobs/${id}"]`).waitFor();
  check(true, "the list shows the job");
  await shot(page, "5-list");
  check(
    complaints.length === 0,
    `the browser has nothing to complain of${complaints.map((one) => `\n  ${one}`).join("")}`,
  );
}

const browser = await launchChromium();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(DEADLINE_MS);
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => complaints.push(`page: ${error.message}`));
  await page.addInitScript(record);
  try {
    await run(page);
  } catch (error) {
    await shot(page, "failed").catch(() => undefined);
    throw error;
  }
} catch (error) {
  console.error(`not ok ${error.message}`);
  for (const complaint of complaints) console.error(`  ${complaint}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
