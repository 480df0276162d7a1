/**
 * Reads the body of a request and says in one sentence what is wrong with it.
 *
 * @module
 */
import type { Context } from "hono";
import type { z } from "zod";
import { ApiError } from "./errors.ts";

const LONGEST_NAME = 100;

/** What the schemas call the types of JSON, in words. */
const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

/** The JSON body of a request, as `schema` describes it. Throws an {@linkcode ApiError}. */
export async function readBody<T extends z.ZodType>(c: Context, schema: T): Promise<z.infer<T>> {
  const type = c.req.header("Content-Type") ?? "";
  if (!/^application\/json *(;|$)/i.test(type)) {
    throw new ApiError(415, `The content type is "${type}": send JSON as "application/json"`, {
      code: "unsupported_content_type",
    });
  }
  const parsed = schema.safeParse(parseJson(await received(c.req.text())), { reportInput: true });
  if (parsed.success) return parsed.data;
  throw issueError(parsed.error.issues[0]!);
}

/** Awaits a body. Throws an {@linkcode ApiError} when its client leaves before the end. */
export async function received<T>(body: Promise<T>): Promise<T> {
  try {
    return await body;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(400, "The body ended early: send as much as its length says", {
      code: "incomplete_body",
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(400, "The body is not valid JSON", { code: "invalid_json" });
  }
}

/** The first thing that a schema complains of, as a sentence that names the parameter. */
function issueError(issue: z.core.$ZodIssue): ApiError {
  const name = parameterName(issue.path);
  if (issue.code === "unrecognized_keys") {
    const param = parameterName([...issue.path, issue.keys[0]!]);
    const message = `"${param}" is not a parameter that is supported here: leave it out`;
    return new ApiError(400, message, { param, code: "unknown_parameter" });
  }
  if (name === "") {
    return new ApiError(400, `The body is ${described(issue.input)}: send a JSON object`);
  }
  if (issue.code === "invalid_key") {
    const message = `"${name}" is wrongly named: ${issue.issues[0]?.message ?? issue.message}`;
    return new ApiError(400, message, { param: name, code: "invalid_value" });
  }
  const message = issue.input === undefined
    ? `"${name}" is missing: ${advice(issue)}`
    : `"${name}" is ${described(issue.input)}: ${advice(issue)}`;
  const code = issue.input === undefined ? "missing_parameter" : "invalid_value";
  return new ApiError(400, message, { param: name, code });
}

/** What to pass in place of what was found. */
function advice(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `pass ${TYPE_WORDS[issue.expected] ?? issue.expected}`;
    case "too_small":
      return `pass ${limit("at least", issue.minimum, issue.origin)}`;
    case "too_big":
      return `pass ${limit("at most", issue.maximum, issue.origin)}`;
    case "invalid_value":
      // A schema with a sentence of its own is clearer than the list of values.
      if (!issue.message.startsWith("Invalid")) return issue.message;
      return `pass one of ${issue.values.map((value) => JSON.stringify(value)).join(", ")}`;
    default:
      return issue.message;
  }
}

function limit(words: string, bound: number | bigint, origin: string): string {
  if (origin === "array") return `${words} ${bound} ${bound === 1 ? "item" : "items"}`;
  if (origin === "string") return `${words} ${bound} ${bound === 1 ? "character" : "characters"}`;
  return `a number of ${words} ${bound}`;
}

/**
 * `messages[0].content` for the path of a value inside the body. What a client made up is cut
 * short.
 */
function parameterName(path: readonly PropertyKey[]): string {
  const name = path.reduce<string>((name, part) => {
    if (typeof part === "number") return `${name}[${part}]`;
    return name === "" ? String(part) : `${name}.${String(part)}`;
  }, "");
  return name.slice(0, LONGEST_NAME);
}

/** A found value in few words: itself when it is short, else its kind. */
function described(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "string" && value.length > 40) return "a long text";
  return JSON.stringify(value);
}
