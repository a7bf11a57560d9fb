// Preset, qualities and codec, with a default that needs no thought.
import type { Client } from "../api";
import {
  type Choice,
  type Codec,
  CHOICE_DEFAULT,
  codecOf,
  CODECS,
  hasPicture,
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
export function choices(client: Client): Choices {
  let offered = QUALITIES;
  let choice = kept(offered);
  const presets = el("fieldset", { class: "presets" }, el("legend", {}, "What to make of it"));
  const qualities = el("fieldset", { class: "qualities" });
  const details = el("summary", {});
  const codec = codecs((chosen) => change({ ...choice, codec: chosen }));
  const element = el("details", { class: "choices" }, details, presets, qualities, codec.element);

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
  let chips = chipsOf(offered);

  function chipsOf(names: readonly string[]): Chip[] {
    const made = names.map((name) => {
      const onChange = (isChosen: boolean): void => change(withQuality(choice, name, isChosen, offered));
      return { name, ...chip(`quality-${name}`, renditionWord(name), onChange) };
    });
    const legend = el("legend", {}, "Qualities");
    qualities.replaceChildren(legend, automatic.element, ...made.map((one) => one.element));
    return made;
  }

  /** Another ladder than the standard one: other chips, and what was kept of them. */
  async function askForLadder(): Promise<void> {
    const names = await client.qualities();
    if (names.join() === offered.join()) return;
    offered = names;
    choice = kept(offered);
    chips = chipsOf(offered);
    draw();
  }

  function draw(): void {
    const preset = presetOf(choice);
    const names = choice.qualities.map(renditionWord).join(", ");
    const qualityWords = names || (preset.qualities === "none" ? "original size" : "automatic qualities");
    codec.element.hidden = !hasPicture(choice);
    codec.select.value = choice.codec;
    const codecWord =
      hasPicture(choice) && choice.codec !== CHOICE_DEFAULT.codec ? codecOf(choice).title : "";
    details.replaceChildren(
      el("span", { class: "choices-title" }, preset.title),
      el("span", { class: "choices-names" }, [qualityWords, codecWord].filter(Boolean).join(" · ")),
      el("span", { class: "choices-change" }, "Change"),
    );
    for (const input of presets.querySelectorAll("input")) input.checked = input.value === choice.preset;
    qualities.hidden = preset.qualities === "none";
    automatic.input.checked = choice.qualities.length === 0;
    for (const { name, input } of chips) input.checked = choice.qualities.includes(name);
  }
  draw();
  // Without an answer the standard ladder stays, and the gateway names what it does not have.
  askForLadder().catch(() => undefined);
  return { element, choice: () => choice };
}

/** How the picture is coded, to choose from a list. */
function codecs(onChange: (codec: Codec) => void): { element: HTMLElement; select: HTMLSelectElement } {
  const options = CODECS.map(({ codec, title, text }) => el("option", { value: codec }, `${title}: ${text}`));
  const select = el("select", { id: "codec" }, ...options);
  select.addEventListener("change", () => {
    const chosen = CODECS.find(({ codec }) => codec === select.value);
    if (chosen) onChange(chosen.codec);
  });
  const label = el("label", { for: select.id }, "Picture format");
  return { element: el("div", { class: "codec" }, label, select), select };
}

/** A quality to choose. */
interface Chip {
  readonly name: string;
  readonly element: HTMLElement;
  readonly input: HTMLInputElement;
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
function kept(offered: readonly string[]): Choice {
  try {
    return readChoice(localStorage.getItem(KEPT_AS), offered);
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
