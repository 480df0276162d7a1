import { assert, assertEquals } from "@std/assert";
import { Random } from "../src/engine/random.ts";
import { Scheduler, type SchedulerLimits, type Share, type Work } from "../src/engine/scheduler.ts";

const PIECE = 64;
const BOUND = 50;

/** Milliseconds of a pass: by itself, for each generated token and for each token of a prompt. */
interface Cost {
  pass: number;
  decode: number;
  prefill: number;
}

/** Runs a scheduler against a clock that knows what passes cost, and no model. */
class Simulation {
  readonly scheduler: Scheduler;
  readonly cost: Cost;
  /** Tokens that are left of each prompt, by session. */
  readonly prompts = new Map<number, number>();
  readonly generating = new Set<number>();
  /** Sessions in the order in which their prompts were done. */
  readonly done: number[] = [];
  /** Duration of every pass. */
  readonly times: number[] = [];
  readonly #random = new Random(5);

  constructor(cost: Cost, limits: Partial<SchedulerLimits> = {}) {
    this.cost = cost;
    this.scheduler = new Scheduler({ piece: PIECE, prefill: 1024, milliseconds: BOUND, ...limits });
  }

  pass(): Share[] {
    const work: Work[] = [
      ...[...this.prompts].map(([session, tokens]): Work => ({ session, tokens, kind: "prefill" })),
      ...[...this.generating].map((session): Work => ({ session, tokens: 1, kind: "decode" })),
    ];
    const shares = this.scheduler.plan(work);
    const prefill = this.prefill(shares);
    const noise = 0.95 + 0.1 * this.#random.next();
    const { pass, decode, prefill: token } = this.cost;
    this.times.push(noise * (pass + decode * this.generating.size + token * prefill));
    this.scheduler.observe(this.times.at(-1)!);
    for (const { session, tokens } of shares) this.#advance(session, tokens);
    return shares;
  }

  passes(count: number): Share[][] {
    return Array.from({ length: count }, () => this.pass());
  }

  /** Tokens of prompts among `shares`. */
  prefill(shares: readonly Share[]): number {
    return shares.filter(({ session }) => !this.generating.has(session))
      .reduce((sum, { tokens }) => sum + tokens, 0);
  }

  #advance(session: number, tokens: number): void {
    const left = this.prompts.get(session);
    if (left === undefined) return assertEquals(tokens, 1);
    assert(tokens === left || (tokens < left && tokens % PIECE === 0), `${tokens} of ${left}`);
    if (tokens < left) return void this.prompts.set(session, left - tokens);
    this.prompts.delete(session);
    this.done.push(session);
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

Deno.test("plan() cuts prompts at whole pieces and generates in every pass", () => {
  const random = new Random(1);
  const simulation = new Simulation({ pass: 4, decode: 0.5, prefill: 0.1 });
  const { prompts, generating } = simulation;
  for (let i = 0; i < 500; i++) {
    // The simulation checks where the prompts are cut.
    if (random.next() < 0.2) prompts.set(i, 1 + Math.floor(random.next() * 3000));
    if (random.next() < 0.1) generating.add(1000 + i);
    if (random.next() < 0.1) { for (const session of generating) generating.delete(session); }
    simulation.cost.prefill = 0.02 + 0.3 * random.next();
    const shares = simulation.pass();
    const sessions = shares.map(({ session }) => session);
    assertEquals(new Set(sessions).size, sessions.length);
    for (const session of generating) assert(sessions.includes(session));
    for (const { tokens } of shares) assert(tokens > 0);
    assert(simulation.prefill(shares) <= 1024);
  }
  assert(simulation.done.length > 20);
});

Deno.test("plan() plans nothing for no work", () => {
  assertEquals(new Scheduler({ piece: PIECE, prefill: PIECE }).plan([]), []);
});

Deno.test("plan() fills passes up to the bound once it has learned what they cost", () => {
  for (const generations of [0, 1, 16]) {
    const simulation = new Simulation({ pass: 5, decode: 0.6, prefill: 0.04 });
    for (let i = 0; i < generations; i++) simulation.generating.add(100 + i);
    simulation.passes(3);
    simulation.prompts.set(1, 1e6).set(2, 1e6);
    simulation.passes(20);
    const times = simulation.times.slice(-10);
    assert(Math.max(...times) < BOUND * 1.1, `${generations}: ${times}`);
    assert(mean(times) > BOUND * 0.8, `${generations}: ${times}`);
  }
});

Deno.test("plan() follows when passes become slower and faster", () => {
  const simulation = new Simulation({ pass: 5, decode: 0.5, prefill: 0.04 });
  simulation.generating.add(100);
  simulation.prompts.set(1, 1e7);
  for (const prefill of [0.04, 0.2, 0.04]) {
    simulation.cost.prefill = prefill;
    simulation.passes(20);
    const times = simulation.times.slice(-10);
    assert(Math.max(...times) < BOUND * 1.1, `${prefill}: ${times}`);
    assert(mean(times) > BOUND * 0.6, `${prefill}: ${times}`);
  }
});

Deno.test("plan() keeps the bound on average when a piece takes longer", () => {
  const simulation = new Simulation({ pass: 10, decode: 0, prefill: 200 / PIECE });
  simulation.generating.add(100);
  simulation.prompts.set(1, 1e6);
  simulation.passes(20);
  simulation.times.length = 0;
  const prefill = simulation.passes(200).map((shares) => simulation.prefill(shares));
  assertEquals(Math.max(...prefill), PIECE);
  assert(mean(simulation.times) < BOUND * 1.1 && mean(simulation.times) > BOUND * 0.9);
  // With nothing to wait for, each pass has its piece.
  simulation.generating.clear();
  for (const shares of simulation.passes(10)) assertEquals(simulation.prefill(shares), PIECE);
});

Deno.test("plan() moves prompts on when generations alone take longer than the bound", () => {
  const simulation = new Simulation({ pass: 80, decode: 1, prefill: 0.5 });
  simulation.generating.add(100);
  simulation.passes(5);
  simulation.prompts.set(1, 20 * PIECE);
  simulation.passes(100);
  assertEquals(simulation.done, [1]);
});

Deno.test("plan() has equal prompts done in the order in which they came", () => {
  const simulation = new Simulation({ pass: 5, decode: 0.5, prefill: 0.2 });
  const order = [5, 3, 9, 1, 7];
  for (const session of order) simulation.prompts.set(session, 1000);
  while (simulation.prompts.size > 0) simulation.pass();
  assertEquals(simulation.done, order);
});

Deno.test("plan() lets a short prompt pass a long one", () => {
  const simulation = new Simulation({ pass: 5, decode: 0.5, prefill: 0.04 }, { prefill: PIECE });
  simulation.prompts.set(1, 1e5);
  simulation.passes(10);
  simulation.prompts.set(2, PIECE - 1).set(3, PIECE + 1);
  simulation.passes(6);
  assertEquals(simulation.done, [2, 3]);
});

Deno.test("plan() gives the first half of the pieces, and all others their turns", () => {
  const simulation = new Simulation({ pass: 5, decode: 0.5, prefill: 0.04 }, { prefill: PIECE });
  for (let session = 0; session < 5; session++) simulation.prompts.set(session, 1e5);
  const sessions = simulation.passes(80).map(([share]) => share!.session);
  const counts = [0, 1, 2, 3, 4].map((session) => sessions.filter((s) => s === session).length);
  assertEquals(counts, [40, 10, 10, 10, 10]);
});

Deno.test("plan() lets no prompt starve while others come all the time", () => {
  const simulation = new Simulation({ pass: 5, decode: 0.5, prefill: 0.04 }, { prefill: PIECE });
  simulation.prompts.set(0, 50 * PIECE).set(1, 50 * PIECE);
  for (let session = 2; session < 400; session++) {
    simulation.prompts.set(session, PIECE);
    simulation.pass();
  }
  assertEquals(simulation.done.filter((session) => session < 2), [0, 1]);
});

Deno.test("plan() forgets a prompt that was cancelled, and the place that it had", () => {
  const simulation = new Simulation({ pass: 5, decode: 0.5, prefill: 0.04 }, { prefill: PIECE });
  simulation.prompts.set(1, 1e5).set(2, 3 * PIECE).set(3, 3 * PIECE);
  simulation.passes(2);
  simulation.prompts.delete(1);
  const sessions = simulation.pass().map(({ session }) => session);
  assert(!sessions.includes(1));
  simulation.prompts.set(1, 3 * PIECE);
  while (simulation.prompts.size > 0) simulation.pass();
  assertEquals(simulation.done, [2, 3, 1]);
});

Deno.test("plan() puts a session's next prompt behind those that wait", () => {
  const simulation = new Simulation({ pass: 5, decode: 0.5, prefill: 0.04 }, { prefill: PIECE });
  simulation.prompts.set(1, PIECE).set(2, 1e5).set(3, 1e5);
  simulation.pass();
  assertEquals(simulation.done, [1]);
  simulation.prompts.set(1, 1e5);
  const sessions = simulation.passes(12).map(([share]) => share!.session);
  assertEquals([1, 2, 3].map((session) => sessions.filter((s) => s === session).length), [3, 6, 3]);
});
