// The sum of an array, in one order whoever asks for it.
#pragma once
#include <cstdint>

namespace plogq {

// The sum, pairwise over runs of eight lanes: the same for any number of threads (N6).
template <class T>
double pairwise(const T* x, int64_t n) {
  constexpr int64_t run = 512;
  if (n > run) {
    const int64_t half = (n / 2 + run - 1) / run * run;
    return pairwise(x, half) + pairwise(x + half, n - half);
  }
  double lane[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int l = 0; l < 8; ++l) lane[l] += double(x[i + l]);
  for (; i < n; ++i) lane[i % 8] += double(x[i]);
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

}  // namespace plogq
