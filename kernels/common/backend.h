// What common/ asks of the backend that it is linked with.
#pragma once
#include <stdint.h>

#include "arguments.h"
#include "file.h"
#include "recording.h"
#include "tensor.h"

namespace ct {

constexpr uint32_t names_bytes = 128;

// The names of the instruction sets, best first, separated by spaces.
void list_instruction_sets(char (&names)[names_bytes]);

enum class Opening { made, unknown, no_memory, failed };

// A device for "auto" or one of the names; its threads are not started yet. With `failed` the error
// is set.
Opening make_device(ct_device** device, const char* instruction_set);
void destroy_device(ct_device* device);

// Zeroed memory of `bytes` bytes for `data`. False, with the error set, where it cannot be had;
// `call` and `what` are for the error, "ct_attention" and " of scratch".
bool allocate_memory(ct_buffer* buffer, const char* call, const char* what);
void free_memory(ct_buffer* buffer);

// What ct_device_memory() tells.
uint64_t memory_left(ct_device* device);

// Memory for `data` that holds the contents of a whole file and is only read: the file's own pages
// where the device can read them, and else a copy. False, with the error set, where that fails.
bool map_contents(ct_buffer* buffer, const ct_file* file);

// A buffer's bytes from `offset` on, at most *bytes, of which it tells how many it gives: all, or
// whole blocks of a checksum. They stay until the next call. Null, with the error set, where the
// device fails.
const unsigned char* host_view(const ct_buffer& buffer, uint64_t offset, uint64_t* bytes);

// ct_device_measure() of arguments that were checked: -1, with the error set, where the device has
// no such limit.
float measure_limit(ct_device* device, uint32_t limit, ct_buffer* memory);

// rows × columns elements from or to dense memory of the host, or zeros; not packed weights. False
// with the error set where the device fails.
bool write_elements(const ct_tensor& tensor, const void* from);
bool read_elements(const ct_tensor& tensor, void* to);
bool zero_elements(const ct_tensor& tensor);

// Fill a tensor from memory of the host, or write what packed weights stand for to it. `out` and
// `weight` are the tensor's. False, with the error set, without memory or where the device fails.
bool convert_elements(ct_device* device, const ConvertArgs& args);
bool repack_elements(ct_device* device, const RepackArgs& args);
bool unpack_elements(ct_device* device, const UnpackArgs& args);

// Whether the backend can record: whether the functions below do anything but fail.
extern const bool can_record;

// A recording of what is launched from now on; null, with the error set, where it cannot be begun.
ct_recording* begin_recording(ct_device* device);

// Ends what begin_recording() began. False, with the error set, where it is no use.
bool end_recording(ct_recording* recording);

// Runs what was recorded. False, with the error set, where it fails.
bool replay_recording(ct_recording* recording);

// Waits until no replay reaches the memory that the recording holds.
void finish_recording(ct_recording* recording);
void destroy_recording(ct_recording* recording);

// What an index operand holds, to be checked: `tensor.data` where the host can read it. Null where
// only the device knows, because a kernel has written it.
const int32_t* index_values(const ct_tensor& tensor);

// A kernel has written indices to this operand.
void forget_indices(const ct_tensor& tensor);

}  // namespace ct
