/**
 * What chat and plain completions share: from a checked body to tokens.
 *
 * @module
 */
import { Grammar } from "../grammar/grammar.ts";
import type { GeneratedToken, GenerateOptions, Reuse } from "../options.ts";
import type { Runtime } from "../runtime.ts";
import type { ServerContext } from "./context.ts";
import { ApiError, refuse } from "./errors.ts";
import { type PromptToken, scorePrompt } from "./prompt_scores.ts";
import { type GenerationBody, MAX_CHOICES } from "./schemas.ts";
import { untilCall } from "./tool_calls.ts";

/** Tokens computed ahead of a client that reads slowly. */
const LOOKAHEAD = 16;

/** One choice that is to be generated. */
export interface ChoicePlan {
  readonly prompt: readonly number[];
  readonly options: GenerateOptions;
  /** Whether the prompt is given back, before the tokens, and whether it is scored. */
  readonly echo?: "plain" | "scored" | undefined;
  /** Whether the answer stops after its first call of a tool. */
  readonly oneCall?: boolean | undefined;
}

/** The prompt of a choice that gives it back. */
export interface ChoicePrompt {
  readonly choice: number;
  readonly prompt: readonly PromptToken[];
}

/** A token of one of the choices. */
export interface ChoiceToken {
  readonly choice: number;
  readonly token: GeneratedToken;
  /** Characters of the choice's text before this token's. */
  readonly offset: number;
  /** What of the choice's prompt was not computed. */
  readonly reuse: Reuse;
  /** Position from which on the choice's attention is not exact, if there is one. */
  readonly inexactFrom: number | undefined;
}

/** Checks that the request is for the model that is there. */
export function checkModel(runtime: Runtime, model: string | null | undefined): void {
  if (model === null || model === undefined || model === runtime.name) return;
  throw new ApiError(404, `There is no model "${model}": this server has "${runtime.name}"`, {
    param: "model",
    code: "model_not_found",
  });
}

/** The choices of a request: `n` for each prompt, in the order of their indices. */
export function planChoices(
  server: Pick<ServerContext, "runtime" | "maxTokens">,
  body: GenerationBody,
  prompts: readonly (readonly number[])[],
  own: GenerateOptions,
  more: Pick<ChoicePlan, "echo" | "oneCall"> = {},
): ChoicePlan[] {
  const { runtime } = server;
  const perPrompt = body.n ?? 1;
  if (prompts.length * perPrompt > MAX_CHOICES) {
    const asked = `${prompts.length} prompts of ${perPrompt} choices`;
    throw new ApiError(400, `The request is for ${asked}: ask for at most ${MAX_CHOICES} in all`, {
      param: "n",
    });
  }
  checkTokenIds(runtime, prompts);
  const options = { ...generateOptions(runtime, body), ...own };
  return prompts.flatMap((prompt) => {
    const limited = { ...options, maxTokens: mostTokens(server, prompt.length, own.maxTokens) };
    return Array.from({ length: perPrompt }, (_, i) => ({
      ...more,
      prompt,
      // With one seed for all, the choices of a prompt would be the same.
      options: limited.seed === undefined ? limited : { ...limited, seed: limited.seed + i },
    }));
  });
}

/**
 * Most tokens of an answer at this position: what the request asks for, or else what is left of the
 * length that the model was trained on; never more than the operator allows.
 */
export function mostTokens(
  { runtime, maxTokens: allowed = Infinity }: Pick<ServerContext, "runtime" | "maxTokens">,
  position: number,
  asked: number | null | undefined,
): number {
  const { maxPositions } = runtime.config;
  const most = asked ?? maxPositions - position;
  if (most > 0 || asked === 0) return Math.min(most, allowed);
  throw new ApiError(
    400,
    `The answer would begin at position ${position}, past the ${maxPositions} tokens that the ` +
      "model was trained on: set the most tokens of the answer to go on all the same",
    { code: "context_length_exceeded" },
  );
}

/**
 * Generates all choices, each in a session of its own. Leaving the loop ends them and frees their
 * sessions.
 */
export function runChoices(
  server: ServerContext,
  plans: readonly ChoicePlan[],
  signal: AbortSignal,
): AsyncGenerator<ChoicePrompt | ChoiceToken, void, void> {
  // Most requests have one, and need nobody to choose between several.
  if (plans.length === 1) return runChoice(server, plans[0]!, 0, signal);
  return runTogether(server, plans, signal);
}

async function* runTogether(
  server: ServerContext,
  plans: readonly ChoicePlan[],
  signal: AbortSignal,
): AsyncGenerator<ChoicePrompt | ChoiceToken, void, void> {
  const ending = new AbortController();
  const either = AbortSignal.any([signal, ending.signal]);
  const runs = plans.map((plan, choice) => runChoice(server, plan, choice, either));
  const pending = new Map<
    number,
    Promise<[number, IteratorResult<ChoicePrompt | ChoiceToken, void>]>
  >();
  const advance = (run: typeof runs[number], choice: number) =>
    pending.set(choice, run.next().then((result) => [choice, result]));
  try {
    runs.forEach(advance);
    while (pending.size > 0) {
      const [choice, result] = await Promise.race(pending.values());
      pending.delete(choice);
      if (result.done) continue;
      yield result.value;
      advance(runs[choice]!, choice);
    }
  } finally {
    ending.abort();
    await Promise.allSettled([...pending.values(), ...runs.map((run) => run.return())]);
  }
}

async function* runChoice(
  { runtime, record }: ServerContext,
  { prompt, options, echo, oneCall }: ChoicePlan,
  choice: number,
  signal: AbortSignal,
): AsyncGenerator<ChoicePrompt | ChoiceToken, void, void> {
  const { spans } = record;
  await using session = await spans.around(
    "queue",
    () => runtime.session({ wait: true, signal }),
  );
  const scores = await spans.around("prefill", async () => {
    if (echo === "scored") {
      return await scorePrompt(session, prompt, options.topLogprobs ?? 0, signal);
    }
    await session.append(prompt, { logits: "none", signal });
    return undefined;
  });
  record.appended(prompt.length, session.reuse);
  const unscored = () => prompt.map((id) => ({ id, logprob: null, topLogprobs: null }));
  if (echo) yield { choice, prompt: scores ?? unscored() };
  if (options.maxTokens === 0) return;
  using _decode = spans.open("decode");
  let offset = 0;
  const tokens = refuse(() => session.generate({ ...options, lookahead: LOOKAHEAD, signal }));
  for await (const token of oneCall ? untilCall(tokens) : tokens) {
    const { reuse, inexactFrom } = session;
    record.generated(choice, inexactFrom === undefined);
    yield { choice, token, offset, reuse, inexactFrom };
    offset += token.text.length;
  }
}

/** What the text of an answer is held to. */
function responseGrammar(format: GenerationBody["response_format"]): Grammar | undefined {
  switch (format?.type) {
    case "json_object":
      return Grammar.json();
    case "json_schema": {
      const param = "response_format.json_schema.schema";
      return refuse(() => Grammar.json(format.json_schema.schema), { param });
    }
    case "regex":
      return refuse(() => Grammar.regex(format.regex), { param: "response_format.regex" });
    case "grammar":
      return refuse(() => Grammar.ebnf(format.grammar), { param: "response_format.grammar" });
    default:
      return undefined;
  }
}

/** Token ids come from the client or from the tokenizer; both must fit the vocabulary. */
function checkTokenIds(runtime: Runtime, prompts: readonly (readonly number[])[]): void {
  const { vocabularySize } = runtime.config;
  for (const prompt of prompts) {
    if (prompt.length === 0) {
      throw new ApiError(400, "The prompt is empty: pass at least one token", { param: "prompt" });
    }
    const wrong = prompt.find((id) => id >= vocabularySize);
    if (wrong !== undefined) {
      const message =
        `Token id ${wrong} is not in the vocabulary: pass ids below ${vocabularySize}`;
      throw new ApiError(400, message, { param: "prompt" });
    }
  }
}

/** The body's sampling parameters under the names of the library, without those that are absent. */
export function generateOptions(runtime: Runtime, body: GenerationBody): GenerateOptions {
  const { vocabularySize } = runtime.config;
  const given = {
    temperature: body.temperature,
    topK: body.top_k === undefined || body.top_k === null
      ? undefined
      : Math.min(body.top_k, vocabularySize),
    topP: body.top_p,
    minP: body.min_p,
    presencePenalty: body.presence_penalty,
    frequencyPenalty: body.frequency_penalty,
    repetitionPenalty: body.repetition_penalty,
    logitBias: body.logit_bias,
    seed: body.seed,
    stop: body.stop,
    ignoreEos: body.ignore_eos,
    grammar: responseGrammar(body.response_format),
  };
  const outside = Object.keys(body.logit_bias ?? {}).find((id) => Number(id) >= vocabularySize);
  if (outside !== undefined) {
    const message = `"logit_bias" has the token id ${outside}: pass ids below ${vocabularySize}`;
    throw new ApiError(400, message, { param: "logit_bias" });
  }
  const present = Object.entries(given).filter(([, value]) =>
    value !== undefined && value !== null
  );
  return Object.fromEntries(present) as GenerateOptions;
}
