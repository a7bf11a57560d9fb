// Addresses of the finished streams, to put into a player of one's own. Files hang on their renditions.
import type { Job, Output } from "../job";
import { announce } from "./announce";
import { button, el, type Part } from "./element";

const TITLES: Readonly<Record<string, string>> = { hls: "HLS playlist", dash: "DASH manifest" };

/** Shown once a stream is finished. */
export function filesPanel(): Part<Job> {
  const list = el("ul", { class: "links", role: "list" });
  const element = el(
    "section",
    { class: "panel", "aria-label": "Streams" },
    el("div", { class: "panel-head" }, el("h2", {}, "Streams")),
    list,
  );
  let shown = "";
  return {
    element,
    update(job) {
      const streams = (job.outputs ?? []).filter(({ kind }) => kind in TITLES);
      element.hidden = streams.length === 0;
      const next = JSON.stringify(streams);
      if (next === shown) return;
      shown = next;
      list.replaceChildren(...streams.map(link));
    },
  };
}

function link(output: Output): HTMLElement {
  const title = TITLES[output.kind] ?? output.kind;
  const url = new URL(output.url, location.href).href;
  const copy = button("Copy", "button-quiet button-small", () => {
    navigator.clipboard.writeText(url).then(
      () => announce(`The address of the ${title} is copied.`),
      () => announce("The browser did not let the address be copied: select it by hand."),
    );
  });
  copy.setAttribute("aria-label", `Copy the address of the ${title}`);
  return el(
    "li",
    { class: "link" },
    el("span", { class: "link-name" }, title),
    el("a", { class: "link-url", href: url }, url),
    copy,
  );
}
