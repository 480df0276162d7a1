/**
 * Answers a generation request, whole or as a stream. What differs between the routes is how a
 * choice is written down.
 *
 * @module
 */
import type { Context } from "hono";
import type { FinishReason } from "../options.ts";
import type { ServerContext } from "./context.ts";
import { type ChoicePlan, type ChoicePrompt, type ChoiceToken, runChoices } from "./generation.ts";
import type { PromptToken } from "./prompt_scores.ts";
import type { GenerationBody } from "./schemas.ts";
import { endOf, streamEvents } from "./stream.ts";

/** A finished choice. */
export interface FinishedChoice {
  readonly index: number;
  /** Its prompt, where that is given back. */
  readonly prompt: readonly PromptToken[] | undefined;
  readonly text: string;
  readonly tokens: readonly ChoiceToken[];
  readonly finishReason: FinishReason;
}

/** How a route writes its choices. */
export interface ChoiceFormat {
  /** Begins the `id` of an answer. */
  readonly prefix: string;
  /** `object` of a whole answer and of a chunk. */
  readonly object: string;
  readonly chunkObject: string;
  whole(choice: FinishedChoice): object;
  /** A chunk before the first token of a choice, where there is one. */
  opening?(index: number): object;
  /** The chunk of a prompt that is given back. */
  prompt?(prompt: ChoicePrompt): object;
  /** The chunk of a token, or nothing when the token has nothing to tell. */
  chunk(token: ChoiceToken): object | undefined;
  closing(index: number, finishReason: FinishReason): object;
}

/** What an answer is made from. */
export interface Answer {
  readonly server: ServerContext;
  readonly body: GenerationBody;
  readonly prompts: readonly (readonly number[])[];
  readonly choices: readonly ChoicePlan[];
  readonly format: ChoiceFormat;
}

/** Generates and responds. */
export async function respond(c: Context, answer: Answer): Promise<Response> {
  const { server } = answer;
  if (!answer.body.stream) return c.json(await wholeAnswer(answer, endOf(c, server)));
  return await streamEvents(c, server, (signal) => chunks(answer, signal));
}

async function wholeAnswer(answer: Answer, signal: AbortSignal): Promise<object> {
  const tokens: ChoiceToken[][] = answer.choices.map(() => []);
  const prompts: (readonly PromptToken[])[] = [];
  for await (const event of runChoices(answer.server, answer.choices, signal)) {
    if ("prompt" in event) prompts[event.choice] = event.prompt;
    else tokens[event.choice]!.push(event);
  }
  return {
    ...envelope(answer, answer.format.object),
    choices: tokens.map((own, index) =>
      answer.format.whole(finishedChoice(index, own, prompts[index]))
    ),
    usage: usage(answer, {
      generated: tokens.reduce((sum, { length }) => sum + length, 0),
      last: tokens.map((own) => own.at(-1)),
    }),
  };
}

async function* chunks(answer: Answer, signal: AbortSignal): AsyncGenerator<object, void, void> {
  const { format, body } = answer;
  const withUsage = body.stream_options?.include_usage ?? false;
  const common = envelope(answer, format.chunkObject);
  const wrap = (choice: object) => ({
    ...common,
    choices: [choice],
    ...(withUsage ? { usage: null } : {}),
  });
  const opened = new Set<number>();
  const last: (ChoiceToken | undefined)[] = answer.choices.map(() => undefined);
  const spent = { generated: 0, last };
  for await (const event of runChoices(answer.server, answer.choices, signal)) {
    const { choice } = event;
    if ("prompt" in event) {
      yield wrap(format.prompt!(event));
      if (answer.choices[choice]!.options.maxTokens === 0) {
        yield wrap(format.closing(choice, "length"));
      }
      continue;
    }
    const token = event;
    spent.generated++;
    last[choice] = token;
    if (format.opening && !opened.has(choice)) yield wrap(format.opening(choice));
    opened.add(choice);
    const chunk = format.chunk(token);
    if (chunk) yield wrap(chunk);
    const { finishReason } = token.token;
    if (finishReason) yield wrap(format.closing(choice, finishReason));
  }
  if (withUsage) yield { ...common, choices: [], usage: usage(answer, spent) };
}

function envelope({ format, server }: Answer, object: string): object {
  return {
    id: `${format.prefix}-${crypto.randomUUID()}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: server.runtime.name,
  };
}

function finishedChoice(
  index: number,
  tokens: readonly ChoiceToken[],
  prompt: readonly PromptToken[] | undefined,
): FinishedChoice {
  const text = tokens.map(({ token }) => token.text).join("");
  return {
    index,
    prompt,
    text,
    tokens,
    finishReason: tokens.at(-1)?.token.finishReason ?? "length",
  };
}

/** What an answer took: tokens, and the last of each choice. */
interface Spent {
  readonly generated: number;
  readonly last: readonly (ChoiceToken | undefined)[];
}

function usage({ prompts, choices }: Answer, { generated, last }: Spent): object {
  const prompt = prompts.reduce((sum, { length }) => sum + length, 0);
  const perPrompt = choices.length / prompts.length;
  // A prompt counts once, so what counts is the choice that had to compute the most of it.
  const reuses = prompts.map((_, i) =>
    last.slice(i * perPrompt, (i + 1) * perPrompt)
      .map((token) => token?.reuse ?? { tokens: 0 })
      .reduce((least, reuse) => reuse.tokens < least.tokens ? reuse : least)
  );
  const why = reuses.find((reuse) => reuse.why !== undefined)?.why;
  const inexact = last.flatMap((token) => token?.inexactFrom ?? []);
  return {
    prompt_tokens: prompt,
    completion_tokens: generated,
    total_tokens: prompt + generated,
    prompt_tokens_details: {
      cached_tokens: reuses.reduce((sum, { tokens }) => sum + tokens, 0),
      ...(why ? { not_cached: why } : {}),
    },
    exact: inexact.length === 0,
    ...(inexact.length > 0 ? { inexact_from: Math.min(...inexact) } : {}),
  };
}
