// Stores that bypass the cache, for results larger than it: a plain store first reads the line that
// it overwrites, which costs as much again as the writing (measured: a third of loss + gradient).
//
// The one place that names an instruction: GCC has no portable word for it. Where neither it nor
// Clang's builtin is to be had, the store is a plain one.
#pragma once
#if defined(__x86_64__) && !defined(__clang__)
#include <immintrin.h>
#endif

#include "vec.hpp"

namespace PLOGQ_ISA {

typedef int64_t Line __attribute__((vector_size(PLOGQ_VECTOR_BYTES), may_alias));
typedef int64_t LineU __attribute__((vector_size(PLOGQ_VECTOR_BYTES), aligned(1), may_alias));

PLOGQ_INLINE void store_past_cache(Line* to, Line v) {
#if defined(__clang__)
  __builtin_nontemporal_store(v, to);
#elif defined(__x86_64__) && PLOGQ_VECTOR_BYTES == 64
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), (__m512i)v);
#elif defined(__x86_64__) && PLOGQ_VECTOR_BYTES == 32
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to), (__m256i)v);
#elif defined(__x86_64__)
  _mm_stream_si128(reinterpret_cast<__m128i*>(to), (__m128i)v);
#else
  *to = v;
#endif
}

// Makes the bypassing stores of this thread visible before what it stores next.
PLOGQ_INLINE void settle() {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
}

// Copies a block that is in cache to where it belongs in memory. Whole lines alone go past the
// cache: one that is written in part by a plain store and in part past it is fetched, thrown out
// and fetched again, which made rows of 1000 classes half as dear again as rows of 1024.
static void stream_out(const void* block, int64_t bytes, char* to) {
  const char* from = static_cast<const char*>(block);
  constexpr int64_t V = PLOGQ_VECTOR_BYTES, LINE = 64;
  int64_t head = int64_t(-reinterpret_cast<uintptr_t>(to) & uintptr_t(LINE - 1));
  if (head > bytes) head = bytes;
  std::memcpy(to, from, size_t(head));
  int64_t i = head;
  for (; i + LINE <= bytes; i += LINE)
    for (int64_t v = i; v < i + LINE; v += V)
      store_past_cache(reinterpret_cast<Line*>(to + v), *reinterpret_cast<const LineU*>(from + v));
  std::memcpy(to + i, from + i, size_t(bytes - i));
}

}  // namespace PLOGQ_ISA
