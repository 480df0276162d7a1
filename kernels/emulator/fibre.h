// Threads of control that switch only where they are told to: each has a stack of its own.
#pragma once
#include <stddef.h>

namespace ct {

// Saves the caller's registers and stack pointer in `from` and goes on where `to` was saved.
extern "C" void ct_switch_stack(void** from, void* to) __asm__("ct_switch_stack");

// What to pass as `to` so that body(argument) begins on a stack, `end` being the end of its memory.
// body must never return.
void* begin_stack(void* end, void (*body)(void*), void* argument);

}  // namespace ct
