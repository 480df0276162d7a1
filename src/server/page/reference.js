/**
 * The list of the server's routes, from what it says of them itself.
 *
 * @module
 */
import { byId, element } from "./element.js";

try {
  const response = await fetch("openapi.json");
  if (!response.ok) throw new Error(`The server answered ${response.status} to openapi.json`);
  show(await response.json());
} catch (error) {
  byId("routes").textContent = error.message;
}
byId("routes").setAttribute("aria-busy", "false");

function show({ paths, components }) {
  const schemas = components?.schemas ?? {};
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, route] of Object.entries(methods)) {
      const name = `${method.toUpperCase()} ${path}`;
      const id = name.replaceAll(/\W+/g, "-");
      const href = `${location.pathname}#${id}`;
      byId("index").append(element("li", {}, [element("a", { href, textContent: name })]));
      byId("routes").append(article(id, name, route, schemas));
    }
  }
  // The place that the address names is there only now.
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

function article(id, name, { summary, requestBody, responses }, schemas) {
  const made = element("article", { id }, [
    element("h2", {}, [element("code", { textContent: name })]),
    element("p", { textContent: summary }),
  ]);
  if (requestBody) made.append(...contents("Body", requestBody, schemas));
  for (const [status, response] of Object.entries(responses)) {
    const title = status === "default" ? "When something is wrong" : `Answer ${status}`;
    made.append(...contents(title, response, schemas));
  }
  return made;
}

/** What is said of a body, for each of its media types. */
function contents(title, { content = {} }, schemas) {
  return Object.entries(content).map(([type, { schema }]) => {
    const parts = [element("summary", { textContent: `${title}: ${type}` })];
    const { properties, required = [] } = resolved(schema, schemas);
    if (properties) parts.push(fields(properties, required, schemas));
    else parts.push(element("pre", { textContent: JSON.stringify(schema, undefined, 2) }));
    return element("details", { open: title === "Body" }, parts);
  });
}

function fields(properties, required, schemas) {
  return element(
    "dl",
    {},
    Object.entries(properties).flatMap(([name, schema]) => [
      element("dt", {}, [
        element("code", { textContent: name }),
        required.includes(name) ? " (required)" : "",
      ]),
      element("dd", { textContent: typeText(schema, schemas) }),
    ]),
  );
}

/** A schema in few words. */
function typeText(given, schemas) {
  const schema = resolved(given, schemas);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return [...new Set(choices.map((one) => typeText(one, schemas)))].join(" or ");
  if (schema.type === "array") return `list of ${typeText(schema.items ?? {}, schemas)}`;
  if (schema.properties) return `{ ${Object.keys(schema.properties).join(", ")} }`;
  const types = [schema.type ?? "anything"].flat().join(" or ");
  return `${types}${rangeText(schema)}`;
}

function rangeText({ minimum, maximum, pattern }) {
  // Integers have the greatest that JSON can hold where nothing else is said.
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  const least = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const parts = [
    ...(least === undefined ? [] : [`at least ${least}`]),
    ...(most === undefined ? [] : [`at most ${most}`]),
    ...(pattern === undefined ? [] : [`like ${pattern}`]),
  ];
  return parts.length > 0 ? ` (${parts.join(", ")})` : "";
}

/** A schema without references at its top. */
function resolved(schema, schemas) {
  const name = schema?.$ref?.split("/").at(-1);
  return name === undefined ? schema ?? {} : schemas[name] ?? {};
}
