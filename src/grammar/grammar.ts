/**
 * What a generated text may be.
 *
 * @module
 */
import { CALL_BEGIN, CALL_END } from "../chat.ts";
import { SchemaGrammar } from "./json_schema.ts";
import { checkEbnf } from "./ebnf.ts";
import { RegularExpression } from "./regular_expression.ts";
import { literal, oneOf, Rules } from "./rules.ts";

/** A function that can be called. */
export interface ToolFunction {
  readonly name: string;
  /** JSON schema of the arguments; without it there are none. */
  readonly parameters?: unknown;
}

/** A set of texts that a generation is held to. */
export class Grammar {
  /** The rules in EBNF, of which `root` is the first. */
  readonly text: string;

  private constructor(text: string) {
    this.text = text;
  }

  /**
   * JSON values of a schema, or all objects. Every text validates, but not every value has a text:
   * properties that the schema does not name come only where `additionalProperties` asks for them.
   *
   * @throws {TypeError} The schema has something that cannot be kept, which the message names.
   */
  static json(schema: unknown = { type: "object" }): Grammar {
    const rules = new Rules();
    return new Grammar(rules.text(new SchemaGrammar(rules, schema).expression()));
  }

  /**
   * The texts that a regular expression matches as a whole. It is read as JavaScript reads it with
   * the flag `u`, but `\s` and `\S` are of ASCII.
   *
   * @throws {TypeError} It has something that cannot be kept, which the message names.
   *
   * @example
   * ```ts
   * import { Grammar } from "./mod.ts";
   *
   * const time = Grammar.regex("([01][0-9]|2[0-3]):[0-5][0-9]");
   * ```
   */
  static regex(expression: string): Grammar {
    const rules = new Rules();
    const whole = new RegularExpression(rules, expression, "plain").whole();
    return new Grammar(rules.text(rules.add(whole)));
  }

  /**
   * The texts of rules in EBNF, of which `root` is the whole. A generation is refused when they
   * turn out to be wrong.
   *
   * @throws {TypeError} The rules are too long, or have a class of characters beyond ASCII.
   *
   * @example
   * ```ts
   * import { Grammar } from "./mod.ts";
   *
   * const sum = Grammar.ebnf(`root ::= number ("+" number)*
   * number ::= "0" | [1-9] [0-9]*`);
   * ```
   */
  static ebnf(rules: string): Grammar {
    checkEbnf(rules);
    return new Grammar(rules);
  }

  /**
   * One to `most` calls of these functions, as models of the Qwen family write them: a small model
   * that has to call may not find an end by itself.
   *
   * @throws {TypeError} The parameters of a function have something that cannot be kept.
   */
  static toolCalls(
    functions: readonly ToolFunction[],
    { most = 16 }: { most?: number } = {},
  ): Grammar {
    const rules = new Rules();
    const end = literal(`}\n${CALL_END}`);
    const calls = functions.map(({ name, parameters }) => {
      const begin = literal(`${CALL_BEGIN}\n{"name": ${JSON.stringify(name)}, "arguments": `);
      return rules.add(`${begin} ${parametersOf(rules, name, parameters)} ${end}`);
    });
    const call = rules.add(oneOf(calls));
    const more = rules.repeated(`${literal("\n")} ${call}`, 0, most - 1);
    return new Grammar(rules.text(`${call} ${more}`));
  }
}

function parametersOf(rules: Rules, name: string, schema: unknown): string {
  try {
    const none = { type: "object", additionalProperties: false };
    return new SchemaGrammar(rules, schema ?? none).expression();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new TypeError(`The parameters of "${name}" are wrong: ${error.message}`);
  }
}
