/**
 * Serves from a GPU of CUDA whose driver refuses graphs: prints nothing; throws where a server does
 * not say so once, with what the driver says, or does not count it.
 *
 * @module
 */
import { createServer } from "../../src/server/app.ts";
import type { LogEntry } from "../../src/server/operation/log.ts";
import { loadFable, PROMPT_IDS } from "../fable.ts";
import { ask } from "../http.ts";
import { expectSame } from "./expect_same.ts";

const GREEDY = { temperature: 0, max_tokens: 4 };

if (import.meta.main) {
  await using runtime = await loadFable({ device: "cuda" });
  const entries: LogEntry[] = [];
  const app = createServer(runtime, { log: (entry) => entries.push(entry) });
  // The shape of a decode step comes again in the first, that of the prompt in the second.
  await ask(app, "/v1/completions", { ...GREEDY, prompt: PROMPT_IDS });
  await ask(app, "/v1/completions", { ...GREEDY, prompt: PROMPT_IDS.toReversed() });
  expectSame(entries.map(({ event }) => event), ["request", "recording_refused", "request"]);
  const message = "ct_record_end failed on the GPU: CUDA_ERROR_STREAM_CAPTURE_INVALIDATED (the " +
    "stand-in refuses); the kernel launched last was ";
  const said = String(entries[1]!.message);
  expectSame(said.slice(0, message.length), message);
  const metrics = await (await app.request("/metrics")).text();
  expectSame(metrics.match(/^contrail_refused_recordings_total (\d+)$/m)?.[1], "2");
}
