// The subtitles of a completed job in real players, in a real Chromium: each lists them in their languages, and shows
// every cue of the one that is chosen, at its time and as it is meant to look, and of another from the moment that it is
// chosen, to the end.
//
//   TCODER_URL=http://127.0.0.1:8080 TCODER_JOB=<id> TCODER_SECONDS=8 TCODER_SWITCH_AT_S=4 \
//     TCODER_CUES='{"de": [{"from": 1, "to": 2, "html": "<i>Hallo</i>"}], "en": [{"from": 6, "to": 7, "html": "Bye"}]}' \
//     node tests/players/subtitles.mjs
//
// The first language is chosen at first, the second one at the time that is told. Prints `ok ...` for each player that
// did; ends with 1 and the reasons on stderr when any did not, with 2 when it could not begin.
import { DEADLINE_MS, END_TOLERANCE_S, need } from "./bundles.mjs";
import { open, tryAll } from "./film.mjs";

/** What a player may take to change to another language. */
const CHANGE_S = 0.5;
/** Times are written in milliseconds. */
const CUE_TOLERANCE_S = 0.0015;

const seconds = Number(need("TCODER_SECONDS"));
const switchAt = Number(need("TCODER_SWITCH_AT_S"));
const cues = JSON.parse(need("TCODER_CUES"));
const languages = Object.keys(cues);

/** In the page: an eye on what is shown beneath the video. */
function watchCues() {
  const film = window.__film;
  const { video } = film;
  const shown = [];
  film.shown = shown;
  const known = new Set();
  const note = (track, cue) => {
    if (track.mode !== "showing" || shown.some((one) => one.cue === cue)) return;
    const box = document.createElement("div");
    box.append(cue.getCueAsHTML());
    // When the browser shows it is said by its own times.
    shown.push({ cue, from: cue.startTime, to: cue.endTime, html: box.innerHTML });
  };
  const look = () => {
    for (const track of video.textTracks) {
      for (const cue of track.activeCues ?? []) note(track, cue);
      // A busy machine shows some for a moment only, between two looks.
      for (const cue of track.cues ?? []) {
        if (known.has(cue)) continue;
        known.add(cue);
        cue.addEventListener("enter", () => note(track, cue));
      }
    }
    setTimeout(look, 20);
  };
  look();
}

/** In the page: holds the film until there are subtitles to show: players fetch them beside the picture, and begin
 * without. */
async function hold(deadlineMs) {
  const { video, complaints } = window.__film;
  const deadline = performance.now() + deadlineMs;
  const isThere = () => [...video.textTracks].some((one) => one.mode === "showing" && one.cues?.length > 0);
  while (!isThere() && complaints.length === 0 && performance.now() < deadline) {
    if (video.currentTime > 0) video.pause();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (video.paused && video.currentTime > 0) await video.play();
}

/** In the page: waits until it is over or a time is reached. */
async function wait({ until, deadlineMs }) {
  const { video, complaints } = window.__film;
  const deadline = performance.now() + deadlineMs;
  while (!video.ended && video.currentTime < until && complaints.length === 0) {
    if (performance.now() > deadline) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** In the page: what there was to see since the last time. */
function outcome() {
  const { video, complaints, shown } = window.__film;
  return {
    complaints,
    shown: shown.splice(0).map(({ from, to, html }) => ({ from, to, html })),
    languages: window.__film.text.languages(),
    ended: video.ended,
    time: video.currentTime,
  };
}

/** What is wrong with what was shown from one time to another, where these cues had to be. */
function problemsOf(shown, expected, { from, to }) {
  const problems = [];
  const isSame = (cue, one) =>
    cue.html === one.html &&
    Math.abs(cue.from - one.from) <= CUE_TOLERANCE_S &&
    Math.abs(cue.to - one.to) <= CUE_TOLERANCE_S;
  for (const one of shown)
    if (!expected.some((cue) => isSame(cue, one))) problems.push(`${JSON.stringify(one)} was shown`);
  // One at the very moment of the change may be on either side of it.
  const certain = expected.filter((cue) => cue.from >= from && cue.to <= to);
  if (certain.length === 0) problems.push(`no cue is expected from ${from} s to ${to} s`);
  for (const cue of certain)
    if (!shown.some((one) => isSame(cue, one))) problems.push(`${JSON.stringify(cue)} was not shown`);
  return problems;
}

async function look(context, player) {
  const [first, second] = languages;
  const wishes = { isMuted: true, watch: watchCues, language: first };
  const { page, problems, expect } = await open(context, player, wishes);
  await page.evaluate(hold, DEADLINE_MS);
  await page.evaluate(wait, { until: switchAt, deadlineMs: DEADLINE_MS });
  const before = await page.evaluate(outcome);
  await page.evaluate((language) => window.__film.text.choose(language), second);
  const changed = before.time + CHANGE_S;
  await page.evaluate(wait, { until: changed, deadlineMs: DEADLINE_MS });
  await page.evaluate(outcome);
  await page.evaluate(wait, { until: Infinity, deadlineMs: DEADLINE_MS });
  const after = await page.evaluate(outcome);
  await page.close();
  problems.push(...after.complaints);
  expect(
    before.languages.join() === languages.join(),
    `subtitles in ${before.languages.join()}, not ${languages.join()}`,
  );
  problems.push(...problemsOf(before.shown, cues[first], { from: 0, to: switchAt }));
  problems.push(...problemsOf(after.shown, cues[second], { from: changed + CHANGE_S, to: seconds }));
  expect(after.ended, `not ended, but at ${after.time} s`);
  expect(Math.abs(after.time - seconds) <= END_TOLERANCE_S, `ended at ${after.time} s, not ${seconds}`);
  const text = `${languages.join()}, and ${second} from ${before.time.toFixed(2)} s on, ended`;
  return { problems, text };
}

await tryAll(look, { isAtOnce: true });
