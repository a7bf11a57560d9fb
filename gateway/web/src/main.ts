// The page: one address, one view. Addresses are fragments, so that a reload finds the same job without the server's help.
import { Client } from "./api";
import { Uploads } from "./uploads";
import type { Page } from "./view/element";
import { homePage } from "./view/home_page";
import { jobPage } from "./view/job_page";

const client = new Client(location.origin);
const uploads = new Uploads(client);
const main = document.getElementById("main");
let page: Page | undefined;

function route(): Page {
  const job = /^#\/jobs\/([0-9a-z]+)$/.exec(location.hash)?.[1];
  return job === undefined ? homePage(client, uploads) : jobPage(client, uploads, job);
}

function show(): void {
  page?.dispose();
  page = route();
  document.title = page.title;
  main?.replaceChildren(page.element);
  window.scrollTo(0, 0);
}

window.addEventListener("hashchange", () => {
  show();
  // Keyboards and screen readers go on in the new view.
  main?.focus({ preventScroll: true });
});
// A file that is dropped where nothing takes it must not replace the page, and with it a running upload.
for (const event of ["dragover", "drop"])
  window.addEventListener(event, (dropped) => dropped.preventDefault());
show();
