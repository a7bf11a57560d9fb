// The subtitles of a film, in the browser's own player: they come beside the film, be it a stream that grows or a file.
import type { Job } from "./job";

/** Loads before a track is given up: those that fail are tried again when the job is looked at next. */
const LOADS_MAX = 3;

/** A track that can be shown. */
export interface SubtitleTrack {
  /** `subtitles`, `subtitles-2`, ... */
  readonly name: string;
  /** Of its WebVTT, relative to the gateway. */
  readonly url: string;
  /** What people choose it by. */
  readonly label: string;
  /** BCP 47 tag, or nothing. */
  readonly language: string;
  readonly isDefault: boolean;
}

/** The tracks of a job whose files are there, in the source's order; one is shown by itself at most. */
export function tracksOf(job: Job): SubtitleTrack[] {
  const tracks: SubtitleTrack[] = [];
  for (const { name, language, title, is_default } of job.subtitles ?? []) {
    const file = job.outputs?.find(({ kind, rendition }) => kind === "subtitles" && rendition === name);
    if (!file) continue;
    const known = title ?? languageWord(language) ?? name;
    const label = tracks.some((track) => track.label === known) ? `${known} (${name})` : known;
    const isDefault = is_default && !tracks.some((track) => track.isDefault);
    tracks.push({ name, url: file.url, label, language: language ?? "", isDefault });
  }
  return tracks;
}

/** `German` of `de`; a tag that the browser has no word for is its own. */
function languageWord(tag: string | null | undefined): string | undefined {
  if (!tag) return undefined;
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** Hangs tracks onto one element until `remove`. */
export class Subtitles {
  readonly #video: HTMLVideoElement;
  readonly #load: (url: string) => Promise<string>;
  /** By name: how often it was loaded in vain; as often as may be, where it is there or under way. */
  readonly #loads = new Map<string, number>();
  readonly #addresses: string[] = [];
  /** Ends when all that were asked for are there: browsers list them in the order in which they are added. */
  #added: Promise<void> = Promise.resolve();
  #isRemoved = false;

  /** `load` gives the text behind an address of the gateway. */
  constructor(video: HTMLVideoElement, load: (url: string) => Promise<string>) {
    this.#video = video;
    this.#load = load;
  }

  /** Adds what has come since the last time. */
  update(job: Job): void {
    for (const track of tracksOf(job)) {
      const loads = this.#loads.get(track.name) ?? 0;
      if (loads >= LOADS_MAX) continue;
      // None begins while this one is under way, nor when it is there.
      this.#loads.set(track.name, LOADS_MAX);
      this.#added = this.#added.then(() => this.#add(track, loads + 1));
    }
  }

  /** Takes all of them away, for good. */
  remove(): void {
    this.#isRemoved = true;
    for (const track of this.#video.querySelectorAll("track")) track.remove();
    for (const address of this.#addresses) URL.revokeObjectURL(address);
  }

  async #add(track: SubtitleTrack, loads: number): Promise<void> {
    if (this.#isRemoved) return;
    let text: string;
    try {
      text = await this.#load(track.url);
    } catch {
      this.#loads.set(track.name, loads);
      return;
    }
    if (this.#isRemoved) return;
    // Storage has an origin of its own, which a `track` may read only where the film itself is asked for with CORS;
    // and not every place that films are kept in answers that.
    const address = URL.createObjectURL(new Blob([text], { type: "text/vtt" }));
    this.#addresses.push(address);
    const element = document.createElement("track");
    element.kind = "subtitles";
    element.label = track.label;
    element.srclang = track.language;
    element.default = track.isDefault;
    element.src = address;
    this.#video.append(element);
  }
}
