// One event, once its statistics are known: its loss, and the coefficients of its gradient.
#pragma once
#include "convert.hpp"

namespace PLOGQ_ISA {

// What a pass over the classes of one event, or of a chunk of them, finds.
struct Stats {
  double m = -INFINITY;  // the greatest score
  double rest = 0;       // Σ exp(s - m) without the first greatest
  // shrink · Σ p_j (m - s_j) over the dense part, and Σ p_j.
  double dense = 0;
  double dense_mass = 0;
  double spread = 0;  // the same of the background
  double spread_mass = 0;
};

// Gaps between scores are summed as so small a share of themselves that millions of the greatest
// there are do not overflow. A gap so small that its share is no normal number has a log1p(R) of
// 0.69 beside it; stored log-probabilities have nothing beside them, and are halved only.
PLOGQ_INLINE double shrink(const Stored& p) { return p.kind == LOGITS ? 0x1p-24 : 0.5; }

// w · x, and 0 where w is 0, whatever x is.
PLOGQ_INLINE double term(double w, double x) { return w == 0 ? 0 : w * x; }

PLOGQ_INLINE double gap(double m, double s) { return s == m ? 0 : m - s; }
PLOGQ_INLINE double half_gap(double m, double s) { return s == m ? 0 : m / 2 - s / 2; }

// The statistics of two chunks as those of both: every term stays non-negative.
static void merge(Stats& a, const Stats& b, double share) {
  const Stats& high = b.m > a.m ? b : a;
  const Stats& low = b.m > a.m ? a : b;
  const double d = gap(high.m, low.m);
  const double m = high.m;
  // A chunk without a finite score adds its rest only (0, or NaN), measured from 0.
  double rest = high.rest;
  if (low.m == -INFINITY)
    rest += low.rest;
  else if (m == INFINITY && low.m == INFINITY)
    rest = NAN;
  else
    rest += std::exp(-d) * (1 + low.rest);
  const double from = low.m == -INFINITY ? (m == -INFINITY ? 0 : m * share)
                      : m == low.m       ? 0
                                         : m * share - low.m * share;
  a.dense = high.dense + low.dense + term(low.dense_mass, from);
  a.spread = high.spread + low.spread + term(low.spread_mass, from);
  a.dense_mass += b.dense_mass;
  a.spread_mass += b.spread_mass;
  a.m = m;
  a.rest = rest;
}

// Stored numbers as the formula sees them: scores capped, probabilities as their logs. Never
// inlined, and the only place that caps: a score must round alike wherever it is met, or the first
// maximum would have a gap of its own (fusing c · tanh into a difference is enough for that).
template <class T>
__attribute__((noinline)) static void transform(const Stored& p, const T* raw, T* scores, int n) {
  const T cap = T(p.softcap);
  for (int i = 0; i < n; i += LANES<T>) {
    Vec<T> s = load(raw + i);
    store<T>(scores + i, p.kind == PROBS ? log<T>(s) : cap * tanh<T>(s / cap));
  }
}

// The score of class k as the formula sees it.
static double score_at(const Stored& p, const char* event, int64_t k) {
  const double x = load_one(p.scores.dtype, event + k * p.scores.class_stride);
  if (p.kind == PROBS) return std::log(x);
  if (p.softcap == 0) return x;
  double lanes[LANES<double>];
  for (double& lane : lanes) lane = x;
  transform<double>(p, lanes, lanes, LANES<double>);
  return lanes[0];
}

PLOGQ_INLINE void write(void* array, bool wide, int64_t e, double x) {
  if (!array) return;
  if (wide)
    static_cast<double*>(array)[e] = x;
  else
    static_cast<float*>(array)[e] = float(x);
}

// The class that an entry of the sparse part names, or -1 for none.
PLOGQ_INLINE int64_t class_at(const Stored& p, int64_t at) {
  const int64_t k = read_once(p.index + at);
  return uint64_t(k) < uint64_t(p.scores.classes) ? k : -1;
}

PLOGQ_INLINE double mass_of(const Stored& p, int64_t e) { return p.mass ? p.mass[e] : 1; }

// H = mass · log1p(R) + E_P[d], written for event e.
static void finish(const Stored& p, int64_t e, const char* event, const Stats& s,
                   double log1p_rest) {
  const bool wide = p.scores.dtype == F64;
  // No class has a finite score: log q is -∞ - (-∞).
  const bool logits = p.kind == LOGITS;
  // Of a shard without a finite score the rest is 0: there may be one elsewhere.
  const double rest = logits && s.m == -INFINITY && !p.shard ? NAN : s.rest;
  const double offset = !logits ? 0 : s.m == -INFINITY ? NAN : log1p_rest;
  double loss = term(mass_of(p, e), offset);
  if (p.dense) loss += term(p.event ? p.event[e] : 1, s.dense) / shrink(p);
  if (p.factor) loss += term(p.factor[e], s.spread) / shrink(p);
  for (int64_t t = 0; t < p.entries; ++t) {
    const int64_t at = e * p.entries + t;
    const double v = p.value ? p.value[at] : 1;
    if (v == 0) continue;
    const int64_t k = class_at(p, at);
    loss += k < 0 ? NAN : 2 * (v * half_gap(logits ? s.m : 0, score_at(p, event, k)));
  }
  if (p.greatest) p.greatest[e] = logits ? s.m : 0;
  if (p.rest) p.rest[e] = logits ? rest : 0;
  write(p.loss, wide, e, loss);
  write(p.log_z, wide, e, logits ? s.m + offset : 0);
}

// g_j = weight · exp(s_j - m) / (1 + R) - dense · (w_j p_j) - spread · b_j, then the sparse part.
struct Coefficients {
  double m, rest;
  double alpha;  // d_loss · mass + d_log_z: what multiplies q
  double d_loss;
  double dense, spread;
  bool zero;  // nothing flows back: an ignored event, or one that nobody asks about
};

static Coefficients coefficients(const Stored& p, int64_t e, double log_z) {
  Coefficients c{};
  c.m = p.greatest[e];
  c.rest = p.rest[e];
  c.d_loss = p.d_loss ? p.d_loss[e] : p.d_loss_all;
  const double mass = mass_of(p, e);
  double d_log_z = p.d_log_z ? p.d_log_z[e] : 0;
  if (p.z_loss != 0) d_log_z += term(c.d_loss * mass, 2 * p.z_loss * log_z);
  c.alpha = p.kind == LOGITS ? c.d_loss * mass + d_log_z : 0;
  c.dense = p.dense ? c.d_loss * (p.event ? p.event[e] : 1) : 0;
  c.spread = p.factor ? c.d_loss * p.factor[e] : 0;
  bool sparse = false;
  for (int64_t t = 0; t < p.entries; ++t) {
    const int64_t at = e * p.entries + t;
    if (p.value && p.value[at] == 0) continue;
    sparse = true;
    // Mass on a class that there is not: the whole event is NaN (N5).
    if (class_at(p, at) < 0) c.alpha = NAN;
  }
  c.zero = c.alpha == 0 && c.dense == 0 && c.spread == 0 && (c.d_loss == 0 || !sparse);
  return c;
}

// Whether float32 carries numbers of this size, and three of them multiplied with one another and
// with probabilities; NaN is one.
PLOGQ_INLINE bool fits(double x) {
  const double size = std::fabs(x);
  return !(size > 0x1p40) && !(size < 0x1p-40 && size > 0);
}
PLOGQ_INLINE bool fits(const Coefficients& c) {
  return fits(c.alpha) && fits(c.dense) && fits(c.spread) && fits(c.d_loss);
}

// 1 where v · w is no normal number though neither is 0, else 0.
template <class T>
PLOGQ_INLINE Vec<T> vanishing(Vec<T> v, Vec<T> w) {
  const Vec<T> zero = {}, one = all<T>(1);
  Vec<T> gone = absolute<T>(v * w) < all<T>(Simd<T>::smallest_normal) ? one : zero;
  gone = v == zero ? zero : gone;
  return w == zero ? zero : gone;
}

template <class T>
PLOGQ_INLINE bool any(Vec<T> marks) {
  bool found = false;
  for (int i = 0; i < LANES<T>; ++i) found |= marks[i] > 0;
  return found;
}

// The sparse part of one event: the class k of every entry (-1 for none), and the mass v of all
// entries that name it.
class Entries {
 public:
  explicit Entries(int64_t count)
      : count_(count),
        k(count <= FEW ? few_k_ : new int64_t[size_t(2 * count)]),
        v(count <= FEW ? few_v_ : new double[size_t(count)]) {}
  Entries(const Entries&) = delete;
  Entries& operator=(const Entries&) = delete;
  ~Entries() {
    if (count_ <= FEW) return;
    delete[] k;
    delete[] v;
  }

  void read(const Stored& p, int64_t e) {
    const double* value = p.value ? p.value + e * count_ : nullptr;
    for (int64_t t = 0; t < count_; ++t) k[t] = class_at(p, e * count_ + t);
    if (count_ > FEW) return read_sorted(value);
    for (int64_t t = 0; t < count_; ++t) {
      v[t] = 0;
      for (int64_t other = 0; other < count_; ++other)
        if (k[other] == k[t]) v[t] += value ? value[other] : 1;
    }
  }

 private:
  static constexpr int64_t FEW = 16;

  // By class, and entries of one class in the order in which they came.
  bool before(int64_t a, int64_t b) const { return k[a] != k[b] ? k[a] < k[b] : a < b; }

  // A heap sort: no template of the standard library may be compiled here (kernels.cpp).
  void read_sorted(const double* value) {
    int64_t* order = k + count_;
    for (int64_t i = 0; i < count_; ++i) order[i] = i;
    for (int64_t i = count_ / 2 - 1; i >= 0; --i) sift(order, i, count_);
    for (int64_t end = count_ - 1; end > 0; --end) {
      swap(order, 0, end);
      sift(order, 0, end);
    }
    for (int64_t i = 0, next; i < count_; i = next) {
      double sum = 0;
      for (next = i; next < count_ && k[order[next]] == k[order[i]]; ++next)
        sum += value ? value[order[next]] : 1;
      for (int64_t j = i; j < next; ++j) v[order[j]] = sum;
    }
  }
  static void swap(int64_t* order, int64_t a, int64_t b) {
    const int64_t kept = order[a];
    order[a] = order[b];
    order[b] = kept;
  }
  void sift(int64_t* order, int64_t i, int64_t end) const {
    for (int64_t child; (child = 2 * i + 1) < end; i = child) {
      if (child + 1 < end && before(order[child], order[child + 1])) ++child;
      if (!before(order[i], order[child])) return;
      swap(order, i, child);
    }
  }

  int64_t count_, few_k_[FEW];
  double few_v_[FEW];

 public:
  int64_t* k;
  double* v;
};

// The gradient at class k, to which the sparse part gives v, in float64, given its score s and
// share = exp(s - m). 1 - q_a is R / (1 + R), never 1 - q_a with q_a ≈ 1 (N2).
static double sparse_gradient(const Stored& p, int64_t e, const char* event, const Coefficients& c,
                              int64_t k, double v, double s, double share) {
  double outside = 0;
  if (p.dense) {
    const double w = p.class_weight ? p.class_weight[k] : 1;
    outside +=
        term(c.dense, w * load_one(p.dense.dtype, p.dense.event(e) + k * p.dense.class_stride));
  }
  if (p.factor) outside += term(c.spread, p.spread ? p.spread[k] : 1);
  if (p.kind != LOGITS) {
    const double mass = term(c.d_loss, v) + outside;
    if (p.kind == LOG_PROBS || mass == 0) return -mass;
    return -mass / load_one(p.scores.dtype, event + k * p.scores.class_stride);
  }
  if (s == c.m) share = 1;
  const double total = 1 + c.rest;
  const double q = share / total;
  const double not_q = s == c.m ? c.rest / total : 1 - q;
  const double own = term(c.d_loss, v);
  double g = term(c.alpha - own, q) - term(own, not_q) - outside;
  if (p.softcap != 0) {
    const double z = load_one(p.scores.dtype, event + k * p.scores.class_stride);
    const double tail = std::exp(-2 * std::fabs(z) / p.softcap);
    g = term(g, 4 * tail / ((1 + tail) * (1 + tail)));
  }
  return g;
}

}  // namespace PLOGQ_ISA
