// What the page says, in plain words.
import type { Job, JobError, JobState } from "./job";

/** A state as one word. */
export const STATE_WORDS: Readonly<Record<JobState, string>> = {
  uploading: "Uploading",
  queued: "Waiting",
  running: "Encoding",
  playable: "Encoding",
  completed: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** What happens to a file that is being uploaded from this page. */
export type UploadStage = "sending" | "sent" | "stopped";

/** Where the job stands, and what one can do: changes with the state alone, so that it can be read aloud. */
export function stateLine(job: Job, upload: UploadStage | undefined): string {
  switch (job.state) {
    case "uploading":
      return uploadingLine(upload);
    case "queued":
      return "The video is uploaded and waits for a free worker.";
    case "running":
      return job.renditions.length === 0 ? "Reading the video to see what is in it." : encodingLine(job);
    case "playable":
      if (job.is_copied) return "The file is there. It is being checked.";
      return "You can watch it now. The rest is being encoded meanwhile.";
    case "completed":
      if (job.warnings?.length) return "Done, but not everything worked.";
      return job.is_copied ? "Everything is copied and stored." : "Everything is encoded and stored.";
    case "failed":
      return "This video could not be transcoded.";
    case "cancelled":
      return "Cancelled. Nothing more will be encoded.";
  }
}

function uploadingLine(upload: UploadStage | undefined): string {
  switch (upload) {
    case "sending":
      return "Your video is on its way to storage. Keep this page open until it is there.";
    case "sent":
      return "Your video is uploaded. Waiting for storage to confirm it.";
    case "stopped":
      return "The upload has stopped.";
    case undefined:
      return "Waiting for the upload. It runs in the page that it was started from; if that page was closed, choose the file again.";
  }
}

function encodingLine(job: Job): string {
  if (job.is_copied) return "Copying: every browser plays this video as it is. Nothing is encoded.";
  const isStreamed = job.preset === "hls" || job.preset === "hls-adaptive";
  return isStreamed
    ? "Encoding. You can watch as soon as the first seconds are ready."
    : "Encoding. You can watch and download when the file is finished.";
}

/** What to do about an error, by its code; the error's own sentence says what happened. */
const ADVICE: Readonly<Record<string, string>> = {
  empty: "Check that the file plays on your device, then upload it again.",
  not_media: "Choose a video file, such as MP4, MOV, MKV or WebM.",
  truncated: "The file ends too early. Copy it again from where it came from, then upload it again.",
  no_video: "For sound alone, upload it again with the quality Audio.",
  no_audio: "Upload it again with at least one picture quality.",
  unsupported: "Export the video as H.264 in MP4, or as any other common format, and upload that.",
  damaged: "Check that the file plays on your device; if it does, export it anew and upload that.",
  upload_expired: "Upload it again; the upload has to begin within the time allowed.",
  source_changed: "Upload it again, and leave the stored file alone until the job is done.",
  limit_exceeded: "Try a shorter or smaller version, or ask who runs this server to raise its limits.",
  encoder_failed: "Upload it again. If it goes on, ask who runs this server to look at its encoders.",
  cannot_match: "Upload it again. If it goes on, ask who runs this server to look at its workers.",
  crashed: "Upload it again. If it fails again, the file is likely damaged: export it anew.",
  unavailable: "Wait a little, then upload it again.",
  worker_lost: "Upload it again. If it goes on, ask who runs this server to look at its workers.",
  internal: "This is a defect of tcoder. Upload it again, and report it with the job's number if it goes on.",
};

/** What to do about an error. */
export function advice(error: JobError): string {
  return (
    ADVICE[error.code] ??
    "Try again. If it goes on, ask who runs this server, and give them the job's number."
  );
}

/** A rendition's name as people say it. */
export function renditionWord(name: string): string {
  return name === "audio" ? "Audio" : name;
}
