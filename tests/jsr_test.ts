import { assert, assertEquals, assertMatch } from "@std/assert";
import { finished } from "./cli.ts";
import { layOutJsr, reachable } from "../tools/jsr.ts";

/** A folder that is removed at the end. */
async function temporary(): Promise<{ url: URL } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "contrail-" });
  return {
    url: new URL(`file://${path}/`),
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

async function readJson(url: URL) {
  return JSON.parse(await Deno.readTextFile(url));
}

/** Runs `code` as a module under the local registry, with its types checked. */
async function runWith(folder: URL, code: string): Promise<{ success: boolean; text: string }> {
  const { args, env } = await layOutJsr(folder);
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-config", "--check", ...args, "--ext=ts", "-"],
    env: { ...env, NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const { code: status, stdout, stderr } = await finished(command, code);
  return { success: status === 0, text: stdout + stderr };
}

Deno.test("layOutJsr() describes every file with its size and checksum", async () => {
  await using folder = await temporary();
  const { args, env } = await layOutJsr(folder.url);
  assertEquals(args, ["--no-lock"]);
  assertEquals(env, { JSR_URL: folder.url.href });
  const root = new URL("@std/assert/", folder.url);
  const { latest, versions } = await readJson(new URL("meta.json", root));
  assertEquals(Object.keys(versions), [latest]);
  const { manifest, exports } = await readJson(new URL(`${latest}_meta.json`, root));
  assertEquals(Object.keys(manifest), ["/mod.ts", "/mod.d.ts"]);
  assert(manifest[exports["."].slice(1)]);
  for (const [path, { size, checksum }] of Object.entries<Record<string, unknown>>(manifest)) {
    const bytes = await Deno.readFile(new URL(latest + path, root));
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    assertEquals([size, checksum], [bytes.length, `sha256-${digest.toHex()}`]);
  }
});

Deno.test("layOutJsr() makes a registry that deno imports from, types included", async () => {
  await using folder = await temporary();
  const good = `
    import { assert, assertThrows } from "jsr:@std/assert@^1";
    const text: string | undefined = ["a"][0];
    assert(text);
    const fail = () => { throw new RangeError(text.padEnd(3)); };
    const error: RangeError = assertThrows(fail, RangeError);
    console.log(error.name);`;
  assertEquals(await runWith(folder.url, good), { success: true, text: "RangeError\n" });
  const wrong = `import { assertMatch } from "jsr:@std/assert@^1"; assertMatch(1, /1/);`;
  const { success, text } = await runWith(folder.url, wrong);
  assert(!success);
  assertMatch(text, /number' is not assignable to parameter of type 'string/);
});

Deno.test("layOutJsr() declares what the package has, and no more", async () => {
  await using folder = await temporary();
  const list = `console.log(Object.keys(await import("jsr:@std/assert@^1")).sort().join(" "));`;
  const { text } = await runWith(folder.url, list);
  const declarations = await Deno.readTextFile(
    new URL("../tools/std_assert.d.ts", import.meta.url),
  );
  const names = declarations.matchAll(/^export (?:class|function) (\w+)/gm).map((match) =>
    match[1]
  );
  assertEquals([...new Set(names)].sort().join(" "), text.trim());
});

Deno.test("layOutJsr() leaves files that are right alone and repairs the others", async () => {
  await using folder = await temporary();
  await layOutJsr(folder.url);
  const root = new URL("@std/assert/", folder.url);
  const [meta, module] = [new URL("meta.json", root), new URL("1.4.0/mod.ts", root)];
  const wanted = await Deno.readTextFile(module);
  await Deno.writeTextFile(module, "spoilt");
  await Deno.utime(meta, new Date(0), new Date(0));
  await layOutJsr(folder.url);
  assertEquals(await Deno.readTextFile(module), wanted);
  assertEquals((await Deno.stat(meta)).mtime, new Date(0));
});

Deno.test("reachable() is true for an answer only", async () => {
  const unanswered = Promise.withResolvers<Response>();
  const answers: Record<string, () => Response | Promise<Response>> = {
    "/found": () => new Response("{}"),
    "/missing": () => new Response("no", { status: 404 }),
    "/slow": () => unanswered.promise,
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => answers[new URL(request.url).pathname]!(),
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  assertEquals(await reachable(`${url}/found`), true);
  assertEquals(await reachable(`${url}/missing`), false);
  assertEquals(await reachable(`${url}/slow`, 50), false);
  unanswered.resolve(new Response());
  await server.shutdown();
  assertEquals(await reachable(`${url}/found`), false);
});
