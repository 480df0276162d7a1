#include "operands.h"

#include <math.h>

#include "../../common/status.h"

namespace ct {

bool fill_frequencies(const char* call, float (&frequencies)[CT_MOST_HEAD_SIZE / 2],
                      uint32_t head_size, float theta) {
  if (head_size > CT_MOST_HEAD_SIZE) {
    return fail("%s: head_size is %u; this device takes at most %u", call, head_size,
                CT_MOST_HEAD_SIZE);
  }
  // Models were trained with frequencies rounded to f32.
  for (uint32_t i = 0; i < head_size / 2; ++i) {
    frequencies[i] = float(pow(double(theta), -2.0 * i / head_size));
  }
  return true;
}

}  // namespace ct
