/**
 * The number at a place of an order, without sorting all of them.
 *
 * @module
 */

/**
 * The number of `values` that `n` others come before, from 0 on, when they stand in rising order.
 * Moves them about. None may be NaN. Quickselect, which takes a time in proportion to how many
 * there are.
 *
 * ```ts
 * nthLeast(Float32Array.of(3, 1, 2), 0); // 1
 * ```
 */
export function nthLeast(values: Float32Array, n: number): number {
  let first = 0;
  let last = values.length - 1;
  while (first < last) {
    const pivot = values[(first + last) >> 1]!;
    let low = first;
    let high = last;
    while (low <= high) {
      while (values[low]! < pivot) low++;
      while (values[high]! > pivot) high--;
      if (low > high) break;
      const value = values[low]!;
      values[low++] = values[high]!;
      values[high--] = value;
    }
    // From `first` to `high` are those that are no greater, from `low` on those that are no less.
    if (n <= high) last = high;
    else if (n >= low) first = low;
    else break;
  }
  return values[n]!;
}
