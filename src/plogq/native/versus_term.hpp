// One class of two predictions: how e^v - 1 - v is told to its last digits, and, for rows that have
// no terms in lanes, everything of it as numbers.
#pragma once
#include "event.hpp"

namespace PLOGQ_ISA {

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

// One class of two predictions as numbers: what it adds to the divergence, and q - p.
struct Class {
  double p, q, v, excess, difference;
  Class(double cost_p, double cost_q) : p(std::exp(-cost_p)), q(std::exp(-cost_q)) {
    v = p == 0 && q == 0 ? 0 : cost_p - cost_q;
    if (std::fabs(v) < 0.5) {
      double e = 0;
      for (int i = 14; i >= 0; --i) e = e * v + Series<double>::c[i];
      e *= v * v;
      excess = p * e;
      difference = p * (v + e);
    } else {
      difference = q - p;
      excess = difference - term(p, v);
    }
  }
};

// What a class costs in a row of which one class is certain, or that is no distribution at all.
struct Costs {
  double m = -INFINITY, rest = 0, sure = 0;
  bool none = false;
  void add(double s) {
    none = none || s != s;
    sure += s == INFINITY;
    if (s > m) {
      rest = m == -INFINITY ? 0 : (rest + 1) * std::exp(m - s);
      m = s;
    } else if (s > -INFINITY) {
      rest += std::exp(s - m);
    }
  }
  double log_z() const { return none || sure > 1 || m == -INFINITY ? NAN : m + offset(); }
  double offset() const { return m == INFINITY ? 0 : std::log1p(rest); }
  double of(double s) const {
    if (log_z() != log_z()) return NAN;
    return s == m ? offset() : m == INFINITY ? INFINITY : (m - s) + offset();
  }
};

}  // namespace PLOGQ_ISA
