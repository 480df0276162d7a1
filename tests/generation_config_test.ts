import { assertEquals, assertThrows } from "@std/assert";
import { readJson } from "../src/checkpoint/read_json.ts";
import { parseGenerationConfig } from "../src/config.ts";
import { FABLE } from "./fable.ts";

Deno.test("parseGenerationConfig() gives the sampling defaults and end tokens", () => {
  const path = `${FABLE}/generation_config.json`;
  assertEquals(parseGenerationConfig(readJson(path), path), {
    endTokens: [2045, 2047],
    sampling: { temperature: 0.7, topP: 0.8 },
    maxTokens: 256,
  });
  const all = { top_k: 20, min_p: 0.1, repetition_penalty: 1.1, eos_token_id: 7, top_p: null };
  const greedy = { ...all, do_sample: false, temperature: 0.7 };
  assertEquals(parseGenerationConfig(greedy, path), {
    endTokens: [7],
    sampling: { temperature: 0, topK: 20, minP: 0.1, repetitionPenalty: 1.1 },
  });
  assertEquals(parseGenerationConfig({}, path), { endTokens: [], sampling: {} });
});

Deno.test("parseGenerationConfig() says field, found and wanted", () => {
  const wrong: [string, unknown, string][] = [
    ["do_sample", "yes", 'do_sample is "yes"; it must be true or false'],
    ["temperature", -0.1, "temperature is -0.1; it must be a number from 0 to 100"],
    ["temperature", Infinity, "temperature is Infinity; "],
    ["temperature", "0.7", 'temperature is "0.7"; '],
    ["top_p", 1.01, "top_p is 1.01; it must be a number from 0 to 1"],
    ["top_k", -1, "top_k is -1; it must be a whole number from 0 to"],
    ["top_k", 2.5, "top_k is 2.5; "],
    ["min_p", 2, "min_p is 2; "],
    ["repetition_penalty", 0, "repetition_penalty is 0; it must be a number from 0.01 to 100"],
    ["max_new_tokens", 0, "max_new_tokens is 0; it must be a whole number from 1 to"],
    ["eos_token_id", [-1], "eos_token_id is a list with -1; "],
    ["eos_token_id", {}, "eos_token_id is an object; "],
  ];
  for (const [field, value, sentence] of wrong) {
    const json = { [field]: value };
    assertThrows(
      () => parseGenerationConfig(json, "g.json"),
      Error,
      `Cannot use g.json: ${sentence}`,
    );
  }
  assertThrows(() => parseGenerationConfig([], "g.json"), Error, "its content is a list of 0");
});
