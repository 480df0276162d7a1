/**
 * The faults that `mutate.ts` plants in the hosts of GPUs.
 *
 * @module
 */
import type { Mutation } from "./mutations.ts";

/** Faults that the checks with what stands in for a GPU must notice. */
export const GPU_HOST: readonly Mutation[] = [
  {
    file: "cuda/arena.cc",
    find: "(bytes + alignment - 1) / alignment * alignment",
    replace: "bytes",
    why: "pieces of a block do not begin at multiples of 256",
  },
  {
    file: "cuda/arena.cc",
    find: "if (is_last) block->used -= rounded(bytes);",
    replace: "block->used -= rounded(bytes);",
    why: "a piece that is taken back makes room where another lies",
  },
  {
    file: "cuda/arena.cc",
    find: "if (--block->pieces) return 0;",
    replace: "if (--block->pieces > 1) return 0;",
    why: "a block goes back while one piece is left",
  },
  {
    file: "cuda/arena.cc",
    find: "if (error == cuda_out_of_memory) error = add_block(driver, size);",
    replace: "if (size >= alone_from) error = add_block(driver, size);",
    why: "a small piece is refused where there is no room for a block",
  },
  {
    file: "cuda/backend.cc",
    find: "if (!device.copy_up(to + begin, staged, part)) return false;",
    replace: "if (!device.copy_up(to, staged, part)) return false;",
    why: "each piece of a write goes to its beginning",
  },
  {
    file: "cuda/backend.cc",
    find: "part.data = is_partial ? device.copy_down(to, bytes) : device.take_staging(bytes);",
    replace: "part.data = device.take_staging(bytes);",
    why: "rows past those that are written in a block are lost",
  },
  {
    file: "cuda/backend.cc",
    find: "piece.source += first * args.source_stride;",
    replace: "",
    why: "every piece of weights that are read is the first",
  },
  {
    file: "cuda/device.cc",
    find: "    if (!finish()) return nullptr;\n    staging_used = 0;",
    replace: "    staging_used = 0;",
    why: "staging memory is written while it is copied from",
  },
  {
    file: "cuda/device.cc",
    find: "return finish() ? place : nullptr;",
    replace: "return place;",
    why: "a read does not wait for its copy",
  },
  {
    file: "cuda/launch.cc",
    find: "parameters[1 + i] = &addresses[i];",
    replace: "parameters[launch.buffer_count - i] = &addresses[i];",
    why: "a kernel gets its buffers in the wrong order",
  },
  {
    file: "cuda/launch.cc",
    find: "grid.x, grid.y, grid.z,\n                         grid.threads",
    replace: "grid.y, grid.x, grid.z,\n                         grid.threads",
    why: "a grid lies on its side",
  },
  {
    file: "cuda/recording.cc",
    find: "  self.driver.stream_wait(self.stream);",
    replace: "  (void)self;",
    why: "a graph is destroyed while it may run",
  },
  {
    file: "metal/launch.cc",
    find: "Count{place.offset}",
    replace: "Count{0}",
    why: "a kernel gets the beginning of a buffer in place of what lies in it",
  },
  {
    file: "metal/memory_map.cc",
    find: "bytes <= entry.bytes - offset",
    replace: "bytes > 0",
    why: "a buffer is taken that has only the beginning of a tensor",
  },
  {
    file: "metal/memory_map.cc",
    find: "  *place = {data, bytes, buffer};",
    replace: "  entries_[count_] = {data, bytes, buffer};",
    why: "buffers are not ordered by where they are",
  },
  {
    file: "metal/device.cc",
    find: "wrap_pages(data - skipped, skipped + operand.bytes)",
    replace: "wrap_pages(data - skipped, operand.bytes)",
    why: "the buffer of a tensor lacks its last page",
  },
  {
    file: "metal/backend.cc",
    find: "if (buffer->read_only) device.finish();",
    replace: "",
    why: "a file's pages are given back while kernels may read them",
  },
  {
    file: "metal/recording.cc",
    find: "return launch(recording->device, call, kept);",
    replace: "return launch(recording->device, call, kept), false;",
    why: "a replay ends after its first launch",
  },
];
