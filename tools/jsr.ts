/**
 * Stands in for the JSR registry, where it cannot be reached, with a folder that holds the one
 * package that the tests import from there.
 *
 * @module
 */

/** What to add to a `deno` subcommand that resolves modules. */
export interface Fallback {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const PACKAGE = "@std/assert";
/** Version of the npm package `deno-std`, which republishes the standard library as JavaScript. */
const VERSION = "1.4.0";
const JSR_META = `https://jsr.io/${PACKAGE}/meta.json`;

/** Whether `url`, by default a file of the JSR registry, is served within `milliseconds`. */
export async function reachable(url: string = JSR_META, milliseconds = 3000): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(milliseconds) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/**
 * Writes `@std/assert` into `folder` in the form of a JSR registry, and returns what makes `deno`
 * use it. Its code comes from npm.
 *
 * It leaves the lock file out, whose versions and checksums are those of the true registry.
 */
export async function layOutJsr(folder: URL): Promise<Fallback> {
  const files: Record<string, string> = {
    "/mod.ts": '// @ts-types="./mod.d.ts"\n' +
      `export * from "npm:deno-std@${VERSION}/assert/mod.js";\n`,
    "/mod.d.ts": await Deno.readTextFile(new URL("std_assert.d.ts", import.meta.url)),
  };
  const root = new URL(`${PACKAGE}/`, folder);
  await Deno.mkdir(new URL(VERSION, root), { recursive: true });
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const [path, text] of Object.entries(files)) {
    const bytes = new TextEncoder().encode(text);
    manifest[path] = { size: bytes.length, checksum: `sha256-${await sha256(bytes)}` };
    await writeChanged(new URL(VERSION + path, root), text);
  }
  const versionMeta = { manifest, exports: { ".": "./mod.ts" } };
  await writeChanged(new URL(`${VERSION}_meta.json`, root), JSON.stringify(versionMeta));
  const [scope, name] = PACKAGE.slice(1).split("/");
  const meta = { scope, name, latest: VERSION, versions: { [VERSION]: {} } };
  await writeChanged(new URL("meta.json", root), JSON.stringify(meta));
  return { args: ["--no-lock"], env: { JSR_URL: folder.href } };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toHex();
}

/** Leaves a file that already says so alone: another process may be reading it. */
async function writeChanged(path: URL, text: string): Promise<void> {
  const present = await Deno.readTextFile(path).catch(() => undefined);
  if (present !== text) await Deno.writeTextFile(path, text);
}
