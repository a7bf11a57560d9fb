// The Chromium that the tests drive. TCODER_CHROMIUM names another one than that on PATH.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

function findChromium() {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const folders = (process.env.PATH ?? "").split(delimiter).concat("/usr/bin");
  const paths = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  const found = process.env.TCODER_CHROMIUM ?? paths.find((path) => existsSync(path));
  if (found) return found;
  console.error(
    "There is no Chromium on PATH. Install Debian's package `chromium`, or name one with TCODER_CHROMIUM.",
  );
  process.exit(2);
}

/** Starts it; ends this process with 2 where there is none. */
export function launchChromium() {
  return chromium.launch({
    executablePath: findChromium(),
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--autoplay-policy=no-user-gesture-required",
    ],
  });
}
