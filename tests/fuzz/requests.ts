/**
 * Random requests, derived from what a server says of itself in its `/openapi.json`: most have one
 * fault.
 *
 * @module
 */
import { Random } from "../cases/random.ts";
import type { Json } from "../http.ts";
import { anything, deep, hugeNumber, pick, valid } from "./values.ts";

/** A request, and what is wrong with it. */
export interface FuzzRequest {
  readonly fault: Fault;
  readonly method: string;
  readonly path: string;
  readonly type: string | undefined;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
}

/** What can be wrong: `cut connection` closes the socket before the whole body is sent. */
export const FAULTS = [
  "none",
  "wrong type",
  "huge number",
  "deep nesting",
  "missing field",
  "unknown field",
  "wrong method",
  "wrong path",
  "wrong content type",
  "bad UTF-8",
  "truncated body",
  "cut connection",
] as const;

export type Fault = typeof FAULTS[number];

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
const TYPES = [
  "",
  "text/plain",
  "application/xml",
  "application/jsonp",
  "application/json; x=\u00ff",
];
const IDS = ["a1", "b2", "c3", "fable", "none", "%00", "%ff", "..%2f", "x".repeat(3000), "%F0%9F"];

/** A place in a body: the object or list that has it, and its name there. */
type Place = readonly [parent: Json, key: string | number];

const encoder = new TextEncoder();

/** So many requests: the same seed and document give the same ones. */
export function* fuzzRequests(
  document: Json,
  seed: number,
  count: number,
): Generator<FuzzRequest, void, void> {
  const routes = Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Json>(methods).map(([method, route]) => ({ path, method, route }))
  );
  // Bodies are where most can be wrong.
  const withBody = routes.filter(({ route }) => route.requestBody);
  const random = new Random(seed);
  for (let i = 0; i < count; i++) {
    const { path, method, route } = pick(random, random.below(5) ? withBody : routes);
    yield withFault(random, pick(random, FAULTS), {
      method: method.toUpperCase(),
      path: path.replace(/\{\w+\}/g, () => pick(random, IDS.slice(0, 5))),
      route,
      root: document,
    });
  }
}

/** What a request is made of before something goes wrong. */
interface Plan {
  readonly method: string;
  readonly path: string;
  readonly route: Json;
  readonly root: Json;
}

function withFault(random: Random, fault: Fault, { method, path, route, root }: Plan): FuzzRequest {
  const content = route.requestBody?.content ?? {};
  const [type] = Object.keys(content);
  const schema = content["application/json"]?.schema;
  const plain = { fault, method, path, type };
  if (fault === "wrong method") {
    const other = pick(random, METHODS);
    const bare = other === "GET" || other === "HEAD";
    return { ...plain, method: other, body: bare ? undefined : encoder.encode("{}") };
  }
  if (fault === "wrong path") {
    const tail = pick(random, ["/", "//", "/x", "?a=%ff&a", "/%2e%2e", `/${pick(random, IDS)}`]);
    return { ...plain, path: path.replace(/a1|b2/, pick(random, IDS)) + tail, body: undefined };
  }
  if (!type) return { ...plain, body: undefined };
  const sound = schema ? encoder.encode(bodyText(random, fault, schema, root)) : bytes(random);
  if (fault === "wrong content type") return { ...plain, type: pick(random, TYPES), body: sound };
  return { ...plain, body: damaged(random, fault, sound) };
}

/** The JSON of a body, with the fault if it is one of its values. */
function bodyText(random: Random, fault: Fault, schema: Json, root: Json): string {
  const body = valid(random, schema, root);
  const places = [...placesIn(body)];
  if (places.length === 0) places.push([body, "a1"]);
  const [parent, key] = pick(random, places);
  const mark = `mark ${random.below(2 ** 31)}`;
  switch (fault) {
    case "wrong type":
      parent[key] = anything(random);
      break;
    case "missing field":
      delete parent[key];
      break;
    case "unknown field":
      body[pick(random, ["best_of", "__proto__x", "", "x".repeat(500)])] = anything(random);
      break;
    case "huge number":
    case "deep nesting": {
      parent[key] = mark;
      const value = fault === "huge number" ? hugeNumber(random) : deep(random);
      return JSON.stringify(body).replace(`"${mark}"`, () => value);
    }
  }
  return JSON.stringify(body);
}

function* placesIn(value: Json): Generator<Place, void, void> {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    yield [value, key];
    yield* placesIn(value[key]);
  }
}

/** The bytes of a body, with the fault if it is one of the bytes. */
function damaged(
  random: Random,
  fault: Fault,
  body: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const at = random.below(body.length + 1);
  if (fault === "truncated body") return body.slice(0, at);
  if (fault !== "bad UTF-8") return body;
  const bad = pick(random, [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80], [0, 0xfe]]);
  return Uint8Array.of(...body.slice(0, at), ...bad, ...body.slice(at));
}

function bytes(random: Random): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: random.below(400) }, () => random.below(256));
}
