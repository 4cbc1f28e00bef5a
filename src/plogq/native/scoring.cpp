// What scoring a file of predictions does for every number of it: sums without rounding, and
// columns put side by side.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "buffer.hpp"
#include "exact_sums.hpp"
#include "released.hpp"

namespace nb = nanobind;

namespace plogq {
namespace {

// The first digit that any sum has, and of every sum the digits from there to the last one.
std::pair<int64_t, nb::bytes> found_in(const Digits& sums) {
  int64_t low = sums.width(), high = 0;
  for (int64_t at = 0; at < sums.size(); ++at)
    for (int64_t k = 0; k < sums.width(); ++k)
      if (sums.of(at)[k]) low = std::min(low, k), high = std::max(high, k + 1);
  std::vector<int64_t> some;
  for (int64_t at = 0; low < high && at < sums.size(); ++at)
    some.insert(some.end(), sums.of(at) + low, sums.of(at) + high);
  return {sums.first() + low, nb::bytes(some.data(), some.size() * sizeof(int64_t))};
}

void check_places(const int64_t* place, int64_t n, int64_t size) {
  for (int64_t i = 0; i < n; ++i)
    if (place[i] < 0 || place[i] >= size) throw nb::index_error("a place beyond all sums");
}

// The first digit, the digits of every place, and which sums are endless, if any is.
nb::tuple exact_sums(nb::handle values, nb::handle times, nb::handle places, int64_t size) {
  Buffer x(values, false), y(times, false), place(places, false);
  const int64_t n = x.count();
  if ((y && y.count() != n) || (place && place.count() != n) || size < 1)
    throw nb::value_error("as many factors and places as values, and a sum at least");
  if (n > int64_t(1) << Common::COUNT_BITS) throw nb::value_error("at most 2^20 numbers at once");
  const Found found = [&] {
    Released released;
    if (place) check_places(place.data<const int64_t>(), n, size);
    return sums_of(x.data<const double>(), y.data<const double>(), place.data<const int64_t>(), n,
                   size);
  }();
  nb::object endless = nb::none();
  if (!found.endless.empty()) endless = nb::bytes(found.endless.data(), found.endless.size());
  const auto [first, digits] = found_in(found.digits);
  return nb::make_tuple(first, digits, endless);
}

// Rows are taken in runs that stay in the nearest cache while the columns pass.
constexpr int64_t RUN = 1024;

// Columns of one length as the rows of `out`, times a factor; of every row of the table the sum of
// its numbers, the greatest, and the first column that holds that. Returns the least number.
template <class T>
double beside(const std::vector<const T*>& columns, int64_t rows, T factor, T* out, T* sums,
              T* tops, int32_t* best) {
  T least[RUN];
  std::fill_n(least, RUN, std::numeric_limits<T>::infinity());
  for (int64_t from = 0; from < rows; from += RUN) {
    const int64_t n = std::min(RUN, rows - from);
    T* __restrict sum = sums + from, * __restrict top = tops + from;
    int32_t* __restrict which = best + from;
    std::fill_n(sum, n, T(0));
    std::fill_n(top, n, -std::numeric_limits<T>::infinity());
    std::fill_n(which, n, 0);
    for (size_t k = 0; k < columns.size(); ++k) {
      const T* __restrict column = columns[k] + from;
      T* __restrict to = out + int64_t(k) * rows + from;
      for (int64_t i = 0; i < n; ++i) {
        const T x = column[i] * factor;
        to[i] = x;
        sum[i] += x;
        const T above = top[i], below = least[i];
        const int32_t more = -int32_t(x > above);
        which[i] = (int32_t(k) & more) | (which[i] & ~more);
        top[i] = x > above ? x : above;
        least[i] = x < below ? x : below;
      }
    }
  }
  return double(*std::min_element(least, least + RUN));
}

// The function for float32 or float64.
template <class Body>
auto typed(int dtype, Body&& body) {
  if (dtype == F32) return body(float());
  if (dtype != F64) throw nb::value_error("float32 or float64");
  return body(double());
}

double side_by_side(nb::list columns, int dtype, int64_t rows, double factor, nb::handle out,
                    nb::handle sums, nb::handle tops, nb::handle best) {
  Buffer to(out, true), sum(sums, true), top(tops, true), which(best, true);
  std::vector<std::unique_ptr<Buffer>> held;
  for (nb::handle column : columns) {
    held.push_back(std::make_unique<Buffer>(column, false));
    if (held.back()->bytes() != rows * item_size(dtype))
      throw nb::value_error("columns of one type and length");
  }
  Released released;
  return typed(dtype, [&](auto type) {
    using T = decltype(type);
    std::vector<const T*> from;
    for (const auto& column : held) from.push_back(column->template data<const T>());
    return beside<T>(from, rows, T(factor), to.data<T>(), sum.data<T>(), top.data<T>(),
                     which.data<int32_t>());
  });
}

// A (K, rows) array, and a class of every row.
struct Classed {
  Classed(nb::handle values, nb::handle index, int dtype)
      : all(values, false), classes(index, false), rows(classes.count()) {
    count = rows ? all.bytes() / item_size(dtype) / rows : 0;
    at = classes.data<const int64_t>();
    check_places(at, rows, count);
  }

  Buffer all, classes;
  int64_t rows, count;
  const int64_t* at;
};

// Its entries at those classes.
void taken(nb::handle values, int dtype, nb::handle index, nb::handle out) {
  const Classed table(values, index, dtype);
  Buffer to(out, true);
  Released released;
  typed(dtype, [&](auto type) {
    using T = decltype(type);
    const T* from = table.all.data<const T>();
    T* found = to.data<T>();
    for (int64_t i = 0; i < table.rows; ++i) found[i] = from[table.at[i] * table.rows + i];
  });
}

// Numbers in another order, which has nothing to do with theirs (SplitMix64).
void shuffled(nb::handle numbers, nb::handle out) {
  Buffer from(numbers, false), to(out, true);
  const uint64_t* given = from.data<const uint64_t>();
  uint64_t* found = to.data<uint64_t>();
  Released released;
  for (int64_t i = 0; i < from.count(); ++i) {
    uint64_t x = given[i] + 0x9E3779B97F4A7C15;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    found[i] = x ^ (x >> 31);
  }
}

// Of rows that lie along the columns of a (K, rows) array the sum of their squares.
void squares(nb::handle values, int dtype, nb::handle out) {
  Buffer all(values, false), to(out, true);
  double* sums = to.data<double>();
  const int64_t rows = to.count(), count = rows ? all.bytes() / item_size(dtype) / rows : 0;
  Released released;
  typed(dtype, [&](auto type) {
    const auto* from = all.data<const decltype(type)>();
    for (int64_t start = 0; start < rows; start += RUN) {
      const int64_t n = std::min(RUN, rows - start);
      double* __restrict sum = sums + start;
      std::fill_n(sum, n, 0.0);
      for (int64_t k = 0; k < count; ++k) {
        const auto* __restrict column = from + k * rows + start;
        for (int64_t i = 0; i < n; ++i) sum[i] += double(column[i]) * double(column[i]);
      }
    }
  });
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

// Its entries as whole multiples of 1 / units, summed by the classes of their rows.
void mass(nb::handle values, int dtype, nb::handle index, double units, nb::handle out) {
  const Classed table(values, index, dtype);
  Buffer to(out, true);
  int64_t* sums = to.data<int64_t>();
  int64_t whole[RUN];
  Released released;
  typed(dtype, [&](auto type) {
    const auto* from = table.all.data<const decltype(type)>();
    for (int64_t start = 0; start < table.rows; start += RUN) {
      const int64_t end = std::min(start + RUN, table.rows);
      for (int64_t k = 0; k < table.count; ++k) {
        const auto* column = from + k * table.rows;
        for (int64_t i = start; i < end; ++i) whole[i - start] = rounded(double(column[i]) * units);
        for (int64_t i = start; i < end; ++i)
          sums[table.at[i] * table.count + k] += whole[i - start];
      }
    }
  });
}

}  // namespace
}  // namespace plogq

void bind_scoring(nb::module_& m) {
  using namespace plogq;
  m.def("exact_sums", &exact_sums, nb::arg("values"), nb::arg("times").none(),
        nb::arg("places").none(), nb::arg("size"));
  m.def("side_by_side", &side_by_side, nb::arg("columns"), nb::arg("dtype"), nb::arg("rows"),
        nb::arg("factor"), nb::arg("out"), nb::arg("sums"), nb::arg("tops"), nb::arg("best"));
  m.def("taken", &taken, nb::arg("values"), nb::arg("dtype"), nb::arg("index"), nb::arg("out"));
  m.def("shuffled", &shuffled, nb::arg("numbers"), nb::arg("out"));
  m.def("squares", &squares, nb::arg("values"), nb::arg("dtype"), nb::arg("out"));
  m.def("mass", &mass, nb::arg("values"), nb::arg("dtype"), nb::arg("index"), nb::arg("units"),
        nb::arg("out"));
}
