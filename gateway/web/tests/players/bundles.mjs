// What the tests of players share: where the bundles that browsers load are, what the environment has to tell, and how
// long to wait.
import { fileURLToPath } from "node:url";

/** A file beside this one; packages do not export the bundles that browsers load. */
const file = (path) => fileURLToPath(new URL(path, import.meta.url));

export const HLS_JS = file("../../node_modules/hls.js/dist/hls.min.js");
export const DASH_JS = file("node_modules/dashjs/dist/modern/umd/dash.all.min.js");
export const SHAKA = file("node_modules/shaka-player/dist/shaka-player.compiled-es2021.js");

/** To catch a hang, not to measure. */
export const DEADLINE_MS = 120_000;
/** Sound may begin and end a frame of it beside the picture, and a container's last frame is rounded. */
export const END_TOLERANCE_S = 0.1;

/** A variable without which nothing can begin. */
export function need(name) {
  const value = process.env[name];
  if (value) return value;
  console.error(`${name} is not set: the head of this file says what it takes.`);
  process.exit(2);
}
