// Two rows of logits, P's and Q's: KL(P ‖ Q), H(P) and H(P, Q), and the gradients on both sides.
//
// With v = log(q / p) and exc(v) = e^v - 1 - v, KL is Σ p exc(v) (algebra/versus.py has the why).
// Two rows are read for their maxima, for their sums, and for the terms, while they are in cache.
#pragma once
#include "classes_in_lanes.hpp"

namespace PLOGQ_ISA {

// What is known of one event: kept from forward to backward.
struct Beside {
  double m_p, rest_p, m_q, rest_q, kl, entropy;
};

template <class T>
struct Series;
template <>
struct Series<float> {
  // (e^v - 1 - v) / v² for |v| < 1/2, from Taylor.
  static constexpr float c[8] = {1 / 2.f,   1 / 6.f,    1 / 24.f,    1 / 120.f,
                                 1 / 720.f, 1 / 5040.f, 1 / 40320.f, 1 / 362880.f};
};
template <>
struct Series<double> {
  static constexpr double c[15] = {
      1 / 2.,         1 / 6.,          1 / 24.,          1 / 120.,         1 / 720.,
      1 / 5040.,      1 / 40320.,      1 / 362880.,      1 / 3628800.,     1 / 39916800.,
      1 / 479001600., 1 / 6227020800., 1 / 87178291200., 1 / 1307674368e3, 1 / 20922789888e3};
};

// x - log(1 + x), to the last digits of itself where x is small.
static double behind_log1p(double x) {
  return std::fabs(x) < 0x1p-14 ? x * x * (0.5 - x / 3) : x - std::log1p(x);
}

template <class T>
struct BesideOne {
  const Versus& p;

  struct alignas(64) Work {
    T t[BLOCK], z[BLOCK], of_p[BLOCK], of_q[BLOCK];
  };

  // A block of one row, padded with classes that are ruled out.
  static const T* block(const View& v, const char* event, int64_t k, int n, T* to) {
    const char* from = event + k * v.class_stride;
    if (n % GROUP == 0 && direct<T>(v, v.class_stride)) return reinterpret_cast<const T*>(from);
    gather<T>(v.dtype, from, v.class_stride, n, to);
    for (int i = n; i < padded(n); ++i) to[i] = -INFINITY;
    return to;
  }

  // The greatest score of a row, and Σ exp(s - m) without one of the greatest.
  void normaliser(const View& v, int64_t e, T* work, double& greatest, double& rest) const {
    const char* event = v.event(e);
    T m = -INFINITY;
    for (int64_t k = 0; k < v.classes; k += block_length(v.classes - k)) {
      const int n = block_length(v.classes - k);
      const T* s = block(v, event, k, n, work);
      const T b = MaxOf<T>{s, padded(n)}.template run<NATIVE<T>>();
      if (b > m) m = b;
    }
    double sum = 0, ties = 0;
    const Vec<T> zero = {}, one = all<T>(1);
    for (int64_t k = 0; k < v.classes; k += block_length(v.classes - k)) {
      const int n = block_length(v.classes - k);
      const T* s = block(v, event, k, n, work);
      Vec<T> total[UNROLL<T>] = {}, equal[UNROLL<T>] = {};
      for (int i = 0; i < padded(n); i += GROUP)
        for (int u = 0; u < UNROLL<T>; ++u) {
          const Vec<T> x = load(s + i + u * LANES<T>);
          const Vec<T> share = exp_scaled<T>(x - m);
          total[u] += x == m ? zero : share;
          equal[u] += x == m ? one : zero;
        }
      sum += sum_lanes<T>(total);
      ties += sum_lanes<T>(equal);
    }
    greatest = double(m);
    rest = sum * double(Simd<T>::unscale) + (ties - 1);
  }

  // What the terms of a row are made of.
  struct Scale {
    T m_p, m_q, scale_p, scale_q, high, low;
    explicit Scale(const Beside& b)
        : m_p(T(b.m_p)),
          m_q(T(b.m_q)),
          scale_p(T(double(Simd<T>::unscale) / (1 + b.rest_p))),
          scale_q(T(double(Simd<T>::unscale) / (1 + b.rest_q))) {
      const double off = (b.m_q - b.m_p) + (std::log1p(b.rest_q) - std::log1p(b.rest_p));
      high = T(off);
      low = T(off - double(high));
    }
  };
  struct Terms {
    Vec<T> p, q, v, excess, difference, gap;
  };
  PLOGQ_INLINE Terms terms(const Scale& c, Vec<T> t, Vec<T> z) {
    const Vec<T> zero = {}, half = all<T>(0.5);
    Terms x;
    x.p = exp_scaled<T>(t - c.m_p) * c.scale_p;
    x.q = exp_scaled<T>(z - c.m_q) * c.scale_q;
    // The difference of the scores with what it is rounded by; next to infinities that is none.
    const Vec<T> d = z - t;
    const Vec<T> back = d - z;
    const Vec<T> lost = (z - (d - back)) - (t + back);
    const Vec<T> v = (d - c.high) + (lost - c.low);
    x.v = d - d == zero ? v : d;
    const Vec<T> size = absolute<T>(x.v);
    const Vec<T> u = size < half ? x.v : zero;
    const Vec<T> e = u * u * polynomial<T>(Series<T>::c, u);
    const Vec<T> apart = x.q - x.p, weighed = x.p * x.v;
    const Vec<T> far = apart - (x.p == zero ? zero : weighed);
    const Vec<T> small = x.p * e, near = x.p * (u + e);
    x.excess = size < half ? small : far;
    x.difference = size < half ? near : apart;
    x.gap = t == c.m_p ? zero : c.m_p - t;
    return x;
  }

  bool forward(int64_t e, Work& w, Beside& b) const {
    normaliser(p.p, e, w.t, b.m_p, b.rest_p);
    normaliser(p.q, e, w.z, b.m_q, b.rest_q);
    // Certainty, a NaN, and rows of which nothing is left are for the formula.
    if (!(std::isfinite(b.m_p) && std::isfinite(b.m_q) && b.rest_p == b.rest_p &&
          b.rest_q == b.rest_q))
      return false;
    const Scale c(b);
    const char *of_p = p.p.event(e), *of_q = p.q.event(e);
    const Vec<T> zero = {};
    double excess = 0, lost = 0, gaps = 0;
    for (int64_t k = 0; k < p.p.classes; k += block_length(p.p.classes - k)) {
      const int n = block_length(p.p.classes - k);
      const T *t = block(p.p, of_p, k, n, w.t), *z = block(p.q, of_q, k, n, w.z);
      Vec<T> f[UNROLL<T>] = {}, s[UNROLL<T>] = {}, g[UNROLL<T>] = {};
      for (int i = 0; i < padded(n); i += GROUP)
        for (int j = 0; j < UNROLL<T>; ++j) {
          const int at = i + j * LANES<T>;
          const Terms x = terms(c, load(t + at), load(z + at));
          const Vec<T> cost = x.p * x.gap;
          f[j] += x.excess;
          s[j] += x.difference;
          g[j] += x.p == zero ? zero : cost;
        }
      excess += sum_lanes<T>(f);
      lost += sum_lanes<T>(s);
      gaps += sum_lanes<T>(g);
    }
    b.entropy = std::log1p(b.rest_p) + gaps;
    b.kl = excess - behind_log1p(lost);
    if (b.kl < 0) b.kl = 0;
    return true;
  }

  void backward(int64_t e, Work& w, const Beside& b) const {
    const double weight = p.weight ? p.weight[e] : 1;
    const double d = term(weight, p.d_loss ? p.d_loss[e] : p.d_loss_all);
    const double of_log_z = p.d_log_z ? p.d_log_z[e] : 0;
    const Scale c(b);
    const Vec<T> zero = {};
    const bool whole = p.of == Versus::CROSS_ENTROPY;
    const T own = whole ? 1 : 0;
    // Where -v + own · (gap + log1p(R)) is level: the value itself.
    const T level = T(whole ? b.kl + (b.entropy - std::log1p(b.rest_p)) : b.kl);
    const char *of_p = p.p.event(e), *of_q = p.q.event(e);
    for (int64_t k = 0; k < p.p.classes; k += block_length(p.p.classes - k)) {
      const int n = block_length(p.p.classes - k);
      const T *t = block(p.p, of_p, k, n, w.t), *z = block(p.q, of_q, k, n, w.z);
      for (int at = 0; at < padded(n); at += LANES<T>) {
        const Terms x = terms(c, load(t + at), load(z + at));
        const Vec<T> q = d == 0 ? zero : x.difference * T(d);
        store<T>(w.of_q + at, of_log_z == 0 ? q : q + x.q * T(of_log_z));
        const Vec<T> slope = x.p * ((x.gap * own - x.v) - level) * T(d);
        store<T>(w.of_p + at, d == 0 ? zero : (x.p == zero ? zero : slope));
      }
      if (p.of_q)
        emit<T>(p.streams, p.of_q.dtype, w.of_q, n, p.of_q.event(e) + k * p.of_q.class_stride,
                p.of_q.class_stride);
      if (p.of_p)
        emit<T>(p.streams, p.of_p.dtype, w.of_p, n, p.of_p.event(e) + k * p.of_p.class_stride,
                p.of_p.class_stride);
    }
  }

  void event(int64_t e, Work& w) const {
    Beside& b = reinterpret_cast<Beside*>(p.known)[e];
    if (p.forward) {
      if (!forward(e, w, b)) {
        __atomic_fetch_add(p.left, 1, __ATOMIC_RELAXED);
        return;
      }
      const double value = p.of == Versus::CROSS_ENTROPY ? b.entropy + b.kl : b.kl;
      write(p.loss, p.wide, e, term(p.weight ? p.weight[e] : 1, value));
      write(p.log_z, p.wide, e, b.m_q + std::log1p(b.rest_q));
    }
    if (p.of_q || p.of_p) backward(e, w, b);
  }

  static void unit(void* context, int64_t i) {
    const BesideOne& r = *static_cast<BesideOne*>(context);
    Work w;
    const int64_t end = (i + 1) * r.at_once();
    for (int64_t e = i * r.at_once(); e < (end < r.p.events ? end : r.p.events); ++e) r.event(e, w);
    if (r.p.streams) settle();
  }
  int64_t at_once() const {
    return p.p.classes >= 32768 ? 1 : (32768 + p.p.classes - 1) / p.p.classes;
  }
  void run(int threads) {
    plogq::parallel((p.events + at_once() - 1) / at_once(), threads, unit, this);
  }
};

// Whether float32 carries what flows back to every event.
static bool flows_fit(const Versus& p) {
  bool fine = fits(p.d_loss_all);
  for (int64_t e = 0; fine && e < p.events; ++e)
    fine = fits((p.weight ? p.weight[e] : 1) * (p.d_loss ? p.d_loss[e] : p.d_loss_all)) &&
           (!p.d_log_z || fits(p.d_log_z[e]));
  return fine;
}

static void versus(const Versus& p, int threads) {
  if (p.p.dtype == F64 || p.q.dtype == F64 || ((p.of_q || p.of_p) && !flows_fit(p)))
    BesideOne<double>{p}.run(threads);
  else
    BesideOne<float>{p}.run(threads);
}

}  // namespace PLOGQ_ISA
