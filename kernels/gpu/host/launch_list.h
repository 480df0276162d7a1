// Launches that are kept to be done again, for devices that have no such thing themselves.
#pragma once
#include "../../common/list.h"
#include "launch.h"

namespace ct {

class LaunchList {
 public:
  // Keeps a copy. False, with the error set, without memory.
  bool add(const char* call, const Launch& launch);

  uint64_t count() const { return launches_.count(); }

  // Calls body(call, launch) for each launch in order, until it returns false; which is then the
  // result.
  template <typename Body>
  bool for_each(const Body& body) const {
    for (const Kept& kept : launches_) {
      Launch launch = kept.launch;
      launch.sizes = sizes_.begin() + kept.sizes;
      launch.buffers = buffers_.begin() + kept.buffers;
      if (!body(kept.call, launch)) return false;
    }
    return true;
  }

 private:
  // A launch without its sizes and buffers, and where they are.
  struct Kept {
    const char* call;
    Launch launch;
    uint64_t sizes, buffers;
  };
  List<Kept> launches_;
  List<unsigned char> sizes_;
  List<KernelBuffer> buffers_;
};

}  // namespace ct
