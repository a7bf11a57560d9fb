// Preset and qualities, with a default that needs no thought.
import {
  type Choice,
  CHOICE_DEFAULT,
  PRESETS,
  presetOf,
  QUALITIES,
  readChoice,
  withPreset,
  withQuality,
} from "../choice";
import { renditionWord } from "../words";
import { el } from "./element";

const KEPT_AS = "tcoder.choice";

/** The form, and what is chosen in it now. */
export interface Choices {
  readonly element: HTMLElement;
  readonly choice: () => Choice;
}

/** Remembers the last choice in this browser. */
export function choices(): Choices {
  let choice = kept();
  const presets = el("fieldset", { class: "presets" }, el("legend", {}, "What to make of it"));
  const qualities = el("fieldset", { class: "qualities" });
  const details = el("summary", {});
  const element = el("details", { class: "choices" }, details, presets, qualities);

  function change(next: Choice): void {
    choice = next;
    keep(choice);
    draw();
  }
  for (const { preset, title, text } of PRESETS) {
    const input = el("input", { type: "radio", name: "preset", value: preset, id: `preset-${preset}` });
    input.addEventListener("change", () => change(withPreset(choice, preset)));
    const label = el(
      "label",
      { for: input.id, class: "preset" },
      input,
      el("span", { class: "preset-title" }, title),
      el("span", { class: "preset-text" }, text),
    );
    presets.append(label);
  }
  const automatic = chip("qualities-automatic", "Automatic", () => change({ ...choice, qualities: [] }));
  const chips = QUALITIES.map((name) => {
    const made = chip(`quality-${name}`, renditionWord(name), (isChosen) =>
      change(withQuality(choice, name, isChosen)),
    );
    return { name, ...made };
  });
  qualities.append(el("legend", {}, "Qualities"), automatic.element, ...chips.map((one) => one.element));

  function draw(): void {
    const preset = presetOf(choice);
    const names = choice.qualities.map(renditionWord).join(", ");
    details.replaceChildren(
      el("span", { class: "choices-title" }, preset.title),
      el(
        "span",
        { class: "choices-names" },
        names || (preset.qualities === "none" ? "original size" : "automatic qualities"),
      ),
      el("span", { class: "choices-change" }, "Change"),
    );
    for (const input of presets.querySelectorAll("input")) input.checked = input.value === choice.preset;
    qualities.hidden = preset.qualities === "none";
    automatic.input.checked = choice.qualities.length === 0;
    for (const { name, input } of chips) input.checked = choice.qualities.includes(name);
  }
  draw();
  return { element, choice: () => choice };
}

function chip(
  id: string,
  text: string,
  onChange: (isChosen: boolean) => void,
): { element: HTMLElement; input: HTMLInputElement } {
  const input = el("input", { type: "checkbox", id });
  input.addEventListener("change", () => onChange(input.checked));
  return { element: el("label", { for: id, class: "chip" }, input, el("span", {}, text)), input };
}

/** Storage may be switched off in a browser: then nothing is remembered. */
function kept(): Choice {
  try {
    return readChoice(localStorage.getItem(KEPT_AS));
  } catch {
    return CHOICE_DEFAULT;
  }
}

function keep(choice: Choice): void {
  try {
    localStorage.setItem(KEPT_AS, JSON.stringify(choice));
  } catch {
    // As above.
  }
}
