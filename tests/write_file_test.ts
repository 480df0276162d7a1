import { assert, assertEquals, assertThrows } from "@std/assert";
import { writeFileAtomically } from "../src/store/write_file.ts";
import { loadFable } from "./fable.ts";
import { Folder, program } from "./stores.ts";

const FILES = 5;

Deno.test("writeFileAtomically() replaces a file and leaves nothing beside it", async () => {
  await using folder = new Folder();
  const path = `${folder.path}/a`;
  writeFileAtomically(path, new Uint8Array(100).fill(1));
  writeFileAtomically(path, new Uint8Array(50).fill(2));
  assertEquals(await Deno.readFile(path), new Uint8Array(50).fill(2));
  await Deno.mkdir(`${folder.path}/b`);
  assertThrows(() => writeFileAtomically(`${folder.path}/b`, new Uint8Array(1)));
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), ["a", "b"]);
});

Deno.test("writeFileAtomically() leaves whole snapshots at 5 kills in 100 writes", async () => {
  await using folder = new Folder();
  await using runtime = await loadFable({ sessions: 3 });
  await using session = await runtime.session();
  const written: Uint8Array<ArrayBuffer>[] = [];
  for (let i = 0; i < FILES; i++) {
    await session.append([300 + i]);
    written.push(await session.snapshot());
    await Deno.writeFile(`${folder.path}/source-${i}`, written[i]!);
  }
  const code = `
    import { writeFileAtomically } from "${new URL("../src/store/write_file.ts", import.meta.url)}";
    const snapshots = Array.from({ length: ${FILES} }, (_, i) =>
      Deno.readFileSync("${folder.path}/source-" + i));
    for (let i = 0; i < 10; i++) {
      writeFileAtomically("${folder.path}/saved-" + i, snapshots[i % ${FILES}]);
    }
    for (let i = 0; ; i++) {
      console.log(i);
      writeFileAtomically("${folder.path}/saved-" + i % 10, snapshots[(i + 1) % ${FILES}]);
    }`;
  const permissions = [`--allow-read=${folder.path}`, `--allow-write=${folder.path}`];
  for (let kill = 0; kill < 5; kill++) {
    await killAfter(await program(folder, code, permissions), 5 * kill);
    for (let i = 0; i < 10; i++) {
      const bytes = await Deno.readFile(`${folder.path}/saved-${i}`);
      const which = written.findIndex((one) => one.length === bytes.length && equal(one, bytes));
      assert(which >= 0, `saved-${i} is none of the snapshots after kill ${kill}`);
      if (i > 0) continue;
      await using restored = await runtime.restore(bytes);
      assertEquals(restored.position, which + 1);
    }
  }
});

/** Kills a program once it has printed the line `count`, a little later each time. */
async function killAfter(process: Deno.ChildProcess, count: number): Promise<void> {
  let text = "";
  let killed = false;
  for await (const part of process.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (killed || !text.includes(`${count}\n`)) continue;
    process.kill("SIGKILL");
    killed = true;
  }
  const errors = await new Response(process.stderr).text();
  assertEquals([(await process.status).signal, errors], ["SIGKILL", ""]);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}
