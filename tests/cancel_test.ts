import { assertEquals } from "@std/assert";
import { createServer } from "../src/server/app.ts";
import { loadFable } from "./fable.ts";
import { type Json, post } from "./http.ts";
import { sessionIsFree } from "./sessions.ts";

const RESPONSES = "/v1/responses";

Deno.test("cancel() ends a streamed response whose client does not read on", async () => {
  await using runtime = await loadFable({ sessions: 1 });
  const app = createServer(runtime);
  const endless = { input: "Tell a story.", ignore_eos: true, max_output_tokens: 100_000 };
  const stream = await app.request(RESPONSES, post({ ...endless, stream: true }));
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value!;
  const { id } = JSON.parse(text.match(/^data: (.*)$/m)![1]!).response;
  const answer = await app.request(`${RESPONSES}/${id}/cancel`, { method: "POST" });
  const cancelled: Json = await answer.json();
  assertEquals(cancelled.status, "cancelled");
  await sessionIsFree(runtime);
  for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value;
  const last: Json = JSON.parse(text.match(/^data: (.*)\n\ndata: \[DONE\]\n\n$/m)![1]!);
  assertEquals([last.type, last.response], ["response.incomplete", cancelled]);
});
