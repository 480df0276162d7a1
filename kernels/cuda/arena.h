// The GPU's memory in pieces: a model has hundreds of tensors, many of a few kilobytes, and the
// driver gives nothing below two megabytes to one alone. So small pieces share large blocks, one
// after the other, and a block goes back to the driver with its last piece. Large ones have blocks
// of their own. All is used in the order of one stream, so a place may be given out anew at once.
#pragma once
#include <stdint.h>

#include "driver.h"

namespace ct {

class CudaArena {
 public:
  CudaArena() = default;
  ~CudaArena();  // frees no memory of the GPU
  CudaArena(const CudaArena&) = delete;
  CudaArena& operator=(const CudaArena&) = delete;

  // Memory aligned to 256 bytes; an error of the driver where it cannot be had.
  int allocate(const CudaDriver& driver, CudaAddress* address, uint64_t bytes);

  // Takes back what allocate() gave. The block to be freed, once the GPU is done with it; 0 while
  // others use it.
  CudaAddress take_back(CudaAddress address, uint64_t bytes);

 private:
  struct Block {
    Block* next;
    CudaAddress begin;
    uint64_t bytes, used;
    uint32_t pieces;  // that are in use
  };
  int add_block(const CudaDriver& driver, uint64_t bytes);

  Block* blocks_ = nullptr;  // the newest first
};

}  // namespace ct
