// A completed job in real players, in a real Chromium: each of them plays it from the first frame to the last, with no
// error, no gap and no frame missing.
//
//   TCODER_URL=http://127.0.0.1:8080 TCODER_JOB=<id> TCODER_RENDITION=360p TCODER_FRAMES=132 TCODER_SECONDS=5.28 \
//     node tests/players/players.mjs
//
// One rendition is played, since frames of a second one would be counted too; players choose by its height, the
// number in its name. TCODER_CHROMIUM names another browser. Prints `ok ...` for each thing that held; ends with 1
// and the reasons on stderr when any did not, with 2 when it could not begin.
import { launchChromium } from "../chromium.mjs";
import { DASH_JS, DEADLINE_MS, END_TOLERANCE_S, HLS_JS, SHAKA, need } from "./bundles.mjs";

/** Frames that may be decoded twice: a player that seeks to where it is, as Shaka Player does on a busy machine when it
 * begins, starts its decoder anew after the first few. */
const AGAIN_FRAMES_MAX = 8;

const base = need("TCODER_URL").replace(/\/+$/, "");
const job = need("TCODER_JOB");
const rendition = need("TCODER_RENDITION");
const frames = Number(need("TCODER_FRAMES"));
const seconds = Number(need("TCODER_SECONDS"));
const height = Number.parseInt(rendition, 10);

const HLS = `${base}/v1/jobs/${job}/play/master.m3u8`;
const DASH = `${base}/v1/jobs/${job}/play/manifest.mpd`;

/** Each runs in the page: begins to play in `video`, and calls `complain` with what the player does not like. */
const players = [
  {
    name: "hls.js",
    script: HLS_JS,
    source: HLS,
    begin: beginHlsJs,
  },
  {
    name: "dash.js",
    script: DASH_JS,
    source: DASH,
    begin: beginDashJs,
  },
  { name: "Shaka Player with HLS", script: SHAKA, source: HLS, begin: beginShaka },
  { name: "Shaka Player with DASH", script: SHAKA, source: DASH, begin: beginShaka },
];

async function beginHlsJs({ source, height }) {
  const { video, complain } = window.__play;
  const hls = new Hls({ startFragPrefetch: false });
  hls.on(Hls.Events.ERROR, (_, { type, details, fatal }) => {
    // With everything buffered, it is the machine that is late; what is missing shows in ranges and frames.
    if (!fatal && details === Hls.ErrorDetails.BUFFER_STALLED_ERROR) return;
    complain(`${type} ${details} (fatal: ${fatal})`);
  });
  hls.on(Hls.Events.MANIFEST_PARSED, () => {
    const level = hls.levels.findIndex((one) => one.height === height);
    if (level < 0) complain(`no level of ${height} lines: ${hls.levels.map((one) => one.height)}`);
    hls.loadLevel = level;
    hls.startLevel = level;
    void video.play();
  });
  hls.loadSource(source);
  hls.attachMedia(video);
}

async function beginDashJs({ source, height }) {
  const { video, complain } = window.__play;
  const player = dashjs.MediaPlayer().create();
  const events = dashjs.MediaPlayer.events;
  for (const kind of [events.ERROR, events.PLAYBACK_ERROR]) {
    player.on(kind, (event) => complain(`${kind}: ${JSON.stringify(event.error ?? event)}`));
  }
  player.on(events.GAP_CAUSED_INTERNAL_SEEK ?? "gapCausedInternalSeek", (event) =>
    complain(`a gap was jumped over: ${JSON.stringify(event)}`),
  );
  player.updateSettings({
    streaming: { abr: { autoSwitchBitrate: { video: false }, initialBitrate: { video: 1 } } },
  });
  player.initialize();
  player.on(events.STREAM_INITIALIZED, () => {
    const all = player.getRepresentationsByType("video");
    const one = all.find((one) => one.height === height);
    if (!one) complain(`no representation of ${height} lines: ${all.map((one) => one.height)}`);
    else player.setRepresentationForTypeById("video", one.id, true);
  });
  player.attachView(video);
  player.setAutoPlay(true);
  player.attachSource(source);
}

async function beginShaka({ source, height }) {
  const { video, complain } = window.__play;
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  window.__play.stats = () => player.getStats();
  player.addEventListener("error", ({ detail }) => complain(`${detail.code}: ${detail.message}`));
  player.configure({ abr: { enabled: false } });
  player.configure({ restrictions: { minHeight: height, maxHeight: height } });
  // A busy machine may stand still for a second; the seek that would follow decodes frames twice.
  player.configure({ streaming: { stallEnabled: false } });
  await player.attach(video);
  await player.load(source);
  void video.play();
}

/** In the page: an empty document with a video, and what is noticed about it. */
function prepare() {
  document.documentElement.innerHTML = "<head></head><body><video muted controls></video></body>";
  const video = document.querySelector("video");
  const complaints = [];
  const complain = (text) => complaints.push(text);
  window.__play = { video, complaints, complain, stats: () => ({}) };
  video.addEventListener("error", () => complain(`the video element: ${video.error?.message}`));
}

/** In the page: how it went. */
function outcome() {
  const { video, complaints, stats } = window.__play;
  const buffered = [...Array(video.buffered.length).keys()].map((n) => [
    video.buffered.start(n),
    video.buffered.end(n),
  ]);
  const quality = video.getVideoPlaybackQuality();
  const { gapsJumped = 0 } = stats();
  return {
    buffered,
    complaints,
    gapsJumped,
    ended: video.ended,
    time: video.currentTime,
    size: [video.videoWidth, video.videoHeight],
    frames: quality.totalVideoFrames,
    corrupted: quality.corruptedVideoFrames ?? 0,
  };
}

async function play(context, { name, script, source, begin }) {
  const page = await context.newPage();
  const console_ = [];
  page.on("pageerror", (error) => console_.push(error.message));
  await page.goto(`${base}/`);
  await page.evaluate(prepare);
  await page.addScriptTag({ path: script });
  await page.evaluate(begin, { source, height });
  const isOver = () => window.__play.video.ended || window.__play.complaints.length > 0;
  await page.waitForFunction(isOver, undefined, { timeout: DEADLINE_MS }).catch(() => undefined);
  const seen = await page.evaluate(outcome);
  await page.close();
  const problems = [...seen.complaints, ...console_];
  const expect = (holds, what) => holds || problems.push(what);
  expect(seen.ended, `not ended, but at ${seen.time} s`);
  expect(Math.abs(seen.time - seconds) <= END_TOLERANCE_S, `ended at ${seen.time} s, not ${seconds}`);
  expect(seen.buffered.length === 1, `${seen.buffered.length} ranges: ${JSON.stringify(seen.buffered)}`);
  expect(Math.abs(seen.buffered[0]?.[0] ?? 1) < 0.001, `begins at ${seen.buffered[0]?.[0]} s`);
  const again = seen.frames - frames;
  expect(again >= 0 && again <= AGAIN_FRAMES_MAX, `${seen.frames} frames, not ${frames}`);
  expect(seen.corrupted === 0, `${seen.corrupted} corrupted frames`);
  expect(seen.gapsJumped === 0, `${seen.gapsJumped} gaps jumped over`);
  expect(seen.size[1] === height, `${seen.size.join("x")}, not ${height} lines`);
  if (problems.length === 0) {
    console.log(`ok ${name}: ${seen.frames} frames, ${seen.time.toFixed(3)} s, one range, ended`);
  }
  return problems.map((problem) => `not ok ${name}: ${problem}`);
}

const browser = await launchChromium();
try {
  // The page's own policy would keep the players' scripts out.
  const context = await browser.newContext({ bypassCSP: true });
  for (const player of players) {
    for (const problem of await play(context, player)) {
      console.error(problem);
      process.exitCode = 1;
    }
  }
} finally {
  await browser.close();
}
