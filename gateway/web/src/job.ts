// A job as the API shows it.

/** Where a job stands. The last three are final. */
export type JobState = "uploading" | "queued" | "running" | "playable" | "completed" | "failed" | "cancelled";

/** A named way to choose outputs. */
export type Preset = "default" | "web-optimized" | "hls" | "hls-adaptive";

/** Why a job or a part of it failed. */
export interface JobError {
  /** Stable: `not_media`, `truncated`, `worker_lost`, ... */
  readonly code: string;
  /** One sentence for people. */
  readonly message: string;
}

/** One rung applied to the source, or the sound (`audio`). */
export interface Rendition {
  readonly name: string;
  /** Pixels; null for the sound. */
  readonly width: number | null;
  /** Pixels; null for the sound. */
  readonly height: number | null;
  /** 0 to 100. */
  readonly percent: number;
  /** Why it was given up: from the live session, as the API lists it no more. */
  readonly dropped?: JobError;
  /** Bytes of its finished file: from the live session, before the API is asked for its outputs. */
  readonly file_bytes?: number;
}

/** A track of subtitles, as it is planned; its file, if any comes of it, is an output. */
export interface SubtitlePlan {
  /** `subtitles`, `subtitles-2`, ... */
  readonly name: string;
  /** BCP 47 tag, where the source tells it. */
  readonly language?: string | null;
  /** As the source calls it. */
  readonly title?: string | null;
  /** Whether it is shown when nobody chooses. */
  readonly is_default: boolean;
}

/** Something finished that can be fetched; there are more kinds, which this page has no use for. */
export interface Output {
  readonly kind: "mp4" | "m4a" | "hls" | "dash" | "subtitles";
  readonly rendition?: string | null;
  /** Relative to the gateway. */
  readonly url: string;
  readonly bytes: number;
}

/** Overall progress. */
export interface Progress {
  /** 0 to 100. */
  readonly percent: number;
  /** Source seconds encoded per second; 0 while unknown. */
  readonly speed: number;
  /** Until everything is stored, absent while unknown. */
  readonly eta_ms?: number | null;
  /** How much of a source without an index was rewritten, 0 to 100: before anything is encoded, absent otherwise. */
  readonly remuxed_percent?: number | null;
}

/** A job, whole. Times are RFC 3339. */
export interface Job {
  readonly id: string;
  readonly state: JobState;
  readonly preset: Preset;
  readonly filename: string;
  /** As asked for; empty is the preset's choice. */
  readonly qualities?: readonly string[];
  /** Bytes of the source. */
  readonly size: number;
  readonly priority?: number;
  /** Number of the last fact that this view includes: where a live session takes over. */
  readonly n?: number;
  readonly progress?: Progress | null;
  readonly renditions: readonly Rendition[];
  /** Length of the source, once it was read. */
  readonly duration_ms?: number | null;
  readonly created_at: string;
  /** When the upload's address ends. */
  readonly upload_expires_at?: string | null;
  readonly uploaded_at?: string | null;
  readonly started_at?: string | null;
  readonly playable_at?: string | null;
  readonly finished_at?: string | null;
  readonly warnings?: readonly string[];
  /** Whether the source's own streams are copied into one file: nothing is encoded, and nothing streamed. */
  readonly is_copied?: boolean;
  /** Why the source is encoded where its preset would have copied it. */
  readonly encode_reason?: string | null;
  readonly error?: JobError | null;
  readonly playback?: { readonly hls?: string | null } | null;
  readonly outputs?: readonly Output[];
  readonly subtitles?: readonly SubtitlePlan[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly external_id?: string | null;
}

/** The rendition that holds the sound alone. */
export const AUDIO = "audio";

/** Whether nothing more will happen. */
export function isTerminal(state: JobState): boolean {
  return state === "completed" || state === "failed" || state === "cancelled";
}
