#include "host_indices.h"

#include <stdlib.h>

#include "../../common/backend.h"
#include "../../common/host_memory.h"
#include "../../common/status.h"

namespace ct {
namespace {

// The same view of the copy, which is made if it is not there, of zeros as the buffer's memory was.
bool find_copy(ct_tensor& copy, const ct_tensor& tensor) {
  ct_buffer* const buffer = tensor.buffer;
  if (!buffer->indices) {
    buffer->indices = static_cast<unsigned char*>(calloc(buffer->bytes ? buffer->bytes : 1, 1));
  }
  copy = tensor;
  const unsigned char* const data = static_cast<const unsigned char*>(tensor.data);
  copy.data = buffer->indices + (data - buffer->data);
  return buffer->indices != nullptr;
}

}  // namespace

bool keep_host_indices(const ct_tensor& tensor, const void* from) {
  if (tensor.type != CT_I32 || tensor.buffer->indices_lost) return true;
  ct_tensor copy;
  if (!find_copy(copy, tensor)) {
    return fail_memory("out of memory for a copy of indices; free some");
  }
  if (from) {
    write_host_elements(copy, from);
  } else {
    zero_host_elements(copy);
  }
  return true;
}

void free_host_indices(ct_buffer* buffer) { free(buffer->indices); }

const int32_t* index_values(const ct_tensor& tensor) {
  ct_tensor copy;
  if (tensor.buffer->indices_lost || !find_copy(copy, tensor)) return nullptr;
  return static_cast<const int32_t*>(copy.data);
}

void forget_indices(const ct_tensor& tensor) { tensor.buffer->indices_lost = true; }

}  // namespace ct
