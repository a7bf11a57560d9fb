// The tracks of sound of a completed job in real players, in a real Chromium: each lists them in their languages, plays
// the first, and from the moment that another is chosen that one, to the end, with no error and no gap. Each track is
// one tone, so that what is heard tells which it is.
//
//   TCODER_URL=http://127.0.0.1:8080 TCODER_JOB=<id> TCODER_TONES=en:440,de:1000 TCODER_SECONDS=8 \
//     node tests/players/tracks.mjs
//
// Prints `ok ...` for each player that did; ends with 1 and the reasons on stderr when any did not, with 2 when it
// could not begin.
import { DEADLINE_MS, END_TOLERANCE_S, need } from "./bundles.mjs";
import { open, tryAll } from "./film.mjs";

/** Half of what two tones of a test differ by at least, and several times what the ear below tells apart. */
const TONE_TOLERANCE_HZ = 40;
/** The second track is chosen here, with all of the first one fetched. */
const SWITCH_AT_S = 2;

const seconds = Number(need("TCODER_SECONDS"));
const tones = need("TCODER_TONES")
  .split(",")
  .map((pair) => pair.split(":"))
  .map(([language, hertz]) => ({ language, hertz: Number(hertz) }));

/** In the page: an ear for what the video plays. */
async function listenIn() {
  const film = window.__film;
  const context = new AudioContext({ sampleRate: 48_000 });
  // A sixth of a second, in steps of 6 Hz.
  const ear = new AnalyserNode(context, { fftSize: 8_192, smoothingTimeConstant: 0 });
  context.createMediaElementSource(film.video).connect(ear).connect(context.destination);
  await context.resume();
  const levels = new Float32Array(ear.frequencyBinCount);
  film.tone = () => {
    ear.getFloatFrequencyData(levels);
    const loudest = levels.reduce((best, level, bin) => (level > levels[best] ? bin : best), 0);
    return levels[loudest] < -70 ? 0 : (loudest * context.sampleRate) / ear.fftSize;
  };
}

/** In the page: waits until it is over or a time is reached; gives the tones heard on the way, from `from` seconds on. */
async function listen({ from, until, deadlineMs }) {
  const { video, tone, complaints } = window.__film;
  const heard = [];
  const deadline = performance.now() + deadlineMs;
  while (!video.ended && video.currentTime < until && complaints.length === 0) {
    if (performance.now() > deadline) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (video.currentTime >= from) heard.push(tone());
  }
  return heard;
}

/** In the page: waits for a tone; whether it came. */
async function hears({ hertz, tolerance, deadlineMs }) {
  const { video, tone, complaints } = window.__film;
  const deadline = performance.now() + deadlineMs;
  while (!video.ended && complaints.length === 0 && performance.now() < deadline) {
    if (Math.abs(tone() - hertz) <= tolerance) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

/** In the page: how it went. */
function outcome() {
  const { video, complaints, stats } = window.__film;
  const { gapsJumped = 0 } = stats();
  return {
    complaints,
    gapsJumped,
    n_ranges: video.buffered.length,
    ended: video.ended,
    time: video.currentTime,
  };
}

async function play(context, player) {
  const { page, problems, expect } = await open(context, player, { isMuted: false, watch: listenIn });
  const [first, second] = tones;
  const wait = { tolerance: TONE_TOLERANCE_HZ, deadlineMs: DEADLINE_MS };
  expect(await page.evaluate(hears, { ...wait, hertz: first.hertz }), `${first.hertz} Hz are not heard`);
  const languages = await page.evaluate(() => window.__film.audio.languages());
  const expected = tones.map((tone) => tone.language);
  expect(languages.join() === expected.join(), `tracks in ${languages.join()}, not ${expected.join()}`);
  await page.evaluate(listen, { from: 0, until: SWITCH_AT_S, deadlineMs: DEADLINE_MS });
  await page.evaluate((language) => window.__film.audio.choose(language), second.language);
  expect(await page.evaluate(hears, { ...wait, hertz: second.hertz }), `${second.hertz} Hz are not heard`);
  const since = await page.evaluate(() => window.__film.video.currentTime);
  // What is left in the ear is over by then.
  const rest = { from: since + 0.25, until: seconds - 0.25, deadlineMs: DEADLINE_MS };
  const after = await page.evaluate(listen, rest);
  // A busy machine falls silent for a moment; what is missing of the film shows in ranges and jumps.
  const strange = after.filter((hertz) => hertz > 0 && Math.abs(hertz - second.hertz) > TONE_TOLERANCE_HZ);
  expect(
    after.some((hertz) => hertz > 0),
    `nothing is heard after ${second.language} was chosen`,
  );
  expect(strange.length === 0, `${strange.join()} Hz after ${second.language} was chosen`);
  await page.evaluate(listen, { from: 0, until: Infinity, deadlineMs: DEADLINE_MS });
  const seen = await page.evaluate(outcome);
  await page.close();
  problems.push(...seen.complaints);
  expect(seen.ended, `not ended, but at ${seen.time} s`);
  expect(Math.abs(seen.time - seconds) <= END_TOLERANCE_S, `ended at ${seen.time} s, not ${seconds}`);
  expect(seen.n_ranges === 1, `${seen.n_ranges} ranges`);
  expect(seen.gapsJumped === 0, `${seen.gapsJumped} gaps jumped over`);
  const text = `${languages.join()}, and ${second.language} from ${since.toFixed(2)} s on, ended`;
  return { problems, text };
}

await tryAll(play, { isAtOnce: true });
