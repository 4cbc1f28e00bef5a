// Rows of a few classes as columns, and back: in squares of a few lanes, held in registers.
#pragma once
#include "vec.hpp"

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define PLOGQ_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#endif
#endif
#ifndef PLOGQ_SHUFFLE  // GCC before 12
#define PLOGQ_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Mask{__VA_ARGS__})
#endif

namespace PLOGQ_ISA {

// A square of numbers, as many rows as fit into sixteen bytes.
template <class T>
struct Square {
  static constexpr int SIDE = 16 / int(sizeof(T));
  typedef T V __attribute__((vector_size(16)));
  typedef T Vu __attribute__((vector_size(16), aligned(sizeof(T)), may_alias));
  typedef typename Simd<T>::Int Mask __attribute__((vector_size(16)));

  // to[column · to_step + row] = from[row · from_step + column]
  PLOGQ_INLINE void turn(const T* from, int64_t from_step, T* to, int64_t to_step) {
    V row[SIDE], half[SIDE], column[SIDE];
    for (int i = 0; i < SIDE; ++i) row[i] = *reinterpret_cast<const Vu*>(from + i * from_step);
    if constexpr (SIDE == 2) {
      column[0] = PLOGQ_SHUFFLE(row[0], row[1], 0, 2);
      column[1] = PLOGQ_SHUFFLE(row[0], row[1], 1, 3);
    } else {
      for (int i = 0; i < 2; ++i) {
        half[2 * i] = PLOGQ_SHUFFLE(row[2 * i], row[2 * i + 1], 0, 4, 1, 5);
        half[2 * i + 1] = PLOGQ_SHUFFLE(row[2 * i], row[2 * i + 1], 2, 6, 3, 7);
      }
      for (int i = 0; i < 2; ++i) {
        column[2 * i] = PLOGQ_SHUFFLE(half[i], half[i + 2], 0, 1, 4, 5);
        column[2 * i + 1] = PLOGQ_SHUFFLE(half[i], half[i + 2], 2, 3, 6, 7);
      }
    }
    for (int i = 0; i < SIDE; ++i) *reinterpret_cast<Vu*>(to + i * to_step) = column[i];
  }
};

// Pairs taken apart, and put together.
template <class T>
static void apart(const T* __restrict__ pairs, int n, T* __restrict__ a, T* __restrict__ b) {
  for (int i = 0; i < n; ++i) a[i] = pairs[2 * i], b[i] = pairs[2 * i + 1];
}
template <class T>
static void together(const T* __restrict__ a, const T* __restrict__ b, int n,
                     T* __restrict__ pairs) {
  for (int i = 0; i < n; ++i) pairs[2 * i] = a[i], pairs[2 * i + 1] = b[i];
}

// to[column · to_step + row] = from[row · from_step + column] for all of rows × columns. The last
// square of a side lies over the one before it where there is no whole one left.
template <class T>
static void transpose(const T* from, int64_t from_step, int rows, int columns, T* to,
                      int64_t to_step) {
  constexpr int side = Square<T>::SIDE;
  if (columns == 2 && from_step == 2) return apart(from, rows, to, to + to_step);
  if (rows == 2 && to_step == 2) return together(from, from + from_step, columns, to);
  if (rows < side || columns < side) {
    for (int c = 0; c < columns; ++c)
      for (int r = 0; r < rows; ++r) to[c * to_step + r] = from[r * from_step + c];
    return;
  }
  for (int r = 0; r < rows; r += side) {
    if (rows - r < side) r = rows - side;
    for (int c = 0; c < columns; c += side) {
      if (columns - c < side) c = columns - side;
      Square<T>::turn(from + r * from_step + c, from_step, to + c * to_step + r, to_step);
    }
  }
}

}  // namespace PLOGQ_ISA
