/**
 * Runs code as a module of its own, as a reader of the documentation would.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { finished } from "./cli.ts";

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);

/** What `code` prints as a module in a folder, by default the project's. */
export async function runModule(
  code: string,
  { cwd = ROOT, check = false }: { cwd?: string; check?: boolean } = {},
): Promise<string> {
  const own = ["--quiet", "--allow-all", "--config", `${ROOT}deno.json`];
  const options = [...own, check ? "--check" : "--no-check"];
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", ...options, "--ext=ts", "-"],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const { code: status, stdout, stderr } = await finished(command, code);
  assertEquals([status, stderr], [0, ""]);
  return stdout;
}
