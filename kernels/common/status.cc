#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../include/contrail.h"

namespace ct {
namespace {

thread_local char error_text[1024];
thread_local uint32_t status = CT_STATUS_SUCCESS;

void format_error(uint32_t kind, const char* format, va_list arguments) {
  status = kind;
  vsnprintf(error_text, sizeof error_text, format, arguments);
}

}  // namespace

void set_error(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  format_error(CT_STATUS_FAILED, format, arguments);
  va_end(arguments);
}

bool fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  format_error(CT_STATUS_FAILED, format, arguments);
  va_end(arguments);
  return false;
}

bool fail_memory(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  format_error(CT_STATUS_OUT_OF_MEMORY, format, arguments);
  va_end(arguments);
  return false;
}

uint32_t copy_text(const char* source, char* text, uint32_t capacity) {
  const size_t length = strlen(source);
  if (!text || !capacity) return uint32_t(length);
  size_t copied = length < capacity ? length : capacity - 1;
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  if (copied < length) {
    while (copied && continues(source[copied])) --copied;
  }
  memcpy(text, source, copied);
  text[copied] = 0;
  return uint32_t(length);
}

const char* last_error() { return error_text; }
uint32_t last_status() { return status; }

}  // namespace ct
