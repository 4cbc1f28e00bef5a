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

// The function for float32 or float64.
template <class Body>
auto typed(int dtype, Body&& body) {
  if (dtype == F32) return body(float());
  if (dtype != F64) throw nb::value_error("float32 or float64");
  return body(double());
}

// Columns of one length and type, as they lie in memory.
class Table {
 public:
  Table(nb::list columns, int dtype, int64_t rows) : rows_(rows) {
    for (nb::handle column : columns) {
      held_.push_back(std::make_unique<Buffer>(column, false));
      if (held_.back()->bytes() != rows * item_size(dtype))
        throw nb::value_error("columns of one type and length");
      data_.push_back(held_.back()->data<const void>());
    }
  }

  int64_t rows() const { return rows_; }
  int64_t count() const { return int64_t(data_.size()); }
  const void* const* data() const { return data_.data(); }
  template <class T>
  const T* column(int64_t k) const {
    return static_cast<const T*>(data_[k]);
  }

 private:
  int64_t rows_;
  std::vector<std::unique_ptr<Buffer>> held_;
  std::vector<const void*> data_;
};

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

// A table, and a class of every row.
struct Classed {
  Classed(nb::list columns, nb::handle index, int dtype)
      : classes(index, false), all(columns, dtype, classes.count()) {
    at = classes.data<const int64_t>();
    check_places(at, all.rows(), all.count());
  }

  Buffer classes;
  Table all;
  const int64_t* at;
};

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

// Of every row of a table the sum of its squares.
void squares(nb::list columns, int dtype, nb::handle out) {
  Buffer to(out, true);
  const Table all(columns, dtype, to.count());
  double* sums = to.data<double>();
  Released released;
  typed(dtype, [&](auto type) {
    for (int64_t start = 0; start < all.rows(); start += RUN) {
      const int64_t n = std::min(RUN, all.rows() - start);
      double* __restrict sum = sums + start;
      std::fill_n(sum, n, 0.0);
      for (int64_t k = 0; k < all.count(); ++k) {
        const auto* __restrict column = all.column<decltype(type)>(k) + start;
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
  m.def("shuffled", &shuffled, nb::arg("numbers"), nb::arg("out"));
  m.def("squares", &squares, nb::arg("columns"), nb::arg("dtype"), nb::arg("out"));
  m.def("mass", &mass, nb::arg("columns"), nb::arg("dtype"), nb::arg("index"), nb::arg("units"),
        nb::arg("out"));
}
