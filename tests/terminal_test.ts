import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Output, taskArguments } from "./cli.ts";

const UP = "\x1b[A";
const CTRL_C = "\x03";
const CTRL_D = "\x04";

/** A test that is skipped where `script`, which makes a terminal, is not the one of Linux. */
function terminalTest(name: string, fn: () => Promise<void>): void {
  const isThere = Deno.build.os === "linux" &&
    new Deno.Command("sh", { args: ["-c", "command -v script"] }).outputSync().success;
  Deno.test({ name, fn, ignore: !isThere });
}

/** The command line in a terminal: what it shows, and keys to press. */
class Terminal {
  readonly output: Output;
  readonly #process: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  constructor(args: readonly string[]) {
    const words = [Deno.execPath(), ...taskArguments("generate"), ...args];
    this.#process = new Deno.Command("script", {
      args: ["-qec", words.map((word) => `'${word}'`).join(" "), "/dev/null"],
      cwd: decodeURIComponent(new URL("..", import.meta.url).pathname),
      env: { NO_COLOR: "1", TERM: "xterm" },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.output = new Output(this.#process.stdout);
    this.#keys = this.#process.stdin.getWriter();
  }

  /** Presses keys and waits until this is shown. Returns all that was shown meanwhile. */
  async press(keys: string, shown: string): Promise<string> {
    this.output.text = "";
    await this.#keys.write(new TextEncoder().encode(keys));
    return await this.output.until(shown);
  }

  /** Waits for the end. Returns the exit status. */
  async end(): Promise<number> {
    const { code } = await this.#process.status;
    await this.#keys.close().catch(() => {});
    await this.output.until();
    return code;
  }
}

terminalTest("contrail chat edits lines, and takes pasted ones as one message", async () => {
  const chat = new Terminal(["chat", "--temperature", "0", "--max-tokens", "8"]);
  await chat.output.until("> ");
  const first = await chat.press("Tell me of a fox.\r", "\n\x1b[1G\x1b[0J> ");
  assertMatch(first, /\n\w+ \w+/);
  // What was said comes back, and is sent as it was changed.
  await chat.press(UP, "Tell me of a fox.");
  assertMatch(await chat.press("\x01/exit \r", "\n\x1b[1G\x1b[0J> "), /\n\w+ \w+/);
  // What is pasted waits for the end of its last line.
  await chat.press("Tell me\rof a king", "of a king");
  assertMatch(await chat.press(".\r", "\n\x1b[1G\x1b[0J> "), /\n\w+ \w+/);
  await chat.press(UP, "of a king.");
  await chat.press(UP, "Tell me");
  // Ctrl-C drops a line, and what was begun.
  await chat.press(CTRL_C, "Ctrl-D or /exit leaves.");
  await chat.output.until("> ");
  await chat.press("begun\\\r", "… ");
  await chat.press(CTRL_C, "Ctrl-D or /exit leaves.");
  await chat.output.until("> ");
  await chat.press(CTRL_D, "\n");
  assertEquals(await chat.end(), 0);
});

terminalTest("Ctrl-C in a terminal ends an answer, and the conversation goes on", async () => {
  const args = ["chat", "--ignore-eos", "--attention-budget", "2000"];
  const chat = new Terminal(args);
  await chat.output.until("> ");
  for (const _ of [1, 2]) {
    await chat.press("Tell me a story.\r", "story.\r\r\n");
    await chat.output.until(" ");
    await chat.press(CTRL_C, "> ");
  }
  await chat.press("/exit\r", "\n");
  assertEquals(await chat.end(), 0);
});

terminalTest("contrail bench shows how far it is in a terminal, and clears that", async () => {
  const args = ["--prompt", "16", "--generate", "4", "--repetitions", "2"];
  const bench = new Terminal(["bench", ...args]);
  const text = await bench.output.until();
  assertEquals(await bench.end(), 0);
  assertStringIncludes(text, `\r\x1b[K${"░".repeat(20)}   0% warming up`);
  const table = text.slice(text.lastIndexOf("\x1b[K") + "\x1b[K".length);
  assertMatch(table, /^fable: 7 million parameters/);
});
