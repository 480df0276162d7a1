// The objects behind metal.cc: counted, owned or left to a pool.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <map>
#include <string>
#include <vector>

#include "run_kernel.h"

namespace {

using Name = const char*;
using Count = unsigned long;
struct Extent {
  Count width, height, depth;
};

[[noreturn]] void refuse(const char* why) {
  fprintf(stderr, "stand-in: %s\n", why);
  abort();
}

// A kernel as it was written: buffers by index, as Metal binds them.
struct Dispatch {
  ct::Kernel kernel;
  ct::Grid grid;
  std::map<Count, ct::KernelBuffer> buffers;
  std::vector<unsigned char> sizes;
};

struct Thing {
  std::string kind;
  int references = 1;
  std::string text;  // of strings, libraries and functions
  std::vector<unsigned char> memory;  // of buffers, 256 bytes more to align
  unsigned char* pages = nullptr;  // of buffers without memory of their own
  unsigned long bytes = 0;
  std::vector<Thing*> held;  // what must live as long
  std::vector<Dispatch> dispatches;  // of commands
  Dispatch next;  // of an encoder
  bool ended = false, committed = false;
  Count status = 0;
};

int live = 0, devices = 0;
unsigned long allocated = 0;  // bytes of all buffers
std::vector<std::vector<Thing*>> pools;
std::vector<Thing*> waiting;  // commands, committed and not yet run

Thing* make(const char* kind) {
  ++live;
  Thing* const made = new Thing;
  made->kind = kind;
  return made;
}

void give_up(Thing* thing) {
  if (--thing->references) return;
  for (Thing* const held : thing->held) give_up(held);
  allocated -= thing->bytes;
  if (thing->kind == "device") --devices;
  if (--live && thing->kind == "device" && !devices && pools.empty()) {
    refuse("a device is given up before what was made on it");
  }
  delete thing;
}

Thing* retained(Thing* thing) {
  ++thing->references;
  return thing;
}

Thing* for_pool(Thing* thing) {
  if (pools.empty()) refuse("an object that nobody owns, without a pool");
  pools.back().push_back(thing);
  return thing;
}

}  // namespace
