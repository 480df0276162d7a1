#include "fibre.h"

#include <stdint.h>
#include <string.h>

#if defined(__APPLE__)
#define CT_HIDDEN ".private_extern "
#else
#define CT_HIDDEN ".hidden "
#endif

// Only what a call has to keep is saved; the first switch to a stack returns into ct_enter_stack.
#if defined(__x86_64__)

__asm__(
    ".text\n"
    ".globl ct_switch_stack\n" CT_HIDDEN "ct_switch_stack\n"
    "ct_switch_stack:\n"
    "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
    "  ret\n"
    ".globl ct_enter_stack\n" CT_HIDDEN "ct_enter_stack\n"
    "ct_enter_stack:\n"
    "  movq %r12, %rdi\n"
    "  callq *%rbx\n"
    "  ud2\n");

namespace {

constexpr int saved_words = 9;  // six registers, the address to return to, and two to align
constexpr int body_word = 4, argument_word = 3, entry_word = 6;

}  // namespace

#elif defined(__aarch64__)

__asm__(
    ".text\n"
    ".p2align 2\n"
    ".globl ct_switch_stack\n" CT_HIDDEN "ct_switch_stack\n"
    "ct_switch_stack:\n"
    "  sub sp, sp, #160\n"
    "  stp x19, x20, [sp]\n  stp x21, x22, [sp, #16]\n  stp x23, x24, [sp, #32]\n"
    "  stp x25, x26, [sp, #48]\n  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
    "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n"
    "  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
    "  mov x9, sp\n"
    "  str x9, [x0]\n"
    "  mov sp, x1\n"
    "  ldp x19, x20, [sp]\n  ldp x21, x22, [sp, #16]\n  ldp x23, x24, [sp, #32]\n"
    "  ldp x25, x26, [sp, #48]\n  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
    "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n"
    "  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
    "  add sp, sp, #160\n"
    "  ret\n"
    ".globl ct_enter_stack\n" CT_HIDDEN "ct_enter_stack\n"
    "ct_enter_stack:\n"
    "  mov x0, x20\n"
    "  blr x19\n"
    "  brk #1\n");

namespace {

constexpr int saved_words = 20;
constexpr int body_word = 0, argument_word = 1, entry_word = 11;

}  // namespace

#endif

extern "C" void ct_enter_stack() __asm__("ct_enter_stack");

namespace ct {

void* begin_stack(void* end, void (*body)(void*), void* argument) {
  const uintptr_t top = reinterpret_cast<uintptr_t>(end) & ~uintptr_t{15};
  uintptr_t* const words = reinterpret_cast<uintptr_t*>(top) - saved_words;
  memset(words, 0, saved_words * sizeof(uintptr_t));
  words[body_word] = reinterpret_cast<uintptr_t>(body);
  words[argument_word] = reinterpret_cast<uintptr_t>(argument);
  words[entry_word] = reinterpret_cast<uintptr_t>(&ct_enter_stack);
  return words;
}

}  // namespace ct
