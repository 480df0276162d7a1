/**
 * JSON that can be written wrongly: with a key twice, or a number that JavaScript cannot hold.
 *
 * @module
 */

/** A value of JSON, which can be changed in place. */
export type JsonNode = JsonObject | JsonList | JsonText;

/** An object; a key may occur twice. */
export interface JsonObject {
  readonly kind: "object";
  readonly entries: { key: string; value: JsonNode }[];
}

export interface JsonList {
  readonly kind: "list";
  readonly entries: { value: JsonNode }[];
}

/** Anything else, as it is to stand in the file. */
export interface JsonText {
  readonly kind: "text";
  readonly text: string;
}

/** A parsed JSON value as a tree. */
export function jsonTree(value: unknown): JsonNode {
  if (Array.isArray(value)) {
    return { kind: "list", entries: value.map((item) => ({ value: jsonTree(item) })) };
  }
  if (typeof value !== "object" || value === null) {
    return { kind: "text", text: JSON.stringify(value) };
  }
  const entries = Object.entries(value).map(([key, item]) => ({ key, value: jsonTree(item) }));
  return { kind: "object", entries };
}

/** The text of a tree. */
export function jsonText(node: JsonNode): string {
  switch (node.kind) {
    case "text":
      return node.text;
    case "list":
      return `[${node.entries.map(({ value }) => jsonText(value)).join(",")}]`;
    case "object": {
      const fields = node.entries.map(({ key, value }) =>
        `${JSON.stringify(key)}:${jsonText(value)}`
      );
      return `{${fields.join(",")}}`;
    }
  }
}

/** A place in a tree that holds a value. */
export interface JsonPlace {
  readonly parent: JsonObject | JsonList;
  readonly index: number;
  /** Keys and positions from the root, such as "layers.3". */
  readonly path: string;
}

/** Every place in a tree, except its root. */
export function jsonPlaces(node: JsonNode, path = ""): JsonPlace[] {
  if (node.kind === "text") return [];
  const { kind, entries } = node;
  return entries.flatMap(({ value }, index) => {
    const name = kind === "object" ? node.entries[index]!.key : `${index}`;
    const here = path === "" ? name : `${path}.${name}`;
    return [{ parent: node, index, path: here }, ...jsonPlaces(value, here)];
  });
}
