// What probabilities have to be, of yes/no outcomes and of classes.
#pragma once
#include <cstring>

#include "problem.hpp"

namespace plogq {

// Whether all of them are in [0, 1].
inline bool probabilities(const Kernels& kernels, const View& x, int64_t events, int threads) {
  if (x.dtype == U8) return true;
  double low = 0, high = 0;
  if (x.dtype != F64) {
    kernels.range(x, events, &low, &high, threads);
    return low >= 0 && high <= 1;
  }
  // The kernel would look at them rounded to float32, perhaps onto a bound.
  bool all = true;
  for (int64_t e = 0; e < events; ++e) {
    double y;
    std::memcpy(&y, x.event(e), sizeof y);
    all &= y >= 0 && y <= 1;
  }
  return all;
}

// Whether all rows sum to 1 within a tolerance, and none has an entry below 0; NaN is no number.
inline bool distributions(const Sums& rows, double tolerance) {
  bool all = true;
  for (int64_t e = 0; e < rows.events; ++e)
    all &= rows.sum[e] - 1 <= tolerance && 1 - rows.sum[e] <= tolerance && rows.least[e] >= 0;
  return all;
}

}  // namespace plogq
