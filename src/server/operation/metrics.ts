/**
 * What a server counts, in the form that Prometheus reads.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Reuse } from "../../options.ts";
import type { Runtime } from "../../runtime.ts";
import { addRuntimeMetrics } from "./runtime_metrics.ts";

/** Seconds, from a fast token to a long prompt. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];

/** The metrics of one server, and of its runtime at the time when they are asked for. */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter;
  readonly #running: Gauge;
  readonly #duration: Histogram;
  readonly #promptTokens: Counter;
  readonly #cachedTokens: Counter;
  readonly #prompts: Counter;
  readonly #generated: Counter;
  readonly #firstToken: Histogram;
  readonly #interval: Histogram;

  constructor(runtime: Runtime) {
    const registers = [this.#registry];
    const buckets = SECONDS;
    addRuntimeMetrics(this.#registry, runtime);
    this.#requests = new Counter({
      name: "contrail_requests_total",
      help: "Requests that were answered, by route and status",
      labelNames: ["method", "route", "status"],
      registers,
    });
    this.#running = new Gauge({
      name: "contrail_requests_running",
      help: "Requests whose answers are not over",
      registers,
    });
    this.#duration = new Histogram({
      name: "contrail_request_seconds",
      help: "From a request to the end of its answer",
      labelNames: ["route"],
      buckets,
      registers,
    });
    this.#promptTokens = new Counter({
      name: "contrail_prompt_tokens_total",
      help: "Tokens of prompts, computed or not",
      registers,
    });
    this.#cachedTokens = new Counter({
      name: "contrail_cached_tokens_total",
      help: "Tokens of prompts that were not computed, as a state was kept",
      registers,
    });
    this.#prompts = new Counter({
      name: "contrail_prompts_total",
      help: "Prompts by whether a kept state was used (hit, miss), and why no further one",
      labelNames: ["cache", "cause"],
      registers,
    });
    this.#generated = new Counter({
      name: "contrail_generated_tokens_total",
      help: "Tokens that were generated, and whether attention was over all tokens before them",
      labelNames: ["exact"],
      registers,
    });
    this.#firstToken = new Histogram({
      name: "contrail_first_token_seconds",
      help: "From a request to its first token, waiting for a session included",
      buckets,
      registers,
    });
    this.#interval = new Histogram({
      name: "contrail_token_interval_seconds",
      help: "Between two tokens of one generation, as its client could read them",
      buckets,
      registers,
    });
  }

  /** The media type of {@linkcode text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics. */
  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  /** A request has come. */
  began(): void {
    this.#running.inc();
  }

  /** Its answer is over; `route` is a pattern, so that there are few. */
  ended(method: string, route: string, status: number, seconds: number): void {
    this.#running.dec();
    this.#requests.inc({ method, route, status });
    this.#duration.observe({ route }, seconds);
  }

  /** A prompt of so many tokens is in a session. */
  appended(tokens: number, { tokens: cached, cause }: Reuse): void {
    this.#promptTokens.inc(tokens);
    this.#cachedTokens.inc(cached);
    const [cache, otherwise] = cached > 0 ? ["hit", "none"] : ["miss", "unknown_prompt"];
    this.#prompts.inc({ cache, cause: cause ?? otherwise });
  }

  /** A token was generated; `after` is the time since the one before. */
  generated(exact: boolean, after: number | undefined): void {
    this.#generated.inc({ exact: `${exact}` });
    if (after !== undefined) this.#interval.observe(after);
  }

  /** A request has its first token. */
  firstToken(seconds: number): void {
    this.#firstToken.observe(seconds);
  }
}
