// Where a video is dropped or chosen.
import { el, icon, ICONS, setText } from "./element";

/** The zone; `onFile` gets one file at a time. */
export interface DropZone {
  readonly element: HTMLElement;
  /** A sentence instead of the invitation, while something is prepared or went wrong. */
  say(text: string, isProblem: boolean): void;
  dispose(): void;
}

/** The whole window takes a drop, so that a file that misses the zone does not replace the page. */
export function dropZone(onFile: (file: File) => void): DropZone {
  const input = el("input", {
    type: "file",
    id: "file",
    class: "drop-input",
    accept: "video/*,audio/*,.mkv,.mts,.m2ts,.ts,.mxf,.avi,.flv,.wmv",
  });
  const message = el("p", { class: "drop-message", role: "status" });
  // With fingers nothing is dropped.
  const isTouched = matchMedia("(pointer: coarse)").matches;
  const choose = el("span", { class: "drop-choose" }, "choose a file");
  const label = el(
    "label",
    { for: "file", class: "drop-label" },
    icon(ICONS.upload),
    el("span", { class: "drop-title" }, isTouched ? "Choose a video" : "Drop a video here"),
    el(
      "span",
      { class: "drop-text" },
      ...(isTouched ? ["It starts at once"] : ["or ", choose, " — it starts at once"]),
    ),
  );
  const element = el("div", { class: "drop" }, input, label, message);
  const stop = new AbortController();

  function say(text: string, isProblem: boolean): void {
    message.classList.toggle("drop-problem", isProblem);
    setText(message, text);
  }
  function take(files: FileList | null | undefined): void {
    const file = files?.[0];
    if (!file) return;
    say(files.length > 1 ? `One video at a time: taking ${file.name}.` : "", false);
    onFile(file);
  }
  input.addEventListener("change", () => {
    take(input.files);
    // The same file may be chosen again after it failed.
    input.value = "";
  });
  const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
  const mark = (event: DragEvent): void => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    element.classList.add("drop-over");
  };
  const options = { signal: stop.signal };
  window.addEventListener("dragenter", mark, options);
  window.addEventListener("dragover", mark, options);
  window.addEventListener(
    "dragleave",
    (event) => event.relatedTarget === null && element.classList.remove("drop-over"),
    options,
  );
  window.addEventListener(
    "drop",
    (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      element.classList.remove("drop-over");
      take(event.dataTransfer?.files);
    },
    options,
  );
  return { element, say, dispose: () => stop.abort() };
}
