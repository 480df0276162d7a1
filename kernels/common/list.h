// A list that grows, of things that are copied as bytes.
#pragma once
#include <stdint.h>
#include <stdlib.h>

#include <type_traits>

namespace ct {

template <typename T>
class List {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  List() = default;
  ~List() { free(items_); }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  // False without memory.
  bool add(const T* items, uint64_t count) {
    if (count_ + count > capacity_) {
      const uint64_t capacity = 2 * (count_ + count);
      void* const grown = realloc(items_, capacity * sizeof(T));
      if (!grown) return false;
      items_ = static_cast<T*>(grown);
      capacity_ = capacity;
    }
    for (uint64_t i = 0; i < count; ++i) items_[count_ + i] = items[i];
    count_ += count;
    return true;
  }
  bool add(const T& item) { return add(&item, 1); }

  uint64_t count() const { return count_; }
  const T& operator[](uint64_t i) const { return items_[i]; }
  const T* begin() const { return items_; }
  const T* end() const { return items_ + count_; }

 private:
  T* items_ = nullptr;
  uint64_t count_ = 0, capacity_ = 0;
};

}  // namespace ct
