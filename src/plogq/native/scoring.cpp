// What scoring a file of predictions does for every number of it: sums without rounding, and what
// there is to know of the rows of columns.
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
#include "table_columns.hpp"

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

// Of every row of a table the sum of its numbers, the greatest, and the first column that holds
// that. Returns the least number.
double rows_of(int set, nb::list columns, int dtype, nb::handle sums, nb::handle tops,
               nb::handle best) {
  Buffer sum(sums, true), top(tops, true), which(best, true);
  const int64_t rows = which.count();
  const Table table(columns, dtype, rows);
  if (sum.bytes() != rows * item_size(dtype) || top.bytes() != sum.bytes())
    throw nb::value_error("a sum and a maximum for every row");
  const TableRows problem{table.data(),     table.count(),        rows, dtype, sum.data<void>(),
                          top.data<void>(), which.data<int32_t>()};
  double least = 0;
  run(set, [&](const Running& kernels) { least = kernels->table_rows(problem); });
  return least;
}

// Its entries at those classes.
void taken(nb::list columns, int dtype, nb::handle index, nb::handle out) {
  const Classed table(columns, index, dtype);
  Buffer to(out, true);
  Released released;
  typed(dtype, [&](auto type) {
    using T = decltype(type);
    T* found = to.data<T>();
    for (int64_t i = 0; i < table.all.rows(); ++i) found[i] = table.all.column<T>(table.at[i])[i];
  });
}

// Of every class how many of its events are marked, more.
void marked(nb::handle index, nb::handle marks, nb::handle out) {
  Buffer classes(index, false), mark(marks, false), to(out, true);
  const int64_t* at = classes.data<const int64_t>();
  const bool* is = mark.data<const bool>();
  int64_t* counts = to.data<int64_t>();
  if (mark.bytes() != classes.count()) throw nb::value_error("a mark for every event");
  const int64_t n = classes.count(), size = to.count();
  check_places(at, n, size);
  // Two rows at a time, so that one need not wait for the other's sum.
  std::vector<int64_t> odd(size);
  Released released;
  int64_t i = 0;
  for (; i + 1 < n; i += 2) counts[at[i]] += is[i], odd[at[i + 1]] += is[i + 1];
  if (i < n) counts[at[i]] += is[i];
  for (int64_t k = 0; k < size; ++k) counts[k] += odd[k];
}

// The bin of every number, of which there are two for each factor of 2 from 2^lowest on, and one
// for all that are below or above.
void halves(nb::handle numbers, int64_t lowest, int64_t bins, nb::handle out) {
  Buffer from(numbers, false), to(out, true);
  const int64_t* bits = from.data<const int64_t>();
  int64_t* place = to.data<int64_t>();
  if (to.count() != from.count()) throw nb::value_error("a bin for every number");
  constexpr int64_t MANTISSA = (int64_t(1) << 52) - 1, BIAS = 1023;
  const double root = std::sqrt(2.0);
  int64_t half;
  std::memcpy(&half, &root, sizeof half);
  half &= MANTISSA;
  Released released;
  for (int64_t i = 0; i < from.count(); ++i) {
    const int64_t octave = (bits[i] >> 52) - (BIAS + lowest), upper = (bits[i] & MANTISSA) >= half;
    place[i] = std::clamp<int64_t>(2 * octave + upper + 1, 0, bins - 1);
  }
}

}  // namespace
}  // namespace plogq

void bind_scoring(nb::module_& m) {
  using namespace plogq;
  m.def("exact_sums", &exact_sums, nb::arg("values"), nb::arg("times").none(),
        nb::arg("places").none(), nb::arg("size"));
  m.def("rows_of", &rows_of, nb::arg("set"), nb::arg("columns"), nb::arg("dtype"), nb::arg("sums"),
        nb::arg("tops"), nb::arg("best"));
  m.def("taken", &taken, nb::arg("columns"), nb::arg("dtype"), nb::arg("index"), nb::arg("out"));
  m.def("marked", &marked, nb::arg("index"), nb::arg("marks"), nb::arg("out"));
  m.def("halves", &halves, nb::arg("numbers"), nb::arg("lowest"), nb::arg("bins"), nb::arg("out"));
}
