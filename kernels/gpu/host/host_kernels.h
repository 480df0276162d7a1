// What is done to weights on the host's side of a GPU: reading files, rounding and packing. The
// results are those of every other backend, bit for bit.
#pragma once
#include "../../common/arguments.h"
#include "../../common/thread_pool.h"

namespace ct {
namespace host_kernels {

bool convert(ThreadPool& pool, const ConvertArgs& args);
bool unpack(ThreadPool& pool, const UnpackArgs& args);
bool repack(ThreadPool& pool, const RepackArgs& args);

}  // namespace host_kernels
}  // namespace ct
