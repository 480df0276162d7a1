/**
 * A browser at a server of the small model, where this machine has Chromium.
 *
 * @module
 */
import { type Browser, chromium, type Page } from "playwright-core";
import type { RuntimeOptions } from "../src/options.ts";
import { createServer, type ServerOptions } from "../src/server/app.ts";
import { MemoryStore } from "../src/store/memory.ts";
import { loadFable } from "./fable.ts";
import { Loopback } from "./http.ts";

/** The path of Chromium; `undefined` where there is none. */
const CHROMIUM = chromiumPath();

const SCREENSHOTS = decodeURIComponent(new URL("../build/screenshots", import.meta.url).pathname);

const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

export const FOX = "Tell me of a fox.";
/** Sampling that gives a short answer, always the same. */
export const SHORT = { Temperature: "0", "Most tokens": "16" };

/** A test that is skipped on machines without Chromium. */
export function browserTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore: CHROMIUM === undefined });
}

/** A page of the browser. */
export class Visit implements AsyncDisposable {
  readonly page: Page;
  readonly url: string;
  /** Warnings and errors of the browser's console. */
  readonly complaints: string[] = [];
  readonly #stack: AsyncDisposableStack;

  private constructor(page: Page, url: string, stack: AsyncDisposableStack) {
    this.page = page;
    this.url = url;
    this.#stack = stack;
    page.on("console", (message) => this.complaints.push(message.text()));
    page.on("pageerror", (error) => this.complaints.push(error.message));
  }

  /** Starts a server and opens its page, until it can be used or asks for a key. */
  static async begin({ server = {}, model = {}, keepsSessions = true }: {
    server?: ServerOptions;
    model?: RuntimeOptions;
    keepsSessions?: boolean;
  } = {}): Promise<Visit> {
    await using stack = new AsyncDisposableStack();
    const store = stack.use(new MemoryStore());
    const runtime = stack.use(await loadFable(keepsSessions ? { ...model, store } : model));
    const { url } = stack.use(new Loopback(createServer(runtime, server)));
    const page = await newPage(stack.adopt(await launch(), (browser) => browser.close()));
    const visit = new Visit(page, url, stack.move());
    await page.goto(url);
    await page.locator("#new:enabled, dialog[open]").waitFor();
    return visit;
  }

  /** Waits until the page says that it has done this. */
  async done(status: string): Promise<void> {
    await this.page.locator("#status", { hasText: new RegExp(`^${status}$`) }).waitFor();
  }

  async click(name: string): Promise<void> {
    await this.page.getByRole("button", { name, exact: true }).click();
  }

  /** Sends a message, and waits for the answer unless it is never to end. */
  async say(text: string, status = "Answered"): Promise<void> {
    await this.page.getByLabel("Message", { exact: true }).pressSequentially(text);
    await this.page.keyboard.press("Enter");
    await this.done(status);
  }

  /** Fills controls that say how tokens are chosen. */
  async sample(values: Readonly<Record<string, string>>): Promise<void> {
    for (const [label, value] of Object.entries(values)) {
      await this.page.getByLabel(label, { exact: true }).fill(value);
    }
  }

  /** What has been said, message by message. */
  async texts(): Promise<string[]> {
    return await this.page.locator("#messages .text").allTextContents();
  }

  /** What is told of the session under a name. */
  async fact(name: string): Promise<string> {
    return await this.page.locator(`dt:text-is("${name}") + dd`).innerText();
  }

  /** Keeps what the page looks like in both colour schemes, and on a phone. */
  async photograph(name: string): Promise<void> {
    for (const colorScheme of ["light", "dark"] as const) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.screenshot({ path: `${SCREENSHOTS}/${name}-${colorScheme}.png` });
    }
    await this.page.setViewportSize(PHONE);
    await this.page.screenshot({ path: `${SCREENSHOTS}/${name}-narrow.png`, fullPage: true });
    await this.page.setViewportSize(DESK);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

function launch(): Promise<Browser> {
  // In a container there is no sandbox to be had; the pages are the project's own.
  return chromium.launch({ executablePath: CHROMIUM!, args: ["--no-sandbox"] });
}

async function newPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage({ viewport: DESK });
  page.setDefaultTimeout(60_000);
  return page;
}

function chromiumPath(): string | undefined {
  const command = new Deno.Command("sh", { args: ["-c", "command -v chromium"] });
  const path = new TextDecoder().decode(command.outputSync().stdout).trim();
  return path === "" ? undefined : path;
}
