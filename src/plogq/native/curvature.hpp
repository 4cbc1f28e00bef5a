// The diagonal of the Hessian of a loss over exclusive classes: mass · q_j (1 - q_j).
#pragma once
#include "event.hpp"

namespace PLOGQ_ISA {

// What one event gives to it, in the type of the lanes; alpha is d_loss · mass.
template <class T>
struct Curve {
  T total, bound;  // 1 + R, and bound / (1 + R)
  T top;           // at the greatest score: 1 - q is R / (1 + R), never 1 - q with q ≈ 1 (N2)

  // An event that nobody asks about has no Hessian, whatever its scores are.
  Curve(double given, double alpha, double rest)
      : total(alpha == 0 ? T(1) : T(1 + rest)),
        bound(alpha == 0 ? T(0) : T(given / (1 + rest))),
        top(alpha == 0 ? T(0) : T(given * alpha / (1 + rest) * (rest / (1 + rest)))) {}
};

// alpha q · bound (1 + R - e) / (1 + R), for e = exp(s - m) · 2^scale and g = alpha q.
template <class T>
PLOGQ_INLINE Vec<T> curved(IVec<T> greatest, Vec<T> e, Vec<T> g, Vec<T> total, Vec<T> bound,
                           Vec<T> top) {
  Vec<T> h = g * bound * (total - e * Simd<T>::unscale);
  return greatest ? top : h;
}

}  // namespace PLOGQ_ISA
