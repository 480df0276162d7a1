#include "instruction_sets.h"

namespace ct {

#if defined(__x86_64__)

namespace avx512vnni {
extern const KernelTable kernels;
}
namespace avx512 {
extern const KernelTable kernels;
}
namespace avx2 {
extern const KernelTable kernels;
}
namespace plain {
extern const KernelTable kernels;
}

namespace {

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

bool has_avx512vnni() { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }

bool is_baseline() { return true; }

}  // namespace

const InstructionSet instruction_sets[] = {{&avx512vnni::kernels, has_avx512vnni},
                                           {&avx512::kernels, has_avx512},
                                           {&avx2::kernels, has_avx2},
                                           {&plain::kernels, is_baseline}};

#elif defined(__aarch64__)

namespace neon {
extern const KernelTable kernels;
}

namespace {

bool is_baseline() { return true; }

}  // namespace

const InstructionSet instruction_sets[] = {{&neon::kernels, is_baseline}};

#else
#error "There are kernels for x86-64 and arm64 only."
#endif

const uint32_t instruction_set_count = sizeof instruction_sets / sizeof *instruction_sets;

}  // namespace ct
