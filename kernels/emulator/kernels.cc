#include "kernels.h"

#include <utility>

#include "../common/status.h"
#include "../gpu/prelude_emulator.h"

namespace {

#include "../gpu/kernels.h"

}  // namespace

namespace ct {
namespace {

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

}  // namespace

const Program* find_program(const Launch& launch) {
#define CT_PROGRAM(name) program_of(#name, ::kernel_##name),
  static const Program programs[] = {CT_KERNELS(CT_PROGRAM)};
#undef CT_PROGRAM
  const Program& program = programs[uint32_t(launch.kernel)];
  if (launch.buffer_count == program.buffers && launch.sizes_bytes == program.sizes_bytes) {
    return &program;
  }
  set_error("kernel %s was given %u buffers and %u bytes of sizes; it takes %u and %u",
            program.name, launch.buffer_count, launch.sizes_bytes, program.buffers,
            program.sizes_bytes);
  return nullptr;
}

}  // namespace ct
