/**
 * The small model against what was computed when it was trained.
 *
 * @module
 */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { readJson } from "../src/checkpoint/read_json.ts";
import type { Runtime } from "../src/runtime.ts";
import { FABLE, loadFable } from "./fable.ts";

interface Expected {
  readonly prompts: readonly {
    readonly prompt: string;
    readonly ids: readonly number[];
    readonly greedy_ids: readonly number[];
    readonly greedy_text: string;
  }[];
  readonly heldout: {
    readonly windows: number;
    readonly window_tokens: number;
    readonly predicted_tokens: number;
    readonly file_tokens: number;
    readonly loss_nats_per_token: number;
  };
}

const EXPECTED = readJson(`${FABLE}/expected.json`) as Expected;
/** A text that the model was not trained on, which only a developer's machine has. */
const HELDOUT = new URL("../../shared/data/tales/heldout.txt", import.meta.url);

Deno.test("Session.generate() continues prompts as expected when it is greedy", async () => {
  await using runtime = await loadFable();
  for (const { prompt, ids, greedy_ids, greedy_text } of EXPECTED.prompts) {
    assertEquals(runtime.tokenizer!.encode(prompt), ids, prompt);
    await using session = await runtime.session();
    await session.append(prompt, { logits: "none" });
    const options = { temperature: 0, maxTokens: greedy_ids.length, ignoreEos: true };
    const tokens = await Array.fromAsync(session.generate(options));
    assertEquals(tokens.map(({ id }) => id), greedy_ids, prompt);
    assertEquals(tokens.map(({ text }) => text).join(""), greedy_text);
  }
});

const isPresent = hasFile(HELDOUT);
const suffix = isPresent ? "" : ` (ignored: ${HELDOUT.pathname} is absent)`;

Deno.test({
  name: `Session.append() gives the expected loss when the text is held out${suffix}`,
  ignore: !isPresent,
  fn: async () => {
    const { windows, window_tokens, predicted_tokens, ...heldout } = EXPECTED.heldout;
    await using runtime = await loadFable();
    const ids = runtime.tokenizer!.encode(await Deno.readTextFile(HELDOUT));
    assertEquals(ids.length, heldout.file_tokens);
    let loss = 0;
    for (let window = 0; window < windows; window++) {
      loss += await lossOf(
        runtime,
        ids.slice(window * window_tokens, (window + 1) * window_tokens),
      );
    }
    assertAlmostEquals(loss / predicted_tokens, heldout.loss_nats_per_token, 1e-3);
  },
});

/** Sum of −ln p over all tokens but the first. */
async function lossOf(runtime: Runtime, ids: readonly number[]): Promise<number> {
  await using session = await runtime.session();
  const logits = (await session.append(ids.slice(0, -1), { logits: "all" }))!;
  const width = runtime.config.vocabularySize;
  let loss = 0;
  for (const [row, id] of ids.slice(1).entries()) {
    const some = logits.subarray(row * width, (row + 1) * width);
    const greatest = some.reduce((most, logit) => Math.max(most, logit));
    const sum = some.reduce((total, logit) => total + Math.exp(logit - greatest), 0);
    loss += Math.log(sum) + greatest - some[id]!;
  }
  return loss;
}

function hasFile(path: URL): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
