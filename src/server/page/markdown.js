/**
 * Shows an answer with the Markdown that models write: paragraphs, headings, lists, code, strong
 * and emphasized text. Everything else stays as it was written. Text becomes text nodes only, so
 * nothing in an answer can be markup.
 *
 * @module
 */
import { element } from "./element.js";

const FENCE = /^\s*(```|~~~)/;
const ITEM = /^\s*(?:[-*+]|(\d{1,9})[.)])\s+(.*)/;
const HEADING = /^(#{1,6})\s+(.*)/;
const INLINE = /`([^`\n]+)`|\*\*(\S|\S[^\n]*?\S)\*\*|(?<![\w*])\*(\S|\S[^*\n]*?\S)\*(?![\w*])/;

/** Shows `text` in `place`. Blocks that are as they were are left alone, with what is selected. */
export function showMarkdown(place, text) {
  const blocks = blocksOf(text);
  for (const [i, block] of blocks.entries()) {
    const there = place.children[i];
    if (there?.source === block.source) continue;
    const made = Object.assign(elementOf(block), { source: block.source });
    there ? there.replaceWith(made) : place.append(made);
  }
  while (place.children.length > blocks.length) place.lastElementChild.remove();
}

/** The blocks of a text: each with its kind and lines, and `source`, the same as one text. */
export function blocksOf(text) {
  const blocks = [];
  let open;
  const begin = (kind, lines) => blocks.push(open = { kind, lines });
  for (const line of text.split("\n")) {
    const fence = line.match(FENCE)?.[1];
    if (open?.kind === "code") {
      if (fence === open.fence) open = undefined;
      else open.lines.push(line);
    } else if (fence) {
      begin("code", []);
      open.fence = fence;
    } else if (line.trim() === "") open = undefined;
    else {
      const item = line.match(ITEM);
      const kind = item ? item[1] ? "ol" : "ul" : HEADING.test(line) ? "heading" : "p";
      // A line below an item goes on with it.
      const goesOn = open?.kind === kind && kind !== "heading" ||
        kind === "p" && (open?.kind === "ul" || open?.kind === "ol");
      if (goesOn) open.lines.push(line);
      else begin(kind, [line]);
    }
  }
  return blocks.map(({ kind, lines }) => ({
    kind,
    lines,
    source: [kind, ...lines].join("\n"),
  }));
}

function elementOf({ kind, lines }) {
  if (kind === "code") {
    const code = element("code", { textContent: lines.join("\n") });
    // What is wider than the page is scrolled, also by keyboard.
    return element("pre", { tabIndex: 0 }, [code]);
  }
  if (kind === "p") return element("p", {}, inline(lines.join("\n")));
  if (kind === "heading") {
    return element("p", { className: "heading" }, inline(lines[0].match(HEADING)[2]));
  }
  const items = [];
  for (const line of lines) {
    const item = line.match(ITEM);
    if (item) items.push(item[2]);
    else items[items.length - 1] += `\n${line.trim()}`;
  }
  const list = element(kind, {}, items.map((item) => element("li", {}, inline(item))));
  if (kind === "ol") list.start = Number(lines[0].match(ITEM)[1]);
  return list;
}

/** The parts of a line: texts, and elements for code, strong and emphasized text. */
function inline(text) {
  const parts = [];
  let rest = text;
  for (let found = rest.match(INLINE); found; found = rest.match(INLINE)) {
    const [whole, code, strong, emphasized] = found;
    parts.push(rest.slice(0, found.index));
    parts.push(
      code !== undefined
        ? element("code", { textContent: code })
        : strong !== undefined
        ? element("strong", {}, inline(strong))
        : element("em", {}, inline(emphasized)),
    );
    rest = rest.slice(found.index + whole.length);
  }
  return [...parts, rest];
}
