/**
 * Draws what a session takes beside what a model would take whose layers are all full attention.
 *
 * @module
 */
import { element } from "./element.js";

/** The picture, of which the lines take all but the last rows. */
const [WIDTH, HEIGHT, ROWS_BELOW] = [280, 120, 18];
const SVG = "http://www.w3.org/2000/svg";

/** Bytes as people read them. */
export function bytesText(bytes) {
  const power = Math.min(Math.max(Math.floor(Math.log10(bytes || 1) / 3), 0), 4);
  const unit = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"][power];
  return new Intl.NumberFormat("en", {
    style: "unit",
    unit,
    unitDisplay: power === 0 ? "long" : "short",
    maximumSignificantDigits: 3,
  }).format(bytes / 1000 ** power);
}

/** Shows a session's memory over its length: a chart, and the figures for all readers. */
export function showMemory(chart, list, { meta, facts, speed }) {
  const position = facts?.position ?? 0;
  const own = facts?.bytes ?? meta.session_bytes;
  const full = position * meta.full_attention_token_bytes;
  drawChart(chart, { own, perToken: meta.full_attention_token_bytes, position });
  chart.setAttribute(
    "aria-label",
    `At ${position} tokens this session takes ${bytesText(own)}, as at any length; ` +
      `with full attention in all layers it would take ${bytesText(full)}`,
  );
  const same = Math.ceil(own / meta.full_attention_token_bytes);
  const rows = [
    ["Tokens", position.toLocaleString("en")],
    ["This session", bytesText(own), "own"],
    ["Full attention", bytesText(full), "full"],
    ["Equal at", `${same.toLocaleString("en")} tokens`],
    ["Exact", exactText(facts)],
    ["Speed", speed === undefined ? "" : `${speed.toFixed(1)} tokens/s`],
  ];
  list.replaceChildren(
    ...rows.flatMap(([name, value, className = ""]) => [
      element("dt", { textContent: name, className }),
      element("dd", { textContent: value || "–" }),
    ]),
  );
}

function exactText(facts) {
  if (!facts) return "";
  return facts.exact ? "yes" : `no, from token ${facts.inexact_from.toLocaleString("en")} on`;
}

function drawChart(chart, { own, perToken, position }) {
  // Far enough to see where the lines cross.
  const tokens = Math.max(2 * own / perToken, 1.25 * position);
  const most = 1.1 * Math.max(own, tokens * perToken);
  const x = (at) => (at / tokens * WIDTH).toFixed(1);
  const y = (bytes) => (HEIGHT - bytes / most * HEIGHT).toFixed(1);
  const below = HEIGHT + ROWS_BELOW - 4;
  chart.replaceChildren(
    path("now", `M${x(position)} ${y(Math.max(own, position * perToken))} V${HEIGHT}`),
    path("axis", `M0 0 V${HEIGHT} H${WIDTH}`),
    path("full", `M0 ${HEIGHT} L${WIDTH} ${y(tokens * perToken)}`),
    path("own", `M0 ${y(own)} H${WIDTH}`),
    dot("full", [x(position), y(position * perToken)]),
    dot("own", [x(position), y(own)]),
    label("full", [8, 12], "full attention in all layers"),
    label("own", [WIDTH - 4, Number(y(own)) - 6], "this session", "end"),
    label("axis", [0, below], "0"),
    label("axis", [WIDTH, below], `${shortNumber(tokens)} tokens`, "end"),
  );
}

function path(className, d) {
  return svgElement("path", { class: className, d });
}

function dot(className, [cx, cy]) {
  return svgElement("circle", { class: className, cx, cy, r: 4 });
}

function shortNumber(value) {
  return new Intl.NumberFormat("en", { maximumSignificantDigits: 3 }).format(value);
}

function label(className, [x, y], text, anchor = "start") {
  const made = svgElement("text", { class: className, x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}

function svgElement(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
