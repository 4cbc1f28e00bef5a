// Blocks of one row: what their scores are read from, and the passes over them.
#pragma once
#include "several.hpp"

namespace PLOGQ_ISA {

constexpr int BLOCK = 1024;  // classes that are converted at a time, in L1

// Rows of one block that are worked off side by side: so many of them, and of their classes.
constexpr int SIDE_BY_SIDE = 16, CLASSES_AT_ONCE = 8 * BLOCK;

// Exponentials of so many classes are kept, which leaves the rows their place in L2.
template <class T>
constexpr int64_t KEPT = (int64_t(1) << 17) / int64_t(sizeof(T));

template <class T>
struct alignas(64) Scratch : Each<T> {
  T scores[BLOCK], raw[BLOCK], dense_block[BLOCK], weight[BLOCK], ones[BLOCK], out[BLOCK];
  T kept[KEPT<T> + LANES<T>];
  Scratch() {
    for (int i = 0; i < BLOCK; ++i) ones[i] = 1;
  }
};

// How much of what is left makes the next block: whole groups first, which are used where they lie,
// then the rest of a group, which is padded in scratch.
PLOGQ_INLINE int block_length(int64_t left) {
  if (left >= BLOCK) return BLOCK;
  return int(left >= GROUP ? left / GROUP * GROUP : left);
}

PLOGQ_INLINE int padded(int n) { return (n + GROUP - 1) / GROUP * GROUP; }

// n classes of which vectors can be loaded: where they are stored, or in scratch. No vector there
// is longer than they are.
struct Block {
  const void* data;
  int dtype, n;
};

template <class T>
PLOGQ_INLINE int to_vector(int n) {
  return n < LANES<T> ? LANES<T> : n;
}

// Scores k0 … k0+n; fewer than a vector are padded with `pad`. x.raw takes what is stored where
// that differs (softcap, probabilities).
template <class T>
static Block scores_block(const Stored& p, const char* event, int64_t k0, int n, T pad,
                          Scratch<T>& x) {
  const View& v = p.scores;
  const char* from = event + k0 * v.class_stride;
  const bool plain = p.kind != PROBS && p.softcap == 0;
  const bool half = sizeof(T) == sizeof(float) && (v.dtype == F16 || v.dtype == BF16);
  if (plain && n >= LANES<T> && (direct<T>(v, v.class_stride) || (half && v.class_stride == 2)))
    return {from, v.dtype, n};
  T* to = plain ? x.scores : x.raw;
  gather<T>(v.dtype, from, v.class_stride, n, to);
  if (!plain) {
    for (int i = n; i % LANES<T> != 0; ++i) to[i] = 0;
    transform<T>(p, x.raw, x.scores, n);
  }
  for (int i = n; i < LANES<T>; ++i) x.scores[i] = pad;
  return {x.scores, NATIVE<T>, to_vector<T>(n)};
}

// Lanes from `at` on, widened on the way in.
template <class T, int DTYPE>
PLOGQ_INLINE Vec<T> load_as(const void* data, int at) {
  if constexpr (DTYPE == NATIVE<T>) {
    return load(static_cast<const T*>(data) + at);
  } else {
    const U16 h = *reinterpret_cast<const U16u*>(static_cast<const char*>(data) + 2 * at);
    const U32 wide = __builtin_convertvector(h, U32);
    return DTYPE == BF16 ? widen_bf16(wide) : widen_f16(wide);
  }
}

// f.run<dtype>() with the block's dtype as a constant.
template <class T, class F>
PLOGQ_INLINE auto by_dtype(int dtype, const F& f) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (dtype == F16) return f.template run<F16>();
    if (dtype == BF16) return f.template run<BF16>();
  }
  return f.template run<NATIVE<T>>();
}

// The dense part's w_j p_j for the same classes.
template <class T>
static const T* dense_block(const Stored& p, const char* event, int64_t k0, int n, Scratch<T>& x) {
  const View& v = p.dense;
  const char* from = event + k0 * v.class_stride;
  if (!p.class_weight && n >= LANES<T> && direct<T>(v, v.class_stride))
    return reinterpret_cast<const T*>(from);
  gather<T>(v.dtype, from, v.class_stride, n, x.dense_block);
  if (p.class_weight)
    for (int i = 0; i < n; ++i)
      x.dense_block[i] = x.dense_block[i] == 0 ? 0 : x.dense_block[i] * T(p.class_weight[k0 + i]);
  for (int i = n; i < LANES<T>; ++i) x.dense_block[i] = 0;
  return x.dense_block;
}

// The background's b_j for the same classes.
template <class T>
static const T* spread_block(const Stored& p, int64_t k0, int n, Scratch<T>& x) {
  if (!p.spread && n >= LANES<T>) return x.ones;
  for (int i = 0; i < n; ++i) x.weight[i] = p.spread ? T(p.spread[k0 + i]) : T(1);
  for (int i = n; i < LANES<T>; ++i) x.weight[i] = 0;
  return x.weight;
}

// each(at, u, there) for all vectors of n elements, of which accumulator u takes the one at `at`.
// The last one, where it is not whole, begins before what is left, and `there` tells what that is.
template <class T, class Each>
PLOGQ_INLINE void in_vectors(int n, const Each& each) {
  constexpr int L = LANES<T>;
  const IVec<T> all_there = IVec<T>{} - 1;
  int i = 0;
  for (; i + GROUP <= n; i += GROUP)
    in_group<T>([&](auto u) PLOGQ_INLINED { each(i + u * L, u, all_there); });
  if (i == n) return;
  in_group<T>([&](auto u) PLOGQ_INLINED {
    if (i + u * L + L <= n) each(i + u * L, u, all_there);
  });
  if (n % L != 0) each(n - L, std::integral_constant<int, 0>(), last_lanes<T>(n % L));
}

// out[i] = f(i) for n elements, in vectors of which none reaches further; f may read what it
// replaces.
template <class T, class F>
PLOGQ_INLINE void map_vectors(int n, T* out, const F& f) {
  constexpr int L = LANES<T>;
  const int whole = n / L * L;
  Vec<T> last = {};
  if (whole != n) last = f(n - L);
#pragma GCC unroll 4
  for (int i = 0; i < whole; i += L) store<T>(out + i, f(i));
  if (whole != n) store<T>(out + n - L, last);
}

// The greatest of n scores.
template <class T>
struct MaxOf {
  const void* s;
  int n;
  template <int D>
  T run() const {
    Accumulators<T> m(-INFINITY);
    in_vectors<T>(n, [&](int at, auto u, IVec<T>)
                         PLOGQ_INLINED { m[u] = greater(load_as<T, D>(s, at), m[u]); });
    return m.most();
  }
};

// out = exp(s - m) · 2^scale, fetching what lies `ahead` bytes further on.
template <class T>
struct ExpOf {
  Block s;
  T m;
  T* out;
  int64_t ahead;
  template <int D>
  void run() const {
    constexpr int item = D == NATIVE<T> ? int(sizeof(T)) : 2;
    const T lowest = unknown<T>(Simd<T>::lowest);
    map_vectors<T>(s.n, out, [&](int at) PLOGQ_INLINED {
      if (at * item % 64 == 0)
        __builtin_prefetch(static_cast<const char*>(s.data) + at * int64_t(item) + ahead);
      return exp_scaled<T>(load_as<T, D>(s.data, at) - m, lowest);
    });
  }
};

// What a block adds to Σ exp(s - m) without what is 1, and how many are 1.
struct Added {
  double rest;
  int64_t ones;
  // Without one of the ones.
  double beside_one() const { return ones > 1 ? rest + double(ones - 1) : rest; }
};

// Without a finite score the gaps are measured from 0: exp(-∞ - 0) = 0, and a NaN stays one.
template <class T>
PLOGQ_INLINE T measured_from(T m) {
  return m == T(-INFINITY) ? T(0) : m;
}

// Of exponentials · 2^scale.
template <class T>
static Added add_up(const T* e, int n) {
  const Vec<T> one = all<T>(1 / Simd<T>::unscale);
  Accumulators<T> acc;
  IVec<T> ones = {};
  in_vectors<T>(n, [&](int at, auto u, IVec<T> there) PLOGQ_INLINED {
    const Vec<T> x = load(e + at);
    const IVec<T> is_one = (x == one) & there;
    acc[u] += (Vec<T>)((IVec<T>)x & there & ~is_one);
    ones -= is_one;
  });
  return {acc.sum() * double(Simd<T>::unscale), count_lanes<T>(ones)};
}

// Half of Σ w (m - s), and with MASS Σ w, over a block, with 0 · ∞ = 0.
template <class T, bool MASS>
struct ExpectOf {
  Block s;
  const T* w;
  T m, share;
  double &cost, &mass;
  template <int D>
  void run() const {
    const Vec<T> zero = {};
    const T from = m * share;
    Accumulators<T> c, a;
    in_vectors<T>(s.n, [&](int at, auto u, IVec<T> there) PLOGQ_INLINED {
      const Vec<T> x = load_as<T, D>(s.data, at), v = (Vec<T>)((IVec<T>)load(w + at) & there);
      const IVec<T> none = (x == all<T>(m)) | (v == zero);
      const Vec<T> vd = v * (from - x * share);
      c[u] += (Vec<T>)((IVec<T>)vd & ~none);
      if constexpr (MASS) a[u] += v;
    });
    cost += c.sum();
    if constexpr (MASS) mass += a.sum();
  }
};

// out = e · a - w · dense, for the exponentials e · 2^scale of scores - m.
template <class T, bool DENSE>
struct SlopeOf {
  Block s;
  const T *kept, *w;  // the exponentials, where they were kept
  T m, a, dense;
  T* out;
  template <int D>
  void run() const {
    if (kept) {
      map_vectors<T>(s.n, out, [&](int at) PLOGQ_INLINED { return of(load(kept + at), at); });
      return;
    }
    const T lowest = unknown<T>(Simd<T>::lowest);
    map_vectors<T>(s.n, out, [&](int at) PLOGQ_INLINED {
      return of(exp_scaled<T>(load_as<T, D>(s.data, at) - m, lowest), at);
    });
  }
  PLOGQ_MEMBER Vec<T> of(Vec<T> e, int at) const {
    return DENSE ? e * a - load(w + at) * dense : e * a;
  }
};

}  // namespace PLOGQ_ISA
