// Rotary position embedding, a thread a pair.
#pragma once

// Models were trained on angles rounded to f32, at positions below this; beyond them the rounding
// would only be an error that grows.
CONSTANT uint32_t rotary_rounded_positions = 1u << 17;

KERNEL(rotary, RotarySizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const int32_t, positions)) {
  const uint32_t pair = BLOCK_Y * block_size + THREAD, half_size = sizes.half_size;
  if (pair >= sizes.pairs) return;
  const uint32_t i = pair % half_size, first = pair / half_size * 2 * half_size + i;
  GLOBAL(const float) from = x + (BLOCK_X * sizes.x_stride + first);
  GLOBAL(float) to = out + (BLOCK_X * sizes.out_stride + first);
  const uint32_t position = uint32_t(positions[BLOCK_X]);
  const float frequency = sizes.frequencies[i];
  const Turn turn = position < rotary_rounded_positions ? turn_by(float(position) * frequency)
                                                        : exact_turn(position, frequency);
  const float a = from[0], b = from[half_size];
  to[0] = a * turn.cosine - b * turn.sine;
  to[half_size] = b * turn.cosine + a * turn.sine;
}
