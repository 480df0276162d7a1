/**
 * References in a JSON schema to other places of it.
 *
 * @module
 */
import type { SchemaFields } from "./schema_fields.ts";

/** Looks references up, and knows which of them lead to others. */
export class References {
  readonly #root: unknown;
  /** References that a value consists of: of each reference, those that take its place. */
  readonly #same = new Map<string, Set<string>>();

  /** `root` is the whole schema. */
  constructor(root: unknown) {
    this.#root = root;
  }

  /** The reference of a schema, which takes the place of the reference `owner`. */
  read(fields: SchemaFields, owner: string | undefined): string {
    const reference = pointer(fields.raw("$ref"));
    if (reference === undefined) throw fields.error("$ref", 'that begins with "#/"');
    if (owner !== undefined) {
      this.#same.set(owner, (this.#same.get(owner) ?? new Set()).add(reference));
    }
    return reference;
  }

  /** The schema that a reference leads to, if there is one. */
  target(reference: string): unknown {
    const steps = reference.split("/").slice(1).map((step) =>
      step.replaceAll("~1", "/").replaceAll("~0", "~")
    );
    return steps.reduce<unknown>((value, step) => {
      const found = Object(value);
      return Object.hasOwn(found, step) ? found[step] : undefined;
    }, this.#root);
  }

  /** What a schema is, where it may be no more than references to that. */
  resolved(schema: unknown): unknown {
    const seen = new Set<string>();
    let found = schema;
    for (;;) {
      const reference = pointer(Object(found).$ref);
      if (reference === undefined || seen.has(reference)) return found;
      seen.add(reference);
      found = this.target(reference);
    }
  }

  /** Throws when a reference leads to itself and nothing else. */
  expectEnds(): void {
    const ended = new Set<string>();
    const visit = (reference: string, above: ReadonlySet<string>) => {
      if (above.has(reference)) {
        throw new TypeError(`The schema's "${reference}" is defined by itself: give it a type`);
      }
      if (ended.has(reference)) return;
      const all = new Set(above).add(reference);
      for (const next of this.#same.get(reference) ?? []) visit(next, all);
      ended.add(reference);
    };
    for (const reference of this.#same.keys()) visit(reference, new Set());
  }
}

/** A reference into the schema without the escapes of addresses; `undefined` for any other. */
function pointer(reference: unknown): string | undefined {
  if (typeof reference !== "string" || !/^#(?:\/|$)/.test(reference)) return undefined;
  try {
    return decodeURIComponent(reference);
  } catch {
    return undefined;
  }
}
