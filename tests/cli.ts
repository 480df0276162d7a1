/**
 * Runs the command line as a process of its own.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);
/** What a finished process left. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The arguments of a task of `deno.json`, up to and including the script: its permissions and no
 * others.
 */
export function taskArguments(task: string): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(`${ROOT}/deno.json`));
  const words: string[] = (tasks[task].command ?? tasks[task]).split(/\s+/);
  assertEquals(words[0], "deno");
  return [...words.slice(1, words.indexOf("src/cli.ts")), "src/cli.ts"];
}

export function command(
  task: string,
  args: readonly string[],
  stdin: "null" | "piped",
): Deno.Command {
  return denoCommand([...taskArguments(task), ...args], stdin);
}

function denoCommand(
  args: readonly string[],
  stdin: "null" | "piped",
  env: Record<string, string> = {},
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    stdin,
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", ...env },
  });
}

/**
 * The server on another port than the task's, with the permissions of the task otherwise, and with
 * `permissions` and variables.
 */
export function server(
  port: number,
  args: readonly string[] = [],
  permissions: readonly string[] = [],
  env: Record<string, string> = {},
): Deno.Command {
  const own = taskArguments("server").map((word) => word.replace("127.0.0.1:8000", "127.0.0.1"));
  const all = [own[0]!, ...permissions, ...own.slice(1)];
  return denoCommand([...all, "serve", "--port", `${port}`, ...args], "null", env);
}

/** Waits for a server's first line. Returns its address. */
export async function listening(output: Output): Promise<string> {
  const [, url] = (await output.until("\n")).match(/^Listening on (http:\/\/127.0.0.1:\d+)\n/)!;
  return url!;
}

/** Runs the command line under the permissions of the task "generate". */
export function contrail(args: readonly string[], input?: string): Promise<Finished> {
  return finished(command("generate", args, input === undefined ? "null" : "piped"), input);
}

/** Runs the command line under the permissions of the task "generate" and others. */
export function contrailWith(
  permissions: readonly string[],
  args: readonly string[],
): Promise<Finished> {
  const [run, ...own] = taskArguments("generate");
  return finished(denoCommand([run!, ...permissions, ...own, ...args], "null"));
}

/** Runs a command to its end, with text for its standard input. */
export async function finished(command: Deno.Command, input?: string): Promise<Finished> {
  await using process = command.spawn();
  if (input !== undefined) {
    const writer = process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  }
  const { code, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Text from a process, as it comes. */
export class Output {
  readonly #reader: ReadableStreamDefaultReader<string>;
  text = "";

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Reads until a whole line contains `part`. Returns that line. */
  async line(part: string): Promise<string> {
    const start = (await this.until(part)).indexOf(part);
    while (!this.text.includes("\n", start)) this.text += (await this.#reader.read()).value ?? "\n";
    return this.text.slice(this.text.lastIndexOf("\n", start) + 1).split("\n")[0]!;
  }

  /** Reads until the text contains `part`; without it, to the end. Returns all text so far. */
  async until(part?: string): Promise<string> {
    while (part === undefined || !this.text.includes(part)) {
      const { done, value } = await this.#reader.read();
      if (done && part !== undefined) throw new Error(`The output ended: ${this.text}`);
      if (done) break;
      this.text += value;
    }
    return this.text;
  }
}
