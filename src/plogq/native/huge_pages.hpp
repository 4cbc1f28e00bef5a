// Large results in huge pages.
#pragma once
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "problem.hpp"

namespace plogq {

// Asks for huge pages for a large result, as NumPy does for its arrays: XLA and TensorFlow hand
// over fresh memory, and clearing small pages takes longer than the arithmetic.
inline void in_huge_pages(const View& v, int64_t events) {
#ifdef __linux__
  constexpr uintptr_t page = uintptr_t(1) << 12;
  const int64_t bytes = events * v.classes * item_size(v.dtype);
  if (bytes < int64_t(4) << 20) return;
  const uintptr_t start = (reinterpret_cast<uintptr_t>(v.data) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(v.data) + uintptr_t(bytes)) / page * page;
  madvise(reinterpret_cast<void*>(start), end - start, MADV_HUGEPAGE);
#else
  (void)v, (void)events;
#endif
}

}  // namespace plogq
