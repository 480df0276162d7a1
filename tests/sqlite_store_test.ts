import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteStore } from "../src/store/sqlite.ts";
import { StoreError } from "../src/store/store.ts";
import { Folder, printed, program } from "./stores.ts";

const SIZE = 150_000;

Deno.test("SqliteStore has all that put() has acknowledged after kill -9", async () => {
  await using folder = new Folder();
  const path = `${folder.path}/store.db`;
  const code = `
    const store = new SqliteStore(${JSON.stringify(path)});
    for (let i = 0; ; i++) {
      await store.put(\`key \${i % 60}\`, new Uint8Array(${SIZE}).fill(i));
      console.log(i);
    }`;
  const permissions = [`--allow-read=${path}`, `--allow-write=${path}`];
  const process = await program(folder, code, permissions);
  let text = "";
  let killed = false;
  for await (const part of process.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (killed || !text.includes("\n100\n")) continue;
    process.kill("SIGKILL");
    killed = true;
  }
  await process.stderr.cancel();
  assertEquals((await process.status).signal, "SIGKILL");
  const last = text.trimEnd().split("\n").length - 1;
  assert(last >= 100);

  await using store = new SqliteStore(path);
  assertEquals((await Array.fromAsync(store.list())).length, 60);
  for (let key = 0; key < 60; key++) {
    const value = (await store.get(`key ${key}`))!;
    // The write that was cut off may have been done; no other may be missing.
    const expected = last - (last - key) % 60;
    const { length, 0: first } = value;
    assert(first === (expected & 255) || (first === ((last + 1) & 255) && key === (last + 1) % 60));
    assertEquals(value, new Uint8Array(length).fill(first!));
    assertEquals(length, SIZE);
  }
});

Deno.test("SqliteStore needs permission for its file alone", async () => {
  await using folder = new Folder();
  const path = `${folder.path}/store.db`;
  const code = `
    await using store = new SqliteStore(${JSON.stringify(path)});
    await store.put("a", new Uint8Array(1e6));
    console.log((await store.get("a")).length);`;
  const permissions = [`--allow-read=${path}`, `--allow-write=${path}`];
  assertEquals(await printed(await program(folder, code, permissions)), "1000000\n");
});

Deno.test("SqliteStore() refuses a file that is no store, and leaves it as it is", async () => {
  await using folder = new Folder();
  const path = `${folder.path}/store.db`;
  const text = "no database, but long enough to be looked at as one ".repeat(20);
  await Deno.writeTextFile(path, text);
  const error = assertThrows(() => new SqliteStore(path), StoreError, `the store ${path}: `);
  assertEquals(error.reason, "failed");
  assertEquals(await Deno.readTextFile(path), text);
  assertThrows(() => new SqliteStore(`${folder.path}/none/store.db`), StoreError, "Cannot open");
});

Deno.test("SqliteStore() refuses a store of another version", async () => {
  await using folder = new Folder();
  const path = `${folder.path}/store.db`;
  {
    using database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 7");
  }
  assertThrows(() => new SqliteStore(path), StoreError, "its version is 7, not 1");
});

Deno.test("SqliteStore says that its file is damaged", async () => {
  await using folder = new Folder();
  const path = `${folder.path}/store.db`;
  {
    await using store = new SqliteStore(path);
    for (let i = 0; i < 4; i++) await store.put(`${i}`, new Uint8Array(SIZE));
  }
  using file = await Deno.open(path, { write: true });
  await file.truncate(SIZE * 2);
  const read = async () => {
    await using store = new SqliteStore(path);
    for (let i = 0; i < 4; i++) await store.get(`${i}`);
  };
  await assertRejects(read, StoreError, "database disk image is malformed");
});

Deno.test("SqliteStore rejects once it is disposed", async () => {
  await using folder = new Folder();
  const store = new SqliteStore(`${folder.path}/store.db`);
  await store[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await assertRejects(() => store.get("a"), StoreError, "not open");
});
