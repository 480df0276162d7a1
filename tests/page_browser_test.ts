import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { createKey, writeKeys } from "../src/server/operation/api_keys.ts";
import { CHROMIUM, Visit } from "./browser.ts";
import type { Json } from "./http.ts";
import { Folder } from "./stores.ts";

/** A test that is skipped on machines without Chromium. */
function browserTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore: CHROMIUM === undefined });
}

const FOX = "Tell me of a fox.";
const SHORT = { Temperature: "0", "Most tokens": "16" };

browserTest("the page holds a conversation that stays when it is loaded again", async () => {
  await using visit = await Visit.begin();
  const { page } = visit;
  await visit.sample(SHORT);
  await visit.say(FOX);
  await visit.say("Go on.");
  const texts = await visit.texts();
  assertEquals([texts.length, texts[0], texts[2]], [4, FOX, "Go on."]);
  assertMatch(texts[1]!, /^\w+ .+/);
  assertEquals(await visit.fact("Exact"), "yes");
  assertMatch(await visit.fact("Speed"), /^\d+\.\d tokens\/s$/);
  const tokens = await visit.fact("Tokens");
  assertMatch(
    (await page.getByRole("img").getAttribute("aria-label"))!,
    new RegExp(`^At ${tokens} tokens this session takes [\\d.]+ MB, as at any length`),
  );
  await visit.photograph("conversation");
  await page.reload();
  await visit.done("Ready");
  assertEquals(await visit.texts(), texts);
  assertEquals(await visit.fact("Tokens"), tokens);
  assertEquals(visit.complaints, []);
});

browserTest("the page goes back to an earlier message, and the model answers again", async () => {
  await using visit = await Visit.begin();
  const { page } = visit;
  await visit.sample(SHORT);
  await visit.say(FOX);
  const [, first] = await visit.texts();
  const tokens = await visit.fact("Tokens");
  await visit.say("Go on.");
  await page.getByRole("button", { name: "Rewind to here" }).nth(1).click();
  await visit.done("Gone back");
  assertEquals(await visit.texts(), [FOX, first!]);
  assertEquals(await visit.fact("Tokens"), tokens);
  await visit.click("Rewind to here");
  await visit.done("Gone back");
  assertEquals(await visit.texts(), [FOX]);
  await visit.click("Send");
  await visit.done("Answered");
  assertEquals(await visit.texts(), [FOX, first!]);
  assertEquals(visit.complaints, []);
});

browserTest("the page stops an answer, and the session holds what is shown", async () => {
  await using visit = await Visit.begin();
  const { page } = visit;
  // With this seed the answer is as long as it may be.
  await visit.sample({ Seed: "4", "Most tokens": "1800", Temperature: "1.5" });
  await visit.say(FOX, "Answering");
  await page.locator("#messages .assistant .text", { hasText: /\w+ \w+/ }).waitFor();
  await page.keyboard.press("Escape");
  await visit.done("Stopped");
  const texts = await visit.texts();
  const tokens = await visit.fact("Tokens");
  await page.reload();
  await visit.done("Ready");
  assertEquals(await visit.texts(), texts);
  assertEquals(await visit.fact("Tokens"), tokens);
  await visit.sample(SHORT);
  await visit.say("Go on.");
  assertEquals((await visit.texts()).length, 4);
  assertEquals(visit.complaints, []);
});

browserTest("the page branches where an earlier message is edited", async () => {
  await using visit = await Visit.begin();
  const { page } = visit;
  await visit.sample(SHORT);
  await visit.say(FOX);
  await visit.say("Go on.");
  const texts = await visit.texts();
  await page.getByRole("button", { name: "Edit and branch" }).nth(1).click();
  await page.getByLabel("Another message in its place").fill("Tell me of a king.");
  await visit.click("Send in a branch");
  await visit.done("Answered");
  const branch = await visit.texts();
  assertEquals(branch.slice(0, 3), [...texts.slice(0, 2), "Tell me of a king."]);
  assertNotEquals(branch[3], texts[3]);
  await visit.photograph("branch");
  await visit.click("chat-1");
  await visit.done("Opened chat-1");
  assertEquals(await visit.texts(), texts);
  await visit.click("chat-2");
  await visit.done("Opened chat-2");
  assertEquals(await visit.texts(), branch);
  assertEquals(visit.complaints, []);
});

browserTest("the page downloads a session, and goes on with it once it is uploaded", async () => {
  await using visit = await Visit.begin();
  const { page } = visit;
  await visit.sample(SHORT);
  await visit.say(FOX);
  const texts = await visit.texts();
  const coming = page.waitForEvent("download");
  await visit.click("Download");
  const download = await coming;
  assertEquals(download.suggestedFilename(), "chat-1.snapshot");
  await using folder = new Folder();
  const file = `${folder.path}/other.snapshot`;
  await download.saveAs(file);
  await visit.say("Go on.");
  const whole = await visit.texts();
  page.once("dialog", (dialog) => dialog.accept());
  await visit.click("Delete");
  await visit.done("Deleted");
  assertEquals(await visit.texts(), []);
  await page.locator("#file").setInputFiles(file);
  await visit.done("Uploaded");
  assertEquals(await page.locator("#name").innerText(), "other-1");
  assertEquals(await visit.texts(), texts);
  await visit.say("Go on.");
  assertEquals(await visit.texts(), whole);
  await visit.photograph("restored");
  assertEquals(visit.complaints, []);
});

browserTest("the page tells from where on a session is not exact", async () => {
  await using visit = await Visit.begin({ model: { attentionBudget: 96 } });
  await visit.sample({ Temperature: "0", "Most tokens": "32" });
  const tokens = async () => Number(await visit.fact("Tokens"));
  while (await tokens() < 96) {
    assertMatch(await visit.fact("Exact"), /^(yes|–)$/);
    await visit.say(FOX);
  }
  await visit.say(FOX);
  const [, from] = (await visit.fact("Exact")).match(/^no, from token (\d+) on$/)!;
  assert(Number(from) >= 96 && Number(from) < await tokens(), from);
  assertEquals(visit.complaints, []);
});

browserTest("the page says what is missing at a server without a store", async () => {
  await using visit = await Visit.begin({ keepsSessions: false });
  await visit.say(FOX, "");
  assertMatch(await visit.page.getByRole("alert").innerText(), /no store.*--store memory/);
  assertEquals(await visit.page.getByLabel("Message", { exact: true }).inputValue(), FOX);
  assertEquals(await visit.texts(), []);
});

browserTest("the page asks for a key where there are keys, and keeps it", async () => {
  await using folder = new Folder();
  const keys = `${folder.path}/keys.jsonl`;
  const { text, key } = createKey("alice", ["infer", "sessions"]);
  await writeKeys(keys, [key]);
  await using visit = await Visit.begin({ server: { keys } });
  const { page } = visit;
  for (const typed of ["wrong", text]) {
    await page.getByRole("dialog").waitFor();
    await page.getByLabel("Key, for").fill(typed);
    await visit.click("Go on");
  }
  await visit.done("Ready");
  await page.reload();
  await visit.done("Ready");
  await visit.sample(SHORT);
  await visit.say(FOX);
  assertEquals((await visit.texts()).length, 2);
  // The browser itself tells of the two refusals.
  assertEquals(visit.complaints.length, 2);
  assert(visit.complaints.every((text) => text.includes("401")), visit.complaints.join());
});

browserTest("the page can be used by keyboard, and all its controls have names", async () => {
  await using visit = await Visit.begin();
  const { page } = visit;
  await visit.done("Ready");
  const controls = page.locator("button, input:not([hidden]), textarea");
  const unnamed = await controls.evaluateAll((all: Json[]) =>
    all.filter((one) => !one.labels?.length && one.textContent.trim() === "").length
  );
  assertEquals(unnamed, 0);
  await page.getByRole("link", { name: "Reference" }).focus();
  const order: string[] = [];
  for (let i = 0; i < 7; i++) {
    await page.keyboard.press("Tab");
    order.push(await page.locator(":focus").evaluate((one: Json) => one.id || one.name));
  }
  assertEquals(order, ["new", "upload", "messages", "prompt", "send", "temperature", "top_p"]);
});

browserTest("the pages can be read in light and in dark", async () => {
  await using visit = await Visit.begin();
  const { page } = visit;
  await visit.sample(SHORT);
  await visit.say(FOX);
  const inks = new Set<string>();
  for (const path of ["/", "/reference"]) {
    if (path !== "/") await page.goto(visit.url + path);
    await page.locator("article, #messages li").first().waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const [ink, paper] of await page.locator("body *").evaluateAll(colorsOfTexts)) {
        assert(contrast(ink!, paper!) >= 4.5, `${path} ${colorScheme}: ${ink} on ${paper}`);
        inks.add(ink!);
      }
    }
  }
  assert(inks.size >= 6, [...inks].join());
});

browserTest("the reference shows every route", async () => {
  await using visit = await Visit.begin();
  const { page } = visit;
  await page.goto(`${visit.url}/reference`);
  await page.locator('main[aria-busy="false"]').waitFor();
  const { paths }: Json = await (await fetch(`${visit.url}/openapi.json`)).json();
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`)
  );
  assertEquals(await page.locator("article h2").allInnerTexts(), routes);
  await visit.photograph("reference");
  assertEquals(visit.complaints, []);
});

/** In the browser: the colours of every text that can be seen, and of what is behind it. */
function colorsOfTexts(elements: Json[]): string[][] {
  const styleOf = (one: Json) => one.ownerDocument.defaultView.getComputedStyle(one);
  const isText = ({ nodeType, data }: Json) => nodeType === 3 && data.trim() !== "";
  const texts = elements.filter((one) =>
    [...one.childNodes].some(isText) && one.checkVisibility() && !one.disabled
  );
  return texts.map((one) => {
    let behind = one;
    while (styleOf(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
    const { fill, color } = styleOf(one);
    return [one.localName === "text" ? fill : color, styleOf(behind).backgroundColor];
  });
}

/** How far two colours of the form `rgb(1, 2, 3)` are apart, as WCAG 2 defines it. */
function contrast(one: string, other: string): number {
  const luminance = (color: string) => {
    const [red, green, blue] = color.match(/\d+/g)!.slice(0, 3).map((part) => {
      const value = Number(part) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
  };
  const [less, more] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (more! + 0.05) / (less! + 0.05);
}
