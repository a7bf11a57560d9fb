// Short news in the page's bar, read aloud by screen readers: what an action led to.

/** How long a word stays: time to read two lines. */
const SHOWN_MS = 6_000;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Says it. */
export function announce(text: string): void {
  const status = document.getElementById("status");
  if (!status) return;
  status.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => (status.textContent = ""), SHOWN_MS);
}
