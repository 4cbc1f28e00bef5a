// Several events side by side: their statistics, their losses, and the weights of their gradients,
// whichever way their classes lie.
#pragma once
#include "curvature.hpp"
#include "wide_lanes.hpp"

namespace PLOGQ_ISA {

// What there is to know of up to 64 events, one lane each.
template <class T>
struct alignas(64) Each {
  T m[GROUP], a[GROUP], b[GROUP], dense_weight[GROUP], spread_weight[GROUP];
  T total[GROUP], bound[GROUP], top[GROUP];  // of the Hessian, as in Curve
  double rest[GROUP], dense_cost[GROUP], dense_mass[GROUP], spread_cost[GROUP], log1p_rest[GROUP];
  // Of one label per event: its class, -1 for none, the score there, and what flows back to it: at
  // the greatest score `at_top`, else `own` less than to any class.
  int64_t label[GROUP], is_top[GROUP];
  double at_label[GROUP], own[GROUP], at_top[GROUP];
  double alpha[GROUP];  // what flows back to q
  double spread_mass;
};

// Memory of this thread for an X: too large for the stack of a thread everywhere, and made once, as
// a small call takes less time than the system does to find such a piece.
template <class X>
static X& own() {
  struct Kept {
    X* made = new X;
    ~Kept() { delete made; }
  };
  static thread_local Kept kept;
  return *kept.made;
}

template <class T>
struct Several {
  const Stored& p;

  static constexpr double LIFT = sizeof(T) == 4 ? 0x1p32 : 0x1p256;
  static constexpr double TWO_BELOW = sizeof(T) == 4 ? 0x1p-60 : 0x1p-500;

  // Whether anybody wants losses, or statistics alone, which go to the gradient.
  bool asked() const { return p.kind != LOGITS || p.loss || p.log_z || p.shard; }

  // One label per event, perhaps smoothed, and nothing else, the common case: the general path's
  // arithmetic for one event (finish, coefficients, sparse_gradient), several at a time.
  bool hard() const {
    return p.kind == LOGITS && p.entries == 1 && !p.dense && p.softcap == 0 && !p.d_log_z &&
           p.z_loss == 0 && !p.shard;
  }
  // One distribution per event and nothing else, statistics and gradient in one pass: likewise,
  // with the exponentials that the statistics are made of.
  bool soft() const {
    return p.kind == LOGITS && p.dense && p.forward && p.gradient && p.entries == 0 && !p.factor &&
           p.softcap == 0 && !p.d_log_z && p.z_loss == 0 && !p.shard;
  }

  T spread(int64_t k) const { return p.spread ? T(p.spread[k]) : T(1); }

  // One number per event, for the lanes past the last event the last one's.
  static void lanes_of(const double* from, double other, int64_t e0, int events, int lanes,
                       double* to) {
    for (int l = 0; l < events; ++l) to[l] = from ? from[e0 + l] : other;
    for (int l = events; l < lanes; ++l) to[l] = to[events - 1];
  }
  void labels_of(int64_t e0, int events, int lanes, int64_t* to) const {
    for (int l = 0; l < events; ++l) to[l] = class_at(p, e0 + l);
    for (int l = events; l < lanes; ++l) to[l] = to[events - 1];
  }
  void write_lanes(void* array, int64_t e0, int events, const double* from) const {
    if (array && p.scores.dtype == F64)
      for (int l = 0; l < events; ++l) static_cast<double*>(array)[e0 + l] = from[l];
    else if (array)
      for (int l = 0; l < events; ++l) static_cast<float*>(array)[e0 + l] = float(from[l]);
  }

  void keep(int64_t e0, int events, const Each<T>& x) const {
    for (int l = 0; l < events; ++l) {
      p.greatest[e0 + l] = double(x.m[l]);
      p.rest[e0 + l] = x.m[l] == T(-INFINITY) ? NAN : x.rest[l];
    }
  }
  // What forward has kept.
  void recall(int64_t e0, int events, int lanes, Each<T>& x) const {
    double m[GROUP];
    lanes_of(p.rest, 0, e0, events, lanes, x.rest);
    lanes_of(p.greatest, 0, e0, events, lanes, m);
    for (int l = 0; l < lanes; ++l) x.m[l] = T(m[l]);
  }

  // Everything that is asked for of these events, once their sums are known. `labels()` finds their
  // labels and the scores there, where that is all of P.
  template <class Labels>
  void finish_all(int64_t e0, int events, int lanes, bool hard, const Labels& labels,
                  Each<T>& x) const {
    if (!asked()) return keep(e0, events, x);
    for (int l = 0; l < lanes; l += WIDE)
      store<double>(x.log1p_rest + l, log1p<double>(load(x.rest + l)));
    if (hard) {
      labels();
      return finish_hard(e0, events, lanes, x);
    }
    for (int l = 0; l < events; ++l) {
      Stats s;
      s.m = double(x.m[l]);
      s.rest = x.rest[l];
      s.dense = x.dense_cost[l], s.dense_mass = x.dense_mass[l];
      s.spread = x.spread_cost[l], s.spread_mass = x.spread_mass;
      finish(p, e0 + l, p.scores.event(e0 + l), s, x.log1p_rest[l]);
    }
  }
  void finish_hard(int64_t e0, int events, int lanes, Each<T>& x) const {
    alignas(64) double loss[GROUP], m[GROUP], value[GROUP], mass[GROUP], factor[GROUP];
    lanes_of(p.value, 1, e0, events, lanes, value);
    lanes_of(p.factor ? p.mass : p.value, 1, e0, events, lanes, mass);
    if (p.factor) lanes_of(p.factor, 0, e0, events, lanes, factor);
    for (int l = 0; l < lanes; ++l) m[l] = double(x.m[l]);
    for (int l = 0; l < lanes; l += WIDE) {
      const Wide top = load(m + l), own = load(x.at_label + l), zero = {}, none = all<double>(NAN);
      const IWide empty = top == all<double>(-INFINITY);
      const Wide log1p_rest = empty ? none : load(x.log1p_rest + l);
      const Wide half_gap = own == top ? zero : top / 2 - own / 2;
      store<double>(x.rest + l, empty ? none : load(x.rest + l));
      store<double>(x.log1p_rest + l, log1p_rest);
      Wide each = terms(load(mass + l), log1p_rest) + 2 * terms(load(value + l), half_gap);
      if (p.factor) each += terms(load(factor + l), load(x.spread_cost + l)) / shrink(p);
      store<double>(loss + l, each);
    }
    write_lanes(p.loss, e0, events, loss);
    if (p.greatest)
      for (int l = 0; l < events; ++l) p.greatest[e0 + l] = m[l], p.rest[e0 + l] = x.rest[l];
    if (!p.log_z) return;
    for (int l = 0; l < lanes; ++l) m[l] += x.log1p_rest[l];
    write_lanes(p.log_z, e0, events, m);
  }

  // The background's part at the labels of some events, where there is one.
  Wide outside(int first, Wide to_spread, const Each<T>& x) const {
    alignas(64) double at[WIDE];
    for (int i = 0; i < WIDE; ++i) {
      const int64_t k = x.label[first + i];
      at[i] = k < 0 ? 0 : double(spread(k));
    }
    return terms(to_spread, load(at));
  }

  // The weight of q in two factors, so that neither leaves the normal numbers; whether that takes
  // two.
  static bool scale_lane(int l, double q_weight, Each<T>& x) {
    const bool two = std::fabs(q_weight) < TWO_BELOW;
    x.a[l] = T(two ? q_weight * LIFT : q_weight * double(Simd<T>::unscale));
    x.b[l] = T(two ? double(Simd<T>::unscale) / LIFT : 1.0);
    return two;
  }
  static IWide scale_lanes(int l, Wide q_weight, Each<T>& x) {
    const IWide two = absolute<double>(q_weight) < all<double>(TWO_BELOW);
    narrowed<T>(two ? q_weight * LIFT : q_weight * double(Simd<T>::unscale), x.a + l);
    narrowed<T>(two ? all<double>(double(Simd<T>::unscale) / LIFT) : all<double>(1.0), x.b + l);
    return two;
  }
  void curve_lane(int l, double alpha, double rest, Each<T>& x) const {
    const Curve<T> c(p.bound, alpha, rest);
    x.total[l] = c.total, x.bound[l] = c.bound, x.top[l] = c.top;
  }

  // What the weights of some events are: for float64 alone, in two factors, nothing at all.
  struct Weights {
    bool unfit, two, nothing;
  };
  // What flows back to the label, to q, and to the background.
  Weights weights_hard(int64_t e0, int events, int lanes, Each<T>& x) const {
    alignas(64) double back[GROUP], mass[GROUP];
    lanes_of(p.d_loss, p.d_loss_all, e0, events, lanes, x.alpha);
    lanes_of(p.value, 1, e0, events, lanes, x.own);
    lanes_of(p.factor, 0, e0, events, lanes, back);
    lanes_of(p.factor ? p.mass : p.value, 1, e0, events, lanes, mass);
    IWide unfit = {}, two = {}, nothing = {};
    for (int l = 0; l < lanes; l += WIDE) {
      const Wide d_loss = load(x.alpha + l), value = load(x.own + l), none = all<double>(NAN);
      const IWide label = marks(x.label + l);
      const Wide to_label = d_loss * ((value != Wide{}) & (label < 0) ? none : value);
      const Wide to_q = p.factor ? d_loss * load(mass + l) : to_label;
      const Wide to_spread = d_loss * load(back + l), rest = load(x.rest + l), total = 1 + rest;
      store<double>(x.own + l, to_label);
      store<double>(x.alpha + l, to_q);
      narrowed<T>(to_spread, x.spread_weight + l);
      nothing |= to_q == Wide{};
      unfit |= beyond(to_label) | beyond(to_q) | beyond(to_spread);
      two |= scale_lanes(l, to_q / total, x);
      // At the greatest score 1 - q is R / (1 + R), never 1 - q with q ≈ 1 (N2).
      Wide at_top = terms(to_q - to_label, 1 / total) - terms(to_label, rest / total);
      if (p.factor) at_top -= outside(l, to_spread, x);
      store<double>(x.at_top + l, at_top);
      mark(x.is_top + l, load(x.at_label + l) == widened<T>(x.m + l));
    }
    if (p.hessian)
      for (int l = 0; l < lanes; ++l) curve_lane(l, x.alpha[l], x.rest[l], x);
    return {sizeof(T) == sizeof(float) && some(unfit), some(two), some(nothing)};
  }

  // False where some event is certain, is not asked about, or has weights that are not for T.
  bool weights_soft(int64_t e0, int events, int lanes, Each<T>& x) const {
    double alpha[GROUP], dense[GROUP], mass[GROUP], rest[GROUP], m[GROUP];
    lanes_of(p.d_loss, p.d_loss_all, e0, events, lanes, alpha);
    lanes_of(p.event, 1, e0, events, lanes, dense);
    lanes_of(p.mass, 1, e0, events, lanes, mass);
    lanes_of(p.rest, 0, e0, events, lanes, rest);
    lanes_of(p.greatest, 0, e0, events, lanes, m);
    const double least = sizeof(T) == 4 ? 0x1p-40 : 0x1p-400, most = 1 / least;
    int plain = 0;
    for (int l = 0; l < lanes; ++l) {
      dense[l] *= alpha[l];
      alpha[l] *= mass[l];
      const double size = std::fabs(alpha[l]), weight = std::fabs(dense[l]);
      plain += (size >= least) & (size <= most) & (weight >= least) & (weight <= most) &
               (m[l] < INFINITY) & (rest[l] < most);
    }
    if (plain < lanes) return false;
    const double bound = p.hessian ? p.bound : 0;
    for (int l = 0; l < lanes; ++l) {
      const double total = 1 + rest[l];
      x.a[l] = T(alpha[l] / total * double(Simd<T>::unscale));
      x.dense_weight[l] = T(dense[l]);
      x.total[l] = T(total);
      x.bound[l] = T(bound / total);
      x.top[l] = T(bound * alpha[l] / total * (rest[l] / total));
    }
    return true;
  }
};

}  // namespace PLOGQ_ISA
