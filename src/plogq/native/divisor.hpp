// What a sum of losses is divided by, as it is kept between a loss and its gradient.
#pragma once
#include <cmath>

#include "call.hpp"

namespace plogq {

// The sum that the losses are divided by, as three numbers that float32 carries: mantissa, what it
// lacks of it, exponent.
struct Divisor {
  template <class T>
  static void put(double x, T* to) {
    int exponent = 0;
    const double mantissa = std::frexp(x, &exponent);
    to[0] = T(mantissa);
    to[1] = std::isfinite(x) ? T(mantissa - double(to[0])) : T(0);
    to[2] = T(exponent);
  }
  template <class T>
  static double get(const T* from) {
    return std::ldexp(double(from[0]) + double(from[1]), int(from[2]));
  }
};

// A power of two that brings a divisor near 1, where float32 does not carry it.
inline double level(double divisor) {
  if (divisor == 0 || !std::isfinite(divisor) || carried(std::fabs(divisor))) return 1;
  int exponent = 0;
  std::frexp(divisor, &exponent);
  return std::ldexp(1.0, -exponent);
}

}  // namespace plogq
