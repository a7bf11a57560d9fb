// What a live session sends: JSON with `type`, `job` and `n`, over a WebSocket or as server-sent events.
import type { JobError } from "./job";

/** First frame of every session. */
export interface Hello {
  readonly type: "hello";
  readonly job: string;
  /** The last fact that the client has, as it said. */
  readonly n: number;
  /** Whether every fact after `n` follows. `false`: some are gone, and the job itself tells the state. */
  readonly recovered: boolean;
}

/** Latest progress. Unlike facts it may be skipped: only the last one counts. */
export interface ProgressFrame {
  readonly type: "progress";
  readonly job: string;
  readonly n: number;
  readonly percent: number;
  readonly speed: number;
  readonly eta_ms?: number | null;
  /** See `Progress`. */
  readonly remuxed_percent?: number | null;
  readonly renditions: readonly { readonly name: string; readonly percent: number }[];
}

interface FactHead {
  readonly job: string;
  /** Counts up without gaps. */
  readonly n: number;
  /** Milliseconds since 1970. */
  readonly at_ms: number;
}

/** A past event of the job. Kinds that this code does not know arrive too: they count, and change nothing. */
export type FactFrame = FactHead &
  (
    | { readonly type: "authorized"; readonly filename: string; readonly bytes: number }
    | { readonly type: "uploaded"; readonly bytes: number }
    | { readonly type: "started" }
    | {
        readonly type: "probed";
        readonly duration_ms: number;
        readonly width: number;
        readonly height: number;
        readonly has_audio: boolean;
      }
    | {
        readonly type: "planned";
        readonly renditions: readonly {
          readonly name: string;
          readonly width: number;
          readonly height: number;
        }[];
        readonly has_audio: boolean;
        readonly n_chunks: number;
        readonly encode_reason?: string;
      }
    | { readonly type: "claimed"; readonly task: number; readonly kind: string; readonly worker: string }
    | { readonly type: "task-done"; readonly task: number; readonly kind: string }
    | { readonly type: "part-done"; readonly task: number; readonly kind: string; readonly part: number }
    | {
        readonly type: "task-failed";
        readonly task: number;
        readonly kind: string;
        readonly error: JobError;
        readonly will_retry: boolean;
      }
    | { readonly type: "rendition-dropped"; readonly rendition: string; readonly error: JobError }
    | { readonly type: "playable"; readonly after_ms: number }
    | { readonly type: "file-done"; readonly rendition: string; readonly bytes: number }
    | { readonly type: "completed"; readonly after_ms: number; readonly warnings?: readonly string[] }
    | { readonly type: "failed"; readonly error: JobError }
    | { readonly type: "cancelled" }
  );

/** One frame of a live session. */
export type Frame = Hello | ProgressFrame | FactFrame;

/** Whether a job's feed ends with this frame. */
export function isLast(frame: Frame): boolean {
  return frame.type === "completed" || frame.type === "failed" || frame.type === "cancelled";
}

/** Reads a frame; `undefined` for what is none. */
export function parseFrame(text: string): Frame | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const frame = value as Partial<Frame> | null;
  const isFrame =
    typeof frame === "object" &&
    frame !== null &&
    typeof frame.type === "string" &&
    typeof frame.n === "number";
  return isFrame ? (frame as Frame) : undefined;
}
