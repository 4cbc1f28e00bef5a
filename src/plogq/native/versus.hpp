// Two rows of logits, P's and Q's: KL(P ‖ Q), H(P) and H(P, Q), and the gradients on both sides.
//
// With v = log(q / p) and exc(v) = e^v - 1 - v, KL is Σ p exc(v) (algebra/versus.py has the why).
// Two rows are read for their exponentials, which are kept, and while they are in cache for the
// terms. Where Q's gradient alone is asked for it is written beside the terms.
#pragma once
#include <memory>

#include "versus_rows.hpp"
#include "versus_term.hpp"

namespace PLOGQ_ISA {

// What is known of one event: kept from forward to backward.
struct Beside {
  double m_p, rest_p, m_q, rest_q, kl, entropy;

  // Certainty, a NaN, and rows of which nothing is left have no terms in lanes.
  bool plain() const {
    return std::isfinite(m_p) && std::isfinite(m_q) && rest_p == rest_p && rest_q == rest_q;
  }
};

template <class T>
struct BesideOne {
  const Versus& p;

  struct alignas(64) Work {
    T t[BLOCK], z[BLOCK], e_p[BLOCK], e_q[BLOCK], of_p[BLOCK], of_q[BLOCK];
  };

  struct Kept {
    KeptRow<T> p, q;
  };
  static Kept* kept(int64_t classes) {
    static thread_local std::unique_ptr<Kept> held;
    if (classes > KEPT<T>) return nullptr;
    if (!held) held.reset(new Kept);
    return held.get();
  }

  // A block of one row, padded with classes that are ruled out.
  static const T* block(const View& v, const char* event, int64_t k, int n, T* to) {
    const char* from = event + k * v.class_stride;
    if (n % GROUP == 0 && direct<T>(v, v.class_stride)) return reinterpret_cast<const T*>(from);
    gather<T>(v.dtype, from, v.class_stride, n, to);
    for (int i = n; i < padded(n); ++i) to[i] = -INFINITY;
    return to;
  }

  // The greatest score of a row, and Σ exp(s - m) without one of the greatest.
  void normaliser(const View& v, int64_t e, T* work, KeptRow<T>* keep, double& greatest,
                  double& rest) const {
    const char* event = v.event(e);
    RunningRow<T> row;
    int number = 0;
    for (int64_t k = 0; k < v.classes; k += block_length(v.classes - k)) {
      const int n = block_length(v.classes - k);
      const T* s = block(v, event, k, n, work);
      if (keep) {
        row.template add<true>(s, padded(n), keep->e + k);
        keep->by[number++] = row.m;
      } else {
        row.template add<false>(s, padded(n), nullptr);
      }
    }
    greatest = double(row.m);
    rest = row.rest;
  }

  // What is the same for all terms of a row.
  struct Scale {
    T m_p, high, low;
    double off;
    explicit Scale(const Beside& b) : m_p(T(b.m_p)) {
      off = (b.m_q - b.m_p) + (std::log1p(b.rest_q) - std::log1p(b.rest_p));
      high = T(off);
      low = T(off - double(high));
    }
    // Whether a difference of two scores, of which `high` is to be taken, may keep what it is
    // rounded by: u · Σ p |v| (|v| + |off|), of a divergence of `kl`, is at most 8 u of it.
    bool rough(double kl) const { return off * off <= 4 * kl; }
    // Whether the terms need no series where v is near 0, either: of a divergence that is no small
    // one q - p - p · v is off by a few u, as Σ p |v| is no more than a few times as great.
    bool apart(double kl) const { return kl >= 0.25 && rough(kl); }
  };
  struct Terms {
    Vec<T> p, q, v, excess, difference;
  };
  // How the terms of a block are told: see Scale.
  enum How { CLOSE, ROUGH, APART };
  template <How HOW>
  PLOGQ_INLINE Terms terms(const Scale& c, Vec<T> t, Vec<T> z, Vec<T> p, Vec<T> q) {
    const Vec<T> zero = {};
    Terms x{p, q, {}, {}, {}};
    const Vec<T> d = z - t;
    if constexpr (HOW != CLOSE) {
      x.v = d - c.high;
    } else {
      // The difference of the scores with what it is rounded by; next to infinities that is none.
      const Vec<T> back = d - z;
      const Vec<T> lost = ((z - (d - back)) - (t + back)) - c.low;
      x.v = (d - c.high) + (lost == lost ? lost : zero);
    }
    const Vec<T> product = p * x.v, apart = q - p, far = apart - (p == zero ? zero : product);
    if constexpr (HOW == APART) {
      x.excess = far;
      x.difference = apart;
    } else {
      // The series says nothing where v is far from 0, and is not asked there.
      const Vec<T> square = x.v * x.v;
      const IVec<T> near = square < all<T>(0.25);
      const Vec<T> close = p * (square * polynomial<T>(Series<T>::c, x.v));
      x.excess = near ? close : far;
      x.difference = near ? close + product : apart;
    }
    return x;
  }

  // m - t, and 0 at the greatest score.
  PLOGQ_INLINE Vec<T> gap(const Scale& c, Vec<T> t) { return t == c.m_p ? Vec<T>{} : c.m_p - t; }

  // What flows back to the scores of an event.
  struct Flow {
    double d, of_log_z;
    Flow(const Versus& p, int64_t e)
        : d(term(p.weight ? p.weight[e] : 1, p.d_loss ? p.d_loss[e] : p.d_loss_all)),
          of_log_z(p.d_log_z ? p.d_log_z[e] : 0) {}
  };

  // What the terms of a row, or of a part of it, add up to.
  struct Found {
    double excess = 0, lost = 0, gaps = 0;
  };

  // A block of both rows.
  struct Piece {
    int n;
    const T *t, *z;
    Shares<T> p, q;
    Out<T> of_q, of_p;
  };

  template <bool SUMS, bool OF_Q, bool OF_P, bool GAPS, How HOW>
  static void piece(const Piece& x, const Scale& c, T d, T of_log_z, T level, Found& found) {
    // Of an event that does not count the slope may be no number.
    const Vec<T> zero = {}, none = all<T>(d == 0 ? T(INFINITY) : T(0));
    Vec<T> f[UNROLL<T>] = {}, s[UNROLL<T>] = {}, g[UNROLL<T>] = {};
    for (int i = 0; i < x.n; i += GROUP)
#pragma GCC unroll 8
      for (int j = 0; j < UNROLL<T>; ++j) {
        const int at = i + j * LANES<T>;
        const Vec<T> own = load(x.t + at), p = load(x.p.e + at) * x.p.scale,
                     q = load(x.q.e + at) * x.q.scale;
        const Terms of = terms<HOW>(c, own, load(x.z + at), p, q);
        if constexpr (SUMS) {
          f[j] += of.excess;
          s[j] += of.difference;
          if constexpr (GAPS) {
            const Vec<T> cost = p * gap(c, own);
            g[j] += p == zero ? zero : cost;
          }
        }
        if constexpr (OF_Q) lay<T>(x.of_q, at, of.difference * d + q * of_log_z);
        if constexpr (OF_P) {
          const Vec<T> cost = GAPS ? gap(c, own) - of.v : -of.v;
          const Vec<T> slope = p * (cost - level) * d;
          lay<T>(x.of_p, at, p <= none ? zero : slope);
        }
      }
    if constexpr (SUMS) {
      found.excess += sum_lanes<T>(f);
      found.lost += sum_lanes<T>(s);
      if constexpr (GAPS) found.gaps += sum_lanes<T>(g);
    }
  }

  // One reading of both rows: the sums that the value is made of, the gradients, or sums and Q's.
  template <bool SUMS, bool OF_Q, bool OF_P, bool GAPS>
  void reading(int64_t e, Work& w, const Kept* kept, Beside& b) const {
    const Scale c(b);
    const Flow flow(p, e);
    // Where -v, or the cost of Q, is level: the value itself.
    const T level = T(GAPS ? b.kl + (b.entropy - std::log1p(b.rest_p)) : b.kl);
    const T d = T(flow.d), of_log_z = T(flow.of_log_z);
    const char *of_p = p.p.event(e), *of_q = p.q.event(e);
    const bool at_once = p.streams && !p.flush;
    Found found;
    int number = 0;
    for (int64_t k = 0; k < p.p.classes; k += block_length(p.p.classes - k), ++number) {
      const int n = block_length(p.p.classes - k), all = padded(n);
      const T *t = block(p.p, of_p, k, n, w.t), *z = block(p.q, of_q, k, n, w.z);
      const Piece x{all,
                    t,
                    z,
                    Shares<T>(t, all, b.m_p, b.rest_p, kept ? &kept->p : nullptr, k, number, w.e_p),
                    Shares<T>(z, all, b.m_q, b.rest_q, kept ? &kept->q : nullptr, k, number, w.e_q),
                    Out<T>(OF_Q && at_once, p.of_q, e, k, n, w.of_q),
                    Out<T>(OF_P && at_once, p.of_p, e, k, n, w.of_p)};
      const double least = SUMS ? found.excess : b.kl;
      if (c.apart(least))
        piece<SUMS, OF_Q, OF_P, GAPS, APART>(x, c, d, of_log_z, level, found);
      else if (c.rough(least))
        piece<SUMS, OF_Q, OF_P, GAPS, ROUGH>(x, c, d, of_log_z, level, found);
      else
        piece<SUMS, OF_Q, OF_P, GAPS, CLOSE>(x, c, d, of_log_z, level, found);
      if (OF_Q && !x.of_q.past) put(p.of_q, e, k, n, w.of_q);
      if (OF_P && !x.of_p.past) put(p.of_p, e, k, n, w.of_p);
    }
    if constexpr (SUMS) {
      b.entropy = std::log1p(b.rest_p) + found.gaps;
      b.kl = found.excess - behind_log1p(found.lost);
      if (b.kl < 0) b.kl = 0;
    }
  }

  void put(const View& to, int64_t e, int64_t k, int n, T* from) const {
    if (!to) return;
    if (p.flush) {
      const Vec<T> least = all<T>(Simd<T>::smallest_normal);
      for (int i = 0; i < padded(n); i += LANES<T>) {
        const Vec<T> g = load(from + i);
        store<T>(from + i, absolute<T>(g) < least ? Vec<T>{} : g);
      }
    }
    emit<T>(p.streams, to.dtype, from, n, to.event(e) + k * to.class_stride, to.class_stride);
  }

  // Everything of a row that has no terms in lanes, term by term.
  void apart(int64_t e, Work& w, Beside& b, bool forward) const {
    const char *of_p = p.p.event(e), *of_q = p.q.event(e);
    Costs own, other;
    double whole = 0, lost = 0, loss = 0;
    const auto each = [&](auto&& see, auto&& done) {
      for (int64_t k = 0; k < p.p.classes; k += block_length(p.p.classes - k)) {
        const int n = block_length(p.p.classes - k);
        const T *t = block(p.p, of_p, k, n, w.t), *z = block(p.q, of_q, k, n, w.z);
        for (int i = 0; i < n; ++i) see(i, double(t[i]), double(z[i]));
        done(k, n);
      }
    };
    const auto nothing = [](int64_t, int) {};
    each([&](int, double t, double z) { own.add(t), other.add(z); }, nothing);
    each(
        [&](int, double t, double z) {
          const Class x(own.of(t), other.of(z));
          whole += x.excess;
          lost += x.difference;
          loss += term(x.p, other.of(z));
        },
        nothing);
    b.kl = p.of == Versus::CROSS_ENTROPY ? loss : whole - behind_log1p(lost);
    if (forward) write_losses(e, b.kl, other.log_z());
    if (!p.of_q && !p.of_p) return;
    const Flow flow(p, e);
    each(
        [&](int i, double t, double z) {
          const Class x(own.of(t), other.of(z));
          const double cost = p.of == Versus::CROSS_ENTROPY ? other.of(z) : -x.v;
          w.of_q[i] = T(term(flow.d, x.difference) + term(flow.of_log_z, x.q));
          w.of_p[i] = T(term(flow.d, term(x.p, cost - b.kl)));
        },
        [&](int64_t k, int n) {
          put(p.of_q, e, k, n, w.of_q);
          put(p.of_p, e, k, n, w.of_p);
        });
  }

  void write_losses(int64_t e, double value, double log_z) const {
    write(p.loss, p.wide, e, term(p.weight ? p.weight[e] : 1, value));
    write(p.log_z, p.wide, e, log_z);
  }

  void event(int64_t e, Work& w, Kept* kept) const {
    Beside once;
    Beside& b = p.known ? reinterpret_cast<Beside*>(p.known)[e] : once;
    const bool whole = p.of == Versus::CROSS_ENTROPY;
    if (!p.forward) kept = nullptr;
    if (p.forward) {
      normaliser(p.p, e, w.t, kept ? &kept->p : nullptr, b.m_p, b.rest_p);
      normaliser(p.q, e, w.z, kept ? &kept->q : nullptr, b.m_q, b.rest_q);
    }
    if (!b.plain()) return apart(e, w, b, p.forward);
    if (p.forward) {
      if (p.of_q && !p.of_p)
        whole ? reading<true, true, false, true>(e, w, kept, b)
              : reading<true, true, false, false>(e, w, kept, b);
      else
        whole ? reading<true, false, false, true>(e, w, kept, b)
              : reading<true, false, false, false>(e, w, kept, b);
      write_losses(e, whole ? b.entropy + b.kl : b.kl, b.m_q + std::log1p(b.rest_q));
    }
    if (p.of_p)
      whole ? reading<false, true, true, true>(e, w, kept, b)
            : reading<false, true, true, false>(e, w, kept, b);
    else if (p.of_q && !p.forward)
      reading<false, true, false, false>(e, w, kept, b);
  }

  static void unit(void* context, int64_t i) {
    const BesideOne& r = *static_cast<BesideOne*>(context);
    Work w;
    Kept* const kept = BesideOne::kept(r.p.p.classes);
    const int64_t end = (i + 1) * r.at_once();
    for (int64_t e = i * r.at_once(); e < (end < r.p.events ? end : r.p.events); ++e)
      r.event(e, w, kept);
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
