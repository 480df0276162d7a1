// What stands in for Metal and the runtime of Objective-C: objects that know the methods that the
// host uses, and a GPU that runs kernels on the emulator, in order but as late as it may. What
// Metal would not take ends the process. STAND_IN_MOST_BYTES is what a buffer has at most.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "metal_things.h"

namespace {

Thing* retain(Thing* self, Name) { return retained(self); }
void release(Thing* self, Name) { give_up(self); }

Thing* string_with_text(Thing*, Name, const char* text) {
  Thing* const made = for_pool(make("string"));
  made->text = text;
  return made;
}
const char* text_of(Thing* self, Name) { return self->text.c_str(); }

Thing* device_name(Thing* self, Name) {
  return string_with_text(self, nullptr, "Stand-in GPU");
}
Thing* new_queue(Thing*, Name) { return make("queue"); }
Thing* new_options(Thing*, Name) { return make("options"); }
void set_fast_math(Thing* self, Name, signed char fast) { self->ended = !fast; }
Count most_bytes(Thing*, Name) {
  const char* const most = getenv("STAND_IN_MOST_BYTES");
  return most ? strtoul(most, nullptr, 10) : 1ul << 28;
}
uint64_t working_set(Thing*, Name) { return 1ul << 29; }
Count allocated_bytes(Thing*, Name) { return allocated; }

Thing* new_library(Thing*, Name, Thing* source, Thing* options, Thing**) {
  if (!options->ended) refuse("kernels are compiled with fast mathematics");
  if (source->text.find("#include \"") != std::string::npos) refuse("a source that is not whole");
  Thing* const made = make("library");
  made->text = source->text;
  return made;
}

Thing* new_function(Thing* self, Name, Thing* name) {
  const std::string& symbol = name->text;
  const bool defined =
      symbol.size() > 3 && self->text.find("KERNEL(" + symbol.substr(3) + ",") != std::string::npos;
  if (!defined || stand_in::find_kernel(symbol.c_str()) == ct::Kernel::count) return nullptr;
  Thing* const made = make("function");
  made->text = symbol;
  return made;
}

Thing* new_pipeline(Thing*, Name, Thing* function, Thing**) {
  Thing* const made = make("pipeline");
  made->text = function->text;
  return made;
}
Count execution_width(Thing*, Name) { return 32; }
Count most_threads(Thing*, Name) { return 1024; }

Thing* new_buffer(Thing*, Name, Count bytes, Count options) {
  if (!bytes || options) refuse("a buffer of no bytes, or not shared");
  if (bytes > most_bytes(nullptr, nullptr)) return nullptr;
  Thing* const made = make("buffer");
  made->memory.assign(bytes + 256, 0xff);
  made->bytes = bytes;
  allocated += bytes;
  return made;
}
Thing* new_buffer_of_pages(Thing*, Name, unsigned char* pages, Count bytes, Count options,
                           Thing* deallocator) {
  const Count page = Count(sysconf(_SC_PAGESIZE));
  if (!bytes || bytes % page || reinterpret_cast<uintptr_t>(pages) % page || options) {
    refuse("a buffer of what are no whole pages, or not shared");
  }
  if (deallocator) refuse("a deallocator, which the host does without");
  if (bytes > most_bytes(nullptr, nullptr)) return nullptr;
  Thing* const made = make("buffer");
  made->pages = pages;
  made->bytes = bytes;
  allocated += bytes;
  return made;
}
unsigned char* contents(Thing* self, Name) {
  if (self->pages) return self->pages;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(self->memory.data());
  return reinterpret_cast<unsigned char*>((begin + 255) / 256 * 256);
}

Thing* command_buffer(Thing*, Name) { return for_pool(make("commands")); }
Thing* compute_encoder(Thing* self, Name) {
  Thing* const made = for_pool(make("encoder"));
  made->held.push_back(retained(self));
  return made;
}

void set_pipeline(Thing* self, Name, Thing* pipeline) {
  self->next = {};
  self->next.kernel = stand_in::find_kernel(pipeline->text.c_str());
}
void set_buffer(Thing* self, Name, Thing* buffer, Count offset, Count index) {
  if (!buffer) {
    self->next.buffers[index] = {nullptr, 0};
    return;
  }
  const Count bytes = buffer->bytes;
  if (buffer->kind != "buffer" || offset > bytes) refuse("an offset outside of its buffer");
  self->next.buffers[index] = {contents(buffer, nullptr) + offset, bytes - offset};
  self->held[0]->held.push_back(retained(buffer));
}
void set_bytes(Thing* self, Name, const unsigned char* bytes, Count length, Count index) {
  if (index != 30 || length > 4096) refuse("sizes at another index, or too many");
  self->next.sizes.assign(bytes, bytes + length);
}
void dispatch(Thing* self, Name, Extent groups, Extent threads) {
  Dispatch& next = self->next;
  const ct::Program& program = ct::program_of(next.kernel);
  if (next.sizes.size() != program.sizes_bytes || next.buffers.size() != program.buffers ||
      (program.buffers && next.buffers.rbegin()->first != program.buffers - 1) || self->ended ||
      threads.height != 1 || threads.depth != 1 || threads.width > 1024 || !groups.width ||
      !groups.height || !groups.depth) {
    refuse("a kernel that is not called as it is declared");
  }
  next.grid = {uint32_t(groups.width), uint32_t(groups.height), uint32_t(groups.depth),
               uint32_t(threads.width)};
  self->held[0]->dispatches.push_back(next);
  next = {};
}
void end_encoding(Thing* self, Name) { self->held[0]->ended = self->ended = true; }

void commit(Thing* self, Name) {
  if (!self->ended || self->committed) refuse("commands that are not written to their end");
  self->committed = true;
  waiting.push_back(retained(self));
}

void run(Thing* commands) {
  commands->status = 4;
  for (const Dispatch& each : commands->dispatches) {
    std::vector<ct::KernelBuffer> buffers;
    for (const auto& [index, buffer] : each.buffers) buffers.push_back(buffer);
    const ct::Launch launch = {each.kernel,    each.grid,      each.sizes.data(),
                               uint32_t(each.sizes.size()), buffers.data(),
                               uint32_t(buffers.size())};
    if (stand_in::run_kernel(launch)) continue;
    commands->status = 5;
    return;
  }
}

void wait_until_completed(Thing* self, Name) {
  if (!self->committed) refuse("waiting for commands that are not committed");
  while (self->status < 4) {
    Thing* const next = waiting.front();
    waiting.erase(waiting.begin());
    run(next);
    give_up(next);
  }
}
Count status(Thing* self, Name) { return self->status; }
Thing* error(Thing*, Name) { return for_pool(make("error")); }
Thing* description(Thing* self, Name) {
  return string_with_text(self, nullptr, "the kernel failed");
}

template <typename Method>
void* method(Method* function) {
  return reinterpret_cast<void*>(function);
}

void* find_method(Thing* self, Name selector) {
  static const std::map<std::string, std::map<std::string, void*>> methods = {
      {"NSString", {{"stringWithUTF8String:", method(string_with_text)}}},
      {"MTLCompileOptions", {{"new", method(new_options)}}},
      {"string", {{"UTF8String", method(text_of)}}},
      {"error", {{"localizedDescription", method(description)}}},
      {"options", {{"setFastMathEnabled:", method(set_fast_math)}}},
      {"device",
       {{"name", method(device_name)},
        {"newCommandQueue", method(new_queue)},
        {"newLibraryWithSource:options:error:", method(new_library)},
        {"newComputePipelineStateWithFunction:error:", method(new_pipeline)},
        {"newBufferWithLength:options:", method(new_buffer)},
        {"newBufferWithBytesNoCopy:length:options:deallocator:", method(new_buffer_of_pages)},
        {"recommendedMaxWorkingSetSize", method(working_set)},
        {"currentAllocatedSize", method(allocated_bytes)},
        {"maxBufferLength", method(most_bytes)}}},
      {"library", {{"newFunctionWithName:", method(new_function)}}},
      {"function", {}},
      {"pipeline",
       {{"threadExecutionWidth", method(execution_width)},
        {"maxTotalThreadsPerThreadgroup", method(most_threads)}}},
      {"queue", {{"commandBuffer", method(command_buffer)}}},
      {"buffer", {{"contents", method(contents)}}},
      {"commands",
       {{"computeCommandEncoder", method(compute_encoder)},
        {"commit", method(commit)},
        {"waitUntilCompleted", method(wait_until_completed)},
        {"status", method(status)},
        {"error", method(error)}}},
      {"encoder",
       {{"setComputePipelineState:", method(set_pipeline)},
        {"setBuffer:offset:atIndex:", method(set_buffer)},
        {"setBytes:length:atIndex:", method(set_bytes)},
        {"dispatchThreadgroups:threadsPerThreadgroup:", method(dispatch)},
        {"endEncoding", method(end_encoding)}}}};
  if (!self) refuse("a message to nothing");
  if (!strcmp(selector, "retain")) return method(retain);
  if (!strcmp(selector, "release")) return method(release);
  const auto& known = methods.at(self->kind);
  const auto found = known.find(selector);
  if (found == known.end()) refuse((self->kind + " has no method " + selector).c_str());
  return found->second;
}

}  // namespace

extern "C" void* stand_in_method(Thing* self, Name selector) { return find_method(self, selector); }

// Finds the method and goes on in it, with the arguments as they are.
#if defined(__x86_64__)
__asm__(
    ".text\n.globl objc_msgSend\nobjc_msgSend:\n"
    "  pushq %rdi\n  pushq %rsi\n  pushq %rdx\n  pushq %rcx\n  pushq %r8\n  pushq %r9\n"
    "  subq $8, %rsp\n  callq stand_in_method@PLT\n  movq %rax, %r11\n  addq $8, %rsp\n"
    "  popq %r9\n  popq %r8\n  popq %rcx\n  popq %rdx\n  popq %rsi\n  popq %rdi\n"
    "  jmpq *%r11\n");
#elif defined(__aarch64__)
__asm__(
    ".text\n.globl objc_msgSend\nobjc_msgSend:\n"
    "  stp x29, x30, [sp, #-80]!\n  stp x0, x1, [sp, #16]\n  stp x2, x3, [sp, #32]\n"
    "  stp x4, x5, [sp, #48]\n  stp x6, x7, [sp, #64]\n  bl stand_in_method\n  mov x16, x0\n"
    "  ldp x0, x1, [sp, #16]\n  ldp x2, x3, [sp, #32]\n  ldp x4, x5, [sp, #48]\n"
    "  ldp x6, x7, [sp, #64]\n  ldp x29, x30, [sp], #80\n  br x16\n");
#endif

extern "C" {

Thing* objc_getClass(const char* name) {
  static std::map<std::string, Thing> classes;
  Thing& found = classes[name];
  found.kind = name;
  return &found;
}

Name sel_registerName(const char* name) { return name; }

void* objc_autoreleasePoolPush() {
  pools.emplace_back();
  return reinterpret_cast<void*>(pools.size());
}

void objc_autoreleasePoolPop(void* pool) {
  if (reinterpret_cast<size_t>(pool) != pools.size()) refuse("pools end in another order");
  for (Thing* const thing : pools.back()) give_up(thing);
  pools.pop_back();
}

Thing* MTLCreateSystemDefaultDevice() {
  ++devices;
  return make("device");
}

}  // extern "C"
