// Turning the two elements of a pair by an angle: rotary embedding, and taking a part of it back.
#pragma once

struct Turn {
  float cosine, sine;
};

DEVICE Turn turn_by(float angle) {
  Turn turn;
  turn.cosine = cos(angle);
  turn.sine = sin(angle);
  return turn;
}

DEVICE Turn joined(Turn x, Turn y) {
  Turn turn;
  turn.cosine = x.cosine * y.cosine - x.sine * y.sine;
  turn.sine = x.sine * y.cosine + x.cosine * y.sine;
  return turn;
}

DEVICE Turn turned_back(Turn turn) {
  turn.sine = -turn.sine;
  return turn;
}

// By steps * frequency, which a float does not hold, and there may be no double: each half of the
// steps is exact in a float, and so is what its product is rounded by.
DEVICE Turn exact_turn(uint32_t steps, float frequency) {
  const float high = float(steps & 0xffff0000u), low = float(steps & 0xffffu);
  const float high_angle = high * frequency, low_angle = low * frequency;
  const float high_rest = fused_multiply_add(high, frequency, -high_angle);
  const float low_rest = fused_multiply_add(low, frequency, -low_angle);
  return joined(joined(turn_by(high_angle), turn_by(high_rest)),
                joined(turn_by(low_angle), turn_by(low_rest)));
}
