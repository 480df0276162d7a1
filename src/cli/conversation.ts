/**
 * A conversation in one session: each turn appends only what is new.
 *
 * @module
 */
import type { ChatMessage, GeneratedToken, GenerateOptions } from "../options.ts";
import type { Runtime } from "../runtime.ts";
import type { Session } from "../session.ts";

/** A conversation with a model. */
export class Conversation implements AsyncDisposable {
  readonly #runtime: Runtime;
  readonly #system: readonly ChatMessage[];
  /** All messages so far; the last is the model's answer. */
  #messages: readonly ChatMessage[];
  /** Tokens of the conversation up to where the last answer began, as the template writes them. */
  #prompt: readonly number[] = [];
  #lastToken: number | undefined;
  #session: Session | undefined;

  constructor(runtime: Runtime, system?: string) {
    this.#runtime = runtime;
    this.#system = system === undefined ? [] : [{ role: "system", content: system }];
    this.#messages = this.#system;
  }

  /**
   * Says `content` and generates the answer. The signal ends the reading of what was said; to end
   * the answer, leave the loop. Either way the conversation can go on.
   */
  async *say(
    content: string,
    { signal, ...options }: GenerateOptions = {},
  ): AsyncGenerator<GeneratedToken, void, void> {
    const messages = [...this.#messages, { role: "user", content }];
    const prompt = this.#runtime.chatTokens(messages);
    const added = this.#continuation(content);
    if (!added) await this.#forget();
    const session = this.#session ??= await this.#runtime.session();
    try {
      await session.append(added ?? prompt, { logits: "none", ...(signal ? { signal } : {}) });
    } catch (error) {
      // A part of the turn may be in the session: the next turn begins with a new one.
      await this.#forget();
      throw error;
    }
    this.#prompt = prompt;
    this.#lastToken = undefined;
    let answer = "";
    try {
      for await (const token of session.generate(options)) {
        answer += token.text;
        this.#lastToken = token.id;
        yield token;
      }
    } finally {
      this.#messages = [...messages, { role: "assistant", content: answer }];
    }
  }

  /** Begins anew. */
  async reset(): Promise<void> {
    this.#messages = this.#system;
    await this.#forget();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#forget();
  }

  /**
   * The tokens that follow the model's last answer when the user says `content`. The answer itself
   * is in the session already, as the tokens that were generated, so the template is rendered with
   * an empty one and what comes after it is taken. `undefined` when there is no session, or the
   * template rewrites what was before.
   */
  #continuation(content: string): readonly number[] | undefined {
    if (!this.#session) return undefined;
    const empty = [
      ...this.#messages.slice(0, -1),
      { role: "assistant", content: "" },
      { role: "user", content },
    ];
    const tokens = this.#runtime.chatTokens(empty);
    const before = this.#prompt;
    if (before.some((id, i) => tokens[i] !== id)) return undefined;
    const rest = tokens.slice(before.length);
    // The answer may have ended with the very token that the template puts at its end.
    return rest[0] === this.#lastToken ? rest.slice(1) : rest;
  }

  async #forget(): Promise<void> {
    await this.#session?.close();
    this.#session = undefined;
  }
}
