// Plays a job's streams while they grow. hls.js where the browser can feed media itself, else the browser's own HLS.
import type HlsType from "hls.js";
import type { ErrorData, HlsConfig } from "hls.js";

/** Repairs before giving up; each heals a broken picture or a lost connection. */
const REPAIRS_MAX = 5;
/** A second between repairs: the gateway may be restarting. */
const REPAIR_MS = 1_000;
const HLS_TYPE = "application/vnd.apple.mpegurl";

/** Playlists list subtitles from when they are there, and the one that says so is read but once: the page shows them
 * itself. The types know of no other way to leave parts of hls.js off. */
const WITHOUT_SUBTITLES = {
  subtitleTrackController: undefined,
  subtitleStreamController: undefined,
  timelineController: undefined,
} as unknown as Partial<HlsConfig>;

/** A quality to choose. */
export interface Level {
  readonly index: number;
  /** Pixels of the short side, as qualities are named: `720p`. */
  readonly label: string;
}

/** Whom the player tells. */
export interface PlayerEvents {
  /** It cannot go on; the sentence is for people. */
  readonly onError: (text: string) => void;
  readonly onLevels: (levels: readonly Level[]) => void;
  /** It plays, and nobody shows subtitles: a browser that plays the stream by itself reads of them there. */
  readonly onFed: () => void;
}

/** Starts fetching the player's code, so that it is there when the first seconds are. */
export function preload(): void {
  void import("hls.js").catch(() => undefined);
}

/** Plays one address in one element until `destroy`. */
export class Player {
  readonly #video: HTMLVideoElement;
  readonly #url: string;
  readonly #events: PlayerEvents;
  #hls: HlsType | undefined;
  #isDestroyed = false;
  #repairs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(video: HTMLVideoElement, url: string, events: PlayerEvents) {
    this.#video = video;
    this.#url = url;
    this.#events = events;
  }

  /** Attaches; with `mayStart` it also starts, without sound where the browser insists. */
  async open(mayStart: boolean): Promise<void> {
    try {
      const { default: Hls } = await import("hls.js");
      if (this.#isDestroyed) return;
      if (Hls.isSupported()) {
        this.#openWith(Hls);
        this.#events.onFed();
      } else if (this.#video.canPlayType(HLS_TYPE)) this.#video.src = this.#url;
      else
        this.#events.onError(
          "This browser cannot play streams. Download a file instead, or use a newer browser.",
        );
    } catch {
      this.#events.onError("The player could not be loaded. Reload the page.");
      return;
    }
    if (mayStart) await start(this.#video);
  }

  /** `-1`: whatever the network allows. */
  chooseLevel(index: number): void {
    if (this.#hls) this.#hls.nextLevel = index;
  }

  destroy(): void {
    this.#isDestroyed = true;
    clearTimeout(this.#timer);
    this.#hls?.destroy();
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #openWith(Hls: typeof HlsType): void {
    const hls = new Hls({
      // The film begins at its beginning, however far the encoder is: a growing playlist is not a broadcast.
      startPosition: 0,
      liveSyncDuration: 0,
      liveMaxLatencyDuration: Infinity,
      lowLatencyMode: false,
      liveDurationInfinity: false,
      // A playlist that does not grow for a while waits for the encoder, and is no error.
      liveMaxUnchangedPlaylistRefresh: Infinity,
      // Its worker is made from a blob, which the page's content policy refuses; fragmented MP4 needs none.
      enableWorker: false,
      capLevelToPlayerSize: true,
      ...WITHOUT_SUBTITLES,
      backBufferLength: 60,
    });
    this.#hls = hls;
    hls.on(Hls.Events.ERROR, (_, data) => this.#repair(Hls, hls, data));
    hls.on(Hls.Events.MANIFEST_PARSED, () => {
      const levels = hls.levels.map(({ width, height }, index) => ({
        index,
        label: `${Math.min(width, height)}p`,
      }));
      this.#events.onLevels(levels);
    });
    // What plays again is healed.
    hls.on(Hls.Events.FRAG_BUFFERED, () => (this.#repairs = 0));
    hls.loadSource(this.#url);
    hls.attachMedia(this.#video);
  }

  #repair(Hls: typeof HlsType, hls: HlsType, data: ErrorData): void {
    if (!data.fatal || this.#isDestroyed) return;
    this.#repairs += 1;
    if (this.#repairs > REPAIRS_MAX) {
      hls.destroy();
      this.#events.onError("The stream could not be played. Reload the page to try again.");
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#isDestroyed) return;
      if (data.type === Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
      else if (hls.levels.length === 0) hls.loadSource(this.#url);
      else hls.startLoad(this.#video.currentTime);
    }, REPAIR_MS);
  }
}

/** Starts a video; muted if the browser lets nothing else start by itself. */
export async function start(video: HTMLVideoElement): Promise<void> {
  try {
    await video.play();
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
    video.muted = true;
    // Refused once more, the play button is there.
    await video.play().catch(() => undefined);
  }
}
