// Columns of a table as they are: of every row the sum, the greatest, and the first column that has
// it.
//
// A row is added up from the first column to the last, so that its sum is the same on all
// processors.
#pragma once
#include <cmath>
#include <cstring>

#include "problem.hpp"
#include "vec.hpp"

namespace PLOGQ_ISA {

using plogq::TableRows;

// One number of each of some rows, W at a time, and what has been found of them.
template <class V, class I>
struct RowsSoFar {
  V sum, top;
  I best;

  static inline RowsSoFar none(V lowest) { return {V{}, lowest, I{}}; }

  inline __attribute__((always_inline)) void take(V x, I k, V& least) {
    sum += x;
    const auto more = x > top;
    best = more ? k : best;
    top = more ? x : top;
    least = x < least ? x : least;
  }
};

// Rows of so many vectors stay in registers while the columns pass.
template <class T>
double table_rows(const TableRows& p) {
  constexpr int STEP = 2, AT_ONCE = STEP * LANES<T>;
  const auto column = [&p](int64_t k) { return static_cast<const T*>(p.column[k]); };
  T *sums = static_cast<T*>(p.sums), *tops = static_cast<T*>(p.tops);
  const T endless = T(INFINITY);
  Vec<T> least = all<T>(endless);
  int64_t i = 0;
  for (; i + AT_ONCE <= p.rows; i += AT_ONCE) {
    using Rows = RowsSoFar<Vec<T>, IVec<T>>;
    Rows rows[STEP] = {Rows::none(all<T>(-endless)), Rows::none(all<T>(-endless))};
    for (int64_t k = 0; k < p.count; ++k) {
      const T* from = column(k) + i;
      const IVec<T> number = IVec<T>{} + typename Simd<T>::Int(k);
      for (int u = 0; u < STEP; ++u) rows[u].take(load(from + u * LANES<T>), number, least);
    }
    for (int u = 0; u < STEP; ++u) {
      const int64_t at = i + u * LANES<T>;
      store<T>(sums + at, rows[u].sum);
      store<T>(tops + at, rows[u].top);
      if constexpr (sizeof(T) == sizeof *p.best)
        std::memcpy(p.best + at, &rows[u].best, sizeof rows[u].best);
      else
        for (int l = 0; l < LANES<T>; ++l) p.best[at + l] = int32_t(rows[u].best[l]);
    }
  }
  T low = endless;
  for (int l = 0; l < LANES<T>; ++l) low = least[l] < low ? least[l] : low;
  for (; i < p.rows; ++i) {
    RowsSoFar<T, int32_t> row{0, -endless, 0};
    for (int64_t k = 0; k < p.count; ++k) row.take(column(k)[i], int32_t(k), low);
    sums[i] = row.sum, tops[i] = row.top, p.best[i] = row.best;
  }
  return double(low);
}

}  // namespace PLOGQ_ISA
