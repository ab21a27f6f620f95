#include "base/aligned_array.h"

#include <sys/mman.h>

#include <new>

namespace fz {

void* allocate_aligned(std::size_t size_bytes) {
  // Weights and caches are read from end to end at every step, hash tables all over; huge pages spare address
  // translations.
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const std::size_t alignment = size_bytes >= kHugePage ? kHugePage : 64;
  const std::size_t rounded = (size_bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  if (alignment == kHugePage) ::madvise(memory, rounded, MADV_HUGEPAGE);
  return memory;
}

}  // namespace fz
