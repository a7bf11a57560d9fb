// The client speaks HTTP as the gateway does, and its errors tell a refusal from silence.
import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Client } from "../src/api";
import { RefusedError, UnreachableError } from "../src/problem";

async function serving<T>(listener: RequestListener, use: (client: Client) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(new Client(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test("an upload is asked for in JSON", async () => {
  const seen: {
    method?: string | undefined;
    url?: string | undefined;
    type?: string | undefined;
    body: string;
  } = { body: "" };
  const answer = {
    job_id: "j",
    key: "k",
    upload: { method: "PUT", url: "u", headers: {} },
    expires_at: "t",
    live_ticket: "x",
  };
  const got = await serving(
    async (request, response) => {
      Object.assign(seen, {
        method: request.method,
        url: request.url,
        type: request.headers["content-type"],
      });
      for await (const bytes of request) seen.body += String(bytes);
      response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(answer));
    },
    (client) =>
      client.authorizeUpload({ filename: "é.mp4", content_type: "video/mp4", size: 3, qualities: ["360p"] }),
  );
  assert.deepEqual(got, answer);
  assert.deepEqual([seen.method, seen.url, seen.type], ["POST", "/v1/uploads", "application/json"]);
  assert.deepEqual(JSON.parse(seen.body), {
    filename: "é.mp4",
    content_type: "video/mp4",
    size: 3,
    qualities: ["360p"],
  });
});

test("lists are filtered and read on", async () => {
  let url: string | undefined;
  await serving(
    (request, response) => {
      url = request.url;
      response.writeHead(200, { "content-type": "application/json" }).end('{"jobs":[],"next":null}');
    },
    (client) => client.listJobs({ state: "failed", limit: 5, after: "j" }),
  );
  assert.equal(url, "/v1/jobs?state=failed&limit=5&after=j");
});

test("a refusal carries its code and its sentence", async () => {
  const problem = {
    type: "urn:x",
    title: "Unknown preset",
    status: 422,
    code: "unknown_preset",
    detail: "Choose another.",
  };
  const refusing: RequestListener = (_, response) =>
    response.writeHead(422, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
  await assert.rejects(
    serving(refusing, (client) => client.getJob("j")),
    (error: unknown) => {
      assert.ok(error instanceof RefusedError);
      assert.deepEqual([error.status, error.code, error.message], [422, "unknown_preset", "Choose another."]);
      return true;
    },
  );
});

test("a refusal by something between still names its status", async () => {
  const proxy: RequestListener = (_, response) =>
    response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad</h1>");
  await assert.rejects(
    serving(proxy, (client) => client.getJob("j")),
    { name: "RefusedError", status: 502, code: "http_502" },
  );
});

test("silence is not a refusal", async () => {
  const silent: RequestListener = (request) => request.socket.destroy();
  await assert.rejects(
    serving(silent, (client) => client.cancelJob("j")),
    UnreachableError,
  );
});

test("an id cannot leave its place in an address", async () => {
  let url: string | undefined;
  await serving(
    (request, response) => {
      url = request.url;
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    },
    (client) => client.getJob("../stats?x"),
  );
  assert.equal(url, "/v1/jobs/..%2Fstats%3Fx");
});

test("live addresses are WebSockets of the same host", () => {
  const client = new Client("https://tcoder.example/");
  assert.equal(client.liveUrl("j", "a b", 7), "wss://tcoder.example/v1/jobs/j/live?ticket=a+b&n=7");
});
