// Events whose classes lie along the lanes: one row at a time, in chunks that stay in cache.
//
// A chunk is read for its maximum, then for Σ exp(s - m). The group of 64 that holds the first
// maximum is summed without it, so R never contains the 1 that would swallow it. While one chunk is
// summed the next is fetched.
#pragma once
#include "curvature.hpp"

namespace PLOGQ_ISA {

constexpr int BLOCK = 1024;            // classes that are converted at a time, in L1
constexpr int64_t CHUNK = 32 * BLOCK;  // classes that share a maximum, in L2

template <class T>
struct alignas(64) Scratch {
  T scores[BLOCK], raw[BLOCK], dense[BLOCK], weight[BLOCK], ones[BLOCK], out[BLOCK];
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

// A block of scores that lanes can be loaded from: where it is stored, or in scratch.
struct Block {
  const void* data;
  int dtype;
};

// Scores k0 … k0+n, padded to whole groups with `pad`. x.raw takes what is stored where that
// differs (softcap, probabilities).
template <class T>
static Block scores_block(const Stored& p, const char* event, int64_t k0, int n, T pad,
                          Scratch<T>& x) {
  const View& v = p.scores;
  const char* from = event + k0 * v.class_stride;
  const bool plain = p.kind != PROBS && p.softcap == 0;
  const bool half = sizeof(T) == sizeof(float) && (v.dtype == F16 || v.dtype == BF16);
  if (plain && n % GROUP == 0 && (direct<T>(v, v.class_stride) || (half && v.class_stride == 2)))
    return {from, v.dtype};
  T* to = plain ? x.scores : x.raw;
  gather<T>(v.dtype, from, v.class_stride, n, to);
  for (int i = n; i < padded(n); ++i) to[i] = 0;
  if (!plain) transform<T>(p, x.raw, x.scores, padded(n));
  for (int i = n; i < padded(n); ++i) x.scores[i] = pad;
  return {x.scores, NATIVE<T>};
}

// The same block in the type of the arithmetic, for what reads it more than once.
template <class T>
static const T* native(Block s, int n, Scratch<T>& x) {
  if (s.dtype == NATIVE<T>) return static_cast<const T*>(s.data);
  gather<T>(s.dtype, static_cast<const char*>(s.data), item_size(s.dtype), n, x.scores);
  return x.scores;
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

// The dense part's w_j p_j for the same classes, padded with 0.
template <class T>
static const T* dense_block(const Stored& p, const char* event, int64_t k0, int n, Scratch<T>& x) {
  const View& v = p.dense;
  const char* from = event + k0 * v.class_stride;
  if (!p.class_weight && n % GROUP == 0 && direct<T>(v, v.class_stride))
    return reinterpret_cast<const T*>(from);
  gather<T>(v.dtype, from, v.class_stride, n, x.dense);
  if (p.class_weight)
    for (int i = 0; i < n; ++i)
      x.dense[i] = x.dense[i] == 0 ? 0 : x.dense[i] * T(p.class_weight[k0 + i]);
  for (int i = n; i < padded(n); ++i) x.dense[i] = 0;
  return x.dense;
}

// The background's b_j for the same classes, padded with 0.
template <class T>
static const T* spread_block(const Stored& p, int64_t k0, int n, Scratch<T>& x) {
  if (!p.spread && n % GROUP == 0) return x.ones;
  for (int i = 0; i < n; ++i) x.weight[i] = p.spread ? T(p.spread[k0 + i]) : T(1);
  for (int i = n; i < padded(n); ++i) x.weight[i] = 0;
  return x.weight;
}

template <class T>
struct MaxOf {
  const void* s;
  int n;
  template <int D>
  T run() const {
    Vec<T> m[UNROLL<T>];
    for (int u = 0; u < UNROLL<T>; ++u) m[u] = all<T>(-INFINITY);
    for (int i = 0; i < n; i += GROUP)
      for (int u = 0; u < UNROLL<T>; ++u) m[u] = greater(load_as<T, D>(s, i + u * LANES<T>), m[u]);
    return max_lanes<T>(m);
  }
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

// acc += exp(s - m) · 2^scale over [from, to), fetching what lies `ahead` bytes further on.
template <class T, int D>
PLOGQ_INLINE void add_exp(const void* s, int from, int to, T m, Vec<T>* acc, int64_t ahead) {
  constexpr int item = D == NATIVE<T> ? int(sizeof(T)) : 2;
  for (int i = from; i < to; i += GROUP)
    for (int u = 0; u < UNROLL<T>; ++u) {
      const int at = i + u * LANES<T>;
      if (at * item % 64 == 0)
        __builtin_prefetch(static_cast<const char*>(s) + at * int64_t(item) + ahead);
      acc[u] += exp_scaled<T>(load_as<T, D>(s, at) - m);
    }
}

// Σ exp(s - m) over a block, without the element at `first` if that lies in it.
template <class T>
struct SumOf {
  const void* s;
  int n;
  T m;
  int first;
  int64_t ahead;
  template <int D>
  double run() const {
    Vec<T> acc[UNROLL<T>] = {};
    if (first < 0) {
      add_exp<T, D>(s, 0, n, m, acc, ahead);
    } else {
      const int group = first / GROUP * GROUP;
      alignas(64) T own[GROUP];
      for (int l = 0; l < GROUP; l += LANES<T>) store<T>(own + l, load_as<T, D>(s, group + l));
      own[first - group] = -INFINITY;
      add_exp<T, D>(s, 0, group, m, acc, ahead);
      add_exp<T, NATIVE<T>>(own, 0, GROUP, m, acc, 0);
      add_exp<T, D>(s, group + GROUP, n, m, acc, ahead);
    }
    return sum_lanes<T>(acc) * double(Simd<T>::unscale);
  }
};

// Half of Σ w (m - s), and Σ w over a block, with 0 · ∞ = 0.
template <class T>
static void block_expect(const T* s, const T* w, int n, T m, T share, double& cost, double& mass) {
  const Vec<T> zero = {};
  const T from = m * share;
  Vec<T> c[UNROLL<T>] = {}, a[UNROLL<T>] = {};
  for (int i = 0; i < n; i += GROUP)
    for (int u = 0; u < UNROLL<T>; ++u) {
      const int at = i + u * LANES<T>;
      Vec<T> x = load(s + at), v = load(w + at);
      Vec<T> d = x == m ? zero : from - x * share;
      Vec<T> vd = v * d;
      c[u] += v == zero ? zero : vd;
      a[u] += v;
    }
  cost += sum_lanes<T>(c);
  mass += sum_lanes<T>(a);
}

// The statistics of classes [k0, k1) of one event, at most a chunk of them.
template <class T>
static Stats chunk_stats(const Stored& p, int64_t e, int64_t k0, int64_t k1, Scratch<T>& x) {
  const char* event = p.scores.event(e);
  const char* dense = p.dense ? p.dense.event(e) : nullptr;
  const bool logits = p.kind == LOGITS;
  Stats out;
  T m = -INFINITY;
  int64_t best = -1;
  if (logits) {
    for (int64_t k = k0, step; k < k1; k += step) {
      const int n = block_length(k1 - k);
      step = n;
      const Block s = scores_block<T>(p, event, k, n, -INFINITY, x);
      const T b = by_dtype<T>(s.dtype, MaxOf<T>{s.data, padded(n)});
      if (b > m) m = b, best = k;
    }
    out.m = double(m);
  }
  // Without a finite score the gaps are measured from 0: exp(-∞ - 0) = 0, and a NaN stays one.
  const T from = m == T(-INFINITY) ? T(0) : m;
  if (!logits) out.m = 0;
  if (!logits && !p.dense && !p.factor) return out;
  const int64_t ahead = p.scores.class_stride * (k1 - k0);
  for (int64_t k = k0, step; k < k1; k += step) {
    const int n = block_length(k1 - k);
    step = n;
    const Block s = scores_block<T>(p, event, k, n, -INFINITY, x);
    if (logits) {
      int first = -1;
      if (k == best) first = first_of<T>(native<T>(s, padded(n), x), m);
      out.rest += by_dtype<T>(s.dtype, SumOf<T>{s.data, padded(n), from, first, ahead});
    }
    if (!p.dense && !p.factor) continue;
    const T* lanes = native<T>(s, padded(n), x);
    if (p.dense)
      block_expect<T>(lanes, dense_block<T>(p, dense, k, n, x), padded(n), from, T(shrink(p)),
                      out.dense, out.dense_mass);
    if (p.factor)
      block_expect<T>(lanes, spread_block<T>(p, k, n, x), padded(n), from, T(shrink(p)), out.spread,
                      out.spread_mass);
  }
  return out;
}

// out = exp(s - m) · a · b: in two factors where one would leave the normal numbers.
template <class T, bool TWO>
struct Softmax {
  const void* s;
  int n;
  T m, a, b;
  T* out;
  template <int D>
  void run() const {
    for (int i = 0; i < n; i += GROUP)
      for (int u = 0; u < UNROLL<T>; ++u) {
        const int at = i + u * LANES<T>;
        Vec<T> g = exp_scaled<T>(load_as<T, D>(s, at) - m) * a;
        store<T>(out + at, TWO ? g * b : g);
      }
  }
};

// out -= a · w, as far as w is not 0.
template <class T>
static void block_subtract(const T* w, int n, T a, T* out) {
  for (int i = 0; i < n; i += LANES<T>) store<T>(out + i, load(out + i) - load(w + i) * a);
}

// The gradient of classes [k0, k1) of one event; `sparse` holds what the classes of the sparse part
// get.
template <class T>
static void chunk_gradient(const Stored& p, int64_t e, int64_t k0, int64_t k1,
                           const Coefficients& c, const Entries& sparse, Scratch<T>& x) {
  const char* event = p.scores.event(e);
  const char* dense = c.dense != 0 ? p.dense.event(e) : nullptr;
  char* to = p.gradient.event(e);
  const double q_weight = c.alpha / (1 + c.rest);
  // exp_scaled carries 2^scale; a weight so small that weight · 2^-scale is no normal number is
  // applied in two steps.
  const bool two = std::fabs(q_weight) < (sizeof(T) == 4 ? 0x1p-60 : 0x1p-500);
  const double lift = sizeof(T) == 4 ? 0x1p32 : 0x1p256;
  const T a = T(two ? q_weight * lift : q_weight * double(Simd<T>::unscale));
  const T b = T(double(Simd<T>::unscale) / lift);
  for (int64_t k = k0, step; k < k1; k += step) {
    const int n = block_length(k1 - k);
    step = n;
    const int lanes = padded(n);
    const bool in_place =
        n == lanes && !p.streams && direct<T>(p.gradient, p.gradient.class_stride);
    char* target = to + k * p.gradient.class_stride;
    T* out = in_place ? reinterpret_cast<T*>(target) : x.out;
    const bool needs_scores = c.alpha != 0 || p.kind == PROBS || p.softcap != 0;
    const Block s = c.zero || !needs_scores ? Block{x.ones, NATIVE<T>}
                                            : scores_block<T>(p, event, k, n, -INFINITY, x);
    if (c.zero || c.alpha == 0) {
      for (int i = 0; i < lanes; ++i) out[i] = 0;
    } else if (c.m == INFINITY) {
      // Certainty: all probability on the classes at +∞.
      const T* t = native<T>(s, lanes, x);
      for (int i = 0; i < lanes; ++i)
        out[i] = t[i] == T(INFINITY) ? T(q_weight) : T(q_weight * 0.0);
    } else if (two) {
      by_dtype<T>(s.dtype, Softmax<T, true>{s.data, lanes, T(c.m), a, b, out});
    } else {
      by_dtype<T>(s.dtype, Softmax<T, false>{s.data, lanes, T(c.m), a, b, out});
    }
    if (p.flush) {
      const Vec<T> least = all<T>(Simd<T>::smallest_normal);
      for (int i = 0; i < lanes; i += LANES<T>) {
        Vec<T> g = load(out + i);
        store<T>(out + i, absolute<T>(g) < least ? Vec<T>{} : g);
      }
    }
    if (!c.zero) {
      if (c.dense != 0)
        block_subtract<T>(dense_block<T>(p, dense, k, n, x), lanes, T(c.dense), out);
      if (c.spread != 0) block_subtract<T>(spread_block<T>(p, k, n, x), lanes, T(c.spread), out);
      if (p.kind == PROBS)
        for (int i = 0; i < n; ++i)
          if (out[i] != 0) out[i] /= x.raw[i];
      if (p.softcap != 0) {
        const T cap = T(p.softcap);
        for (int i = 0; i < lanes; i += LANES<T>) {
          Vec<T> g = load(out + i), slope = tanh_slope<T>(load(x.raw + i) / cap);
          store<T>(out + i, g == Vec<T>{} ? g : g * slope);
        }
      }
    }
    for (int64_t t = 0; !c.zero && t < p.entries; ++t) {
      const int64_t at = sparse.k[t] - k;
      if (at >= 0 && at < n) out[at] = T(sparse.v[t]);
    }
    if (!in_place) emit<T>(p.streams, p.gradient.dtype, out, n, target, p.gradient.class_stride);
  }
}

// The diagonal of the Hessian at classes [k0, k1) of one event.
template <class T>
static void chunk_curvature(const Stored& p, int64_t e, int64_t k0, int64_t k1, Scratch<T>& x) {
  const char* event = p.scores.event(e);
  char* to = p.hessian.event(e);
  const Coefficients own = coefficients(p, e, 0);
  const Curve<T> c(p.bound, own.alpha, own.rest);
  const Vec<T> m = all<T>(T(own.m)), total = all<T>(c.total), bound = all<T>(c.bound),
               top = all<T>(c.top);
  const T q = T(own.alpha / (1 + own.rest) * double(Simd<T>::unscale));
  for (int64_t k = k0, n; k < k1; k += n) {
    n = block_length(k1 - k);
    const int lanes = padded(int(n));
    const T* s = native<T>(scores_block<T>(p, event, k, int(n), -INFINITY, x), lanes, x);
    for (int i = 0; i < lanes; i += LANES<T>) {
      Vec<T> e = exp_scaled<T>(load(s + i) - m);
      store<T>(x.out + i, own.alpha == 0
                              ? Vec<T>{}
                              : curved<T>(load(s + i) == m, e, e * q, total, bound, top));
    }
    emit<T>(p.streams, p.hessian.dtype, x.out, int(n), to + k * p.hessian.class_stride,
            p.hessian.class_stride);
  }
}

// Everything about events that are rows, as work for threads.
template <class T>
struct Rows {
  const Stored& p;
  int64_t chunks, chunks_at_once, events_at_once;
  Stats* partial;

  static int64_t low(int64_t a, int64_t b) { return a < b ? a : b; }

  void statistics(int64_t e, const Stats& s) const {
    finish(p, e, p.scores.event(e), s, std::log1p(s.rest));
  }
  Coefficients weights(int64_t e) const {
    return coefficients(p, e, p.z_loss != 0 ? p.greatest[e] + std::log1p(p.rest[e]) : 0);
  }
  // The sparse gradients are worked out before the pass, which may overwrite the scores.
  void gradient(int64_t e, int64_t k0, int64_t k1, Scratch<T>& x) const {
    if (p.hessian) chunk_curvature<T>(p, e, k0, k1, x);
    const Coefficients c = weights(e);
    const char* event = p.scores.event(e);
    Entries sparse(c.zero ? 0 : p.entries);
    if (!c.zero) sparse.read(p, e);
    for (int64_t t = 0; !c.zero && t < p.entries; ++t) {
      if (sparse.k[t] < 0) continue;
      const double s = score_at(p, event, sparse.k[t]);
      sparse.v[t] = sparse_gradient(p, e, event, c, sparse.k[t], sparse.v[t], s, std::exp(s - c.m));
    }
    if (sizeof(T) == sizeof(double) || (fits(c) && !vanishes(e, k0, k1, c, x))) {
      chunk_gradient<T>(p, e, k0, k1, c, sparse, x);
    } else {
      Scratch<double>* const wide = new Scratch<double>;
      chunk_gradient<double>(p, e, k0, k1, c, sparse, *wide);
      delete wide;
    }
  }

  // Whether some p · weight is no normal number, and so no measure of p · weight / q.
  bool vanishes(int64_t e, int64_t k0, int64_t k1, const Coefficients& c, Scratch<T>& x) const {
    if (p.kind != PROBS || c.dense == 0) return false;
    Vec<T> found = {};
    for (int64_t k = k0, n; k < k1; k += n) {
      n = block_length(k1 - k);
      const T* mass = dense_block<T>(p, p.dense.event(e), k, int(n), x);
      for (int i = 0; i < n; i += LANES<T>)
        found += vanishing<T>(load(mass + i), all<T>(T(c.dense)));
    }
    return any<T>(found);
  }

  // Whole events, forward and gradient while the row is still in cache.
  static void whole(void* context, int64_t unit) {
    const Rows& r = *static_cast<Rows*>(context);
    const Stored& p = r.p;
    Scratch<T> x;
    const int64_t classes = p.scores.classes;
    for (int64_t e = unit * r.events_at_once; e < low(p.events, (unit + 1) * r.events_at_once);
         ++e) {
      if (p.forward) {
        Stats s = chunk_stats<T>(p, e, 0, low(CHUNK, classes), x);
        for (int64_t k = CHUNK; k < classes; k += CHUNK)
          merge(s, chunk_stats<T>(p, e, k, low(k + CHUNK, classes), x), shrink(p));
        r.statistics(e, s);
      }
      if (p.gradient) r.gradient(e, 0, classes, x);
    }
    if (p.streams) settle();
  }
  // Few events with many classes: chunks of one event are shared out among the threads.
  static void part_stats(void* context, int64_t unit) {
    const Rows& r = *static_cast<Rows*>(context);
    Scratch<T> x;
    const int64_t k = unit % r.chunks * CHUNK;
    r.partial[unit] =
        chunk_stats<T>(r.p, unit / r.chunks, k, low(k + CHUNK, r.p.scores.classes), x);
  }

  void run(int threads) {
    const int64_t classes = p.scores.classes;
    chunks = (classes + CHUNK - 1) / CHUNK;
    events_at_once = (unit_elements(p.events * classes, threads) + classes - 1) / classes;
    const int64_t units = (p.events + events_at_once - 1) / events_at_once;
    const bool split = threads > 1 && chunks > 1 && p.forward && units < 4 * threads &&
                       !(p.gradient && p.gradient.data == p.scores.data);
    if (!split) {
      plogq::parallel(units, threads, whole, this);
      return;
    }
    partial = new Stats[size_t(p.events * chunks)];
    plogq::parallel(p.events * chunks, threads, part_stats, this);
    for (int64_t e = 0; e < p.events; ++e) {
      Stats s = partial[e * chunks];
      for (int64_t i = 1; i < chunks; ++i) merge(s, partial[e * chunks + i], shrink(p));
      statistics(e, s);
    }
    delete[] partial;
    if (p.gradient) plogq::parallel(p.events * chunks, threads, part_gradient, this);
  }
  static void part_gradient(void* context, int64_t unit) {
    const Rows& r = *static_cast<Rows*>(context);
    Scratch<T> x;
    const int64_t k = unit % r.chunks * CHUNK;
    r.gradient(unit / r.chunks, k, low(k + CHUNK, r.p.scores.classes), x);
    if (r.p.streams) settle();
  }
};

}  // namespace PLOGQ_ISA
