#include "launch_list.h"

#include "../../common/status.h"

namespace ct {

bool LaunchList::add(const char* call, const Launch& launch) {
  // Structs of sizes begin with words of 64 bits.
  constexpr uint64_t word = sizeof(uint64_t);
  static constexpr unsigned char padding[word] = {};
  const Kept kept = {call, launch, sizes_.count(), buffers_.count()};
  const uint64_t rest = (word - launch.sizes_bytes % word) % word;
  if (sizes_.add(static_cast<const unsigned char*>(launch.sizes), launch.sizes_bytes) &&
      sizes_.add(padding, rest) && buffers_.add(launch.buffers, launch.buffer_count) &&
      launches_.add(kept)) {
    return true;
  }
  return fail_memory("%s: out of memory to record; free some", call);
}

}  // namespace ct
