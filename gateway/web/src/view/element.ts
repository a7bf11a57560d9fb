// Making elements without markup in strings: text stays text, whatever a file is called.

type Child = Node | string | undefined | false;
type Attributes = Readonly<Record<string, string | boolean | undefined>>;

/** A part of the page that shows a job, or whatever `T` is. */
export interface Part<T> {
  readonly element: HTMLElement;
  update(value: T): void;
  /** Lets go of timers and connections. */
  dispose?(): void;
}

/** A page of its own, under one address. */
export interface Page {
  readonly element: HTMLElement;
  readonly title: string;
  dispose(): void;
}

/** An element; attributes that are `false` or `undefined` are left out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== false));
  return element;
}

/** A button that does something. */
export function button(label: string, style: string, onClick: () => void): HTMLButtonElement {
  const element = el("button", { type: "button", class: `button ${style}` }, label);
  element.addEventListener("click", onClick);
  return element;
}

/** Sets text only where it differs, so that selections and screen readers are left in peace. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A progress bar with a name. */
export function progressBar(label: string): HTMLProgressElement {
  return el("progress", { max: "100", value: "0", "aria-label": label });
}

/** Sets a bar, never backwards. */
export function setProgress(bar: HTMLProgressElement, percent: number): void {
  // A tenth of a percent is less than a pixel on most screens.
  const value = Math.max(bar.value, Math.round(Math.min(100, percent) * 10) / 10);
  if (bar.value !== value) bar.value = value;
}

/** An icon of the page's own drawing, 24 x 24. */
export function icon(path: string): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const shape = document.createElementNS(space, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

/** Shapes for `icon`, drawn as strokes. */
export const ICONS = {
  upload:
    "M12 16V5m0 0-4.500 4.500M12 5l4.500 4.500M4.500 15.500v2A2.500 2.500 0 0 0 7 20h10a2.500 2.500 0 0 0 2.500-2.500v-2",
  download:
    "M12 4.500v11m0 0-4.500-4.500M12 15.500l4.500-4.500M4.500 16v1.500A2.500 2.500 0 0 0 7 20h10a2.500 2.500 0 0 0 2.500-2.500V16",
  back: "M14.500 5.500 8 12l6.500 6.500",
  film: "M5.500 5h13A1.500 1.500 0 0 1 20 6.500v11a1.500 1.500 0 0 1-1.500 1.500h-13A1.500 1.500 0 0 1 4 17.500v-11A1.500 1.500 0 0 1 5.500 5zM10 9.200v5.600l4.800-2.800z",
} as const;
