/**
 * What all routes of a server share.
 *
 * @module
 */
import type { Runtime } from "../runtime.ts";
import type { KeptResponses } from "./responses/kept.ts";

/** A server's model and its surroundings. */
export interface ServerContext {
  readonly runtime: Runtime;
  /** When the server was made, in seconds. */
  readonly created: number;
  /** Aborted when the server goes down. */
  readonly shutdown: AbortSignal | undefined;
  readonly log: (line: string) => void;
  readonly responses: KeptResponses;
}
