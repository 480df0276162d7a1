// Makes programs of kernels, whatever their parameters are.
#pragma once
#include <utility>

#include "block.h"
#include "pointers.h"

namespace ct {

// Calls a kernel whose parameters have these types.
template <typename Sizes, typename... T>
struct Signature {
  using Body = void (*)(const Sizes&, const Place&, Global<T>...);

  template <size_t... index>
  static void run(void (*body)(), const Launch& launch, const Place& place,
                  std::index_sequence<index...>) {
    const KernelBuffer* const buffers = launch.buffers;
    reinterpret_cast<Body>(body)(
        *static_cast<const Sizes*>(launch.sizes), place,
        Global<T>(buffers[index].data, buffers[index].bytes, uint32_t(index))...);
  }

  static void run_thread(void (*body)(), const Launch& launch, const Place& place) {
    run(body, launch, place, std::index_sequence_for<T...>());
  }
};

template <typename Sizes, typename... T>
Program program_of(const char* name, void (*body)(const Sizes&, const Place&, Global<T>...)) {
  return {name, reinterpret_cast<void (*)()>(body), Signature<Sizes, T...>::run_thread,
          sizeof(Sizes), sizeof...(T)};
}

}  // namespace ct
