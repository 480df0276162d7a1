/**
 * Runs the command line as a process, under the permissions of its tasks.
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

/** The command line with the permissions of a task. */
export function command(
  task: string,
  args: readonly string[],
  stdin: "null" | "piped",
): Deno.Command {
  return denoCommand([...taskArguments(task), ...args], stdin);
}

/** Deno in the folder of the project. */
export function denoCommand(args: readonly string[], stdin: "null" | "piped"): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    stdin,
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  });
}

/** Runs the command line under the permissions of the task "generate". */
export async function contrail(args: readonly string[], input?: string): Promise<Finished> {
  await using process = command("generate", args, input === undefined ? "null" : "piped").spawn();
  if (input !== undefined) {
    const writer = process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  }
  const { code, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
