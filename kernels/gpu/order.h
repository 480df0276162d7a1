// An order of floats in which NaN is least and both zeros are equal, as integers.
#pragma once

struct Candidate {
  int32_t key;
  uint32_t index;
};

DEVICE int32_t order_key(float x) {
  if (x != x) return int32_t(0x80000000u);
  if (x == 0.0f) return 0;
  const int32_t bits = int32_t(bits_of(x));
  return bits < 0 ? bits ^ 0x7fffffff : bits;
}

DEVICE bool is_better(Candidate x, Candidate y) {
  return x.key > y.key || (x.key == y.key && x.index < y.index);
}
