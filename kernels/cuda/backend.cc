// What common/ asks of a backend, on a CUDA device. All that is copied goes through the device's
// pinned memory: a write is over once it is there, a read waits for what was begun before it.
#include "../common/backend.h"

#include <stdlib.h>
#include <string.h>

#include <new>

#include "../common/checksum.h"
#include "../common/host_memory.h"
#include "../common/status.h"
#include "../gpu/host/host_indices.h"
#include "../gpu/host/host_kernels.h"
#include "device.h"

namespace ct {
namespace {

constexpr uint64_t piece_bytes = 8 * 1024 * 1024;
constexpr unsigned long most_gpus = 1000;

uint64_t smaller(uint64_t x, uint64_t y) { return x < y ? x : y; }

// As rows of a tensor lie in the GPU's memory, its rows in units that are filled and read whole.
struct Layout {
  uint32_t unit_rows;
  uint64_t unit_bytes, unit_step;  // without and with what lies between rows

  explicit Layout(const Typed& x) {
    if (is_packed(x.type)) {
      unit_rows = packed_rows;
      unit_bytes = unit_step = packed_layout(x).block_bytes();
    } else {
      unit_rows = 1;
      unit_bytes = uint64_t{x.columns} * element_bytes(x.type);
      unit_step = x.stride * element_bytes(x.type);
    }
  }

  uint32_t units(uint32_t rows) const { return (rows + unit_rows - 1) / unit_rows; }

  // How many to take at a time.
  uint32_t together(uint32_t units) const {
    const uint64_t most = piece_bytes / unit_bytes;
    return uint32_t(smaller(units, most ? most : 1));
  }
};

// Which GPU a name means: "auto" and "cuda" the first, "cuda:1" the second.
bool find_ordinal(int* ordinal, const char* name) {
  if (!strcmp(name, "auto") || !strcmp(name, "cuda")) return true;
  char* end = nullptr;
  const bool has_number = !strncmp(name, "cuda:", 5) && name[5] >= '0' && name[5] <= '9';
  const unsigned long number = has_number ? strtoul(name + 5, &end, 10) : 0;
  *ordinal = int(number);
  return has_number && !*end && number < most_gpus;
}

bool upload(CudaDevice& device, CudaAddress to, const void* from, uint64_t bytes) {
  const unsigned char* const data = static_cast<const unsigned char*>(from);
  for (uint64_t begin = 0; begin < bytes; begin += piece_bytes) {
    const uint64_t part = smaller(piece_bytes, bytes - begin);
    unsigned char* const staged = device.take_staging(part);
    if (!staged) return false;
    memcpy(staged, data + begin, part);
    if (!device.copy_up(to + begin, staged, part)) return false;
  }
  return true;
}

bool download(CudaDevice& device, void* to, CudaAddress from, uint64_t bytes) {
  unsigned char* const data = static_cast<unsigned char*>(to);
  for (uint64_t begin = 0; begin < bytes; begin += piece_bytes) {
    const uint64_t part = smaller(piece_bytes, bytes - begin);
    const unsigned char* const staged = device.copy_down(from + begin, part);
    if (!staged) return false;
    memcpy(data + begin, staged, part);
  }
  return true;
}

// Fills `out` piece by piece: fill(part, first row) writes one in staging memory.
template <typename Fill>
bool fill_rows(CudaDevice& device, const Typed& out, const Fill& fill) {
  if (!out.rows || !out.columns) return true;
  const Layout layout(out);
  const uint32_t units = layout.units(out.rows), together = layout.together(units);
  for (uint32_t unit = 0; unit < units; unit += together) {
    const uint32_t count = uint32_t(smaller(together, units - unit));
    const uint32_t first = unit * layout.unit_rows;
    const CudaAddress to = address_of(out.data) + unit * layout.unit_step;
    Typed part = out;
    part.rows = uint32_t(smaller(uint64_t{count} * layout.unit_rows, out.rows - first));
    part.stride = out.columns;
    // Rows past the last in its block keep what they have.
    const bool is_partial = part.rows % layout.unit_rows;
    const uint64_t bytes = count * layout.unit_bytes;
    part.data = is_partial ? device.copy_down(to, bytes) : device.take_staging(bytes);
    if (!part.data || !fill(part, first)) return false;
    const bool is_dense = layout.unit_step == layout.unit_bytes;
    const uint32_t copies = is_dense ? 1 : count;
    const unsigned char* const staged = static_cast<const unsigned char*>(part.data);
    for (uint32_t i = 0; i < copies; ++i) {
      if (!device.copy_up(to + i * layout.unit_step, staged + i * layout.unit_bytes,
                          bytes / copies)) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

void list_instruction_sets(char (&names)[names_bytes]) { strcpy(names, "cuda"); }

Opening make_device(ct_device** device, const char* instruction_set) {
  int ordinal = 0;
  if (!find_ordinal(&ordinal, instruction_set)) return Opening::unknown;
  void* const memory = malloc(sizeof(CudaDevice));
  if (!memory) return Opening::no_memory;
  CudaDevice* const made = new (memory) CudaDevice;
  *device = made;
  if (made->open(ordinal)) return Opening::made;
  destroy_device(made);
  return Opening::failed;
}

void destroy_device(ct_device* device) {
  static_cast<CudaDevice*>(device)->~CudaDevice();
  free(device);
}

bool allocate_memory(ct_buffer* buffer, const char* call, const char* what) {
  CudaDevice& device = cuda(buffer->device);
  const CudaAddress address = device.allocate(call, what, buffer->bytes);
  if (!address) return false;
  buffer->data = reinterpret_cast<unsigned char*>(address);
  if (!buffer->bytes) return true;
  const int error = device.driver.fill(address, 0, buffer->bytes, device.stream);
  if (error == cuda_success) return true;
  device.give_back(address, buffer->bytes);
  return device.failed("zeroing memory", error);
}

void free_memory(ct_buffer* buffer) {
  free_host_indices(buffer);
  cuda(buffer->device).give_back(address_of(buffer->data), buffer->bytes);
}

uint64_t memory_left(ct_device* device) {
  size_t left = 0, total = 0;
  return cuda(device).driver.memory_info(&left, &total) == cuda_success ? left : 0;
}

// A GPU has memory of its own, so the contents are copied to it, which converts nothing.
bool map_contents(ct_buffer* buffer, const ct_file* file) {
  CudaDevice& device = cuda(buffer->device);
  const CudaAddress address = device.allocate("ct_buffer_map", "", file->bytes);
  if (!address) return false;
  buffer->data = reinterpret_cast<unsigned char*>(address);
  for (uint64_t begin = 0; begin < file->bytes; begin += piece_bytes) {
    const uint64_t part = smaller(piece_bytes, file->bytes - begin);
    if (!upload(device, address + begin, file->data + begin, part)) {
      free_memory(buffer);
      return false;
    }
    release_pages(file, file->data + begin, part);
  }
  return true;
}

const unsigned char* host_view(const ct_buffer& buffer, uint64_t offset, uint64_t* bytes) {
  static_assert(piece_bytes % checksum_block == 0);
  *bytes = smaller(*bytes, piece_bytes);
  return cuda(buffer.device).copy_down(address_of(buffer.data) + offset, *bytes);
}

bool write_elements(const ct_tensor& tensor, const void* from) {
  CudaDevice& device = cuda(tensor.buffer->device);
  const unsigned char* const data = static_cast<const unsigned char*>(from);
  return for_rows(tensor, [&](unsigned char* row, uint64_t bytes, uint64_t offset) {
           return upload(device, address_of(row), data + offset, bytes);
         }) &&
         keep_host_indices(tensor, from);
}

bool read_elements(const ct_tensor& tensor, void* to) {
  CudaDevice& device = cuda(tensor.buffer->device);
  unsigned char* const data = static_cast<unsigned char*>(to);
  return for_rows(tensor, [&](unsigned char* row, uint64_t bytes, uint64_t offset) {
    return download(device, data + offset, address_of(row), bytes);
  });
}

bool zero_elements(const ct_tensor& tensor) {
  CudaDevice& device = cuda(tensor.buffer->device);
  return for_rows(tensor, [&](unsigned char* row, uint64_t bytes, uint64_t) {
           const int error = device.driver.fill(address_of(row), 0, bytes, device.stream);
           return error == cuda_success || device.failed("ct_tensor_zero", error);
         }) &&
         keep_host_indices(tensor, nullptr);
}

bool convert_elements(ct_device* device, const ConvertArgs& args) {
  return fill_rows(cuda(device), args.out, [&](const Typed& part, uint64_t first) {
    ConvertArgs piece = args;
    piece.out = part;
    piece.source += first * args.source_stride;
    return host_kernels::convert(device->pool, piece);
  });
}

bool repack_elements(ct_device* device, const RepackArgs& args) {
  return fill_rows(cuda(device), args.out, [&](const Typed& part, uint64_t first) {
    RepackArgs piece = args;
    piece.out = part;
    piece.codes += first * args.codes_stride;
    piece.scales += first * args.scales_stride;
    return host_kernels::repack(device->pool, piece);
  });
}

bool unpack_elements(ct_device* device, const UnpackArgs& args) {
  CudaDevice& self = cuda(device);
  const Typed& weight = args.weight;
  if (!weight.rows || !weight.columns) return true;
  const Layout layout(weight);
  const uint32_t units = layout.units(weight.rows), together = layout.together(units);
  for (uint32_t unit = 0; unit < units; unit += together) {
    const uint32_t first = unit * layout.unit_rows;
    Typed part = weight;
    part.rows = uint32_t(smaller(uint64_t{together} * layout.unit_rows, weight.rows - first));
    part.data = self.copy_down(address_of(weight.data) + unit * layout.unit_step,
                               layout.units(part.rows) * layout.unit_bytes);
    if (!part.data) return false;
    const UnpackArgs piece = {args.out + uint64_t{first} * weight.columns, part};
    if (!host_kernels::unpack(device->pool, piece)) return false;
  }
  return true;
}

}  // namespace ct
