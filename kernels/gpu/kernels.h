// Every kernel; a prelude stands before.
#pragma once
// clang-format off
#include "numbers.h"
#include "sizes.h"

#include "rms_norm.h"
