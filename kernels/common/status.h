// The calling thread's last failure: its text, and of what kind it is.
#pragma once
#include <stdint.h>

namespace ct {

// Keeps one sentence, made as by printf, for ct_last_error().
void set_error(const char* format, ...) __attribute__((format(printf, 1, 2)));

// set_error, and false: `return fail(...)` reads well in a check.
bool fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

// As fail(), where there is not enough memory: ct_last_status() tells.
bool fail_memory(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Copies `source`, NUL-terminated and cut to `capacity` bytes at a whole UTF-8 character. Returns
// the bytes of all of it without the NUL.
uint32_t copy_text(const char* source, char* text, uint32_t capacity);

const char* last_error();
uint32_t last_status();

}  // namespace ct
