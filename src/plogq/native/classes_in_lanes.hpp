// Events whose classes lie along the lanes: one row at a time, in chunks that stay in cache.
//
// A chunk is read for its maximum m, then for Σ exp(s - m), of which every 1 is left out and
// counted, so that R never contains the 1 of the maximum, which would swallow it. While one chunk
// is summed the next is fetched. Of short rows several are worked off side by side, one step after
// another, so that none waits for its own last step, and what is done once for each is done in
// lanes.
#pragma once
#include "row_blocks.hpp"

namespace PLOGQ_ISA {

constexpr int64_t CHUNK = 32 * BLOCK;  // classes that share a maximum, in L2

// The greatest of the scores [k0, k1) of one event.
template <class T>
static T chunk_greatest(const Stored& p, int64_t e, int64_t k0, int64_t k1, Scratch<T>& x) {
  const char* event = p.scores.event(e);
  T m = -INFINITY;
  for (int64_t k = k0; k < k1; k += BLOCK) {
    const Block s =
        scores_block<T>(p, event, k, int(k1 - k < BLOCK ? k1 - k : BLOCK), -INFINITY, x);
    const T b = by_dtype<T>(s.dtype, MaxOf<T>{s.data, s.n});
    if (b > m) m = b;
  }
  return m;
}

// Σ exp(s - ∞) beside a score of +∞: nothing, or NaN where there is a NaN or a second one.
template <class T>
static double beside_infinity(const Stored& p, const char* event, int64_t k0, int64_t k1,
                              Scratch<T>& x) {
  int64_t found = 0;
  for (int64_t k = k0; k < k1; k += BLOCK) {
    const Block s = scores_block<T>(p, event, k, int(k1 - k < BLOCK ? k1 - k : BLOCK), 0, x);
    if (s.data != x.scores)
      gather<T>(s.dtype, static_cast<const char*>(s.data), item_size(s.dtype), s.n, x.scores);
    for (int i = 0; i < s.n; ++i) found += !(x.scores[i] < T(INFINITY));
  }
  return found == 1 ? 0 : NAN;
}

// The statistics of classes [k0, k1) of one event, at most a chunk of them, of which m is the
// greatest. `keep` takes the exponentials · 2^scale, if it is there.
template <class T>
static Stats chunk_stats(const Stored& p, int64_t e, int64_t k0, int64_t k1, T m, T* keep,
                         Scratch<T>& x) {
  const char* event = p.scores.event(e);
  const char* dense = p.dense ? p.dense.event(e) : nullptr;
  const bool logits = p.kind == LOGITS;
  Stats out;
  if (!logits) m = out.m = 0;
  if (!logits && !p.dense && !p.factor) return out;
  if (logits) out.m = double(m);
  const T from = measured_from(m);
  const int64_t ahead = p.scores.class_stride * (k1 - k0);
  // Masses of chunks are needed to bring them together.
  const bool whole = k0 == 0 && k1 == p.scores.classes;
  Added found{0, 0};
  for (int64_t k = k0; k < k1; k += BLOCK) {
    const int n = int(k1 - k < BLOCK ? k1 - k : BLOCK);
    const Block s = scores_block<T>(p, event, k, n, -INFINITY, x);
    if (logits) {
      T* const to = keep ? keep + (k - k0) : x.out;
      by_dtype<T>(s.dtype, ExpOf<T>{s, from, to, ahead});
      const Added added = add_up<T>(to, s.n);
      found.rest += added.rest;
      found.ones += added.ones;
    }
    const T share = T(shrink(p));
    const auto expect = [&](const T* w, double& cost, double& mass) {
      if (whole)
        by_dtype<T>(s.dtype, ExpectOf<T, false>{s, w, from, share, cost, mass});
      else
        by_dtype<T>(s.dtype, ExpectOf<T, true>{s, w, from, share, cost, mass});
    };
    if (p.dense) expect(dense_block<T>(p, dense, k, n, x), out.dense, out.dense_mass);
    if (p.factor) expect(spread_block<T>(p, k, n, x), out.spread, out.spread_mass);
  }
  out.rest = found.beside_one();
  if (m == T(INFINITY)) out.rest = beside_infinity<T>(p, event, k0, k1, x);
  return out;
}

// What flows back to the scores of one event, in the type of the arithmetic: to class j
// a · e_j - dense · w_j, for e_j = exp(s_j - m) · 2^scale, less the background.
template <class T>
struct Flow {
  bool zero;  // nothing flows back
  bool of_q;  // something flows back to q
  T m, a, b;  // b is a second factor, where there are two
  bool two;
  double q_weight;  // all of it
  T dense, spread;
};

// The gradient of classes [k0, k1) of one event; `kept` are their exponentials, if they were kept,
// and put(k, n, out) writes what the classes of the sparse part get.
template <class T, class Put>
static void chunk_gradient(const Stored& p, int64_t e, int64_t k0, int64_t k1, const Flow<T>& c,
                           const T* kept, const Put& put, Scratch<T>& x) {
  const char* event = p.scores.event(e);
  const char* dense = c.dense != 0 ? p.dense.event(e) : nullptr;
  char* to = p.gradient.event(e);
  const bool of_q = c.of_q && !c.zero;
  for (int64_t k = k0; k < k1; k += BLOCK) {
    const int n = int(k1 - k < BLOCK ? k1 - k : BLOCK), lanes = to_vector<T>(n);
    const bool there = n == lanes && !p.streams && direct<T>(p.gradient, p.gradient.class_stride);
    char* target = to + k * p.gradient.class_stride;
    T* out = there ? reinterpret_cast<T*>(target) : x.out;
    const bool needs_scores = (of_q && !kept) || p.kind == PROBS || p.softcap != 0;
    const Block s = c.zero || !needs_scores ? Block{x.ones, NATIVE<T>, lanes}
                                            : scores_block<T>(p, event, k, n, -INFINITY, x);
    const T* w = dense && !c.zero ? dense_block<T>(p, dense, k, n, x) : nullptr;
    const bool plain = of_q && c.m != T(INFINITY) && !c.two && !p.flush;
    if (plain && w) {
      by_dtype<T>(s.dtype,
                  SlopeOf<T, true>{s, kept ? kept + (k - k0) : nullptr, w, c.m, c.a, c.dense, out});
    } else if (!of_q) {
      for (int i = 0; i < lanes; ++i) out[i] = 0;
    } else if (c.m == T(INFINITY)) {
      // Certainty: all probability on the classes at +∞.
      const T* t = x.scores;
      gather<T>(s.dtype, static_cast<const char*>(s.data), item_size(s.dtype), s.n, x.scores);
      for (int i = 0; i < lanes; ++i)
        out[i] = t[i] == T(INFINITY) ? T(c.q_weight) : T(c.q_weight * 0.0);
    } else {
      by_dtype<T>(s.dtype, SlopeOf<T, false>{s, kept ? kept + (k - k0) : nullptr, w, c.m, c.a,
                                             c.dense, out});
      if (c.two) map_vectors<T>(lanes, out, [&](int at) { return load(out + at) * c.b; });
    }
    if (p.flush) {
      const Vec<T> least = all<T>(Simd<T>::smallest_normal);
      map_vectors<T>(lanes, out, [&](int at) {
        const Vec<T> g = load(out + at);
        return absolute<T>(g) < least ? Vec<T>{} : g;
      });
    }
    if (!c.zero) {
      const auto subtract = [&](const T* w, T a) {
        map_vectors<T>(lanes, out, [&](int at) { return load(out + at) - load(w + at) * a; });
      };
      if (w && !plain) subtract(w, c.dense);
      if (c.spread != 0) subtract(spread_block<T>(p, k, n, x), c.spread);
      if (p.kind == PROBS)
        for (int i = 0; i < n; ++i)
          if (out[i] != 0) out[i] /= x.raw[i];
      if (p.softcap != 0) {
        const T cap = T(p.softcap);
        map_vectors<T>(lanes, out, [&](int at) {
          const Vec<T> g = load(out + at), slope = tanh_slope<T>(load(x.raw + at) / cap);
          return g == Vec<T>{} ? g : g * slope;
        });
      }
      put(k, n, out);
    }
    if (!there) emit<T>(p.streams, p.gradient.dtype, out, n, target, p.gradient.class_stride);
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
  for (int64_t k = k0; k < k1; k += BLOCK) {
    const int n = int(k1 - k < BLOCK ? k1 - k : BLOCK);
    const Block s = scores_block<T>(p, event, k, n, -INFINITY, x);
    if (s.data != x.scores)
      gather<T>(s.dtype, static_cast<const char*>(s.data), item_size(s.dtype), s.n, x.scores);
    map_vectors<T>(s.n, x.out, [&](int at) {
      const Vec<T> score = load(x.scores + at), e = exp_scaled<T>(score - m);
      return own.alpha == 0 ? Vec<T>{} : curved<T>(score == m, e, e * q, total, bound, top);
    });
    emit<T>(p.streams, p.hessian.dtype, x.out, n, to + k * p.hessian.class_stride,
            p.hessian.class_stride);
  }
}

// Whether an event's classes follow one another, and the next event's follow them.
PLOGQ_INLINE bool rows_together(const View& v) {
  const int64_t item = item_size(v.dtype);
  return v.class_stride == item && v.axes == 1 && v.stride[0] == v.classes * item;
}

// Everything about events that are rows, as work for threads.
template <class T>
struct Rows : Several<T> {
  using Several<T>::p;
  int64_t chunks, at_once, events_at_once;
  bool past;  // what rows side by side write lies together, and bypasses the cache
  Stats* partial;

  static int64_t low(int64_t a, int64_t b) { return a < b ? a : b; }

  // The exponentials of a row side by side with others, where they are kept for its gradient.
  T* kept(int l, Scratch<T>& x) const {
    const bool keeps = p.forward && p.gradient && p.kind == LOGITS && p.scores.classes <= KEPT<T>;
    return keeps ? side(l, x) : nullptr;
  }
  T* side(int l, Scratch<T>& x) const { return x.kept + l * p.scores.classes; }

  // Whether rows are one block each, which is read where it lies.
  bool blocks() const {
    const View& v = p.scores;
    const bool half = sizeof(T) == sizeof(float) && (v.dtype == F16 || v.dtype == BF16);
    return p.kind == LOGITS && p.softcap == 0 && v.classes >= LANES<T> && v.classes <= BLOCK &&
           (direct<T>(v, v.class_stride) || (half && v.class_stride == 2));
  }
  Block block(int64_t e) const {
    return {p.scores.event(e), p.scores.dtype, int(p.scores.classes)};
  }

  void statistics(int64_t e0, int events, int lanes, Scratch<T>& x) const {
    if (blocks())
      of_blocks(e0, events, x);
    else
      for (int l = 0; l < events; ++l) of_row(e0 + l, l, x);
    for (int l = events; l < lanes; ++l) {
      x.m[l] = x.m[events - 1], x.rest[l] = x.rest[events - 1];
      x.spread_cost[l] = x.spread_cost[events - 1];
    }
    this->finish_all(
        e0, events, lanes, this->hard(), [&] { read_labels(e0, events, lanes, x); }, x);
  }
  void of_row(int64_t e, int l, Scratch<T>& x) const {
    Stats s = chunk(e, 0, kept(l, x), x);
    for (int64_t k = CHUNK; k < p.scores.classes; k += CHUNK)
      merge(s, chunk(e, k, nullptr, x), shrink(p));
    x.m[l] = T(s.m);
    x.rest[l] = s.rest;
    x.dense_cost[l] = s.dense, x.dense_mass[l] = s.dense_mass;
    x.spread_cost[l] = s.spread, x.spread_mass = s.spread_mass;
  }
  // The same for several rows, one step after another, so that no row waits for its own last step.
  void of_blocks(int64_t e0, int events, Scratch<T>& x) const {
    const int n = int(p.scores.classes);
    Block s[SIDE_BY_SIDE];
    for (int l = 0; l < events; ++l) {
      s[l] = block(e0 + l);
      x.m[l] = by_dtype<T>(s[l].dtype, MaxOf<T>{s[l].data, n});
    }
    for (int l = 0; l < events; ++l)
      by_dtype<T>(s[l].dtype, ExpOf<T>{s[l], measured_from(x.m[l]), side(l, x), 0});
    for (int l = 0; l < events; ++l) {
      x.rest[l] = add_up<T>(side(l, x), n).beside_one();
      if (x.m[l] == T(INFINITY)) x.rest[l] = beside_infinity<T>(p, p.scores.event(e0 + l), 0, n, x);
    }
    if (!this->asked()) return;
    const T share = T(shrink(p));
    double mass = 0;
    for (int l = 0; p.dense && l < events; ++l) {
      const T* w = dense_block<T>(p, p.dense.event(e0 + l), 0, n, x);
      x.dense_cost[l] = 0;
      by_dtype<T>(s[l].dtype,
                  ExpectOf<T, false>{s[l], w, measured_from(x.m[l]), share, x.dense_cost[l], mass});
    }
    const T* w = p.factor ? spread_block<T>(p, 0, n, x) : nullptr;
    for (int l = 0; w && l < events; ++l) {
      x.spread_cost[l] = 0;
      by_dtype<T>(s[l].dtype, ExpectOf<T, false>{s[l], w, measured_from(x.m[l]), share,
                                                 x.spread_cost[l], mass});
    }
  }
  Stats chunk(int64_t e, int64_t k, T* keep, Scratch<T>& x) const {
    const int64_t stop = low(k + CHUNK, p.scores.classes);
    const T m = p.kind == LOGITS ? chunk_greatest<T>(p, e, k, stop, x) : T(0);
    return chunk_stats<T>(p, e, k, stop, m, keep, x);
  }

  // The labels of some events, and the scores there, NaN where there is none.
  void read_labels(int64_t e0, int events, int lanes, Scratch<T>& x) const {
    this->labels_of(e0, events, lanes, x.label);
    for (int l = 0; l < events; ++l)
      x.at_label[l] = x.label[l] < 0 ? NAN : score_at(p, p.scores.event(e0 + l), x.label[l]);
    for (int l = events; l < lanes; ++l) x.at_label[l] = x.at_label[events - 1];
  }

  void gradients(int64_t e0, int events, int lanes, Scratch<T>& x) const {
    const int64_t classes = p.scores.classes;
    for (int l = 0; p.hessian && l < events; ++l) chunk_curvature<T>(p, e0 + l, 0, classes, x);
    if (this->hard()) {
      if (!(p.forward && this->asked())) {
        read_labels(e0, events, lanes, x);
        this->recall(e0, events, lanes, x);
      }
      const auto found = this->weights_hard(e0, events, lanes, x);
      if (!found.unfit) {
        if (!found.two && !p.factor && plain(events, x))
          slopes<false>(e0, events, x);
        else
          for (int l = 0; l < events; ++l) gradient_hard(e0, l, x);
        return;
      }
    } else if (this->soft() && this->weights_soft(e0, events, lanes, x)) {
      if (plain(events, x)) return slopes<true>(e0, events, x);
      for (int l = 0; l < events; ++l) {
        const Flow<T> c{false, true, x.m[l], x.a[l], 1, false, 0, x.dense_weight[l], 0};
        chunk_gradient<T>(p, e0 + l, 0, classes, c, kept(l, x), [](int64_t, int, T*) {}, x);
      }
      return;
    }
    for (int l = 0; l < events; ++l) gradient(e0 + l, 0, classes, x);
  }
  // Whether these rows are blocks, and what is made of them is written where it lies, or lies
  // together.
  bool plain(int events, const Scratch<T>& x) const {
    bool certain = false;
    for (int l = 0; l < events; ++l) certain |= x.m[l] == T(INFINITY);
    return blocks() && !p.flush && !certain && (written_there() || rows_together(p.gradient));
  }
  bool written_there() const {
    return !past && !p.streams && direct<T>(p.gradient, p.gradient.class_stride);
  }
  template <bool DENSE>
  void slopes(int64_t e0, int events, Scratch<T>& x) const {
    const bool there = written_there();
    for (int l = 0; l < events; ++l) {
      const int64_t e = e0 + l;
      const Block s = block(e);
      const T* w = DENSE ? dense_block<T>(p, p.dense.event(e), 0, s.n, x) : nullptr;
      T* out = there ? reinterpret_cast<T*>(p.gradient.event(e)) : side(l, x);
      if (!DENSE && x.alpha[l] == 0) {
        map_vectors<T>(s.n, out, [](int) { return Vec<T>{}; });
        continue;
      }
      by_dtype<T>(s.dtype,
                  SlopeOf<T, DENSE>{s, kept(l, x), w, x.m[l], x.a[l], x.dense_weight[l], out});
      if (!DENSE) put_label(x.label[l], l, 0, out, s.n, x);
    }
    if (there) return;
    const View& g = p.gradient;
    emit<T>(past || p.streams, g.dtype, side(0, x), events * int(g.classes), g.event(e0),
            g.class_stride);
  }
  // The label of an event gets its own, where it is among n classes from k on.
  static void put_label(int64_t label, int l, int64_t k, T* out, int n, Scratch<T>& x) {
    const int64_t at = label - k;
    if (label < 0 || at < 0 || at >= n) return;
    out[at] = T(x.is_top[l] ? x.at_top[l] : double(out[at]) - x.own[l]);
  }
  void gradient_hard(int64_t e0, int l, Scratch<T>& x) const {
    const double alpha = x.alpha[l];
    const bool two = std::fabs(alpha / (1 + x.rest[l])) < Several<T>::TWO_BELOW;
    const Flow<T> c{
        alpha == 0,        true, x.m[l], x.a[l], x.b[l], two, alpha / (1 + x.rest[l]), 0,
        x.spread_weight[l]};
    const bool certain = x.m[l] == T(INFINITY);
    const auto put = [&](int64_t k, int n, T* out) { put_label(x.label[l], l, k, out, n, x); };
    chunk_gradient<T>(p, e0 + l, 0, p.scores.classes, c, certain ? nullptr : kept(l, x), put, x);
  }

  Coefficients weights(int64_t e) const {
    return coefficients(p, e, p.z_loss != 0 ? p.greatest[e] + std::log1p(p.rest[e]) : 0);
  }
  // The sparse gradients are worked out before the pass, which may overwrite the scores.
  void gradient(int64_t e, int64_t k0, int64_t k1, Scratch<T>& x) const {
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
      written<T>(e, k0, k1, c, sparse, x);
    } else {
      written<double>(e, k0, k1, c, sparse, own<Scratch<double>>());
    }
  }
  // exp_scaled carries 2^scale; a weight so small that weight · 2^-scale is no normal number is
  // applied in two steps.
  template <class R>
  void written(int64_t e, int64_t k0, int64_t k1, const Coefficients& c, const Entries& sparse,
               Scratch<R>& x) const {
    const double q_weight = c.alpha / (1 + c.rest);
    const bool two = Several<R>::scale_lane(0, q_weight, x);
    const Flow<R> flow{c.zero, c.alpha != 0, R(c.m),     x.a[0],     x.b[0],
                       two,    q_weight,     R(c.dense), R(c.spread)};
    const auto put = [&](int64_t k, int n, R* out) {
      for (int64_t t = 0; t < p.entries; ++t) {
        const int64_t at = sparse.k[t] - k;
        if (at >= 0 && at < n) out[at] = R(sparse.v[t]);
      }
    };
    chunk_gradient<R>(p, e, k0, k1, flow, nullptr, put, x);
  }

  // Whether some p · weight is no normal number, and so no measure of p · weight / q.
  bool vanishes(int64_t e, int64_t k0, int64_t k1, const Coefficients& c, Scratch<T>& x) const {
    if (p.kind != PROBS || c.dense == 0) return false;
    Vec<T> found = {};
    for (int64_t k = k0; k < k1; k += BLOCK) {
      const int n = int(low(k1 - k, BLOCK));
      const T* mass = dense_block<T>(p, p.dense.event(e), k, n, x);
      in_vectors<T>(to_vector<T>(n), [&](int at, auto, IVec<T>) {
        found += vanishing<T>(load(mass + at), all<T>(T(c.dense)));
      });
    }
    return any<T>(found);
  }

  // Whole events, forward and gradient while the rows are still in cache.
  static void whole(void* context, int64_t unit) {
    const Rows& r = *static_cast<Rows*>(context);
    Scratch<T>& x = own<Scratch<T>>();
    const int64_t stop = low(r.p.events, (unit + 1) * r.events_at_once);
    for (int64_t e = unit * r.events_at_once; e < stop; e += r.at_once) {
      const int events = int(low(r.at_once, stop - e)), lanes = (events + WIDE - 1) / WIDE * WIDE;
      if (r.p.forward) r.statistics(e, events, lanes, x);
      if (r.p.gradient) r.gradients(e, events, lanes, x);
    }
    if (r.p.streams || r.past) settle();
  }
  // Few events with many classes: chunks of one event are shared out among the threads.
  static void part_stats(void* context, int64_t unit) {
    const Rows& r = *static_cast<Rows*>(context);
    r.partial[unit] = r.chunk(unit / r.chunks, unit % r.chunks * CHUNK, nullptr, own<Scratch<T>>());
  }

  void run(int threads) {
    const int64_t classes = p.scores.classes;
    chunks = (classes + CHUNK - 1) / CHUNK;
    at_once = classes > BLOCK ? 1 : low(SIDE_BY_SIDE, CLASSES_AT_ONCE / classes);
    past = rows_together(p.gradient) && beyond_cache(p.gradient, p.scores, p.events);
    events_at_once = (unit_elements(p.events * classes, threads) + classes - 1) / classes;
    events_at_once = (events_at_once + at_once - 1) / at_once * at_once;
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
      finish(p, e, p.scores.event(e), s, std::log1p(s.rest));
    }
    delete[] partial;
    if (p.gradient) plogq::parallel(p.events * chunks, threads, part_gradient, this);
  }
  static void part_gradient(void* context, int64_t unit) {
    const Rows& r = *static_cast<Rows*>(context);
    Scratch<T>& x = own<Scratch<T>>();
    const int64_t k = unit % r.chunks * CHUNK, stop = low(k + CHUNK, r.p.scores.classes);
    if (r.p.hessian) chunk_curvature<T>(r.p, unit / r.chunks, k, stop, x);
    r.gradient(unit / r.chunks, k, stop, x);
    if (r.p.streams) settle();
  }
};

}  // namespace PLOGQ_ISA
