import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { command, contrail, contrailWith, listening, Output, server } from "./cli.ts";
import { FABLE, GREEDY_IDS, GREEDY_TEXT, PROMPT_IDS } from "./fable.ts";
import { type Json, post } from "./http.ts";

const GREEDY = ["--temperature", "0", "--max-tokens", "8", "--weights", "f32"];
const PROMPT = "Once upon a time";

Deno.test("contrail generate streams the text and tells its speed", async () => {
  const { code, stdout, stderr } = await contrail(["generate", ...GREEDY, PROMPT]);
  assertEquals(code, 0, stderr);
  assert(GREEDY_TEXT.startsWith(stdout.trimEnd()), stdout);
  const speed = /prompt 5 tokens \([\d.]+ tokens\/s\), generated 8 tokens \([\d.]+ tokens\/s\)/;
  assertMatch(stderr, speed);
});

Deno.test("contrail generate takes the prompt from each place and gives JSON", async () => {
  const json = ["generate", ...GREEDY, "--json"];
  const outputs = await Promise.all([
    contrail([...json, ...PROMPT.split(" ")]),
    contrail([...json, "-"], `${PROMPT}\n`),
    contrail([...json, "--token-ids", PROMPT_IDS.join(",")]),
  ]);
  for (const { code, stdout, stderr } of outputs) {
    assertEquals(code, 0, stderr);
    const result: Json = JSON.parse(stdout);
    assertEquals(result.token_ids, GREEDY_IDS);
    assert(GREEDY_TEXT.startsWith(result.text));
    assertEquals([result.model, result.finish_reason], ["fable", "length"]);
    assertEquals([result.prompt_tokens, result.generated_tokens], [5, 8]);
    assert(result.generated_tokens_per_second > 0);
  }
});

Deno.test("contrail generate takes numbers below 0", async () => {
  const args = ["--presence-penalty", "-0.5", "--max-tokens", "1", PROMPT];
  const { code, stderr } = await contrail(["generate", ...args]);
  assertEquals(code, 0, stderr);
});

Deno.test("contrail generate refuses what it cannot read or save before it begins", async () => {
  const path = `${await Deno.makeTempDir()}/absent/story`;
  const args = ["generate", "--save", path, PROMPT];
  const { code, stdout, stderr } = await contrailWith(["--allow-write"], args);
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, `Cannot write the session to ${path}`);
  await using process = command("generate", ["generate", "-"], "piped").spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new Uint8Array([0x61, 0xff]));
  await writer.close();
  const { code: status, stderr: told } = await process.output();
  assertEquals(status, 2);
  assertStringIncludes(new TextDecoder().decode(told), "Standard input is no text in UTF-8");
});

Deno.test("contrail tells its version", async () => {
  const { code, stdout } = await contrail(["--version"]);
  assertEquals([code, /^contrail \d+\.\d+\.\d+\n$/.test(stdout)], [0, true]);
});

Deno.test("contrail info tells what was loaded", async () => {
  const { code, stdout, stderr } = await contrail(["info", "--json", "--sessions", "3"]);
  assertEquals(code, 0, stderr);
  const facts: Json = JSON.parse(stdout);
  assertEquals([facts.model, facts.parameters, facts.sessions], ["fable", 6987440, 3]);
  assertEquals(facts.layers, { jet: 6, attn: 1, swa: 1 });
  assertMatch(facts.library, /libcontrail_cpu/);
  assert(facts.session_bytes > 0 && facts.threads > 0 && facts.weight_bytes > 13e6);
  const table = await contrail(["info"]);
  assertMatch(table.stdout, /^parameters +6,987,440$/m);
  assertMatch(table.stdout, /^layers +8 \(6 jet, 1 attn, 1 swa\)$/m);
});

Deno.test("contrail chat answers piped lines until the end or /exit", async () => {
  const args = ["chat", ...GREEDY];
  const { code, stdout, stderr } = await contrail(args, "Hello\n\nHello again\n/reset\nHello\n");
  assertEquals([code, stderr], [0, ""]);
  const answers = stdout.trimEnd().split("\n");
  assertEquals(answers.length, 3);
  assertEquals(answers[2], answers[0]);
  const left = await contrail(args, "/exit\nHello\n");
  assertEquals(left, { code: 0, stdout: "", stderr: "" });
});

Deno.test("contrail tells wrong usage with status 2", async () => {
  const wrong: [args: string[], words: string][] = [
    [[], "Usage: contrail COMMAND"],
    [["fly"], 'no command "fly"'],
    [["generate"], "No prompt"],
    [["generate", "a", "--prompt", "b"], "More than one prompt"],
    [["generate", "--colour", "x"], "--colour"],
    [["generate", "--temperature", "hot", "x"], '--temperature is "hot"'],
    [["generate", "--top-p=2", "x"], "from 0 to 1"],
    [["generate", "--max-tokens", "0", "x"], "1 or more"],
    [["generate", "--seed", "-1", "x"], "--seed is -1: pass a whole number, 0 or more"],
    [["generate", "--weights", "q1", "x"], "auto, f32, bf16"],
    [["generate", "--token-ids", "1,x"], "whole numbers"],
    [["generate", "--model", "a", "--random", "b", "x"], "pass one of them"],
    [["bench", "--depth", "0,x"], "whole numbers"],
    [["bench", "--prompt", "0", "--generate", "0"], "both 0"],
    [["bench", "fable"], "--model"],
    [["serve", "--port", "70000"], "from 0 to 65535"],
    [["chat", "hello"], '"hello"'],
    [["info", "somewhere"], "--model"],
  ];
  const run = async ([args, words]: typeof wrong[number]) => {
    const { code, stdout, stderr } = await contrail(args);
    assertEquals([code, stdout], [2, ""], stderr);
    assertStringIncludes(stderr, words);
  };
  // Two at a time, as most of the time goes into starting a process.
  while (wrong.length > 0) await Promise.all(wrong.splice(0, 2).map(run));
});

Deno.test("contrail tells a failure in one line with status 1", async () => {
  const { code, stdout, stderr } = await contrail(["info", "--model", `${FABLE}/absent`]);
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, /^contrail info: .*absent.*\n$/);
  const debug = await contrail(["info", "--model", `${FABLE}/absent`, "--debug"]);
  assertEquals(debug.code, 1);
  assertStringIncludes(debug.stderr, "\n    at ");
});

Deno.test("contrail shows help with an example for every command", async () => {
  const all = await contrail(["--help"]);
  assertEquals(all.code, 0);
  const names = ["generate", "chat", "serve", "keys", "info", "pull", "bench", "quantize", "eval"];
  for (const name of names) {
    assertStringIncludes(all.stdout, name);
    const { code, stdout } = await contrail([name, "--help"]);
    assertEquals(code, 0);
    assertStringIncludes(stdout, `Usage: contrail ${name}`);
    assertStringIncludes(stdout, `Example: contrail ${name}`);
  }
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`contrail serve ends with status 0 at ${signal}, after what runs`, async () => {
    await using process = server(0).spawn();
    const output = new Output(process.stdout);
    const url = await listening(output);
    assertEquals(await (await fetch(`${url}/health`)).json(), { status: "ok" });
    const body = { prompt: PROMPT, max_tokens: 64, ignore_eos: true, stream: true };
    const response = await fetch(`${url}/v1/completions`, post(body));
    process.kill(signal);
    assert((await response.text()).endsWith("data: [DONE]\n\n"));
    const { code } = await process.status;
    const log = (await new Response(process.stderr).text()).trimEnd().split("\n");
    const entries: Json[] = log.map((line) => JSON.parse(line));
    assertEquals([code, await output.until()], [0, `Listening on ${url}\n`]);
    assertEquals(entries.map(({ event }) => event), [
      "listening",
      "ready",
      "request",
      "draining",
      "request",
      "stopped",
    ]);
    assert(entries.every(({ time, level }) => Date.parse(time) > 0 && level === "info"));
    const { route, status, generated_tokens, stream } = entries[4];
    assertEquals([route, status], ["/v1/completions", 200]);
    assertEquals([generated_tokens, stream], [64, "finished"]);
  });
}

Deno.test("contrail serve tells that its port is in use with status 1", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const { code, stdout, stderr } = await server(port).output();
  const decoder = new TextDecoder();
  assertEquals([code, decoder.decode(stdout)], [1, ""]);
  const wanted = `contrail serve: Cannot listen on 127.0.0.1:${port}: the port is in use`;
  assertStringIncludes(decoder.decode(stderr), wanted);
});

Deno.test("contrail generate tells what it has at Ctrl-C, with status 130", async () => {
  const args = ["generate", "--max-tokens", "4000", "--ignore-eos", PROMPT];
  await using process = command("generate", args, "null").spawn();
  const output = new Output(process.stdout);
  await output.until(" ");
  process.kill("SIGINT");
  const { code } = await process.status;
  assertEquals(code, 130);
  assert((await output.until()).endsWith("\n"));
  assertMatch(await new Response(process.stderr).text(), /generated \d+ tokens? /);
});

Deno.test("contrail chat ends an answer at Ctrl-C, and goes on", async () => {
  const args = ["chat", "--ignore-eos", "--attention-budget", "2000"];
  await using process = command("generate", args, "piped").spawn();
  const output = new Output(process.stdout);
  const writer = process.stdin.getWriter();
  const encoder = new TextEncoder();
  for (const _ of [1, 2]) {
    output.text = "";
    await writer.write(encoder.encode("Tell me a story\n"));
    await output.until(" ");
    process.kill("SIGINT");
    await output.until("\n");
  }
  await writer.close();
  const { code } = await process.status;
  assertEquals([code, await new Response(process.stderr).text()], [0, ""]);
  await output.until();
});

Deno.test("contrail chat leaves at Ctrl-C when nothing is being answered", async () => {
  await using process = command("generate", ["chat", ...GREEDY], "piped").spawn();
  const output = new Output(process.stdout);
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode("Hello\n"));
  await output.until("\n");
  process.kill("SIGINT");
  const { code } = await process.status;
  assertEquals(code, 0);
  await writer.close().catch(() => {});
  await output.until();
  await process.stderr.cancel();
});
