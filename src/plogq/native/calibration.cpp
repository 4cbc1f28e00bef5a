// What calibration and confusion do for every row of a file: squares, bins, draws, and the mass
// that classes are given.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "buffer.hpp"
#include "released.hpp"
#include "table_columns.hpp"

namespace nb = nanobind;

namespace plogq {
namespace {

// A number that has nothing to do with the order of those it is made of (SplitMix64).
inline uint64_t shuffled(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// Which numbers come to no more than `most` when they are shuffled, and to what; how many there
// are.
int64_t drawn(nb::handle numbers, uint64_t most, nb::handle which, nb::handle keys) {
  Buffer from(numbers, false), at(which, true), to(keys, true);
  const uint64_t* given = from.data<const uint64_t>();
  int64_t *place = at.data<int64_t>(), found = 0;
  uint64_t* key = to.data<uint64_t>();
  const int64_t n = from.count();
  if (at.count() != n || to.count() != n) throw nb::value_error("room for every number");
  Released released;
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t x = shuffled(given[i]);
    if (x <= most) place[found] = i, key[found++] = x;
  }
  return found;
}

// Of every row of a table the Brier score of its class, which is given so much: Σ q² - 2 q_y + 1.
void squares(nb::list columns, int dtype, nb::handle given, nb::handle out) {
  Buffer of_class(given, false), to(out, true);
  const Table all(columns, dtype, to.count());
  if (of_class.bytes() != all.rows() * item_size(dtype))
    throw nb::value_error("what is given to a class for every row");
  double* sums = to.data<double>();
  Released released;
  typed(dtype, [&](auto type) {
    using T = decltype(type);
    for (int64_t start = 0; start < all.rows(); start += RUN) {
      const int64_t n = std::min(RUN, all.rows() - start);
      double* __restrict sum = sums + start;
      const T* __restrict q_y = of_class.data<const T>() + start;
      std::fill_n(sum, n, 0.0);
      for (int64_t k = 0; k < all.count(); ++k) {
        const T* __restrict column = all.column<T>(k) + start;
        for (int64_t i = 0; i < n; ++i) sum[i] += double(column[i]) * double(column[i]);
      }
      for (int64_t i = 0; i < n; ++i) sum[i] = sum[i] - 2 * double(q_y[i]) + 1;
    }
  });
}

// The bin of every number from 0 to 1, of bins of equal width, and how many more each has.
void binned(nb::handle numbers, int dtype, nb::handle counts, nb::handle out) {
  Buffer from(numbers, false), more(counts, true), to(out, true);
  const int64_t n = to.count(), bins = more.count();
  if (from.bytes() != n * item_size(dtype)) throw nb::value_error("a bin for every number");
  int64_t *place = to.data<int64_t>(), *count = more.data<int64_t>();
  // Two numbers at a time, so that one need not wait for the other's count.
  std::vector<int64_t> odd(bins);
  Released released;
  typed(dtype, [&](auto type) {
    const auto* x = from.data<const decltype(type)>();
    for (int64_t i = 0; i < n; ++i)
      place[i] = std::clamp<int64_t>(int64_t(double(x[i]) * double(bins)), 0, bins - 1);
  });
  for (int64_t i = 0; i + 1 < n; i += 2) ++count[place[i]], ++odd[place[i + 1]];
  if (n % 2) ++count[place[n - 1]];
  for (int64_t k = 0; k < bins; ++k) count[k] += odd[k];
}

// The nearest whole number of one below 2^51, as a vector rounds it.
inline int64_t rounded(double x) {
  constexpr double ABOVE = 0x1.8p52;
  int64_t bits, none;
  x += ABOVE;
  std::memcpy(&bits, &x, sizeof bits);
  std::memcpy(&none, &ABOVE, sizeof none);
  return bits - none;
}

// The rows of a run in the order of their classes, and where each class begins.
struct Sorted {
  explicit Sorted(int64_t classes) : begins(classes + 1), row(RUN) {}

  void take(const int64_t* at, int64_t rows) {
    std::fill(begins.begin(), begins.end(), 0);
    for (int64_t i = 0; i < rows; ++i) ++begins[at[i] + 1];
    for (size_t c = 1; c < begins.size(); ++c) begins[c] += begins[c - 1];
    // What is behind every class as its rows are put there, and then where the next begins.
    for (int64_t i = 0; i < rows; ++i) row[begins[at[i]]++] = int32_t(i);
    for (size_t c = begins.size() - 1; c > 0; --c) begins[c] = begins[c - 1];
    begins[0] = 0;
  }

  std::vector<int32_t> begins, row;
};

// Its entries as whole multiples of 1 / units, summed by the classes of their rows.
void mass(nb::list columns, int dtype, nb::handle index, double units, nb::handle out) {
  const Classed table(columns, index, dtype);
  Buffer to(out, true);
  int64_t* sums = to.data<int64_t>();
  const int64_t rows = table.all.rows(), count = table.all.count();
  int64_t whole[RUN];
  // Where classes are few, a row of each sum is added to at once, and not again and again.
  const bool few = count <= RUN / 16;
  Sorted sorted(few ? count : 0);
  Released released;
  typed(dtype, [&](auto type) {
    for (int64_t start = 0; start < rows; start += RUN) {
      const int64_t n = std::min(RUN, rows - start), *at = table.at + start;
      if (few) sorted.take(at, n);
      for (int64_t k = 0; k < count; ++k) {
        const auto* column = table.all.column<decltype(type)>(k) + start;
        for (int64_t i = 0; i < n; ++i) whole[i] = rounded(double(column[i]) * units);
        if (!few) {
          for (int64_t i = 0; i < n; ++i) sums[at[i] * count + k] += whole[i];
          continue;
        }
        for (int64_t c = 0; c < count; ++c) {
          int64_t sum = 0;
          for (int32_t j = sorted.begins[c]; j < sorted.begins[c + 1]; ++j)
            sum += whole[sorted.row[j]];
          sums[c * count + k] += sum;
        }
      }
    }
  });
}

}  // namespace
}  // namespace plogq

void bind_calibration(nb::module_& m) {
  using namespace plogq;
  m.def("drawn", &drawn, nb::arg("numbers"), nb::arg("most"), nb::arg("which"), nb::arg("keys"));
  m.def("squares", &squares, nb::arg("columns"), nb::arg("dtype"), nb::arg("given"),
        nb::arg("out"));
  m.def("binned", &binned, nb::arg("numbers"), nb::arg("dtype"), nb::arg("counts"), nb::arg("out"));
  m.def("mass", &mass, nb::arg("columns"), nb::arg("dtype"), nb::arg("index"), nb::arg("units"),
        nb::arg("out"));
}
