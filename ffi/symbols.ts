/**
 * The functions of `kernels/include/contrail.h`, as data in the header's order.
 *
 * @module
 */

/** Every function with the types of its parameters and its result. */
export const SYMBOLS = {
  ct_version: { parameters: [], result: "u32" },
  ct_last_error: { parameters: ["buffer", "u32"], result: "u32" },
  ct_last_status: { parameters: [], result: "u32" },
  ct_instruction_sets: { parameters: ["buffer", "u32"], result: "u32" },

  ct_device_open: { parameters: ["buffer", "u32"], result: "pointer" },
  ct_device_close: { parameters: ["pointer"], result: "i32" },
  ct_device_describe: { parameters: ["pointer", "buffer", "u32"], result: "u32" },
  ct_device_threads: { parameters: ["pointer"], result: "u32" },
  ct_device_memory: { parameters: ["pointer"], result: "u64" },
  ct_device_measure: { parameters: ["pointer", "u32", "pointer"], result: "f32" },

  ct_device_records: { parameters: ["pointer"], result: "u32" },
  ct_record_begin: { parameters: ["pointer"], result: "i32" },
  ct_record_end: { parameters: ["pointer"], result: "pointer" },
  ct_recording_launches: { parameters: ["pointer"], result: "u32" },
  ct_recording_replay: { parameters: ["pointer"], result: "i32" },
  ct_recording_free: { parameters: ["pointer"], result: "i32" },

  ct_buffer_create: { parameters: ["pointer", "u64"], result: "pointer" },
  ct_buffer_map: { parameters: ["pointer", "pointer"], result: "pointer" },
  ct_buffer_read: { parameters: ["pointer", "u64", "buffer", "u64"], result: "i32" },
  ct_buffer_checksum: { parameters: ["pointer", "u64", "u64"], result: "u64" },
  ct_buffer_free: { parameters: ["pointer"], result: "i32" },
  ct_tensor_create: {
    parameters: ["pointer", "u32", "u64", "u32", "u32", "u32"],
    result: "pointer",
  },
  ct_tensor_free: { parameters: ["pointer"], result: "i32" },
  ct_tensor_write: { parameters: ["pointer", "buffer", "u64"], result: "i32" },
  ct_tensor_read: { parameters: ["pointer", "buffer", "u64"], result: "i32" },
  ct_tensor_zero: { parameters: ["pointer"], result: "i32" },

  ct_packed_bytes: { parameters: ["u32", "u32", "u32", "u32"], result: "u64" },
  ct_packed_create: {
    parameters: ["pointer", "u32", "u64", "u32", "u32", "u32"],
    result: "pointer",
  },

  ct_file_open: { parameters: ["buffer"], result: "pointer" },
  ct_file_bytes: { parameters: ["pointer"], result: "u64" },
  ct_file_close: { parameters: ["pointer"], result: "i32" },
  ct_tensor_load: { parameters: ["pointer", "pointer", "u64", "u32", "u32"], result: "i32" },
  // deno-fmt-ignore
  ct_packed_load: {
    parameters: ["pointer", "pointer", "u64", "pointer", "u64", "u32", "u32", "u32", "u32"],
    result: "i32",
  },

  ct_embedding: { parameters: ["pointer", "pointer", "pointer", "pointer"], result: "i32" },
  ct_rms_norm: {
    parameters: ["pointer", "pointer", "pointer", "pointer", "f32"],
    result: "i32",
  },
  ct_linear: {
    parameters: ["pointer", "pointer", "pointer", "pointer", "pointer"],
    result: "i32",
  },
  ct_add: { parameters: ["pointer", "pointer", "pointer", "pointer"], result: "i32" },
  ct_silu: { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
  ct_swiglu: { parameters: ["pointer", "pointer", "pointer", "pointer"], result: "i32" },
  ct_rotary: {
    parameters: ["pointer", "pointer", "pointer", "pointer", "u32", "f32"],
    result: "i32",
  },
  ct_dynamic_convolution: {
    parameters: ["pointer", "pointer", "pointer", "pointer", "pointer", "pointer", "pointer"],
    result: "i32",
  },
  // deno-fmt-ignore
  ct_gated_delta: {
    parameters: ["pointer", "pointer", "pointer", "pointer", "pointer", "pointer", "pointer",
      "pointer", "pointer", "pointer", "pointer", "pointer", "u32"],
    result: "i32",
  },
  ct_gated_norm: {
    parameters: ["pointer", "pointer", "pointer", "pointer", "pointer", "f32"],
    result: "i32",
  },
  ct_cache_append: {
    parameters: ["pointer", "pointer", "pointer", "pointer", "pointer", "pointer", "pointer"],
    result: "i32",
  },
  // deno-fmt-ignore
  ct_attention: {
    parameters: ["pointer", "pointer", "pointer", "pointer", "pointer", "pointer", "pointer",
      "pointer", "pointer", "pointer", "u32", "u32", "f32"],
    result: "i32",
  },
  // deno-fmt-ignore
  ct_page_scores: {
    parameters: ["pointer", "pointer", "pointer", "pointer", "pointer", "pointer", "pointer",
      "pointer", "pointer", "u32", "f32"],
    result: "i32",
  },
  // deno-fmt-ignore
  ct_select_pages: {
    parameters: ["pointer", "pointer", "pointer", "pointer", "pointer", "pointer", "pointer",
      "pointer", "u32"],
    result: "i32",
  },
  ct_gather_rows: { parameters: ["pointer", "pointer", "pointer", "pointer"], result: "i32" },
  ct_scatter_rows: { parameters: ["pointer", "pointer", "pointer", "pointer"], result: "i32" },
  ct_argmax: { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
  ct_top_k: { parameters: ["pointer", "pointer", "pointer", "pointer"], result: "i32" },
  ct_log_sum_exp: { parameters: ["pointer", "pointer", "pointer", "pointer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;
