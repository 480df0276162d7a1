import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { Random } from "../src/engine/random.ts";
import {
  chooseCandidate,
  type Sample,
  Sampler,
  SamplerScratch,
  type SamplingParameters,
} from "../src/engine/sampler.ts";
import { ReferenceOps } from "./reference_ops.ts";
import { PLAIN_SAMPLING } from "./sampling.ts";

const PLAIN: SamplingParameters = { ...PLAIN_SAMPLING, seed: 7 };

/** Samples `count` tokens from the same logits. */
function draw(
  logits: readonly number[],
  parameters: Partial<SamplingParameters>,
  count: number,
  seen: readonly number[] = [],
): Sample[] {
  const ops = new ReferenceOps();
  using scratch = new SamplerScratch(ops, logits.length);
  using row = ops.tensor("f32", 1, logits.length);
  ops.write(row, Float32Array.from(logits));
  const sampler = new Sampler({ ...PLAIN, ...parameters });
  const samples = Array.from({ length: count }, () => sampler.sample(scratch, row, seen));
  const after = new Float32Array(logits.length);
  ops.read(row, after);
  assertEquals(after, Float32Array.from(logits)); // the session's logits stay
  return samples;
}

function drawIds(...args: Parameters<typeof draw>): number[] {
  return draw(...args).map(({ id }) => id);
}

/** Logits in no order, `spread` between the least and the greatest. */
function shuffledLogits(count: number, spread: number): number[] {
  const random = new Random(count);
  return Array.from({ length: count }, () => Math.fround(random.next() * spread));
}

/** Probability of each token, straight from what the options say. */
function distribution(logits: readonly number[], parameters: SamplingParameters): number[] {
  const { temperature, topK, topP, minP } = parameters;
  const falling = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!);
  const limited = topK > 0 ? falling.slice(0, topK) : falling;
  const weights = limited.map((id) => Math.exp(logits[id]! / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const kept = weights.filter((weight, rank) => {
    const before = weights.slice(0, rank).reduce((sum, weight) => sum + weight, 0);
    return before / total < topP && weight / weights[0]! >= minP;
  });
  const mass = kept.reduce((sum, weight) => sum + weight, 0);
  const result = logits.map(() => 0);
  kept.forEach((weight, rank) => result[limited[rank]!] = weight / mass);
  return result;
}

/** Pearson's statistic, with all rare tokens as one, and its degrees of freedom. */
function chiSquare(ids: readonly number[], probabilities: readonly number[]) {
  const rare = { expected: 0, observed: 0 };
  let [statistic, bins] = [0, -1];
  const add = (expected: number, observed: number) => {
    statistic += (observed - expected) ** 2 / expected;
    bins++;
  };
  for (const [id, probability] of probabilities.entries()) {
    const expected = probability * ids.length;
    const observed = ids.filter((drawn) => drawn === id).length;
    assert(expected > 0 || observed === 0, `token ${id} was drawn, and must not be`);
    if (expected >= 5) {
      add(expected, observed);
    } else {
      rare.expected += expected;
      rare.observed += observed;
    }
  }
  if (rare.expected > 0) add(rare.expected, rare.observed);
  return { statistic, freedom: bins };
}

const DRAWS: Record<string, { logits: number[]; parameters: Partial<SamplingParameters> }> = {
  "nothing is truncated": { logits: shuffledLogits(40, 5), parameters: {} },
  "temperature is low": { logits: shuffledLogits(40, 5), parameters: { temperature: 0.6 } },
  "temperature is high": { logits: shuffledLogits(40, 5), parameters: { temperature: 2 } },
  "topK is set": { logits: shuffledLogits(40, 5), parameters: { topK: 7 } },
  "topP is set": { logits: shuffledLogits(40, 5), parameters: { topP: 0.6 } },
  "minP is set": { logits: shuffledLogits(40, 5), parameters: { minP: 0.2 } },
  "all of them are set": {
    logits: shuffledLogits(40, 5),
    parameters: { temperature: 1.3, topK: 20, topP: 0.8, minP: 0.1 },
  },
  "many tokens are equally probable": { logits: shuffledLogits(320, 0.5), parameters: {} },
  "topK keeps many tokens": { logits: shuffledLogits(320, 0.5), parameters: { topK: 290 } },
  "topP keeps many tokens": { logits: shuffledLogits(320, 0.5), parameters: { topP: 0.9 } },
  "minP keeps many tokens": { logits: shuffledLogits(320, 0.5), parameters: { minP: 0.7 } },
};

for (const [when, { logits, parameters }] of Object.entries(DRAWS)) {
  Deno.test(`Sampler draws with the exact frequencies when ${when}`, () => {
    const ids = drawIds(logits, parameters, logits.length * 15);
    const probabilities = distribution(logits, { ...PLAIN, ...parameters });
    const { statistic, freedom } = chiSquare(ids, probabilities);
    // The statistic has mean f and variance 2f; this is four deviations away.
    const limit = freedom + 4 * Math.sqrt(2 * freedom);
    assert(freedom > 0 && statistic < limit, `χ² is ${statistic}; at most ${limit} is likely`);
  });
}

Deno.test("Sampler takes the first of the greatest logits when temperature is 0", () => {
  assertEquals(drawIds([1, 3, 2, 3], { temperature: 0 }, 3), [1, 1, 1]);
});

Deno.test("Sampler draws the same tokens when the seed is the same", () => {
  const logits = shuffledLogits(40, 2);
  for (const seed of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    assertEquals(drawIds(logits, { seed }, 50), drawIds(logits, { seed }, 50));
  }
  const texts = [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]
    .map((seed) => drawIds(logits, { seed }, 50).join());
  assertEquals(new Set(texts).size, 4);
});

Deno.test("Sampler divides or multiplies logits when repetitionPenalty meets a seen token", () => {
  const greedy = { temperature: 0, repetitionPenalty: 1.25 };
  assertEquals(drawIds([2, 1.7, -1], greedy, 1, [0]), [1]); // 2 / 1.25 = 1.6
  assertEquals(drawIds([2, 1.5, -1], greedy, 1, [0]), [0]);
  assertEquals(drawIds([-2, -2.4, -9], greedy, 1, [0]), [1]); // -2 · 1.25 = -2.5
  assertEquals(drawIds([-2, -2.6, -9], greedy, 1, [0]), [0]);
  assertEquals(drawIds([2, 1.7, -1], greedy, 1), [0]);
});

Deno.test("Sampler subtracts presencePenalty once when a token was generated", () => {
  const ids = drawIds([1, 0.75, 0], { temperature: 0, presencePenalty: 0.5 }, 4, [1, 2]);
  assertEquals(ids, [0, 1, 0, 0]); // 1 and 0.75, 0.5 and 0.75, 0.5 and 0.25, the same again
});

Deno.test("Sampler subtracts frequencyPenalty each time when a token was generated", () => {
  const ids = drawIds([1, 0.7, -9], { temperature: 0, frequencyPenalty: 0.125 }, 6, [1, 2]);
  assertEquals(ids, [0, 0, 0, 1, 0, 1]);
});

Deno.test("Sampler adds logitBias when it is given", () => {
  assertEquals(drawIds([1, 3, 2], { temperature: 0, logitBias: [[1, -1.5], [0, 0.75]] }, 1), [2]);
  assertEquals(new Set(drawIds([1, 3, 2], { logitBias: [[0, 100]] }, 20)), new Set([0]));
  assert(!drawIds([1, 1, 1], { logitBias: [[1, -100]] }, 40).includes(1));
});

Deno.test("Sampler gives log-probabilities before penalties when it changes the logits", () => {
  const logits = [1, 3, 2, -1];
  const normalizer = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  const parameters = { temperature: 0, logitBias: [[0, 100]], topLogprobs: 3 } as const;
  const [sample] = draw(logits, parameters, 1);
  assertEquals(sample!.id, 0);
  assertAlmostEquals(sample!.logprob, 1 - normalizer, 1e-6);
  assertEquals(sample!.topLogprobs!.map(({ id }) => id), [1, 2, 0]);
  for (const { id, logprob } of sample!.topLogprobs!) {
    assertAlmostEquals(logprob, logits[id]! - normalizer, 1e-6);
  }
  assertEquals(draw(logits, {}, 1)[0]!.topLogprobs, undefined);
});

Deno.test("Sampler leaves out tokens when their logits are -Infinity", () => {
  const ids = drawIds([1, -Infinity, 1], {}, 40);
  assertEquals(new Set(ids), new Set([0, 2]));
});

Deno.test("Sampler says what is wrong when logits are not finite", () => {
  for (const logits of [[1, NaN, 2], [1, Infinity, 2], [-Infinity, -Infinity]]) {
    for (const temperature of [0, 1]) {
      assertThrows(() => draw(logits, { temperature }, 1), Error, "Cannot sample: the logits'");
    }
  }
});

Deno.test("chooseCandidate() decides the same or asks for more when some are listed", () => {
  const values = Float32Array.from(shuffledLogits(60, 4)).sort().reverse();
  const options = [{}, { topP: 0.5 }, { minP: 0.3 }, { topP: 0.99, minP: 0.05, temperature: 2 }];
  let [decided, undecided] = [0, 0];
  for (const option of options) {
    const parameters = { ...PLAIN, ...option };
    const { temperature } = parameters;
    const logTotal = Math.log(
      values.reduce((sum, value) => sum + Math.exp(value / temperature), 0),
    );
    for (let uniform = 0; uniform < 1; uniform += 1 / 256) {
      const all = chooseCandidate(values, { ...parameters, logTotal, uniform, complete: true })!;
      for (const count of [1, 10, 40]) {
        const some = values.subarray(0, count);
        const index = chooseCandidate(some, { ...parameters, logTotal, uniform, complete: false });
        if (index === undefined) {
          undecided++;
        } else {
          decided++;
          assertEquals(index, all, `${count} candidates, uniform ${uniform}`);
        }
      }
    }
  }
  assert(decided > 100 && undecided > 100, `${decided} decided, ${undecided} did not`);
});
