// What both forms of the gated delta rule have in common: token by token (gated_delta_step.h) and
// many tokens at a time (gated_delta_chunk.h). In both a block has a few columns of a head's state
// in one segment, from the first token to the last.
#pragma once

CONSTANT uint32_t delta_columns = CT_DELTA_COLUMNS;
CONSTANT uint32_t delta_most_keys = CT_DELTA_MOST_KEYS;
CONSTANT float delta_norm_epsilon = 1e-6f;

// As gated_delta_chunk.h then has it.
DEVICE bool delta_runs_in_chunks(SIZES(GatedDeltaSizes) sizes, uint32_t tokens) {
  return sizes.chunk > 0 && tokens > CT_DELTA_LONGEST_RECURRENCE;
}

DEVICE float delta_log_alpha(float a, float a_log, float dt_bias) {
  const float x = a + dt_bias;
  const float softplus = x > 20.0f ? x : log_one_plus(exp(x));
  return -exp(a_log) * softplus;
}
