/**
 * What a generated text may be.
 *
 * @module
 */
import { SchemaGrammar } from "./json_schema.ts";
import { Rules } from "./rules.ts";

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
   * `format` is not looked at.
   *
   * @throws {TypeError} The schema has something that cannot be kept, which the message names.
   */
  static json(schema: unknown = { type: "object" }): Grammar {
    const rules = new Rules();
    return new Grammar(rules.text(new SchemaGrammar(rules, schema).expression()));
  }
}
