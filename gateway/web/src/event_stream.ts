// Server-sent events over fetch. EventSource hides the status of a refused request and repeats the same address by
// itself, which a one-time ticket does not survive.

/** One event. */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string;
}

/** Longest line that is kept; the gateway's largest frame is far below. */
const LINE_CHARS_MAX = 1_000_000;

/** Reads the events of a response's body, in order, until it ends. */
export async function* serverEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  let event: { event: string; data: string[]; id: string } = { event: "message", data: [], id: "" };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      if (rest.length > LINE_CHARS_MAX) throw new Error("The server sent an event that is too long.");
      // A \r at the very end may be half of a \r\n: it waits for what follows.
      const end = rest.endsWith("\r") ? rest.length - 1 : rest.length;
      const lines = rest.slice(0, end).split(/\r\n|\n|\r/);
      rest = (lines.pop() ?? "") + rest.slice(end);
      for (const line of lines) {
        if (line === "") {
          if (event.data.length > 0) yield { ...event, data: event.data.join("\n") };
          event = { event: "message", data: [], id: event.id };
        } else {
          take(event, line);
        }
      }
    }
  } finally {
    // The reader owns the connection: whoever stops listening ends it.
    await reader.cancel().catch(() => undefined);
  }
}

function take(event: { event: string; data: string[]; id: string }, line: string): void {
  const colon = line.indexOf(":");
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (field === "data") event.data.push(value);
  else if (field === "event") event.event = value;
  else if (field === "id") event.id = value;
}
