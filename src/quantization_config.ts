/**
 * The `quantization_config` of a `config.json`: quantized weights as compressed-tensors stores
 * them.
 *
 * @module
 */
import { type Fields, isRecord } from "./json_fields.ts";

/**
 * Checks that quantized weights are of a kind that can be read: integers of 4 or 8 bits, symmetric,
 * in groups of 32, 64 or 128, packed into words. Which tensors are quantized, and how, is read from
 * the weight files. Throws an `Error` that names the field which asks for something else.
 */
export function checkQuantization(fields: Fields): void {
  fields.choice("quant_method", ["compressed-tensors"]);
  fields.choice("format", ["pack-quantized"]);
  const groups = fields.raw("config_groups");
  if (!isRecord(groups)) throw fields.error("config_groups", "an object");
  for (const name of Object.keys(groups)) {
    const group = fields.object("config_groups").object(name);
    for (const input of ["input_activations", "output_activations"]) {
      if (group.has(input)) throw group.error(input, "null, as weights alone can be quantized");
    }
    checkWeights(group.object("weights"));
  }
}

function checkWeights(weights: Fields): void {
  oneOf(weights, "num_bits", [4, 8]);
  oneOf(weights, "group_size", [32, 64, 128]);
  weights.choice("type", ["int"]);
  if (!weights.boolean("symmetric")) throw weights.error("symmetric", "true");
  if (weights.has("strategy")) weights.choice("strategy", ["group"]);
  if (weights.has("actorder")) throw weights.error("actorder", "null");
}

function oneOf(fields: Fields, name: string, allowed: readonly number[]): void {
  if (allowed.some((number) => number === fields.raw(name))) return;
  throw fields.error(name, `${allowed.slice(0, -1).join(", ")} or ${allowed.at(-1)}`);
}
