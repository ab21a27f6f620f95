// Arrays for vector kernels and large tables: on a boundary that no cache line crosses, in huge pages where that helps.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace fz {

/// At least 64-byte aligned; large blocks ask for huge pages. Freed by std::free. Throws std::bad_alloc.
void* allocate_aligned(std::size_t size_bytes);

/// A zeroed array on a 64-byte boundary, as vector kernels want it.
template <typename T>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(std::size_t size) : size_(size) {
    data_.reset(static_cast<T*>(allocate_aligned(size * sizeof(T))));
    std::uninitialized_value_construct_n(data_.get(), size);
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return data_.get()[i]; }
  const T& operator[](std::size_t i) const { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(T* pointer) const { std::free(pointer); }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace fz
