/**
 * Seeded random numbers, and the fills of the operands of test cases that are made of them.
 *
 * @module
 */

/**
 * A small generator (xorshift of 32 bits): the same seed gives the same numbers on every machine.
 */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1;
    for (let i = 0; i < 4; i++) this.next(); // neighbouring seeds begin alike
  }

  /** A number from 0 up to, but not, 1. */
  next(): number {
    let word = this.#state;
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    this.#state = word >>> 0;
    return this.#state / 2 ** 32;
  }

  /** A whole number from 0 up to, but not, `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
}

/** A seed that belongs to a name: a case keeps its numbers when others come or go. */
export function seedOf(name: string): number {
  let hash = 0;
  for (const letter of name) hash = (Math.imul(hash, 31) + letter.codePointAt(0)!) >>> 0;
  return hash;
}

/** The element of an operand at `row` and `column`. */
export type Fill = (random: Random, row: number, column: number) => number;

export function uniform(low: number, high: number): Fill {
  return (random) => low + (high - low) * random.next();
}

/** Nearly normal, of standard deviation `scale`: the sum of three uniform numbers. */
export function normal(scale = 1): Fill {
  return (random) => scale * 2 * (random.next() + random.next() + random.next() - 1.5);
}

/** Whole numbers from 0 up to, but not, `limit`, so that there are ties. */
export function whole(limit: number): Fill {
  return (random) => random.below(limit);
}

export function constant(value: number): Fill {
  return () => value;
}

/** The given numbers, one a column, the same in every row. */
export function list(...values: readonly number[]): Fill {
  return (_random, _row, column) => values[column]!;
}

/** The given rows. */
export function table(rows: readonly ArrayLike<number>[]): Fill {
  return (_random, row, column) => rows[row]![column]!;
}

/** `fill` in the given rows, and NaN in the others, which no operator may read. */
export function only(rows: readonly number[], fill: Fill): Fill {
  const read = new Set(rows);
  return (random, row, column) => read.has(row) ? fill(random, row, column) : NaN;
}
