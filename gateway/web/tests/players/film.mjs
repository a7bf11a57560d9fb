// The film of a completed job in a page of its own, where a player shows it, and what the tests of players tell of it.
import { launchChromium } from "../chromium.mjs";
import { need } from "./bundles.mjs";
import { PLAYERS } from "./setups.mjs";

const base = need("TCODER_URL").replace(/\/+$/, "");
const play = `${base}/v1/jobs/${need("TCODER_JOB")}/play`;
const SOURCES = { hls: `${play}/master.m3u8`, dash: `${play}/manifest.mpd` };

/** In the page: an empty document with a video, and what is noticed about it. */
function prepare({ isMuted }) {
  document.documentElement.innerHTML = "<head></head><body><video controls></video></body>";
  const video = document.querySelector("video");
  video.muted = isMuted;
  const complaints = [];
  const complain = (text) => complaints.push(text);
  video.addEventListener("error", () => complain(`the video element: ${video.error?.message}`));
  window.__film = { video, complaints, complain, stats: () => ({}) };
}

/** Opens the film in a player, once `watch` (which runs in the page too) has its eyes and ears at the video; gives the
 * page, a list of what went wrong in it, and `expect`, which adds to that what does not hold. */
export async function open(context, { script, format, begin }, { isMuted, watch, ...wishes }) {
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  await page.goto(`${base}/`);
  await page.evaluate(prepare, { isMuted });
  if (watch) await page.evaluate(watch);
  await page.addScriptTag({ path: script });
  await page.evaluate(begin, { source: SOURCES[format], ...wishes });
  const expect = (holds, what) => holds || problems.push(what);
  return { page, problems, expect };
}

/** Lets `test` try the film in each player, in one after the other or in all at once. It gives the problems, and what to
 * say where there are none. */
export async function tryAll(test, { isAtOnce }) {
  const browser = await launchChromium();
  try {
    // The page's own policy would keep the players' scripts out.
    const context = await browser.newContext({ bypassCSP: true });
    const tryOne = async (player) => {
      const { problems, text } = await test(context, player);
      if (problems.length === 0) console.log(`ok ${player.name}: ${text}`);
      for (const problem of problems) {
        console.error(`not ok ${player.name}: ${problem}`);
        process.exitCode = 1;
      }
    };
    if (isAtOnce) await Promise.all(PLAYERS.map(tryOne));
    else for (const player of PLAYERS) await tryOne(player);
  } finally {
    await browser.close();
  }
}
