/**
 * Weights whose loading is told.
 *
 * @module
 */
import type { ModelConfig } from "../config.ts";
import { tensorShapes } from "./tensor_shapes.ts";
import type { WeightSource } from "./weights.ts";

/** A source that calls `progress` with the share of all weights that was loaded from it. */
export class ToldSource implements WeightSource {
  readonly #source: WeightSource;
  readonly #progress: (share: number) => void;
  readonly #total: number;
  #loaded = 0;

  constructor(source: WeightSource, config: ModelConfig, progress: (share: number) => void) {
    this.#source = source;
    this.#progress = progress;
    this.#total = tensorShapes(config).values().reduce((sum, shape) => sum + count(shape), 0);
  }

  type(name: string, shape: readonly number[]): ReturnType<WeightSource["type"]> {
    return this.#source.type(name, shape);
  }

  load(...args: Parameters<WeightSource["load"]>): void {
    const [, , shape, , rowStep] = args;
    this.#source.load(...args);
    this.#loaded += count(shape) / rowStep;
    this.#progress(Math.min(this.#loaded / this.#total, 1));
  }
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
