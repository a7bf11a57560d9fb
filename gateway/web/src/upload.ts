// One upload, straight from the browser to object storage. XMLHttpRequest, because fetch does not say how far a body
// has got.
import type { UploadTarget } from "./api";
import { Pace } from "./pace";

/** Not a byte for so long: the network is gone without having said so. */
const STALL_MS_MAX = 60_000;
/** After the last byte storage still writes the object down: 5 GiB at 20 MB/s. */
const STORE_MS_MAX = 300_000;
/** Set by the browser, which refuses to let a page do it. */
const BROWSER_HEADERS = new Set(["content-length", "host"]);

/** How far an upload is. */
export interface UploadProgress {
  /** Bytes. */
  readonly sent: number;
  /** Bytes. */
  readonly total: number;
  /** Bytes per second; absent while unknown. */
  readonly speed?: number;
  /** Absent while unknown. */
  readonly eta_ms?: number;
}

/** Why an upload ended before its time. */
export class UploadError extends Error {
  override readonly name = "UploadError";

  constructor(
    /** `cancelled` by the person; `broken`: worth another try; `refused`: only a new upload helps. */
    readonly kind: "cancelled" | "broken" | "refused",
    message: string,
  ) {
    super(message);
  }
}

/** Sends `file` as `target` says. Rejects with `UploadError` alone; `signal` cancels. */
export function upload(
  file: Blob,
  target: UploadTarget,
  onProgress: (progress: UploadProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const pace = new Pace();
    let timer = setTimeout(stalled, STALL_MS_MAX);

    function stalled(): void {
      fail("broken", "The upload has stalled. Check your connection, then try again.");
    }
    function watch(ms: number): void {
      clearTimeout(timer);
      timer = setTimeout(stalled, ms);
    }
    function settle(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", cancel);
    }
    function fail(kind: UploadError["kind"], message: string): void {
      settle();
      reject(new UploadError(kind, message));
      request.abort();
    }
    function cancel(): void {
      fail("cancelled", "The upload was cancelled.");
    }

    request.upload.onprogress = ({ loaded }) => {
      watch(STALL_MS_MAX);
      pace.add(performance.now(), loaded);
      onProgress(progressOf(pace, loaded, file.size));
    };
    request.upload.onload = () => watch(STORE_MS_MAX);
    request.onerror = () =>
      fail("broken", "The connection to storage broke. Check that you are online, then try again.");
    request.onload = () => {
      const refused = refusalOf(request.status, request.responseText);
      if (refused) {
        fail(refused.kind, refused.message);
      } else {
        settle();
        onProgress({ sent: file.size, total: file.size });
        resolve();
      }
    };

    if (signal.aborted) {
      cancel();
      return;
    }
    signal.addEventListener("abort", cancel);
    request.open(target.method, target.url);
    for (const [name, value] of Object.entries(target.headers)) {
      if (!BROWSER_HEADERS.has(name.toLowerCase())) request.setRequestHeader(name, value);
    }
    request.send(file);
  });
}

function progressOf(pace: Pace, sent: number, total: number): UploadProgress {
  const speed = pace.perSecond;
  const eta_ms = pace.etaMs(total);
  return { sent, total, ...(speed !== undefined && { speed }), ...(eta_ms !== undefined && { eta_ms }) };
}

/** What storage means by its answer; `undefined` when the object is stored. */
export function refusalOf(status: number, body: string): UploadError | undefined {
  // The address is create-only and belongs to this job: the object of an earlier try, whose answer was lost, is there.
  if ((status >= 200 && status < 300) || status === 412) return undefined;
  const code = /<Code>([^<]{1,64})<\/Code>/.exec(body)?.[1] ?? String(status);
  // 409: two tries met in storage, and which one stays is not decided yet.
  if (status >= 500 || status === 429 || status === 408 || status === 409) {
    return new UploadError("broken", `Storage is busy (${code}). Try again in a moment.`);
  }
  if (status === 403) {
    return new UploadError(
      "refused",
      `Storage refused the upload (${code}): its permission has run out. Start it again.`,
    );
  }
  return new UploadError("refused", `Storage refused the upload (${code}). Start it again.`);
}
