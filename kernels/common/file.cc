// Weight files: mapped, and converted into tensors by all threads.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "buffer.h"
#include "device.h"
#include "file.h"
#include "operands.h"
#include "packed.h"
#include "status.h"

using namespace ct;

namespace {

bool map_file(ct_file* file, const char* path) {
  struct stat status;
  if (fstat(file->descriptor, &status)) {
    return fail("ct_file_open: cannot inspect \"%.700s\": %s", path, strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail("ct_file_open: \"%.700s\" is %s; pass the path of a file", path,
                S_ISDIR(status.st_mode) ? "a directory" : "not a regular file");
  }
  file->bytes = uint64_t(status.st_size);
  if (!file->bytes) return true;
  void* data = mmap(nullptr, file->bytes, PROT_READ, MAP_PRIVATE, file->descriptor, 0);
  if (data == MAP_FAILED) {
    return fail("ct_file_open: cannot map the %llu bytes of \"%.700s\": %s",
                (unsigned long long)file->bytes, path, strerror(errno));
  }
  file->data = static_cast<unsigned char*>(data);
  return true;
}

bool is_float_type(const char* call, const char* name, uint32_t type) {
  if (type == CT_F32 || type == CT_BF16 || type == CT_F16) return true;
  return fail("%s: %s is %u; pass CT_F32, CT_BF16 or CT_F16", call, name, type);
}

// Rows in a file: `bytes` each, every `step`-th from `offset` on; `name` is the operand's.
struct FileRows {
  const char* name;
  uint64_t offset, bytes;
  uint32_t step;
};

bool check_rows(const char* call, const ct_tensor* tensor, const ct_file* file,
                const FileRows& rows) {
  if (!file) {
    return fail("%s: file of %s is missing; pass what ct_file_open gave", call, rows.name);
  }
  if (!rows.step) return fail("%s: row_step is 0; pass 1 or more", call);
  const uint64_t steps = tensor->rows ? uint64_t{tensor->rows - 1} * rows.step + 1 : 0;
  uint64_t bytes, end;
  if (__builtin_mul_overflow(steps, rows.bytes, &bytes) ||
      __builtin_add_overflow(rows.offset, bytes, &end) || end > file->bytes) {
    return fail("%s: tensor needs %u rows of %llu bytes, step %u, from byte %llu (%s) but file has "
                "%llu bytes; pass a range inside it",
                call, tensor->rows, (unsigned long long)rows.bytes, rows.step,
                (unsigned long long)rows.offset, rows.name, (unsigned long long)file->bytes);
  }
  if (is_whole(file)) return true;
  return fail("%s: file was cut off since it was opened; open it again", call);
}

bool is_filled(const char* call, const ct_tensor* tensor) {
  const uint32_t type = tensor->type;
  if (!is_writable(call, "tensor", *tensor)) return false;
  if (type == CT_F32 || type == CT_BF16 || is_packed(type)) return true;
  return fail("%s: tensor is %s; pass one of f32, bf16, q8 or q4", call, type_name(type));
}

bool check_load(ConvertArgs& args, const ct_tensor* tensor, const ct_file* file, uint64_t offset,
                uint32_t source_type, uint32_t row_step) {
  constexpr const char* call = "ct_tensor_load";
  const uint64_t row_bytes = uint64_t{tensor->columns} * element_bytes(source_type);
  if (!is_filled(call, tensor) || !is_float_type(call, "source_type", source_type) ||
      !check_rows(call, tensor, file, {"offset", offset, row_bytes, row_step})) {
    return false;
  }
  const bool is_empty = !tensor->rows || !tensor->columns;
  args = {typed(*tensor), is_empty ? nullptr : file->data + offset, source_type,
          row_bytes * row_step};
  return true;
}

// What the codes and scales in files are like.
struct Quantized {
  const ct_file *codes_file, *scales_file;
  uint64_t codes, scales;
  uint32_t scale_type, bits, group, row_step;
};

bool check_groups(const char* call, const ct_tensor* tensor, const Quantized& source) {
  if (source.bits != 4 && source.bits != 8) {
    return fail("%s: bits is %u; pass 4 or 8", call, source.bits);
  }
  if (!source.group || source.group % 2 || tensor->columns % source.group) {
    return fail("%s: group is %u but tensor has %u columns; pass an even divisor", call,
                source.group, tensor->columns);
  }
  if (!is_packed(tensor->type)) return true;
  if (source.bits != packed_bits(tensor->type)) {
    return fail("%s: bits is %u but tensor is %s; pass a tensor of as many bits", call, source.bits,
                type_name(tensor->type));
  }
  if (source.group % tensor->group == 0) return true;
  return fail("%s: group is %u but that of tensor is %u; pass a tensor whose group divides it",
              call, source.group, tensor->group);
}

bool check_packed_load(RepackArgs& args, const ct_tensor* tensor, const Quantized& source) {
  constexpr const char* call = "ct_packed_load";
  if (!is_filled(call, tensor) || !is_float_type(call, "scale_type", source.scale_type) ||
      !check_groups(call, tensor, source)) {
    return false;
  }
  const uint64_t code_bytes = uint64_t{tensor->columns} * source.bits / 8;
  const uint64_t scale_bytes =
      uint64_t{tensor->columns / source.group} * element_bytes(source.scale_type);
  const FileRows codes = {"codes", source.codes, code_bytes, source.row_step};
  const FileRows scales = {"scales", source.scales, scale_bytes, source.row_step};
  if (!check_rows(call, tensor, source.codes_file, codes) ||
      !check_rows(call, tensor, source.scales_file, scales)) {
    return false;
  }
  const bool is_empty = !tensor->rows || !tensor->columns;
  args = {typed(*tensor),
          is_empty ? nullptr : source.codes_file->data + source.codes,
          is_empty ? nullptr : source.scales_file->data + source.scales,
          code_bytes * source.row_step,
          scale_bytes * source.row_step,
          source.scale_type,
          source.bits,
          source.group};
  return true;
}

// Bytes of a file that are read before their pages are given back: small beside any weights, and
// long enough for all threads.
constexpr uint64_t piece_bytes = 16 * 1024 * 1024;

Typed rows_of(const Typed& all, uint32_t begin, uint32_t count) {
  Typed part = all;
  part.rows = count;
  unsigned char* data = static_cast<unsigned char*>(all.data);
  const PackedLayout layout = {all.type, all.columns, all.group};
  part.data = data + (is_packed(all.type) ? layout.bytes(begin)
                                          : begin * all.stride * element_bytes(all.type));
  return part;
}

// Calls body(first row, rows) for pieces of a tensor whose rows are `stride` bytes apart in a file.
template <typename Body>
bool in_pieces(const Typed& out, uint64_t stride, const Body& body) {
  const uint64_t rows = piece_bytes / (stride ? stride : 1) / packed_rows * packed_rows;
  const uint64_t most = rows ? rows : packed_rows;
  for (uint64_t row = 0; row < out.rows; row += most) {
    const uint64_t left = out.rows - row;
    if (!body(uint32_t(row), uint32_t(left < most ? left : most))) return false;
  }
  return true;
}

bool convert_pieces(ct_device* device, const ct_file* file, const ConvertArgs& all) {
  return in_pieces(all.out, all.source_stride, [&](uint32_t row, uint32_t count) {
    ConvertArgs args = all;
    args.out = rows_of(all.out, row, count);
    args.source += row * all.source_stride;
    if (!convert_elements(device, args)) return false;
    release_pages(file, args.source, count * all.source_stride);
    return true;
  });
}

bool repack_pieces(ct_device* device, const Quantized& source, const RepackArgs& all) {
  return in_pieces(all.out, all.codes_stride, [&](uint32_t row, uint32_t count) {
    RepackArgs args = all;
    args.out = rows_of(all.out, row, count);
    args.codes += row * all.codes_stride;
    args.scales += row * all.scales_stride;
    if (!repack_elements(device, args)) return false;
    release_pages(source.codes_file, args.codes, count * all.codes_stride);
    release_pages(source.scales_file, args.scales, count * all.scales_stride);
    return true;
  });
}

}  // namespace

bool ct::is_whole(const ct_file* file) {
  struct stat status;
  return !fstat(file->descriptor, &status) && uint64_t(status.st_size) >= file->bytes;
}

void ct::release_pages(const ct_file* file, const unsigned char* from, uint64_t bytes) {
  const uint64_t page = uint64_t(sysconf(_SC_PAGESIZE));
  const uint64_t begin = uint64_t(from - file->data) / page * page;
  uint64_t end = uint64_t(from - file->data) + bytes;
  if (end > file->bytes) end = file->bytes;
  if (end > begin) madvise(file->data + begin, end - begin, MADV_DONTNEED);
}

extern "C" {

ct_file* ct_file_open(const char* path) {
  if (!path) {
    set_error("ct_file_open: path is missing; pass the path of a file");
    return nullptr;
  }
  ct_file* file = static_cast<ct_file*>(calloc(1, sizeof(ct_file)));
  if (!file) {
    fail_memory("ct_file_open: out of memory; free some");
    return nullptr;
  }
  // Without O_NONBLOCK a pipe in place of a file would hang the caller.
  file->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file->descriptor < 0) {
    set_error("ct_file_open: cannot open \"%.700s\": %s", path, strerror(errno));
    free(file);
    return nullptr;
  }
  if (map_file(file, path)) return file;
  close(file->descriptor);
  free(file);
  return nullptr;
}

uint64_t ct_file_bytes(ct_file* file) {
  if (file) return file->bytes;
  set_error("ct_file_bytes: file is missing; pass what ct_file_open gave");
  return 0;
}

int32_t ct_file_close(ct_file* file) {
  if (!file) {
    set_error("ct_file_close: file is missing; pass what ct_file_open gave");
    return -1;
  }
  if (file->data) munmap(file->data, file->bytes);
  close(file->descriptor);
  free(file);
  return 0;
}

int32_t ct_tensor_load(ct_tensor* tensor, ct_file* file, uint64_t offset, uint32_t source_type,
                       uint32_t row_step) {
  if (!tensor) {
    set_error("ct_tensor_load: tensor is missing; pass what ct_tensor_create gave");
    return -1;
  }
  ct_device* device = tensor->buffer->device;
  DeviceGuard guard(device, "ct_tensor_load");
  ConvertArgs args;
  if (!guard || !check_load(args, tensor, file, offset, source_type, row_step)) return -1;
  return convert_pieces(device, file, args) ? 0 : -1;
}

int32_t ct_packed_load(ct_tensor* tensor, ct_file* codes_file, uint64_t codes,
                       ct_file* scales_file, uint64_t scales, uint32_t scale_type, uint32_t bits,
                       uint32_t group, uint32_t row_step) {
  if (!tensor) {
    set_error("ct_packed_load: tensor is missing; pass what ct_tensor_create gave");
    return -1;
  }
  ct_device* device = tensor->buffer->device;
  DeviceGuard guard(device, "ct_packed_load");
  RepackArgs args;
  const Quantized source = {codes_file, scales_file, codes, scales,
                            scale_type, bits,        group, row_step};
  if (!guard || !check_packed_load(args, tensor, source)) return -1;
  return repack_pieces(device, source, args) ? 0 : -1;
}

}  // extern "C"
