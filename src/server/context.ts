/**
 * What a route answers with.
 *
 * @module
 */
import type { Runtime } from "../runtime.ts";
import type { ServerMetrics } from "./operation/metrics.ts";
import type { RequestRecord } from "./operation/record.ts";
import type { KeptResponses } from "./responses/kept.ts";

/** A server's model and its surroundings, for one request. */
export interface ServerContext {
  readonly runtime: Runtime;
  /** When the server was made, in seconds. */
  readonly created: number;
  /** Aborted when the server takes no more requests. */
  readonly draining: AbortSignal;
  /** Aborted when the server goes down. */
  readonly shutdown: AbortSignal | undefined;
  /** Tells of a failure that is not the client's. */
  readonly log: (message: string) => void;
  readonly metrics: ServerMetrics;
  readonly record: RequestRecord;
  readonly responses: KeptResponses;
  /** Most sessions of each key, where the operator has set it. */
  readonly sessionsPerKey: number | undefined;
  /** Most tokens of one answer, where the operator has set it. */
  readonly maxTokens: number | undefined;
}
