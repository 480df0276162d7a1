import { assert, assertEquals } from "@std/assert";
import { chunks, post } from "./http.ts";
import { listening, Output, server } from "./cli.ts";

Deno.test("contrail serve has spans below those of its requests when Deno exports", async () => {
  const env = { OTEL_DENO: "true", OTEL_EXPORTER_OTLP_PROTOCOL: "console" };
  await using process = server(0, [], [], env).spawn();
  const log = new Output(process.stderr);
  const url = await listening(new Output(process.stdout));
  const body = { prompt: "Once upon a time", max_tokens: 8, ignore_eos: true };
  await fetch(`${url}/v1/completions`, post(body)).then((response) => response.body?.cancel());
  await chunks(await fetch(`${url}/v1/completions`, post({ ...body, stream: true })));
  process.kill("SIGTERM");
  assertEquals((await process.status).code, 0);
  const text = await log.until();
  const found = [...text.matchAll(/^SPAN (.+?) \[(\w+)\/(\w+)\]/gm)];
  const traces = Map.groupBy(found, ([, , trace]) => trace!);
  const names = [...traces.values()].map((spans) => spans.map(([, name]) => name).sort());
  assertEquals(names.length, 2, text);
  for (const own of names) assertEquals(own.slice(1), ["decode", "prefill", "queue"]);
  assert(names.every(([request]) => request!.startsWith("POST")), text);
});
