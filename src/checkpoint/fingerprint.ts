/**
 * Tells models apart: a snapshot goes with the weights that it was made with.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { ModelConfig } from "../config.ts";

/** Bytes that are read at each place, and places in each file. */
const SAMPLE_BYTES = 4096;
const SAMPLES = 32;

/** A fingerprint of a shape and a seed, for random weights. */
export function randomFingerprint(config: ModelConfig, seed: number): string {
  return createHash("sha256").update(JSON.stringify([config, seed])).digest("hex");
}

/**
 * A fingerprint of a model's shape and of its weight files: their sizes and samples of their bytes,
 * the header's among them. Reading all of a large model would take longer than loading it.
 */
export function fingerprint(config: ModelConfig, paths: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(config));
  for (const path of paths) {
    using file = Deno.openSync(path);
    const { size } = file.statSync();
    hash.update(`${size}`);
    const sample = new Uint8Array(SAMPLE_BYTES);
    for (let i = 0; i < SAMPLES; i++) {
      file.seekSync(Math.floor(Math.max(0, size - SAMPLE_BYTES) * i / (SAMPLES - 1)), 0);
      hash.update(sample.subarray(0, file.readSync(sample) ?? 0));
    }
  }
  return hash.digest("hex");
}
