/**
 * What a runtime is doing, as metrics.
 *
 * @module
 */
import { Counter, Gauge, type Registry } from "prom-client";
import type { Runtime } from "../../runtime.ts";

/** Metrics whose values the runtime has: name, help, and how to read it. */
type Reading = readonly [name: string, help: string, read: (runtime: Runtime) => number];

const GAUGES: readonly Reading[] = [
  ["contrail_sessions", "Sessions that there is room for", ({ memory }) => memory.sessions],
  ["contrail_sessions_open", "Sessions in memory", ({ activity }) => activity.open],
  [
    "contrail_sessions_free",
    "Sessions that there is room for beside the open ones",
    ({ memory, activity }) => memory.sessions - activity.open,
  ],
  ["contrail_queue_length", "Requests that wait for a session", ({ activity }) => activity.waiting],
  ["contrail_weight_bytes", "Bytes of the weights", ({ memory }) => memory.weights],
  ["contrail_scratch_bytes", "Bytes of scratch memory", ({ memory }) => memory.scratch],
  [
    "contrail_session_bytes",
    "Bytes of all sessions, open or not",
    ({ memory }) => memory.session * memory.sessions,
  ],
  [
    "contrail_prefix_cache_bytes",
    "Bytes of the states that are kept for later prompts",
    ({ activity }) => activity.work.keptBytes,
  ],
];

const COUNTERS: readonly Reading[] = [
  ["contrail_passes_total", "Passes through the model", ({ activity }) => activity.work.passes],
  [
    "contrail_pass_sessions_total",
    "Sessions in these passes: divided by the passes, the batch size",
    ({ activity }) => activity.work.sessions,
  ],
  [
    "contrail_pass_tokens_total",
    "Tokens in these passes, read or generated",
    ({ activity }) => activity.work.tokens,
  ],
  [
    "contrail_pass_seconds_total",
    "Time in these passes",
    ({ activity }) => activity.work.milliseconds / 1000,
  ],
  [
    "contrail_refused_recordings_total",
    "Shapes of passes that the GPU refused to record, which run slower since",
    ({ activity }) => activity.work.refusedRecordings,
  ],
];

/** Adds the metrics of a runtime, which are read when they are asked for. */
export function addRuntimeMetrics(registry: Registry, runtime: Runtime): void {
  const registers = [registry];
  for (const [name, help, read] of GAUGES) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(runtime));
      },
    });
  }
  for (const [name, help, read] of COUNTERS) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read(runtime));
      },
    });
  }
}
