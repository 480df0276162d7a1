/**
 * One Int32 in shared memory that a Worker sleeps on between pieces of work.
 *
 * @module
 */

/** Wakes whoever sleeps on `bell`. */
export function ring(bell: Int32Array): void {
  Atomics.add(bell, 0, 1);
  Atomics.notify(bell, 0);
}
