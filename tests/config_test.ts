import { assertEquals, assertThrows } from "@std/assert";
import { parameterCount } from "../src/model_costs.ts";
import { readJson } from "../src/checkpoint/read_json.ts";
import { type ModelConfig, parseConfig } from "../src/config.ts";
import { tensorShapes } from "../src/model/tensor_shapes.ts";
import { SMALL_CONFIG, SMALL_QWEN, SMALL_QWEN3 } from "./checkpoints.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);

function parseFile(path: string): ModelConfig {
  return parseConfig(readJson(`${ROOT}${path}`), path);
}

/** A copy of `config` with the field at `path`, "jet.head_dim" for one of a section, changed. */
function changed(config: object, path: string, value: unknown): unknown {
  const copy = structuredClone(config) as Record<string, unknown>;
  let section = copy;
  const names = path.split(".");
  if (names.length > 1) names.unshift("efficient_attention_config");
  const last = names.pop()!;
  for (const name of names) section = section[name] as Record<string, unknown>;
  if (value === undefined) delete section[last];
  else section[last] = value;
  return copy;
}

/** Asserts that a configuration is refused with one sentence that begins so. */
function assertRefused(json: unknown, sentence: string): void {
  const error = assertThrows(() => parseConfig(json, "c.json"), Error, sentence);
  assertEquals(error.constructor, Error);
  assertEquals(error.message.slice(0, 19), "Cannot use c.json: ");
  assertEquals(error.message.includes("\n"), false);
}

const layers = (count: number, attn: readonly number[], swa: readonly number[]) =>
  Array.from(
    { length: count },
    (_, i) => attn.includes(i) ? "attn" : swa.includes(i) ? "swa" : "jet",
  );

Deno.test("parseConfig() gives the official numbers for Jet-Nemotron 2B", () => {
  const config = parseFile("bench/configs/jet-nemotron-2b.json");
  assertEquals(config, {
    modelType: "jet_nemotron",
    hiddenSize: 1536,
    intermediateSize: 8960,
    vocabularySize: 151936,
    layers: layers(28, [14, 19], [20, 21]) as ModelConfig["layers"],
    heads: 12,
    kvHeads: 2,
    headSize: 128,
    window: 1152,
    maxPositions: 131072,
    ropeTheta: 1e6,
    normEpsilon: 1e-6,
    tiedEmbeddings: true,
    jet: {
      heads: 12,
      keySize: 96,
      valueSize: 256,
      convolutionWidth: 4,
      generatorSize: 384,
      normEpsilon: 1e-5,
    },
    endTokens: [151643],
  });
  assertEquals(parameterCount(config), 1_964_806_208);
  assertEquals(tensorShapes(config).size, 482);
});

Deno.test("parseConfig() gives the official numbers for Jet-Nemotron 4B", () => {
  const config = parseFile("bench/configs/jet-nemotron-4b.json");
  assertEquals(config.layers, layers(36, [17, 20, 32], [5, 16, 19, 21, 22, 25, 27]));
  const { hiddenSize, intermediateSize, heads, kvHeads, headSize, window, maxPositions } = config;
  assertEquals([hiddenSize, intermediateSize, heads, kvHeads], [2048, 11008, 16, 2]);
  assertEquals([headSize, window, maxPositions], [128, 2048, 32768]);
  assertEquals(config.jet, {
    heads: 16,
    keySize: 128,
    valueSize: 256,
    convolutionWidth: 4,
    generatorSize: 512,
    normEpsilon: 1e-5,
  });
  assertEquals(parameterCount(config), 3_960_424_768);
  assertEquals(tensorShapes(config).size, 590);
});

Deno.test("parseConfig() gives the official numbers for Qwen2.5 1.5B", () => {
  const config = parseFile("bench/configs/qwen2.5-1.5b.json");
  assertEquals(config, {
    modelType: "qwen2",
    hiddenSize: 1536,
    intermediateSize: 8960,
    vocabularySize: 151936,
    layers: Array<"attn">(28).fill("attn"),
    heads: 12,
    kvHeads: 2,
    headSize: 128,
    window: 0,
    maxPositions: 131072,
    ropeTheta: 1e6,
    normEpsilon: 1e-6,
    tiedEmbeddings: true,
    endTokens: [151643],
  });
  assertEquals(parameterCount(config), 1_543_714_304);
});

Deno.test("parseConfig() gives the numbers of Qwen3 1.7B", () => {
  const config = parseFile("bench/configs/qwen3-1.7b.json");
  assertEquals(config, {
    modelType: "qwen3",
    hiddenSize: 2048,
    intermediateSize: 6144,
    vocabularySize: 151936,
    layers: Array<"attn">(28).fill("attn"),
    heads: 16,
    kvHeads: 8,
    headSize: 128,
    window: 0,
    maxPositions: 40960,
    ropeTheta: 1e6,
    normEpsilon: 1e-6,
    tiedEmbeddings: true,
    endTokens: [151645],
  });
  assertEquals(parameterCount(config), 1_720_574_976);
});

Deno.test("parseConfig() gives the numbers of the models that come with the project", () => {
  const seen = ["tests/golden/tiny-2b", "tests/golden/tiny-4b", "models/fable"].map((folder) => {
    const { hiddenSize, vocabularySize, headSize, window, jet, endTokens } = parseFile(
      `${folder}/config.json`,
    );
    const { heads, keySize, valueSize, generatorSize } = jet!;
    return [
      [hiddenSize, vocabularySize, headSize, window],
      [heads, keySize, valueSize, generatorSize],
      endTokens,
    ];
  });
  assertEquals(seen, [
    [[64, 512, 16, 16], [3, 24, 64, 24], [511]],
    [[96, 400, 16, 8], [4, 16, 32, 16], [399]],
    [[256, 2048, 64, 64], [4, 32, 64, 32], [2045]],
  ]);
});

Deno.test("parseConfig() takes what the Transformers library takes", () => {
  const parse = (path: string, value: unknown) =>
    parseConfig(changed(SMALL_CONFIG, path, value), "c.json");
  assertEquals(parse("jet.norm_eps", 0.5).jet!.normEpsilon, 0.5);
  assertEquals(parse("jet.norm_eps", " 2.5E-3 ").jet!.normEpsilon, 0.0025);
  assertEquals(parse("jet.conv_size", 1).jet!.convolutionWidth, 1);
  assertEquals(parse("rope_scaling", undefined).ropeTheta, 10000);
  assertEquals(parse("eos_token_id", 3).endTokens, [3]);
  assertEquals(parse("eos_token_id", null).endTokens, []);
  assertEquals(parse("eos_token_id", undefined).endTokens, []);
  assertEquals(parse("head_dim", 6).headSize, 6);
  assertEquals(parse("head_dim", null).headSize, 4);
  assertEquals(parse("tie_word_embeddings", false).tiedEmbeddings, false);
  const attention = changed(SMALL_CONFIG, "layer_types", ["attn", "attn", "attn"]);
  const plain = parseConfig(changed(attention as object, "efficient_attention_config", 7), "c");
  assertEquals([plain.window, "jet" in plain], [0, false]);
  const qwen = changed(SMALL_QWEN, "layer_types", Array(3).fill("full_attention"));
  assertEquals(parseConfig(qwen, "c").layers, ["attn", "attn", "attn"]);
});

Deno.test("parseConfig() refuses a field that is missing, of a wrong type or out of range", () => {
  const sizes = ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers"];
  sizes.push("num_attention_heads", "num_key_value_heads", "max_position_embeddings");
  const jet = ["jet.num_heads", "jet.head_dim", "jet.conv_size", "jet.dconv_generator_reduction"];
  const wrongSizes = [undefined, null, "8", 0, -1, 1.5, true, [8], {}, 2 ** 31, 2 ** 53, 1e300];
  for (const path of [...sizes, ...jet, "swa.window_size"]) {
    for (const value of [...wrongSizes, Infinity]) {
      assertRefused(changed(SMALL_CONFIG, path, value), `${path} is `);
    }
  }
  for (const path of ["rope_theta", "rms_norm_eps", "jet.expand_v", "jet.norm_eps"]) {
    for (const value of [undefined, null, "", "x", 0, -1, 1e-60, Infinity, [1], {}, true]) {
      assertRefused(changed(SMALL_CONFIG, path, value), `${path} is `);
    }
  }
  for (const value of ["1e-400", "nan", "inf", "0x1", "1e-5x", "1_0"]) {
    assertRefused(changed(SMALL_CONFIG, "jet.norm_eps", value), `jet.norm_eps is "${value}"; `);
  }
  assertRefused(changed(SMALL_CONFIG, "rms_norm_eps", "1e-6"), 'rms_norm_eps is "1e-6"; ');
});

Deno.test("parseConfig() says field, found and wanted", () => {
  const section = "efficient_attention_config";
  const wrong: [string, unknown, string][] = [
    [
      "model_type",
      "llama",
      'model_type is "llama"; it must be "jet_nemotron" or "qwen2" or "qwen3"',
    ],
    ["model_type", undefined, "model_type is missing; "],
    ["hidden_act", "gelu", 'hidden_act is "gelu"; it must be "silu"'],
    ["rope_scaling", { type: "yarn" }, "rope_scaling is an object; it must be null"],
    ["tie_word_embeddings", 1, "tie_word_embeddings is 1; it must be true or false"],
    ["layer_types", undefined, "layer_types is missing; it must be a list"],
    ["layer_types", { length: 3 }, "layer_types is an object; it must be a list"],
    ["layer_types", ["jet", "attn"], "layer_types is a list of 2; it must be a list of 3"],
    ["layer_types", ["jet", "mamba", 1], 'layer_types[1] is "mamba"; it must be "jet" or "attn"'],
    ["layer_types", ["jet", "attn", null], "layer_types[2] is null; "],
    ["layer_types", ["jet", "constructor", "swa"], 'layer_types[1] is "constructor"; '],
    ["num_key_value_heads", 3, "num_key_value_heads is 3; it must be a divisor of num_attention"],
    ["num_hidden_layers", 1025, "num_hidden_layers is 1025; it must be a whole number from 1 to"],
    ["hidden_size", 18, "hidden_size is 18; it must be a multiple of num_attention_heads, 4"],
    ["hidden_size", 12, "hidden_size / num_attention_heads is 3; it must be even"],
    ["head_dim", 5, "head_dim is 5; it must be even"],
    ["head_dim", 0, "head_dim is 0; it must be a whole number"],
    ["eos_token_id", 24, "eos_token_id is 24; it must be null or one or more"],
    ["eos_token_id", [1, -2], "eos_token_id is a list with -2; "],
    ["eos_token_id", "1", 'eos_token_id is "1"; '],
    [section, undefined, `${section} is missing; it must be an object`],
    [section, [], `${section} is a list of 0; it must be an object`],
    [section, { swa: SMALL_CONFIG[section].swa }, `${section}.jet is missing; it must be an obj`],
    [section, { jet: SMALL_CONFIG[section].jet }, `${section}.swa is missing; it must be an obj`],
    ["jet.expand_v", 0.1, `${section}.jet.expand_v is 0.1, which makes heads of 0 values`],
    ["jet.expand_v", 2.1, "expand_v is 2.1, which makes heads of 12 values and 25 in all; "],
    ["jet.dconv_generator_reduction", 25, "dconv_generator_reduction is 25; it must be at most"],
    ["hidden_act", "x".repeat(500), `hidden_act is "${"x".repeat(60)}…"; `],
    ["hidden_act", "a\nb", 'hidden_act is "a\\nb"; '],
  ];
  for (const [path, value, sentence] of wrong) {
    assertRefused(changed(SMALL_CONFIG, path, value), sentence);
  }
  for (const json of [null, undefined, [], "text", 7, true]) {
    assertRefused(json, "its content is ");
  }
  assertRefused(JSON.parse('{"__proto__": {"model_type": "qwen2"}}'), "model_type is missing");
});

Deno.test("parseConfig() refuses what differs in qwen2", () => {
  const wrong: [string, unknown, string][] = [
    ["use_sliding_window", true, "use_sliding_window is true; it must be false"],
    ["use_sliding_window", 1, "use_sliding_window is 1; it must be true or false"],
    ["layer_types", ["full_attention"], "layer_types is a list of 1; "],
    ["layer_types", Array(3).fill("sliding_attention"), 'layer_types[0] is "sliding_attention"; '],
    ["num_hidden_layers", 2 ** 30, "num_hidden_layers is 1073741824; "],
  ];
  for (const [path, value, sentence] of wrong) {
    assertRefused(changed(SMALL_QWEN, path, value), sentence);
  }
});

Deno.test("parseConfig() refuses biases in qwen3", () => {
  parseConfig(SMALL_QWEN3, "c.json");
  const biased = changed(SMALL_QWEN3, "attention_bias", true);
  assertRefused(biased, "attention_bias is true; it must be false, as qwen3 has no biases here");
});

Deno.test("parseConfig() refuses sizes that no machine could hold", () => {
  const huge = 2 ** 30;
  const wrong: [string, unknown, string][] = [
    ["intermediate_size", huge, "2 · intermediate_size is 2147483648; it must be at most"],
    ["head_dim", huge, "(num_attention_heads + 2 · num_key_value_heads) · head_dim is "],
    ["jet.num_heads", huge, "num_heads · head_dim · max(1, expand_v) is "],
    ["jet.head_dim", 2 ** 28, "jet projections is "],
    ["jet.head_dim", 2 ** 15, "jet state (num_heads · head_dim² · expand_v) is 4294967296; "],
    ["jet.conv_size", huge, "jet taps (num_heads · head_dim · expand_v · conv_size) is "],
    ["jet.expand_v", 1e6, "jet taps · generator width is "],
  ];
  for (const [path, value, sentence] of wrong) {
    assertRefused(changed(SMALL_CONFIG, path, value), sentence);
  }
  parseConfig(changed(SMALL_CONFIG, "vocab_size", 2 ** 31 - 1), "c.json");
  const wide = changed(SMALL_CONFIG, "hidden_size", 2 ** 20) as object;
  assertRefused(changed(wide, "vocab_size", 2 ** 21), "vocab_size · hidden_size is ");
});
