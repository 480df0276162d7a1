#include "kernels.h"

#include "../common/status.h"
#include "../gpu/prelude_emulator.h"
#include "program.h"

namespace {

#include "../gpu/kernels.h"

}  // namespace

namespace ct {

const Program& program_of(Kernel kernel) {
#define CT_PROGRAM(name) program_of(#name, ::kernel_##name),
  static const Program programs[] = {CT_KERNELS(CT_PROGRAM)};
#undef CT_PROGRAM
  return programs[uint32_t(kernel)];
}

const Program* find_program(const Launch& launch) {
  const Program& program = program_of(launch.kernel);
  if (launch.buffer_count == program.buffers && launch.sizes_bytes == program.sizes_bytes) {
    return &program;
  }
  set_error("kernel %s was given %u buffers and %u bytes of sizes; it takes %u and %u",
            program.name, launch.buffer_count, launch.sizes_bytes, program.buffers,
            program.sizes_bytes);
  return nullptr;
}

}  // namespace ct
