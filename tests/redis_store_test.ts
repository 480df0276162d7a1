import { assert, assertEquals, assertRejects } from "@std/assert";
import { createClient } from "@redis/client";
import { RedisStore } from "../src/store/redis.ts";
import { StoreError } from "../src/store/store.ts";
import { delay, Folder, lacksRedis, printed, program, RedisServer } from "./stores.ts";

const ignore = lacksRedis();

/** Does `work` until it succeeds. */
async function eventually<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; attempt < 500; attempt++) {
    try {
      return await work();
    } catch {
      await delay(10);
    }
  }
  return await work();
}

Deno.test({
  name: "RedisStore needs permission for its server alone",
  ignore,
  async fn() {
    await using server = await RedisServer.start();
    await using folder = new Folder();
    const code = `
      await using store = await RedisStore.open("${server.url}");
      await store.put("a", new Uint8Array(1e6));
      console.log((await store.get("a")).length);`;
    const permissions = [`--allow-net=127.0.0.1:${server.port}`];
    assertEquals(await printed(await program(folder, code, permissions)), "1000000\n");
  },
});

Deno.test({
  name: "RedisStore rejects while its server is away, and goes on when it is back",
  ignore,
  async fn() {
    await using server = await RedisServer.start();
    await using store = await server.open();
    await store.put("a", new Uint8Array(1));
    await server.kill();
    const error = await assertRejects(() => store.get("a"), StoreError, "Cannot use Redis at ");
    assertEquals(error.reason, "failed");
    await assertRejects(() => store.put("a", new Uint8Array(1)), StoreError, `:${server.port}: `);
    await server.run();
    assertEquals(await eventually(() => store.get("a")), undefined);
    await store.put("a", new Uint8Array(2));
    assertEquals(await store.get("a"), new Uint8Array(2));
    await server.kill();
  },
});

Deno.test("open() rejects when no Redis server is there, and keeps the password", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const open = () => RedisStore.open(`redis://user:secret@127.0.0.1:${port}`);
  const { message } = await assertRejects(
    open,
    StoreError,
    `Cannot use Redis at 127.0.0.1:${port}`,
  );
  assert(!message.includes("secret"));
});

Deno.test("open() rejects what is no address of Redis", async () => {
  for (const address of ["http://user:secret@127.0.0.1:6379", "secret", ""]) {
    const { message } = await assertRejects(() => RedisStore.open(address), TypeError, "redis://");
    assert(!message.includes("secret"));
  }
});

Deno.test({
  name: "RedisStore forgets a snapshot that the server has dropped",
  ignore,
  async fn() {
    await using server = await RedisServer.start();
    await using store = await server.open({ maxBytes: 300 });
    await store.put("a", new Uint8Array(200), { keep: true });
    await store.put("b", new Uint8Array(50));
    const client = createClient({ url: server.url });
    await client.connect();
    await client.del("contrail:value:a");
    assertEquals((await Array.fromAsync(store.list())).map(({ key }) => key), ["b"]);
    assertEquals(await store.get("a"), undefined);
    await store.put("c", new Uint8Array(250));
    assertEquals((await Array.fromAsync(store.list())).map(({ key }) => key), ["b", "c"]);
    // What was sent has become a snapshot, or is gone.
    assertEquals(await client.keys("contrail:sent:*"), []);
    await client.close();
  },
});

Deno.test({
  name: "RedisStore.put() leaves nothing behind when it is refused",
  ignore,
  async fn() {
    await using server = await RedisServer.start();
    await using store = await server.open({ maxBytes: 300 });
    await using _lease = (await store.lease("a", "node", 60_000))!;
    await assertRejects(() => store.put("a", new Uint8Array(1)), StoreError, "lease");
    await assertRejects(() => store.put("b", new Uint8Array(301)), StoreError, "301 bytes");
    const client = createClient({ url: server.url });
    await client.connect();
    assertEquals((await client.keys("*")).sort(), ["contrail:fence", "contrail:lease:a"]);
    await client.close();
  },
});

Deno.test({
  name: "RedisStore keeps stores of different prefixes apart",
  ignore,
  async fn() {
    await using server = await RedisServer.start();
    await using one = await RedisStore.open(server.url, { prefix: "one" });
    await using two = await RedisStore.open(server.url, { prefix: "two" });
    await one.put("a", new Uint8Array(1));
    assertEquals(await two.get("a"), undefined);
    assertEquals(await Array.fromAsync(two.list()), []);
  },
});
