// What every backend's recording begins with: the memory that its operators reach, which it holds.
#pragma once
#include <stdlib.h>

#include <new>

#include "list.h"
#include "status.h"
#include "tensor.h"

struct ct_recording {
  ct_device* device = nullptr;
  ct::List<ct_buffer*> held;  // each once, with a reference
  uint64_t launch_count = 0;  // of kernels
  bool failed = false;  // a call failed, so that something is missing in it
};

namespace ct {

// A recording of a backend's own kind; null, with the error set, without memory.
template <typename Recording>
ct_recording* make_recording() {
  void* const memory = malloc(sizeof(Recording));
  if (memory) return new (memory) Recording;
  fail_memory("ct_record_begin: out of memory; free some");
  return nullptr;
}

template <typename Recording>
void delete_recording(ct_recording* recording) {
  static_cast<Recording*>(recording)->~Recording();
  free(recording);
}

// Holds a buffer until the recording is freed. False, with the error set, without memory.
bool hold_buffer(ct_recording* recording, const char* call, ct_buffer* buffer);

// As hold_buffer(), for the operand of an operator, whatever it is.
inline bool hold_operand(ct_recording* recording, const char* call, const ct_tensor* operand) {
  return !operand || hold_buffer(recording, call, operand->buffer);
}
inline bool hold_operand(ct_recording*, const char*, uint32_t) { return true; }
inline bool hold_operand(ct_recording*, const char*, float) { return true; }

}  // namespace ct
