// The tracks of sound of a completed job in real players, in a real Chromium: each lists them in their languages, plays
// the first, and from the moment that another is chosen that one, to the end, with no error and no gap. Each track is
// one tone, so that what is heard tells which it is.
//
//   TCODER_URL=http://127.0.0.1:8080 TCODER_JOB=<id> TCODER_TONES=en:440,de:1000 TCODER_SECONDS=8 \
//     node tests/players/tracks.mjs
//
// Prints `ok ...` for each player that did; ends with 1 and the reasons on stderr when any did not, with 2 when it
// could not begin.
import { launchChromium } from "../chromium.mjs";
import { DASH_JS, DEADLINE_MS, END_TOLERANCE_S, HLS_JS, SHAKA, need } from "./bundles.mjs";

/** Half of what two tones of a test differ by at least, and several times what the ear below tells apart. */
const TONE_TOLERANCE_HZ = 40;
/** The second track is chosen here, with all of the first one fetched. */
const SWITCH_AT_S = 2;

const base = need("TCODER_URL").replace(/\/+$/, "");
const job = need("TCODER_JOB");
const seconds = Number(need("TCODER_SECONDS"));
const tones = need("TCODER_TONES")
  .split(",")
  .map((pair) => pair.split(":"))
  .map(([language, hertz]) => ({ language, hertz: Number(hertz) }));

const HLS = `${base}/v1/jobs/${job}/play/master.m3u8`;
const DASH = `${base}/v1/jobs/${job}/play/manifest.mpd`;

/** Each `begin` runs in the page: it begins to play, calls `complain` with what the player does not like, and leaves
 * `languages` and `choose` behind. */
const players = [
  { name: "hls.js", script: HLS_JS, source: HLS, begin: beginHlsJs },
  { name: "dash.js", script: DASH_JS, source: DASH, begin: beginDashJs },
  { name: "Shaka Player with HLS", script: SHAKA, source: HLS, begin: beginShaka },
  { name: "Shaka Player with DASH", script: SHAKA, source: DASH, begin: beginShaka },
];

async function beginHlsJs(source) {
  const heard = window.__heard;
  const hls = new Hls();
  hls.on(Hls.Events.ERROR, (_, { type, details, fatal }) => {
    // While a track's buffer is filled anew the element may wait: that it goes on is looked for.
    if (!fatal && details === Hls.ErrorDetails.BUFFER_STALLED_ERROR) return;
    heard.complain(`${type} ${details} (fatal: ${fatal})`);
  });
  heard.languages = () => hls.audioTracks.map((track) => track.lang);
  heard.choose = (language) => {
    hls.audioTrack = hls.audioTracks.findIndex((track) => track.lang === language);
  };
  hls.on(Hls.Events.MANIFEST_PARSED, () => void heard.video.play());
  hls.loadSource(source);
  hls.attachMedia(heard.video);
}

async function beginDashJs(source) {
  const heard = window.__heard;
  const player = dashjs.MediaPlayer().create();
  const events = dashjs.MediaPlayer.events;
  for (const kind of [events.ERROR, events.PLAYBACK_ERROR]) {
    player.on(kind, (event) => heard.complain(`${kind}: ${JSON.stringify(event.error ?? event)}`));
  }
  player.initialize();
  heard.languages = () => player.getTracksFor("audio").map((track) => track.lang);
  heard.choose = (language) =>
    player.setCurrentTrack(player.getTracksFor("audio").find((track) => track.lang === language));
  player.attachView(heard.video);
  player.setAutoPlay(true);
  player.attachSource(source);
}

async function beginShaka(source) {
  const heard = window.__heard;
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  player.addEventListener("error", ({ detail }) => heard.complain(`${detail.code}: ${detail.message}`));
  heard.languages = () => player.getAudioTracks().map((track) => track.language);
  heard.choose = (language) =>
    player.selectAudioTrack(player.getAudioTracks().find((track) => track.language === language));
  heard.stats = () => player.getStats();
  await player.attach(heard.video);
  await player.load(source);
  void heard.video.play();
}

/** In the page: an empty document with a video, and an ear for what it plays. */
async function prepare() {
  document.documentElement.innerHTML = "<head></head><body><video controls></video></body>";
  const video = document.querySelector("video");
  const complaints = [];
  const complain = (text) => complaints.push(text);
  video.addEventListener("error", () => complain(`the video element: ${video.error?.message}`));
  const context = new AudioContext({ sampleRate: 48_000 });
  // A sixth of a second, in steps of 6 Hz.
  const ear = new AnalyserNode(context, { fftSize: 8_192, smoothingTimeConstant: 0 });
  context.createMediaElementSource(video).connect(ear).connect(context.destination);
  await context.resume();
  const levels = new Float32Array(ear.frequencyBinCount);
  const tone = () => {
    ear.getFloatFrequencyData(levels);
    const loudest = levels.reduce((best, level, bin) => (level > levels[best] ? bin : best), 0);
    return levels[loudest] < -70 ? 0 : (loudest * context.sampleRate) / ear.fftSize;
  };
  window.__heard = { video, complaints, complain, tone, stats: () => ({}) };
}

/** In the page: waits until it is over or a time is reached; gives the tones heard on the way, from `from` seconds on. */
async function listen({ from, until, deadlineMs }) {
  const { video, tone, complaints } = window.__heard;
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
  const { video, tone, complaints } = window.__heard;
  const deadline = performance.now() + deadlineMs;
  while (!video.ended && complaints.length === 0 && performance.now() < deadline) {
    if (Math.abs(tone() - hertz) <= tolerance) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

/** In the page: how it went. */
function outcome() {
  const { video, complaints, stats } = window.__heard;
  const { gapsJumped = 0 } = stats();
  return {
    complaints,
    gapsJumped,
    n_ranges: video.buffered.length,
    ended: video.ended,
    time: video.currentTime,
  };
}

async function play(context, { name, script, source, begin }) {
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  const expect = (holds, what) => holds || problems.push(what);
  await page.goto(`${base}/`);
  await page.evaluate(prepare);
  await page.addScriptTag({ path: script });
  await page.evaluate(begin, source);
  const [first, second] = tones;
  const wait = { tolerance: TONE_TOLERANCE_HZ, deadlineMs: DEADLINE_MS };
  expect(await page.evaluate(hears, { ...wait, hertz: first.hertz }), `${first.hertz} Hz are not heard`);
  const languages = await page.evaluate(() => window.__heard.languages());
  const expected = tones.map((tone) => tone.language);
  expect(languages.join() === expected.join(), `tracks in ${languages.join()}, not ${expected.join()}`);
  await page.evaluate(listen, { from: 0, until: SWITCH_AT_S, deadlineMs: DEADLINE_MS });
  await page.evaluate((language) => window.__heard.choose(language), second.language);
  expect(await page.evaluate(hears, { ...wait, hertz: second.hertz }), `${second.hertz} Hz are not heard`);
  const since = await page.evaluate(() => window.__heard.video.currentTime);
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
  if (problems.length === 0) {
    console.log(
      `ok ${name}: ${languages.join()}, and ${second.language} from ${since.toFixed(2)} s on, ended`,
    );
  }
  return problems.map((problem) => `not ok ${name}: ${problem}`);
}

const browser = await launchChromium();
try {
  // The page's own policy would keep the players' scripts out.
  const context = await browser.newContext({ bypassCSP: true });
  const all = await Promise.all(players.map((player) => play(context, player)));
  for (const problem of all.flat()) {
    console.error(problem);
    process.exitCode = 1;
  }
} finally {
  await browser.close();
}
