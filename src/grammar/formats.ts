/**
 * Formats of strings as regular expressions. Each has fewer texts than its format, and none that is
 * not of it.
 *
 * @module
 */
import type { SchemaFields } from "./schema_fields.ts";

const DATE = "\\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|" +
  "(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))";
const TIME = "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,9})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)";
const LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?";
const HOST = `${LABEL}(\\.${LABEL}){0,4}`;
const BYTE = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";

/** By the names of the formats. */
const FORMATS: ReadonlyMap<string, string> = new Map([
  ["date", DATE],
  ["time", TIME],
  ["date-time", `${DATE}T${TIME}`],
  ["duration", "P(\\d{1,4}W|\\d{1,4}D(T\\d{1,4}H)?|T\\d{1,4}[HMS])"],
  ["uuid", "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"],
  ["email", `[A-Za-z0-9_+-]{1,30}(\\.[A-Za-z0-9_+-]{1,10}){0,2}@(${LABEL}\\.){1,3}[A-Za-z]{2,10}`],
  ["hostname", HOST],
  ["ipv4", `${BYTE}(\\.${BYTE}){3}`],
  ["ipv6", "([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"],
  ["uri", `https?://${HOST}(:[1-9]\\d{0,3})?(/[A-Za-z0-9._~-]+)*/?`],
].map(([name, expression]) => [name!, `^(${expression})$`]));

/** Patterns of zod that look ahead, which no grammar can; each matches all texts of a format. */
const SPELLED_OUT: ReadonlyMap<string, string> = new Map([
  [
    "^P(?:(\\d+W)|(?!.*W)(?=\\d|T\\d)(\\d+Y)?(\\d+M)?(\\d+D)?" +
    "(T(?=\\d)(\\d+H)?(\\d+M)?(\\d+([.,]\\d+)?S)?)?)$",
    "duration",
  ],
  [
    "^(?=.{1,253}\\.?$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?" +
    "(?:\\.[a-zA-Z0-9](?:[-0-9a-zA-Z]{0,61}[0-9a-zA-Z])?)*\\.?$",
    "hostname",
  ],
]);

/**
 * The regular expression of a string that has `pattern` or `format`. Beside a pattern the format is
 * an annotation, which the schema does not ask to be kept.
 */
export function patternOf(fields: SchemaFields): string {
  const pattern = fields.has("pattern") ? fields.text("pattern") : undefined;
  const format = pattern === undefined ? fields.text("format") : SPELLED_OUT.get(pattern);
  const expression = format === undefined ? pattern : FORMATS.get(format);
  if (expression !== undefined) return expression;
  throw fields.error("format", `of ${[...FORMATS.keys()].join(", ")}`);
}
