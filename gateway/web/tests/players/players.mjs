// A completed job in real players, in a real Chromium: each of them plays it from the first frame to the last, with no
// error, no gap and no frame missing.
//
//   TCODER_URL=http://127.0.0.1:8080 TCODER_JOB=<id> TCODER_RENDITION=360p TCODER_FRAMES=132 TCODER_SECONDS=5.28 \
//     node tests/players/players.mjs
//
// One rendition is played, since frames of a second one would be counted too; players choose by its height, the
// number in its name. TCODER_CHROMIUM names another browser. Prints `ok ...` for each thing that held; ends with 1
// and the reasons on stderr when any did not, with 2 when it could not begin.
import { DEADLINE_MS, END_TOLERANCE_S, need } from "./bundles.mjs";
import { open, tryAll } from "./film.mjs";

/** Frames that may be decoded twice: a player that seeks to where it is, as Shaka Player does on a busy machine when it
 * begins, starts its decoder anew after the first few. */
const AGAIN_FRAMES_MAX = 8;

const rendition = need("TCODER_RENDITION");
const frames = Number(need("TCODER_FRAMES"));
const seconds = Number(need("TCODER_SECONDS"));
const height = Number.parseInt(rendition, 10);

/** In the page: how it went. */
function outcome() {
  const { video, complaints, stats } = window.__film;
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

async function play(context, player) {
  const { page, problems, expect } = await open(context, player, { isMuted: true, height });
  const isOver = () => window.__film.video.ended || window.__film.complaints.length > 0;
  await page.waitForFunction(isOver, undefined, { timeout: DEADLINE_MS }).catch(() => undefined);
  const seen = await page.evaluate(outcome);
  await page.close();
  problems.push(...seen.complaints);
  expect(seen.ended, `not ended, but at ${seen.time} s`);
  expect(Math.abs(seen.time - seconds) <= END_TOLERANCE_S, `ended at ${seen.time} s, not ${seconds}`);
  expect(seen.buffered.length === 1, `${seen.buffered.length} ranges: ${JSON.stringify(seen.buffered)}`);
  expect(Math.abs(seen.buffered[0]?.[0] ?? 1) < 0.001, `begins at ${seen.buffered[0]?.[0]} s`);
  const again = seen.frames - frames;
  expect(again >= 0 && again <= AGAIN_FRAMES_MAX, `${seen.frames} frames, not ${frames}`);
  expect(seen.corrupted === 0, `${seen.corrupted} corrupted frames`);
  expect(seen.gapsJumped === 0, `${seen.gapsJumped} gaps jumped over`);
  expect(seen.size[1] === height, `${seen.size.join("x")}, not ${height} lines`);
  const text = `${seen.frames} frames, ${seen.time.toFixed(3)} s, one range, ended`;
  return { problems, text };
}

await tryAll(play, { isAtOnce: false });
