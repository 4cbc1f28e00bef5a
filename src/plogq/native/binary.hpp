// Independent yes/no outcomes: H = yes · log1p(e^-z) + no · log1p(e^z), element by element.
#pragma once
#include "event.hpp"

namespace PLOGQ_ISA {

template <class T>
struct BinaryBlocks {
  static constexpr int BLOCK_EVENTS = 1024;
  const Binary& p;
  int64_t events_at_once = 0;

  struct alignas(64) Block {
    T z[BLOCK_EVENTS], y[BLOCK_EVENTS], w[BLOCK_EVENTS], loss[BLOCK_EVENTS], log_z[BLOCK_EVENTS],
        g[BLOCK_EVENTS], h[BLOCK_EVENTS], d_loss[BLOCK_EVENTS], d_log_z[BLOCK_EVENTS];
  };

  static void fill(const double* from, double other, int64_t e, int n, T* to) {
    for (int i = 0; i < n; ++i) to[i] = from ? T(from[e + i]) : T(other);
  }

  // Whether every event weighs 1 and only its loss flows back: what most calls are.
  bool plain() const {
    return p.kind == LOGITS && !p.weight && !p.log_z && !p.d_log_z && p.z_loss == 0 &&
           p.yes_1 == 1 && p.yes_0 == 0 && p.no_1 == 0 && p.no_0 == 1;
  }

  // Whether T carries what the losses and gradients of these events are multiplied by.
  bool carries(int64_t e, int n) const {
    if (sizeof(T) == sizeof(double)) return true;
    if (plain() && !(p.gradient && p.d_loss)) return fits(p.gradient ? p.d_loss_all : 1);
    const double sides[] = {p.yes_1, p.yes_0, p.no_1, p.no_0, p.z_loss};
    bool all = p.z_loss < 128;
    for (double side : sides) all &= fits(side);
    for (int i = 0; i < n; ++i) {
      const double w = p.weight ? p.weight[e + i] : 1;
      const double d = p.gradient ? (p.d_loss ? p.d_loss[e + i] : p.d_loss_all) : 1;
      all &= fits(w) & fits(d);
    }
    return all;
  }

  // w · x and w / x, and 0 where w is 0, whatever x is.
  PLOGQ_INLINE Vec<T> times(Vec<T> w, Vec<T> x) {
    Vec<T> wx = w * x;
    return w == Vec<T>{} ? Vec<T>{} : wx;
  }
  PLOGQ_INLINE Vec<T> over(Vec<T> w, Vec<T> x) {
    Vec<T> quotient = w / x;
    return w == Vec<T>{} ? Vec<T>{} : quotient;
  }

  // z and y of one block, and where its losses and gradients go.
  struct Lanes {
    const T *z, *y;
    T *loss, *g;
  };

  // The same arithmetic for both: PLAIN leaves out what is 1 or 0 for every event.
  //
  // False where some p · weight is no normal number, and so no measure of p · weight / q.
  template <bool PLAIN>
  bool compute(int n, const Lanes& at, Block& x) const {
    const Vec<T> zero = {}, one = all<T>(1);
    const T y1 = T(p.yes_1), y0 = T(p.yes_0), n1 = T(p.no_1), n0 = T(p.no_0);
    const T z2 = T(2 * p.z_loss);
    const Vec<T> same = all<T>(T(p.d_loss_all));
    const bool costs = p.loss || p.log_z || p.z_loss != 0;
    Vec<T> vanished = {};
    for (int i = 0; i < n; i += LANES<T>) {
      Vec<T> z = load(at.z + i), y = load(at.y + i), not_y = one - y, yes = y, no = not_y, g;
      if constexpr (!PLAIN) {
        Vec<T> w = load(x.w + i);
        yes = times(w, y1 * y + y0 * not_y), no = times(w, n1 * y + n0 * not_y);
      }
      const Vec<T> beta = p.d_loss ? load(x.d_loss + i) : same;
      if (p.kind == LOGITS) {
        // z > 0 ? -z : z keeps a NaN.
        Vec<T> t = exp_scaled<T>(z > zero ? -z : z) * Simd<T>::unscale;
        Vec<T> log_z = {};
        if (costs) {
          Vec<T> offset = log1p<T>(t);
          Vec<T> up = z > zero ? z : zero, down = z > zero ? zero : -z;
          log_z = offset + up;
          store<T>(at.loss + i, times(yes, offset + down) + times(no, offset + up));
          if constexpr (!PLAIN) store<T>(x.log_z + i, log_z);
        }
        if (!p.gradient) continue;
        Vec<T> share = one / (one + t), other = t * share;
        Vec<T> q = z > zero ? share : other, not_q = z > zero ? other : share;
        g = times(beta * no, q);
        if constexpr (!PLAIN) {
          Vec<T> d_log_z = load(x.d_log_z + i);
          // Not 0 · log Z, which is NaN where log Z is ∞.
          if (p.z_loss != 0) d_log_z += times(beta * (yes + no), z2 * log_z);
          g = times(d_log_z, q) + g;
        }
        g = g - times(beta * yes, not_q);
        if (p.hessian) store<T>(x.h + i, times(beta * (yes + no) * T(p.bound), q * not_q));
      } else {
        if (costs) {
          // Where all answers are yes, as scoring asks, half of the logarithms are not needed.
          const bool some_no = any<T>(no == zero ? zero : one);
          const Vec<T> of_no = some_no ? times(no, -log1p<T>(-z)) : zero;
          store<T>(at.loss + i, times(yes, -log<T>(z)) + of_no);
          store<T>(x.log_z + i, zero);
        }
        // No more than two weights come before beta, so that only such a y is lost in them.
        vanished += vanishing<T>(yes, beta) + vanishing<T>(no, beta) +
                    vanishing<T>(y, all<T>(Simd<T>::smallest_normal * T(0x1p46)));
        if (!p.gradient) continue;
        g = over(beta * no, one - z) - over(beta * yes, z);
      }
      store<T>(at.g + i, g);
    }
    return !any<T>(vanished);
  }

  static void write_block(void* array, bool wide, bool streams, int64_t e, int n, const T* from) {
    if (!array) return;
    const int64_t item = wide ? 8 : 4;
    emit<T>(streams, wide ? F64 : F32, from, n, static_cast<char*>(array) + item * e, item);
  }

  // Where this block of an array lies, if lanes can be loaded from there or stored to there.
  static T* in_place(const View& v, int64_t e, int n) {
    const bool lies = v && n % GROUP == 0 && v.axes == 1 && direct<T>(v, v.stride[0]);
    return lies ? reinterpret_cast<T*>(v.event(e)) : nullptr;
  }
  // Lanes of one number per event; past the last event there are zeros.
  static const T* taken(const View& v, int64_t e, int n, int lanes, T* scratch) {
    if (const T* there = in_place(v, e, n)) return there;
    gather_events<T>(v, e, n, scratch);
    for (int i = n; i < lanes; ++i) scratch[i] = 0;
    return scratch;
  }

  void block(int64_t e, int n, Block& x) const {
    const bool wide = p.scores.dtype == F64, as_is = wide == (sizeof(T) == sizeof(double));
    const int lanes = (n + GROUP - 1) / GROUP * GROUP;
    Lanes at{taken(p.scores, e, n, lanes, x.z), taken(p.target, e, n, lanes, x.y), x.loss, x.g};
    if (p.loss && as_is && !p.streams && n == lanes) at.loss = static_cast<T*>(p.loss) + e;
    T* const gradient = p.streams ? nullptr : in_place(p.gradient, e, n);
    if (gradient) at.g = gradient;
    if (p.d_loss) fill(p.d_loss, 0, e, n, x.d_loss);
    for (int i = n; p.d_loss && i < lanes; ++i) x.d_loss[i] = 0;
    if (plain()) {
      compute<true>(lanes, at, x);
    } else {
      fill(p.weight, 1, e, n, x.w);
      fill(p.d_log_z, 0, e, n, x.d_log_z);
      for (int i = n; i < lanes; ++i) x.w[i] = x.d_log_z[i] = 0;
      // Before anything is written where the probabilities may lie.
      at.loss = x.loss, at.g = x.g;
      if (!compute<false>(lanes, at, x) && sizeof(T) == sizeof(float)) return widely(p, e, n);
    }
    if (at.loss == x.loss) write_block(p.loss, wide, p.streams, e, n, x.loss);
    write_block(p.log_z, wide, p.streams, e, n, x.log_z);
    if (p.gradient && at.g == x.g) scatter_events<T>(p.gradient, e, n, x.g, p.streams);
    if (p.hessian) scatter_events<T>(p.hessian, e, n, x.h, p.streams);
  }

  // The same in float64.
  static void widely(const Binary& p, int64_t e, int n) {
    using Wide = BinaryBlocks<double>;
    typename Wide::Block* const x = new typename Wide::Block;
    Wide{p}.block(e, n, *x);
    delete x;
  }

  static void unit(void* context, int64_t index) {
    const BinaryBlocks& b = *static_cast<BinaryBlocks*>(context);
    const Binary& p = b.p;
    Block x;
    const int64_t next = (index + 1) * b.events_at_once, last = next < p.events ? next : p.events;
    for (int64_t e = index * b.events_at_once; e < last; e += BLOCK_EVENTS) {
      const int n = int(last - e < BLOCK_EVENTS ? last - e : BLOCK_EVENTS);
      if (b.carries(e, n))
        b.block(e, n, x);
      else
        widely(p, e, n);
    }
    if (p.streams) settle();
  }

  void run(int threads) {
    const int64_t unit_events = unit_elements(p.events, threads);
    events_at_once = (unit_events + BLOCK_EVENTS - 1) / BLOCK_EVENTS * BLOCK_EVENTS;
    plogq::parallel((p.events + events_at_once - 1) / events_at_once, threads, unit, this);
  }
};

}  // namespace PLOGQ_ISA
