// A row of scores read once from memory: its greatest, and the exponentials of the others.
//
// A block is read for its maximum and, out of L1, for its exponentials by the greatest score so
// far. Where a greater one comes, what was summed is scaled; what was kept has a scale by block.
#pragma once
#include "classes_in_lanes.hpp"

namespace PLOGQ_ISA {

// While a block is worked off, what lies so many bytes further on is fetched: the arithmetic is too
// long for the processor to look that far ahead.
constexpr int FETCHED = 8192;

template <class T>
struct alignas(64) KeptRow {
  T e[KEPT<T>];
  T by[KEPT<T> / BLOCK + 2];  // the greatest score when a block was read
};

// Where m, which is there, stands first: by groups, then by lanes.
template <class T>
static int first_of(const T* s, T m) {
  int i = 0;
  for (;; i += GROUP) {
    IVec<T> equal = {};
    for (int u = 0; u < UNROLL<T>; ++u) equal |= load(s + i + u * LANES<T>) == all<T>(m);
    uint64_t words[sizeof equal / 8], any = 0;
    std::memcpy(words, &equal, sizeof equal);
    for (uint64_t word : words) any |= word;
    if (any) break;
  }
  while (!(s[i] == m)) ++i;
  return i;
}

// n exponentials by m, of whole groups that are read from `group(i)`; `each` takes them.
template <class T, class Group, class Each>
PLOGQ_INLINE void exponentials(const T* s, int n, T m, const Group& group, const Each& each) {
  const T lowest = unknown<T>(Simd<T>::lowest);
  for (int i = 0; i < n; i += GROUP) {
    const T* const from = group(i);
#pragma GCC unroll 8
    for (int u = 0; u < UNROLL<T>; ++u) {
      const int lane = u * LANES<T>;
      if (lane * int(sizeof(T)) % 64 == 0)
        __builtin_prefetch(reinterpret_cast<const char*>(s + i + lane) + FETCHED);
      each(i, u, exp_scaled<T>(load(from + lane) - m, lowest));
    }
  }
}

template <class T>
struct RunningRow {
  T m = -INFINITY;
  double rest = 0;  // Σ exp(s - m) without one of the greatest

  // A block more, padded with classes that are ruled out. `keep` takes the exponentials.
  template <bool KEEP>
  void add(const T* s, int n, T* keep) {
    const T most = MaxOf<T>{s, n}.template run<NATIVE<T>>();
    int first = -1, without = -1;
    alignas(64) T own[GROUP];
    if (most > m) {
      // One of the greatest was not in `rest`; of none before there is nothing to add.
      if (m > -INFINITY) rest = (1 + rest) * std::exp(double(m) - double(most));
      m = most;
      first = first_of(s, m);
      without = first / GROUP * GROUP;
      std::memcpy(own, s + without, sizeof own);
      own[first - without] = -INFINITY;
    }
    Vec<T> total[UNROLL<T>] = {};
    exponentials<T>(
        s, n, m == -INFINITY ? 0 : m, [&](int i) { return i == without ? own : s + i; },
        [&](int i, int u, Vec<T> share) {
          total[u] += share;
          if constexpr (KEEP) store<T>(keep + i + u * LANES<T>, share);
        });
    rest += sum_lanes<T>(total) * double(Simd<T>::unscale);
    if (KEEP && first >= 0) keep[first] = 1 / Simd<T>::unscale;
  }
};

// Exponentials of a block and what makes probabilities of them: those that were kept, unless they
// were made by so small a score that the scale of this one would be no normal number.
template <class T>
struct Shares {
  const T* e;
  T scale;
  Shares(const T* s, int n, double m, double rest, const KeptRow<T>* kept, int64_t k, int number,
         T* work)
      : e(work), scale(T(double(Simd<T>::unscale) / (1 + rest))) {
    const double behind = kept ? m - double(kept->by[number]) : 0;
    if (kept && behind <= 32) {
      e = kept->e + k;
      if (behind != 0) scale = T(double(Simd<T>::unscale) * std::exp(-behind) / (1 + rest));
      return;
    }
    exponentials<T>(
        s, n, T(m), [&](int i) { return s + i; },
        [&](int i, int u, Vec<T> share) { store<T>(work + i + u * LANES<T>, share); });
  }
};

// Where a block's gradient is written as it is made: past the cache where it belongs, or here.
template <class T>
struct Out {
  T* to;
  bool past = false;
  Out(bool may, const View& v, int64_t e, int64_t k, int n, T* work) : to(work) {
    if (!may || !v || n % GROUP != 0 || !direct<T>(v, v.class_stride)) return;
    T* const at = reinterpret_cast<T*>(v.event(e) + k * v.class_stride);
    past = reinterpret_cast<uintptr_t>(at) % 64 == 0;  // whole lines, as in stream_out
    if (past) to = at;
  }
};
template <class T>
PLOGQ_INLINE void lay(const Out<T>& out, int at, Vec<T> g) {
  if (out.past)
    store_past_cache(reinterpret_cast<Line*>(out.to + at), (Line)g);
  else
    store<T>(out.to + at, g);
}

}  // namespace PLOGQ_ISA
