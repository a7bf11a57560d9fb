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
    text: "One file for each quality; 720p unless you choose.",
    qualities: "many",
  },
  {
    preset: "default",
    title: "As it is",
    text: "One MP4 in the original size. Copied, not encoded, where the web can play it.",
    qualities: "none",
  },
];

/** How the picture is coded; the API's names. */
export type Codec = "h264" | "hevc" | "vp9" | "av1";

/** One codec, explained. */
export interface CodecChoice {
  readonly codec: Codec;
  readonly title: string;
  readonly text: string;
}

/** In the order in which they are offered; the first is the default. */
export const CODECS: readonly CodecChoice[] = [
  { codec: "h264", title: "H.264", text: "plays everywhere" },
  { codec: "hevc", title: "HEVC", text: "smaller; Apple's and newer devices" },
  { codec: "vp9", title: "VP9", text: "smaller; newer browsers" },
  { codec: "av1", title: "AV1", text: "smaller; the newest devices" },
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
  readonly codec: Codec;
}

/** The default. */
export const CHOICE_DEFAULT: Choice = { preset: "hls-adaptive", qualities: [], codec: "h264" };

/** The explained preset of a choice. */
export function presetOf(choice: Pick<Choice, "preset">): PresetChoice {
  const found = PRESETS.find(({ preset }) => preset === choice.preset) ?? PRESETS[0];
  if (!found) throw new Error("there is at least one preset");
  return found;
}

/** The explained codec of a choice. */
export function codecOf(choice: Pick<Choice, "codec">): CodecChoice {
  const found = CODECS.find(({ codec }) => codec === choice.codec) ?? CODECS[0];
  if (!found) throw new Error("there is at least one codec");
  return found;
}

/** Whether there will be a picture, which a codec is for. */
export function hasPicture({ qualities }: Choice): boolean {
  return qualities.length === 0 || qualities.some((name) => name !== "audio");
}

/** The choice with another preset: what does not fit it is dropped. */
export function withPreset(choice: Choice, preset: Preset): Choice {
  const next = { ...choice, preset };
  const most = presetOf(next).qualities;
  const kept = most === "none" ? [] : most === "one" ? choice.qualities.slice(0, 1) : choice.qualities;
  return { ...next, qualities: kept };
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
    const codec = CODECS.find((one) => one.codec === value.codec)?.codec ?? CHOICE_DEFAULT.codec;
    return withPreset({ preset: value.preset as Preset, qualities, codec }, value.preset as Preset);
  } catch {
    return CHOICE_DEFAULT;
  }
}
