import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { browserTest, FOX, SHORT, Visit } from "./browser.ts";
import type { Json } from "./http.ts";

const MARKDOWN = `## A **fox**
It ran *fast*, 2 * 3 * 4,
\`a*b*c\` <img src=x onerror=a>

3. one
   goes on
4. two
- three

\`\`\`ts
if (a < b) {

  *c*;
\`\`\`
end`;

browserTest("the page keeps the theme that was chosen", async () => {
  await using visit = await Visit.begin();
  const { page } = visit;
  const paper = () =>
    page.locator("body").evaluate((body: Json) =>
      body.ownerDocument.defaultView.getComputedStyle(body).backgroundColor
    );
  await page.emulateMedia({ colorScheme: "light" });
  const light = await paper();
  const theme = page.getByLabel("Theme");
  await theme.selectOption("Dark");
  const dark = await paper();
  assertNotEquals(dark, light);
  for (const path of ["/", "/reference"]) {
    await page.goto(visit.url + path);
    assertEquals([await paper(), await theme.inputValue()], [dark, "dark"], path);
  }
  await theme.selectOption("System");
  assertEquals(await paper(), light);
  await page.emulateMedia({ colorScheme: "dark" });
  assertEquals(await paper(), dark);
  await theme.selectOption("Light");
  assertEquals(await paper(), light);
  assertEquals(visit.complaints, []);
});

browserTest("an answer is heard sentence by sentence, and each of them once", async () => {
  await using visit = await Visit.begin();
  await visit.sample({ Temperature: "0", "Most tokens": "60" });
  for (const question of [FOX, "Go on."]) {
    await visit.say(question);
    const heard = await visit.page.getByRole("log").locator("p").allTextContents();
    assertEquals(heard.join(" "), (await visit.texts()).at(-1));
  }
  assertEquals(visit.complaints, []);
});

browserTest("Markdown of an answer is shown, and markup in it is text", async () => {
  await using visit = await Visit.begin();
  const { page } = visit;
  await visit.done("Ready");
  const shown = await page.evaluate(async (text) => {
    const { showMarkdown } = await import(`${location.origin}/page/markdown.js`);
    const place = (globalThis as Json).document.createElement("div");
    // As it comes, character by character.
    for (let end = 1; end <= text.length; end++) showMarkdown(place, text.slice(0, end));
    return place.innerHTML;
  }, MARKDOWN);
  assertEquals(
    shown,
    '<p class="heading">A <strong>fox</strong></p>' +
      "<p>It ran <em>fast</em>, 2 * 3 * 4,\n<code>a*b*c</code> &lt;img src=x onerror=a&gt;</p>" +
      '<ol start="3"><li>one\ngoes on</li><li>two</li></ol><ul><li>three</li></ul>' +
      '<pre tabindex="0"><code>if (a &lt; b) {\n\n  *c*;</code></pre><p>end</p>',
  );
  assertEquals(visit.complaints, []);
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
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press("Tab");
    order.push(await page.locator(":focus").evaluate((one: Json) => one.id || one.name));
  }
  const talk = ["system", "messages", "prompt", "send"];
  assertEquals(order, ["theme", "new", "upload", ...talk, "temperature"]);
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
