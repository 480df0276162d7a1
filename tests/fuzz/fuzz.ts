/**
 * Sends random requests to a server and finds what it should not have answered.
 *
 * @module
 */
import type { Runtime } from "../../src/runtime.ts";
import { createServer } from "../../src/server/app.ts";
import type { LogEntry } from "../../src/server/operation/log.ts";
import { type Json, Loopback } from "../http.ts";
import { allSessionsAreFree } from "../sessions.ts";
import { type FuzzRequest, fuzzRequests } from "./requests.ts";

/** Requests at a time: more than there are slots, so that some wait. */
const CLIENTS = 8;
/** A client leaves after so many milliseconds: what it asked for may be long. */
const PATIENCE_MS = 5000;

/** What came of all requests. */
export interface FuzzReport {
  /** How many had each status; 0 for those whose client left before an answer. */
  readonly statuses: Map<number, number>;
  /** What should not have happened, in words. */
  readonly wrong: string[];
}

/** Serves the model and sends it so many requests of this seed. */
export async function fuzz(runtime: Runtime, seed: number, count: number): Promise<FuzzReport> {
  const report: FuzzReport = { statuses: new Map(), wrong: [] };
  const log = ({ level, ...entry }: LogEntry) => {
    if (level === "error") report.wrong.push(`The log has ${JSON.stringify(entry)}`);
  };
  await using server = new Loopback(createServer(runtime, { log }));
  const { url } = server;
  const document: Json = await (await fetch(`${url}/openapi.json`)).json();
  const requests = fuzzRequests(document, seed, count);
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    for (const request of requests) {
      const { status, wrong } = await send(url, request);
      report.statuses.set(status, (report.statuses.get(status) ?? 0) + 1);
      if (wrong === undefined) continue;
      const body = request.body && new TextDecoder().decode(request.body.slice(0, 1000));
      report.wrong.push(`${request.fault}: ${request.method} ${request.path} ${body}: ${wrong}`);
    }
  }));
  report.wrong.push(...await leftOver(url, runtime));
  return report;
}

/** Deletes the sessions that were begun, and tells what is not free or idle then. */
async function leftOver(url: string, runtime: Runtime): Promise<string[]> {
  const { data }: Json = await (await fetch(`${url}/v1/sessions`)).json();
  for (const { id } of data) {
    await (await fetch(`${url}/v1/sessions/${id}`, { method: "DELETE" })).text();
  }
  await allSessionsAreFree(runtime);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const free = Number(/^contrail_sessions_free (\d+)$/m.exec(metrics)?.[1]);
  const { waiting, failure } = runtime.activity;
  return [
    waiting > 0 && `${waiting} requests still wait`,
    failure !== undefined && `The engine failed: ${failure}`,
    free !== runtime.memory.sessions && `${free} of ${runtime.memory.sessions} slots are free`,
  ].filter((line) => line !== false);
}

interface Outcome {
  readonly status: number;
  readonly wrong?: string | undefined;
}

async function send(url: string, request: FuzzRequest): Promise<Outcome> {
  if (request.fault === "cut connection") return await cut(url, request);
  const { method, path, type, body } = request;
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    const response = await fetch(url + path, {
      method,
      signal,
      ...(type === undefined ? {} : { headers: { "Content-Type": type } }),
      ...(body && method !== "GET" && method !== "HEAD" ? { body } : {}),
    });
    const { status } = response;
    const kind = response.headers.get("Content-Type") ?? "";
    const text = await response.text();
    if (method === "HEAD") return { status, wrong: status < 500 ? undefined : "no reason" };
    return { status, wrong: complaint(status, kind, text) };
  } catch (error) {
    if (signal.aborted) return { status: 0 };
    return { status: 0, wrong: String(error) };
  }
}

/** What is wrong with an answer. */
function complaint(status: number, type: string, text: string): string | undefined {
  const short = `${status} ${text.slice(0, 500)}`;
  if (status >= 500) return short;
  if (status < 400) {
    const failed = type.startsWith("text/event-stream") && text.includes('"server_error"');
    return failed ? `an event tells of a failure: ${text.slice(-500)}` : undefined;
  }
  if (!type.startsWith("application/json")) return `the type is ${type}: ${short}`;
  const { error, ...others }: Json = JSON.parse(text);
  const sound = Object.keys(others).length === 0 && typeof error?.message === "string" &&
    ["invalid_request_error", "rate_limit_error"].includes(error.type) &&
    [error.param, error.code].every((value) => value === null || typeof value === "string");
  return sound ? undefined : short;
}

/** Says that the whole body comes, sends half of it, and closes the socket. */
async function cut(url: string, { method, path, type, body }: FuzzRequest): Promise<Outcome> {
  const { hostname, port, host } = new URL(url);
  using socket = await Deno.connect({ hostname, port: Number(port) });
  const length = body?.length ?? 10;
  const head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${type}\r\n` +
    `Content-Length: ${length + 1}\r\n\r\n`;
  const half = body?.slice(0, length >> 1) ?? new Uint8Array();
  const whole = new Uint8Array([...new TextEncoder().encode(head), ...half]);
  for (let sent = 0; sent < whole.length;) sent += await socket.write(whole.subarray(sent));
  return { status: 0 };
}
