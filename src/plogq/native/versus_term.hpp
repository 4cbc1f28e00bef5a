// One class of two predictions: how e^v - 1 - v is told to its last digits, and, for rows that have
// no terms in lanes, everything of it as numbers.
#pragma once
#include "event.hpp"

namespace PLOGQ_ISA {

template <class T>
struct Series;
template <>
struct Series<float> {
  // Minimax over |v| ≤ 1/2 of (e^v - 1 - v) / v², relative error 0.02 u.
  static constexpr float c[7] = {0.50000000003910367457f,    0.16666667135217406039f,
                                 0.041666664310216995967f,   0.0083331827574677668172f,
                                 0.0013889040179363773704f,  0.00019961956553216853073f,
                                 0.000024841669337989139795f};
};
template <>
struct Series<double> {
  static constexpr double c[12] = {
      0.49999999999999999865,     0.16666666666666667058,   0.041666666666667057706,
      0.0083333333333330385357,   0.0013888888888705833956, 0.00019841269841867633915,
      0.000024801587614702637001, 2.7557318773791294909e-6, 2.7557077297556713186e-7,
      2.5052210952486991995e-8,   2.096284990478949005e-9,  1.607802390401056999e-10};
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
      for (int i = 11; i >= 0; --i) e = e * v + Series<double>::c[i];
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
