import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { modelFolder } from "../src/hub/cache.ts";
import { type Offer, type Progress, pull } from "../src/hub.ts";
import { Runtime } from "../src/runtime.ts";
import { goldenHub, LICENSE, SHARD, TestCache } from "./hub_cache.ts";
import { COMMIT, NAME } from "./hub_stand_in.ts";

const NEEDED = [
  "LICENSE",
  "README.md",
  "config.json",
  SHARD,
  SHARD.replace("1-", "2-"),
  "model.safetensors.index.json",
];

Deno.test("pull() fills the cache folder as other tools do", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  const folder = await cache.pull(hub);
  assertEquals(folder, `${cache.model}/snapshots/${COMMIT}`);
  assertEquals(cache.names(`snapshots/${COMMIT}`), NEEDED);
  assertEquals(Deno.readTextFileSync(`${cache.model}/refs/main`), COMMIT);
  for (const name of NEEDED) {
    const { oid, lfs } = hub.entry(name);
    assertEquals(Deno.readLinkSync(`${folder}/${name}`), `../../blobs/${lfs?.oid ?? oid}`);
    assertEquals(Deno.readFileSync(`${folder}/${name}`), hub.files.get(name)!);
  }
  assertEquals(cache.names("blobs").length, NEEDED.length);
  assertEquals(hub.count("pytorch_model.bin") + hub.count("onnx/model.safetensors"), 0);
});

Deno.test("pull() downloads only what the cache folder lacks", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  const folder = await cache.pull(hub);
  const { served } = hub;
  const never = () => Promise.reject(new Error("Nothing is left to approve"));
  assertEquals(await cache.pull(hub, { approve: never }), folder);
  assertEquals(hub.served, served);
  Deno.removeSync(`${cache.model}/blobs/${hub.entry("config.json").oid}`);
  assertEquals(await cache.pull(hub), folder);
  assertEquals(hub.served, served + hub.entry("config.json").size);
});

Deno.test("Runtime.load() finds a downloaded model by its name", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  const load = () => Runtime.load(NAME, { cacheFolder: cache.folder, sessions: 1 });
  const { message } = await assertRejects(load, Error);
  assertStringIncludes(message, 'Cannot find the model "org/tiny"');
  // Other tools may have downloaded a part.
  const part = `${cache.model}/snapshots/${COMMIT}`;
  for (const folder of [part, `${cache.model}/refs`]) Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(`${cache.model}/refs/main`, COMMIT);
  Deno.writeTextFileSync(`${part}/config.json`, "{}");
  await assertRejects(load, Error, "run contrail pull org/tiny");
  await cache.pull(hub);
  await using runtime = await load();
  assertEquals(runtime.name, "tiny");
  await using session = await runtime.session();
  await session.append([1, 2, 3]);
  assertEquals(session.position, 3);
});

Deno.test("modelFolder() takes a folder before a name", () => {
  const { folder, [Symbol.dispose]: _ } = new TestCache();
  assertEquals(modelFolder("models/fable/", folder), "models/fable");
  assertEquals(modelFolder("models/fable", folder), "models/fable");
  for (const path of ["./models/absent", "/models/absent", "absent", "a/b/c", "a--b/c", "../c"]) {
    assertEquals(modelFolder(path, folder), path);
  }
  assertThrows(() => modelFolder("models/absent", folder), Error, "contrail pull models/absent");
  Deno.removeSync(folder);
});

Deno.test("pull() asks no hub when it is offline", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  assertStringIncludes(await cache.fails(hub, { offline: true }), "Cannot get org/tiny offline");
  const folder = await cache.pull(hub);
  const count = hub.seen.length;
  assertEquals(await cache.pull(hub, { offline: true }), folder);
  assertEquals(await cache.pull(hub, { offline: true, revision: COMMIT }), folder);
  await assertRejects(() => cache.pull(hub, { offline: true, revision: "v2" }), Error, "no v2");
  assertEquals(hub.seen.length, count);
});

Deno.test("pull() gets a branch, a tag or a commit", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  for (const revision of ["v1.0", "refs/pr/1", COMMIT]) {
    assertEquals(await cache.pull(hub, { revision }), `${cache.model}/snapshots/${COMMIT}`);
    assertEquals(hub.count(`/revision/${encodeURIComponent(revision)}`), 1);
  }
  assertEquals(Deno.readTextFileSync(`${cache.model}/refs/refs/pr/1`), COMMIT);
  assertEquals(cache.names("refs"), ["refs", "v1.0"]);
  for (const revision of ["", "../main", "a/../../b", "/main", "a b", ".git"]) {
    await assertRejects(() => cache.pull(hub, { revision }), TypeError, "pass a branch");
  }
  for (const name of ["tiny", "a/b/c", "../tiny", "org/..", "a--b/c", ""]) {
    await assertRejects(() => pull(name, { endpoint: hub.url }), TypeError, "org/name");
  }
});

Deno.test("pull() shows the license first and downloads nothing when it is refused", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  const offers: Offer[] = [];
  const approve = (offer: Offer) => {
    offers.push(offer);
    return Promise.reject(new Error("No"));
  };
  assertEquals(await cache.fails(hub, { approve }), "No");
  assertEquals([...Deno.readDirSync(cache.folder)], []);
  hub.card = { license: "mit", license_link: "https://example.com/mit" };
  hub.entries.splice(hub.entries.indexOf(hub.entry("LICENSE")), 1);
  await cache.fails(hub, { approve });
  const sizes = NEEDED.map((name) => hub.files.get(name)!.length);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const link = "https://example.com/mit";
  assertEquals(offers, [
    { commit: COMMIT, bytes, license: { name: "tiny-license", link: undefined, text: LICENSE } },
    {
      commit: COMMIT,
      bytes: bytes - LICENSE.length,
      license: { name: "mit", link, text: undefined },
    },
  ]);
});

Deno.test("pull() tells its progress up to the end", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  const told: Progress[] = [];
  await cache.pull(hub, { progress: (progress) => told.push(progress) });
  assert(told.every(({ bytes }, i) => bytes >= (told[i - 1]?.bytes ?? 0)));
  const { bytes, totalBytes } = told.at(-1)!;
  assertEquals([bytes, totalBytes], [hub.served, bytes]);
});

Deno.test("pull() refuses names, checksums and sizes that no hub should give", async () => {
  const names = ["../../x.safetensors", "/x", "a/../x", "./x", "a//b", "..\\x", "x\0", ""];
  for (const path of names) {
    await using hub = goldenHub();
    using cache = new TestCache();
    hub.entries.push({ type: "file", path, size: 1, oid: "0".repeat(40) });
    assertStringIncludes(await cache.fails(hub), "whose name leads out of the folder");
    assertEquals([...Deno.readDirSync(cache.folder)], []);
  }
  await using hub = goldenHub();
  using cache = new TestCache();
  const shard = hub.entry(SHARD);
  const { size, lfs } = shard;
  for (const oid of ["../../../x", "", "0".repeat(63)]) {
    shard.lfs = { ...lfs!, oid };
    assertStringIncludes(await cache.fails(hub), `the checksum of ${SHARD} is "`);
  }
  shard.lfs = lfs!;
  for (const wrong of [-1, 0.5, 2 ** 60]) {
    shard.size = wrong;
    assertStringIncludes(await cache.fails(hub), `the size of ${SHARD} is ${wrong}`);
  }
  shard.size = 2 ** 52;
  assertStringIncludes(await cache.fails(hub), "make room, or choose another cache folder");
  shard.size = size;
  hub.commit = "../../../../x";
  assertStringIncludes(await cache.fails(hub), 'sha is "../../../../x"');
  hub.commit = COMMIT;
  hub.entries.splice(hub.entries.indexOf(hub.entry("config.json")), 1);
  assertStringIncludes(await cache.fails(hub), "it has no config.json file");
  assertEquals(hub.count(SHARD), 0);
});
