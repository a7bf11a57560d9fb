// The first page: drop a video, see the jobs.
import type { Client } from "../api";
import { sentence } from "../problem";
import type { Uploads } from "../uploads";
import { choices } from "./choices";
import { dropZone } from "./drop_zone";
import { el, type Page } from "./element";
import { jobsList } from "./jobs_list";

/** The page at `#/`. */
export function homePage(client: Client, uploads: Uploads): Page {
  let isBusy = false;
  const options = choices(client);
  const zone = dropZone((file) => void begin(file));
  const jobs = jobsList(client);
  const intro = el(
    "header",
    { class: "intro" },
    el("h1", {}, "Watch it while it is transcoded"),
    el(
      "p",
      {},
      "Your video goes straight to storage, is encoded in every quality that fits, and plays from the first seconds on.",
    ),
  );

  async function begin(file: File): Promise<void> {
    if (isBusy) return;
    if (file.size === 0) {
      zone.say("This file is empty. Choose another one.", true);
      return;
    }
    isBusy = true;
    zone.say(`Asking for permission to upload ${file.name}`, false);
    try {
      const job = await uploads.begin(file, options.choice());
      location.hash = `#/jobs/${job}`;
    } catch (error) {
      zone.say(sentence(error), true);
    } finally {
      isBusy = false;
    }
  }

  return {
    element: el("div", { class: "home" }, intro, zone.element, options.element, jobs.element),
    title: "tcoder",
    dispose() {
      zone.dispose();
      jobs.dispose();
    },
  };
}
