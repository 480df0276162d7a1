#include "arena.h"

#include <stdlib.h>

namespace ct {
namespace {

constexpr uint64_t alignment = 256;
constexpr uint64_t block_bytes = 64 * 1024 * 1024;
constexpr uint64_t alone_from = 16 * 1024 * 1024;

uint64_t rounded(uint64_t bytes) {
  return bytes ? (bytes + alignment - 1) / alignment * alignment : alignment;
}

}  // namespace

CudaArena::~CudaArena() {
  while (blocks_) {
    Block* const next = blocks_->next;
    free(blocks_);
    blocks_ = next;
  }
}

int CudaArena::add_block(const CudaDriver& driver, uint64_t bytes) {
  Block* const block = static_cast<Block*>(malloc(sizeof(Block)));
  if (!block) return cuda_out_of_memory;
  *block = {blocks_, 0, bytes, 0, 0};
  const int error = driver.memory_allocate(&block->begin, bytes);
  if (error != cuda_success) {
    free(block);
    return error;
  }
  blocks_ = block;
  return cuda_success;
}

int CudaArena::allocate(const CudaDriver& driver, CudaAddress* address, uint64_t bytes) {
  if (bytes > UINT64_MAX - alignment) return cuda_out_of_memory;
  const uint64_t size = rounded(bytes);
  Block* block = size < alone_from ? blocks_ : nullptr;
  while (block && block->bytes - block->used < size) block = block->next;
  if (!block) {
    // Where there is no room for a whole block there may be for what is asked.
    int error = cuda_out_of_memory;
    if (size < alone_from) error = add_block(driver, block_bytes);
    if (error == cuda_out_of_memory) error = add_block(driver, size);
    if (error != cuda_success) return error;
    block = blocks_;
  }
  *address = block->begin + block->used;
  block->used += size;
  ++block->pieces;
  return cuda_success;
}

CudaAddress CudaArena::take_back(CudaAddress address, uint64_t bytes) {
  Block** link = &blocks_;
  while (address < (*link)->begin || address - (*link)->begin >= (*link)->bytes) {
    link = &(*link)->next;
  }
  Block* const block = *link;
  const bool is_last = address - block->begin + rounded(bytes) == block->used;
  if (is_last) block->used -= rounded(bytes);
  if (--block->pieces) return 0;
  const CudaAddress begin = block->begin;
  *link = block->next;
  free(block);
  return begin;
}

}  // namespace ct
