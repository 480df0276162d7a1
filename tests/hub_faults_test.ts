import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { goldenHub, SHARD, TestCache } from "./hub_cache.ts";
import { COMMIT, HubStandIn, NAME } from "./hub_stand_in.ts";

const NEEDED_FILES = 6;

/** The bytes of all files that are needed. */
function wanted(hub: HubStandIn): number {
  const unneeded = ["pytorch_model.bin", "onnx/model.safetensors"];
  const entries = hub.entries.filter(({ path }) => !unneeded.includes(path));
  return entries.reduce((sum, { size }) => sum + size, 0);
}

/** Checks that the model is there, whole. */
function assertWhole(cache: TestCache, hub: HubStandIn): void {
  assertEquals(cache.names(`snapshots/${COMMIT}`).length, NEEDED_FILES);
  assertEquals(cache.incomplete(), []);
  const bytes = Deno.readFileSync(`${cache.model}/snapshots/${COMMIT}/${SHARD}`);
  assertEquals(bytes, hub.files.get(SHARD)!);
}

Deno.test("pull() goes on where the connection was lost", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  const lines: string[] = [];
  hub.intercept = (request, path) => {
    const early = path.endsWith(SHARD) && hub.count(SHARD) < 4;
    return early ? hub.file(request, SHARD, 10_000) : undefined;
  };
  await cache.pull(hub, { log: (line) => lines.push(line) });
  assertWhole(cache, hub);
  const ranges = hub.seen.filter(({ path }) => path.endsWith(SHARD)).map(({ range }) => range);
  assertEquals(ranges, [null, "bytes=10000-", "bytes=20000-", "bytes=30000-"]);
  assertEquals(hub.served, wanted(hub));
  assertEquals(lines.length, 3);
  assertStringIncludes(lines[0]!, "was lost");
});

Deno.test("pull() goes on where an earlier one gave up", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  hub.intercept = (request, path) =>
    path.endsWith(SHARD) ? hub.file(request, SHARD, 10_000) : undefined;
  assertStringIncludes(await cache.fails(hub), "5 tries failed, run it again later");
  assertEquals(cache.incomplete().length, 1);
  hub.intercept = () => undefined;
  await cache.pull(hub);
  assertWhole(cache, hub);
  assert(hub.seen.some(({ range }) => range === "bytes=50000-"));
  assertEquals(hub.served, wanted(hub));
});

Deno.test("pull() begins anew where a server ignores ranges", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  hub.intercept = (request, path) => {
    if (!path.endsWith(SHARD)) return undefined;
    if (hub.count(SHARD) === 1) return hub.file(request, SHARD, 10_000);
    return hub.file(new Request(request.url), SHARD);
  };
  await cache.pull(hub);
  assertWhole(cache, hub);
  assertEquals(hub.served, wanted(hub) + 10_000);
});

Deno.test("pull() refuses a range that it did not ask for", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  hub.intercept = (request, path) => {
    if (!path.endsWith(SHARD)) return undefined;
    if (hub.count(SHARD) === 1) return hub.file(request, SHARD, 10_000);
    return hub.file(new Request(request.url, { headers: { Range: "bytes=9999-" } }), SHARD);
  };
  assertStringIncludes(await cache.fails(hub), "sent bytes 9999-");
  hub.intercept = () => undefined;
  await cache.pull(hub);
  assertWhole(cache, hub);
});

Deno.test("pull() notices a server that sends too much or too little", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  const whole = hub.files.get(SHARD)!;
  let bytes = new Uint8Array(whole.length + 1);
  hub.intercept = (_, path) => path.endsWith(SHARD) ? new Response(bytes) : undefined;
  assertStringIncludes(await cache.fails(hub), `more than the ${whole.length} bytes`);
  bytes = whole.slice(0, -1);
  const ended = `ended ${SHARD} after ${whole.length - 1} of ${whole.length} bytes; 5 tries`;
  assertStringIncludes(await cache.fails(hub), ended);
  hub.intercept = () => undefined;
  await cache.pull(hub);
  assertWhole(cache, hub);
});

Deno.test("pull() deletes what has another checksum", async () => {
  for (const name of [SHARD, "config.json"]) {
    await using hub = goldenHub();
    using cache = new TestCache();
    const damaged = hub.files.get(name)!.with(50, 0) as Uint8Array<ArrayBuffer>;
    hub.intercept = (_, path) => path.endsWith(name) ? new Response(damaged) : undefined;
    assertStringIncludes(await cache.fails(hub), `Cannot use ${name}: what was downloaded has`);
    assertEquals(cache.incomplete(), []);
    hub.intercept = () => undefined;
    await cache.pull(hub);
    assertWhole(cache, hub);
  }
});

Deno.test("pull() begins anew where what is there is longer than the file", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  Deno.mkdirSync(`${cache.model}/blobs`, { recursive: true });
  const { lfs, size } = hub.entry(SHARD);
  Deno.writeFileSync(`${cache.model}/blobs/${lfs!.oid}.incomplete`, new Uint8Array(size + 1));
  await cache.pull(hub);
  assertWhole(cache, hub);
});

Deno.test("pull() follows redirects and shows the token to the hub alone", async () => {
  await using hub = goldenHub();
  await using other = new HubStandIn(Object.fromEntries(hub.files));
  using cache = new TestCache();
  hub.intercept = redirecting(hub, other);
  await cache.pull(hub, { token: "hf_secret" });
  assertWhole(cache, hub);
  assert(hub.seen.length > 8 && hub.seen.every(({ token }) => token === "Bearer hf_secret"));
  // The list's second and third page, and the file.
  assertEquals(other.seen.map(({ token }) => token), [null, null, null]);
});

/** Sends to `other` for a page of the list and a file, and to other paths for others. */
function redirecting(hub: HubStandIn, other: HubStandIn): HubStandIn["intercept"] {
  return (request, path) => {
    const { search } = new URL(request.url);
    if (path === `/${NAME}/elsewhere`) return hub.file(request, "README.md");
    const to = (status: number, Location: string) =>
      new Response(null, { status, headers: { Location } });
    if (path.endsWith("/revision/main")) return to(307, `/api/models/${NAME}/revision/renamed`);
    if (path.endsWith("README.md")) return to(302, "../../elsewhere");
    const away = search.includes("cursor=3") || path.endsWith(SHARD);
    return away ? to(302, `${other.url}${path}${search}`) : undefined;
  };
}

Deno.test("pull() shows no token to the host of a next page", async () => {
  await using hub = goldenHub();
  await using other = new HubStandIn(Object.fromEntries(hub.files));
  using cache = new TestCache();
  hub.intercept = ({ url }, path) => {
    if (!path.includes("/tree/")) return undefined;
    assert(!url.includes("cursor"));
    const Link = `<${other.url}${path}?cursor=3>; rel="next"`;
    return Response.json(hub.entries.slice(0, 3), { headers: { Link } });
  };
  await cache.pull(hub, { token: "hf_secret" });
  assertWhole(cache, hub);
  assert(other.seen.length > 0 && other.seen.every(({ token }) => token === null));
});

Deno.test("pull() gives up redirects that lead nowhere", async () => {
  const wrong: [location: string | undefined, words: string][] = [
    ["again", "redirects without end"],
    ["file:///etc/passwd", 'redirects to "file:///etc/passwd"'],
    [undefined, "redirects to nowhere"],
  ];
  for (const [location, words] of wrong) {
    await using hub = goldenHub();
    using cache = new TestCache();
    const headers = new Headers(location === undefined ? {} : { Location: location });
    hub.intercept = () => new Response(null, { status: 302, headers });
    assertStringIncludes(await cache.fails(hub), words);
  }
});

Deno.test("pull() tells what a refusal means, at once", async () => {
  const refusals: [status: number, words: string][] = [
    [401, "there is no such model, or it needs a token: check the name, or set HF_TOKEN"],
    [403, "access is refused: ask for it at http://127.0.0.1:"],
    [404, "there is no such model, revision or file"],
    [418, "it does not serve downloads"],
  ];
  for (const [status, words] of refusals) {
    for (const end of ["/revision/main", SHARD]) {
      await using hub = goldenHub();
      using cache = new TestCache();
      hub.intercept = (_, path) =>
        path.endsWith(end) ? new Response("<html>", { status }) : undefined;
      const message = await cache.fails(hub);
      assertStringIncludes(message, `Cannot download ${NAME}: ${new URL(hub.url).host} answered`);
      assertStringIncludes(message, `${status}; ${words}`);
      assertEquals(hub.count(end), 1);
    }
  }
});

Deno.test("pull() tries again when the hub is busy, and not for ever", async () => {
  for (const status of [408, 429, 500, 503]) {
    await using hub = goldenHub();
    using cache = new TestCache();
    const busy = () => new Response("busy", { status, headers: { "Retry-After": "0" } });
    hub.intercept = (_, path) => path.endsWith("/revision/main") ? busy() : undefined;
    assertStringIncludes(await cache.fails(hub), `answered ${status}`);
    assertEquals(hub.count("/revision/main"), 5);
    hub.intercept = (_, path) => hub.count(path) % 3 === 0 ? undefined : busy();
    await cache.pull(hub);
    assertWhole(cache, hub);
  }
});

Deno.test("pull() waits as long as the hub asks", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  const lines: string[] = [];
  const stop = new AbortController();
  const headers = { "Retry-After": "7" };
  hub.intercept = () => new Response(null, { status: 429, headers });
  const log = (line: string) => {
    lines.push(line);
    stop.abort(new Error("Enough"));
  };
  assertEquals(await cache.fails(hub, { log, signal: stop.signal }), "Enough");
  assertEquals(lines.length, 1);
  assertStringIncludes(lines[0]!, "answered 429 (too many requests); the next try is in 7 s");
});

Deno.test("pull() leaves a server that has gone silent", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  const silent = () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) }));
  hub.intercept = (_, path) => path.endsWith(SHARD) ? silent() : undefined;
  const message = await cache.fails(hub, { patience: 20 });
  assertStringIncludes(message, "was lost: nothing came for 0.02 s; 5 tries failed");
});

Deno.test("pull() stays with a server that is slow", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  const bytes = hub.files.get(SHARD)!;
  async function* slowly() {
    for (let start = 0; start < bytes.length; start += 200_000) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      yield bytes.slice(start, start + 200_000);
    }
  }
  hub.intercept = (_, path) =>
    path.endsWith(SHARD) ? new Response(ReadableStream.from(slowly())) : undefined;
  await cache.pull(hub, { patience: 1500 });
  assertWhole(cache, hub);
  assertEquals(hub.count(SHARD), 1);
});

Deno.test("pull() ends with the signal's reason", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  const stop = new AbortController();
  const progress = ({ path }: { path: string }) => {
    if (path === SHARD) stop.abort(new Error("Stopped"));
  };
  assertEquals(await cache.fails(hub, { signal: stop.signal, progress }), "Stopped");
  await cache.pull(hub);
  assertWhole(cache, hub);
});

Deno.test("pull() tells an answer that is not the hub's", async () => {
  for (const body of ["<html>", "null", "[]", '{"sha":7}']) {
    await using hub = goldenHub();
    using cache = new TestCache();
    hub.intercept = () => new Response(body);
    const says = `Cannot use what ${new URL(hub.url).host} says of ${NAME}: `;
    assertStringIncludes(await cache.fails(hub), says);
  }
  using cache = new TestCache();
  await using hub = goldenHub();
  for (const endpoint of ["hub", "ftp://127.0.0.1"]) {
    await assertRejects(() => cache.pull(hub, { endpoint }), TypeError, "pass one such as https");
  }
});

Deno.test("pull() lets two downloads of one model share the work", async () => {
  await using hub = goldenHub();
  using cache = new TestCache();
  const folders = await Promise.all([cache.pull(hub), cache.pull(hub)]);
  assertEquals(folders[0], folders[1]);
  assertWhole(cache, hub);
  assertEquals(hub.served, wanted(hub));
});
