/**
 * The web page at `/` and the reference at `/reference`. Their files are parts of the program, so
 * that no file is read, and nothing comes from elsewhere.
 *
 * @module
 */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { RecordEnv } from "../operation/record.ts";
import announcer from "./announcer.js" with { type: "text" };
import api from "./api.js" with { type: "text" };
import chat from "./chat.js" with { type: "text" };
import chatStyle from "./chat.css" with { type: "text" };
import conversation from "./conversation.js" with { type: "text" };
import element from "./element.js" with { type: "text" };
import icon from "./icon.svg" with { type: "text" };
import index from "./index.html" with { type: "text" };
import markdown from "./markdown.js" with { type: "text" };
import memory from "./memory.js" with { type: "text" };
import messages from "./messages.js" with { type: "text" };
import messagesStyle from "./messages.css" with { type: "text" };
import pageStyle from "./page.css" with { type: "text" };
import reference from "./reference.html" with { type: "text" };
import referenceStyle from "./reference.css" with { type: "text" };
import referenceScript from "./reference.js" with { type: "text" };
import theme from "./theme.js" with { type: "text" };
import transcript from "./transcript.js" with { type: "text" };

/** What a browser may do with the pages: load and ask this server, and nothing else. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/** The files of the pages: the path of each, and what stands in it. */
export const PAGE_FILES: readonly (readonly [path: string, text: string, extension: string])[] = [
  ["/", index, "html"],
  ["/reference", reference, "html"],
  ["/page/announcer.js", announcer, "js"],
  ["/page/api.js", api, "js"],
  ["/page/chat.css", chatStyle, "css"],
  ["/page/chat.js", chat, "js"],
  ["/page/conversation.js", conversation, "js"],
  ["/page/element.js", element, "js"],
  ["/page/icon.svg", icon, "svg"],
  ["/page/markdown.js", markdown, "js"],
  ["/page/memory.js", memory, "js"],
  ["/page/messages.css", messagesStyle, "css"],
  ["/page/messages.js", messages, "js"],
  ["/page/page.css", pageStyle, "css"],
  ["/page/reference.css", referenceStyle, "css"],
  ["/page/reference.js", referenceScript, "js"],
  ["/page/theme.js", theme, "js"],
  ["/page/transcript.js", transcript, "js"],
];

/** Adds the pages, which need no key; what they then ask for may. Gives their paths. */
export function addPages(app: OpenAPIHono<RecordEnv>): string[] {
  for (const [path, text, extension] of PAGE_FILES) {
    app.get(path, (c) => {
      c.get("record").route = path;
      return c.body(extension === "html" ? at(mountedAt(c.req.path, path), text) : text, 200, {
        "Content-Type": TYPES[extension]!,
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
      });
    });
  }
  return PAGE_FILES.map(([path]) => path);
}

/** Where the server is mounted in another app, from the whole path of a page. */
function mountedAt(whole: string, path: string): string {
  return path === "/" ? whole.replace(/\/$/, "") : whole.slice(0, -path.length);
}

/** A page whose links begin at where the server is mounted. */
function at(folder: string, text: string): string {
  return text.replace('<base href="/">', () => `<base href="${folder}/">`);
}
