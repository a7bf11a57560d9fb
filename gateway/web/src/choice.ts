// What a person may choose before an upload.
import type { Preset } from "./job";

/** One preset, explained. */
export interface PresetChoice {
  readonly preset: Preset;
  readonly title: string;
  readonly text: string;
  /** How many qualities make sense. */
  readonly qualities: "none" | "one" | "many";
}

/** In the order in which they are offered; the first is the default. */
export const PRESETS: readonly PresetChoice[] = [
  {
    preset: "hls-adaptive",
    title: "Adaptive streaming",
    text: "Every quality that fits, as HLS, DASH and MP4. Watch while it is encoded.",
    qualities: "many",
  },
  {
    preset: "hls",
    title: "Streaming, one quality",
    text: "One quality as HLS, DASH and MP4. Watch while it is encoded.",
    qualities: "one",
  },
  {
    preset: "web-optimized",
    title: "MP4 for the web",
    text: "H.264 and AAC, one file for each quality; 720p unless you choose.",
    qualities: "many",
  },
  {
    preset: "default",
    title: "As it is",
    text: "One MP4 in the original size. Copied, not encoded, where the web can play it.",
    qualities: "none",
  },
];

/** Names of the standard rungs, highest first, and the sound alone: what is offered until the gateway has told its own. */
export const QUALITIES: readonly string[] = [
  "2160p",
  "1440p",
  "1080p",
  "720p",
  "480p",
  "360p",
  "240p",
  "144p",
  "audio",
];

/** What is chosen. No qualities: the preset's own. */
export interface Choice {
  readonly preset: Preset;
  readonly qualities: readonly string[];
}

/** The default. */
export const CHOICE_DEFAULT: Choice = { preset: "hls-adaptive", qualities: [] };

/** The explained preset of a choice. */
export function presetOf(choice: Choice): PresetChoice {
  const found = PRESETS.find(({ preset }) => preset === choice.preset) ?? PRESETS[0];
  if (!found) throw new Error("there is at least one preset");
  return found;
}

/** The choice with another preset: what does not fit it is dropped. */
export function withPreset(choice: Choice, preset: Preset): Choice {
  const next = { preset, qualities: choice.qualities };
  const most = presetOf(next).qualities;
  const kept = most === "none" ? [] : most === "one" ? choice.qualities.slice(0, 1) : choice.qualities;
  return { preset, qualities: kept };
}

/** The choice with a quality added or taken away; where one alone makes sense it replaces the other. */
export function withQuality(
  choice: Choice,
  quality: string,
  isChosen: boolean,
  offered: readonly string[] = QUALITIES,
): Choice {
  const others = choice.qualities.filter((name) => name !== quality);
  if (!isChosen) return { ...choice, qualities: others };
  const wanted = presetOf(choice).qualities === "one" ? [quality] : [...others, quality];
  return { ...choice, qualities: offered.filter((name) => wanted.includes(name)) };
}

/** Reads a kept choice; anything that is not one any more gives the default. */
export function readChoice(text: string | null, offered: readonly string[] = QUALITIES): Choice {
  try {
    const value = JSON.parse(text ?? "null") as Partial<Choice> | null;
    const isKnown = PRESETS.some(({ preset }) => preset === value?.preset);
    if (!value || !isKnown || !Array.isArray(value.qualities)) return CHOICE_DEFAULT;
    const qualities = offered.filter((name) => value.qualities?.includes(name));
    return withPreset({ preset: value.preset as Preset, qualities }, value.preset as Preset);
  } catch {
    return CHOICE_DEFAULT;
  }
}
