/**
 * The small model, for tests of what stands on it.
 *
 * @module
 */
import type { RuntimeOptions } from "../src/options.ts";
import { Runtime } from "../src/runtime.ts";

/** The folder of the small model. */
export const FABLE = decodeURIComponent(new URL("../models/fable", import.meta.url).pathname);

/**
 * The text that the small model continues "Once upon a time" with, always taking the most probable
 * token.
 */
export const GREEDY_TEXT =
  " there lived a king who was so fond of wine that he could not go to sleep";

/** Token ids of "Once upon a time" and of the first eight that follow. */
export const PROMPT_IDS = [1484, 328, 670, 258, 520];
export const GREEDY_IDS = [438, 1042, 258, 566, 402, 308, 362, 612];

/** Loads the small model with the types that its expected texts were computed with. */
export async function loadFable(options: RuntimeOptions = {}): Promise<Runtime> {
  return await Runtime.load(FABLE, { weights: "f32", cacheType: "f32", sessions: 2, ...options });
}
