/**
 * The faults that `mutate.ts` plants in the kernels of GPUs, and in what calls them.
 *
 * @module
 */
import type { Mutation } from "./mutations.ts";

/** Faults that the emulator must notice. */
export const GPU: readonly Mutation[] = [
  {
    file: "gpu/numbers.h",
    find: `  x = warp_sum(x);
  barrier();  // parts may still be read
  if (thread_index % warp_size == 0) parts[thread_index / warp_size] = x;
  barrier();`,
    replace: `  x = warp_sum(x);
  barrier();  // parts may still be read
  if (thread_index % warp_size == 0) parts[thread_index / warp_size] = x;`,
    why: "parts of a sum are read before they are written",
  },
  {
    file: "gpu/numbers.h",
    find: `  x = warp_sum(x);
  barrier();  // parts may still be read`,
    replace: "  x = warp_sum(x);",
    why: "parts of a sum are overwritten before they are read",
  },
  {
    file: "gpu/numbers.h",
    find: "(bits + 0x7fffu + (bits >> 16 & 1u)) >> 16",
    replace: "(bits + 0x8000u) >> 16",
    why: "ties are rounded up",
  },
  {
    file: "gpu/turns.h",
    find: "fused_multiply_add(low, frequency, -low_angle)",
    replace: "0.0f",
    why: "what an angle is rounded by is lost",
  },
  {
    file: "gpu/rotary.h",
    find: "position < rotary_rounded_positions ? turn_by(float(position) * frequency)",
    replace: "position < 0 ? turn_by(float(position) * frequency)",
    why: "angles are not rounded as in training",
  },
  {
    file: "gpu/cache_append.h",
    find: "const bool begins = row % sizes.page_tokens == 0;",
    replace: "const bool begins = false;",
    why: "a page keeps the bounds of the one before",
  },
  {
    file: "gpu/select_pages.h",
    find: "const bool is_free = place > 0 && place < found - recent;",
    replace: "const bool is_free = place < found - recent;",
    why: "the first page takes the place of another",
  },
  {
    file: "gpu/select_pages.h",
    find: "  }\n  barrier();",
    replace: "  }",
    why: "marks are counted before they are made",
  },
  {
    file: "gpu/top_k.h",
    find: "(uint64_t(BLOCK_X) * sizes.spans + BLOCK_Y) * sizes.listed",
    replace: "(uint64_t(BLOCK_X) * sizes.spans) * sizes.listed",
    why: "spans write what is greatest over each other's",
  },
  {
    file: "gpu/top_k.h",
    find: "  if (columns[j] != no_index) best",
    replace: "  best",
    why: "a span that has fewer than top_k wants lists columns that are not there",
  },
  {
    file: "gpu/order.h",
    find: "x.key == y.key && x.index < y.index",
    replace: "x.key == y.key && x.index > y.index",
    why: "of equal ones the last is chosen",
  },
  {
    file: "gpu/host/scratch.cc",
    find:
      "  if (device->recording && !hold_buffer(device->recording, call, device->scratch)) return " +
      "nullptr;\n",
    replace: "",
    why: "a recording loses its scratch when that grows",
  },
  {
    file: "gpu/host/scratch.cc",
    find: "  if (device->recording) {",
    replace: "  if (false) {",
    why: "scratch grows while a device records",
  },
  {
    file: "gpu/host/launch_list.cc",
    find: "{call, launch, sizes_.count(), buffers_.count()}",
    replace: "{call, launch, 0, buffers_.count()}",
    why: "every launch that is replayed has the sizes of the first",
  },
  {
    file: "gpu/host/launch_list.cc",
    find: "{call, launch, sizes_.count(), buffers_.count()}",
    replace: "{call, launch, sizes_.count(), 0}",
    why: "every launch that is replayed has the buffers of the first",
  },
  {
    file: "common/recording.cc",
    find: "if (end_recording(recording) && !recording->failed) return",
    replace: "if (end_recording(recording)) return",
    why: "a recording of which a call failed is handed out",
  },
  {
    file: "common/recording.cc",
    find: "  buffer->references.fetch_add(1);",
    replace: "",
    why: "what a recording holds is freed",
  },
  {
    file: "common/recording.cc",
    find: "device->recording = nullptr;",
    replace: "",
    why: "a device records on",
  },
];
