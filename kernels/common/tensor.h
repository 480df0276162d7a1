// What the handles of contrail.h point to, as far as every backend shares it.
#pragma once
#include <stdint.h>

#include <atomic>

#include "../include/contrail.h"

struct ct_buffer {
  std::atomic<uint32_t> references;  // the handle and each tensor on it
  ct_device* device;
  unsigned char* data;
  uint64_t bytes;
  void* mapping;  // what the backend allocated, which may begin before `data`
  uint64_t mapping_bytes;
  bool read_only;  // the contents of a file
  // Of a GPU's buffer: what the host has written to it, once somebody asks for indices, and whether
  // a kernel has written indices since, so that the host cannot tell.
  unsigned char* indices;
  bool indices_lost;
};

struct ct_tensor {
  ct_buffer* buffer;
  void* data;
  uint32_t type;
  uint32_t rows, columns;
  uint64_t stride;
  uint32_t group;  // columns that share a scale; 0 unless the weights are packed
};

namespace ct {

// Bytes of one element; 0 for an unknown type and for packed weights.
inline uint32_t element_bytes(uint32_t type) {
  if (type == CT_F32 || type == CT_I32) return 4;
  return type == CT_BF16 || type == CT_F16 ? 2 : 0;
}

inline const char* type_name(uint32_t type) {
  constexpr const char* names[] = {"f32", "bf16", "i32", "f16", "q8", "q4"};
  return type <= CT_Q4 ? names[type] : "an unknown type";
}

}  // namespace ct
