import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { createKey, writeKeys } from "../src/server/operation/api_keys.ts";
import { browserTest, FOX, SHORT, Visit } from "./browser.ts";
import { Folder } from "./stores.ts";

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
  await page.goto(`${visit.url}#%`);
  await page.reload();
  await visit.done("Ready");
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

browserTest("the page begins a session with a system prompt, and finds it again", async () => {
  await using visit = await Visit.begin();
  const { page } = visit;
  await visit.photograph("empty");
  await visit.sample({ ...SHORT, "System prompt": "You tell of animals." });
  await visit.say(FOX);
  const texts = await visit.texts();
  assertEquals(texts.slice(0, 2), ["You tell of animals.", FOX]);
  assertEquals(await page.getByLabel("System prompt").isVisible(), false);
  await page.reload();
  await visit.done("Ready");
  assertEquals(await visit.texts(), texts);
  assertEquals(await page.locator("#messages h3").first().innerText(), "System");
  const tokens = await visit.fact("Tokens");
  // Another first question is said after the same system prompt.
  await visit.sample(SHORT);
  await visit.click("Edit and branch");
  await page.getByLabel("Another message in its place").fill(FOX);
  await visit.click("Send in a branch");
  await visit.done("Answered");
  assertEquals(await visit.texts(), texts);
  assertEquals(await visit.fact("Tokens"), tokens);
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
  for (const typed of ["wrong – key", text]) {
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
