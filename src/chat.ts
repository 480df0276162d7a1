/**
 * Conversations to text, as the model's chat template says.
 *
 * @module
 */
import { Template } from "@huggingface/jinja";
import { readJson } from "./checkpoint/read_json.ts";
import type { ChatMessage } from "./options.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Special tokens that templates may write. */
const TEMPLATE_TOKENS = ["bos_token", "eos_token"];
/** Token that ends a turn of a conversation. Base models are often configured without it. */
const END_OF_TURN = "<|im_end|>";

/** What stands around the call of a tool in an answer, where the model is of the Qwen family. */
export const CALL_BEGIN = "<tool_call>";
export const CALL_END = "</tool_call>";

/** What a chat template is rendered with besides the messages. */
export interface TemplateOptions {
  /** Functions that the model may call. */
  readonly tools?: readonly unknown[];
  /** Whether the text goes on to where the model's answer begins (the default). */
  readonly addGenerationPrompt?: boolean;
}

/**
 * The chat template of a model: a Jinja template, rendered as the Transformers library renders it.
 */
export class ChatTemplate {
  readonly #template: Template;
  readonly #toolTemplate: Template;
  readonly #tokens: Readonly<Record<string, string>>;

  /**
   * Reads the template of a model folder: `chat_template.jinja`, or else `chat_template` in
   * `tokenizer_config.json`.
   * `undefined` when there is neither; an `Error` that names the file when it is damaged.
   */
  static async load(folder: string): Promise<ChatTemplate | undefined> {
    const configPath = `${folder}/tokenizer_config.json`;
    const config = Object(readJson(configPath, { optional: true })) as Record<string, unknown>;
    const path = `${folder}/chat_template.jinja`;
    const text = await readText(path);
    const template = text ?? config.chat_template ?? undefined;
    if (template === undefined) return undefined;
    return new ChatTemplate(template, config, text === undefined ? configPath : path);
  }

  /**
   * Parses a template, or a list of `{ name, template }`, of which "default" is used and "tool_use"
   * with tools. `config` is `tokenizer_config.json`, `path` is what errors call the template.
   */
  constructor(
    template: unknown,
    config: Readonly<Record<string, unknown>> = {},
    path = "chat_template.jinja",
  ) {
    const templates = namedTemplates(template, path);
    this.#template = parse(templates.get("default"), path);
    const toolTemplate = templates.get("tool_use");
    this.#toolTemplate = toolTemplate === undefined ? this.#template : parse(toolTemplate, path);
    this.#tokens = Object.fromEntries(
      TEMPLATE_TOKENS.map((name) => [name, tokenText(config[name])] as const)
        .filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
  }

  /**
   * The text of a conversation, by default up to where the model's answer begins. Throws a
   * `TypeError` for messages that are not well formed or that the template refuses.
   */
  render(
    messages: readonly ChatMessage[],
    options: TemplateOptions = {},
  ): string {
    checkMessages(messages);
    const { tools = null, addGenerationPrompt = true } = options;
    const template = tools ? this.#toolTemplate : this.#template;
    try {
      // Templates take only what JSON holds: a field that is undefined is no field.
      const values = JSON.parse(JSON.stringify({ messages, tools }));
      return template.render({
        ...values,
        add_generation_prompt: addGenerationPrompt,
        ...this.#tokens,
      });
    } catch (error) {
      const { message } = error as Error;
      throw new TypeError(`Cannot render the chat template: ${message}`, { cause: error });
    }
  }
}

/**
 * Token ids that end an answer: `configured`, and the end of a turn when the tokenizer has a token
 * for it.
 */
export function chatEndTokens(tokenizer: Tokenizer, configured: readonly number[]): number[] {
  const endOfTurn = tokenizer.id(END_OF_TURN);
  return [...new Set(endOfTurn === undefined ? configured : [...configured, endOfTurn])];
}

function namedTemplates(template: unknown, path: string): ReadonlyMap<unknown, unknown> {
  if (!Array.isArray(template)) return new Map([["default", template]]);
  const templates = new Map(
    template.map((entry) => [Object(entry).name, Object(entry).template] as const),
  );
  if (templates.has("default")) return templates;
  throw new Error(`Cannot use ${path}: chat_template lists no template named "default"; add one`);
}

function parse(template: unknown, path: string): Template {
  if (typeof template !== "string") {
    throw new Error(`Cannot use ${path}: chat_template is ${kind(template)}; make it a string`);
  }
  try {
    return new Template(template);
  } catch (error) {
    const { message } = error as Error;
    throw new Error(`Cannot use ${path}: its chat template has an error (${message}); correct it`);
  }
}

/** Text of a token in `tokenizer_config.json`, which is a string or an object with its content. */
function tokenText(token: unknown): string | undefined {
  const text = typeof token === "string" ? token : Object(token).content;
  return typeof text === "string" ? text : undefined;
}

function checkMessages(messages: readonly ChatMessage[]): void {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new TypeError("messages is not a list of messages: pass at least one");
  }
  messages.forEach((message, index) => {
    for (const field of ["role", "content"]) {
      const value = Object(message)[field];
      if (typeof value === "string") continue;
      throw new TypeError(`messages[${index}].${field} is ${kind(value)}: pass a string`);
    }
  });
}

function kind(value: unknown): string {
  if (value === null || value === undefined) return `${value}`;
  return Array.isArray(value) ? "a list" : `of type ${typeof value}`;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
