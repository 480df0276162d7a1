/**
 * Rounds rows of numbers to few bits, a scale for each group of columns.
 *
 * @module
 */

/** How a matrix is stored: whole numbers of `bits` bits, one scale for each `group` columns. */
export interface GroupFormat {
  readonly bits: 4 | 8;
  readonly group: number;
}

/**
 * Places tried for the number of greatest magnitude, in steps of the scale: at 7 of 4 bits nothing
 * is clipped, beyond 8 it is clipped so that the others get finer steps. 8 bits need no clipping.
 */
const PLACES: Readonly<Record<GroupFormat["bits"], readonly number[]>> = {
  4: [7, 7.5, 8, 8.5, 9],
  8: [127, 127.5, 128],
};

/** Times that the scale is fitted to the rounded numbers, and they are rounded again. */
const REFINEMENTS = 2;

/** What is smaller is zero: its scale would have no exact inverse. */
const TINY = 1e-30;

/**
 * Finds scale and rounded numbers of each group of a row such that Σ h·(w − scale·q)² is small; the
 * importance h of a column is 1, or the mean square of what the column is multiplied with.
 *
 * q runs from −2^(bits−1) to 2^(bits−1) − 1. A scale may be negative, so that the number of
 * greatest magnitude can always take the longer side.
 */
export class GroupQuantizer {
  /** Groups of a row. */
  readonly groups: number;
  /** Sums over all rows so far: Σ h·(w − scale·q)² and Σ h·w². */
  error = 0;
  energy = 0;
  readonly #group: number;
  readonly #half: number;
  readonly #places: readonly number[];
  readonly #importance: Float64Array;
  /** The group at hand: w, and h·w and h. */
  readonly #values: Float64Array;
  readonly #weighted: Float64Array;
  readonly #weights: Float64Array;
  // Results of `#fit`: Σ h·w·q and Σ h·q².
  #product = 0;
  #square = 0;
  readonly #float = new Float32Array(1);
  readonly #bits = new Uint32Array(this.#float.buffer);

  /**
   * `columns` are whole groups. `importance` has a positive number for each column; without it all
   * are alike.
   */
  constructor({ bits, group }: GroupFormat, columns: number, importance?: Float64Array) {
    this.groups = columns / group;
    this.#group = group;
    this.#half = 2 ** (bits - 1);
    this.#places = PLACES[bits];
    this.#importance = importance ?? new Float64Array(columns).fill(1);
    this.#values = new Float64Array(group);
    this.#weighted = new Float64Array(group);
    this.#weights = new Float64Array(group);
  }

  /**
   * Quantizes the row that begins at `start` of `values`. Writes q + 2^(bits−1) into
   * `codes[columns]` and the bits of the bf16 scales into `scales[groups]`. Returns false when a
   * value is not finite.
   */
  row(values: Float32Array, start: number, codes: Uint8Array, scales: Uint16Array): boolean {
    for (let g = 0; g < this.groups; g++) {
      const column = g * this.#group;
      const energy = this.#take(values, start, column);
      if (!(energy < Infinity)) return false;
      const scale = this.#search(energy);
      this.#round(scale, codes, column);
      this.#float[0] = scale;
      scales[g] = this.#bits[0]! >>> 16;
      this.energy += energy;
    }
    return true;
  }

  /** Takes up the group that begins at `column`. Returns Σ h·w². */
  #take(values: Float32Array, start: number, column: number): number {
    let energy = 0;
    for (let c = 0; c < this.#group; c++) {
      const value = values[start + column + c]!;
      const weight = this.#importance[column + c]!;
      this.#values[c] = value;
      this.#weights[c] = weight;
      this.#weighted[c] = weight * value;
      energy += weight * value * value;
    }
    return energy;
  }

  /** The best scale of the group, as bf16 holds it. */
  #search(energy: number): number {
    const greatest = this.#greatest();
    if (Math.abs(greatest) < TINY) return 1;
    let best = 0; // scale
    let least = Infinity; // its error
    let fitted = 0; // scale that the best rounding so far would like
    let gain = -1; // what it takes off the energy
    for (const place of this.#places) {
      const scale = this.#bf16(-greatest / place);
      const error = this.#fit(scale, energy);
      if (error < least) {
        best = scale;
        least = error;
      }
      const possible = this.#product * this.#product / this.#square;
      if (possible > gain) {
        fitted = this.#product / this.#square;
        gain = possible;
      }
    }
    for (let i = 0; i < REFINEMENTS; i++) {
      const scale = this.#bf16(fitted);
      if (scale === best) break;
      const error = this.#fit(scale, energy);
      if (error < least) {
        best = scale;
        least = error;
      }
      fitted = this.#product / this.#square;
    }
    this.error += Math.max(0, least);
    return best;
  }

  #greatest(): number {
    let greatest = 0;
    for (let c = 0; c < this.#group; c++) {
      const value = this.#values[c]!;
      if (Math.abs(value) > Math.abs(greatest)) greatest = value;
    }
    return greatest;
  }

  /** Rounds the group at a scale. Returns Σ h·(w − scale·q)². */
  #fit(scale: number, energy: number): number {
    const values = this.#values;
    const weighted = this.#weighted;
    const weights = this.#weights;
    const group = this.#group;
    const half = this.#half;
    const top = 2 * half - 1;
    const inverse = 1 / scale;
    let product = 0;
    let square = 0;
    for (let c = 0; c < group; c++) {
      let code = (values[c]! * inverse + half + 0.5) | 0;
      code = code < 0 ? 0 : code > top ? top : code;
      const q = code - half;
      product += weighted[c]! * q;
      square += weights[c]! * q * q;
    }
    this.#product = product;
    this.#square = square;
    return energy - scale * (2 * product - scale * square);
  }

  #round(scale: number, codes: Uint8Array, column: number): void {
    const half = this.#half;
    const top = 2 * half - 1;
    const inverse = 1 / scale;
    for (let c = 0; c < this.#group; c++) {
      const code = (this.#values[c]! * inverse + half + 0.5) | 0;
      codes[column + c] = code < 0 ? 0 : code > top ? top : code;
    }
  }

  /** The nearest number that bf16 holds. */
  #bf16(value: number): number {
    this.#float[0] = value;
    const bits = this.#bits[0]!;
    this.#bits[0] = (bits + 0x7fff + (bits >>> 16 & 1)) & 0xffff0000;
    return this.#float[0]!;
  }
}
