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
#include "released.hpp"

namespace nb = nanobind;

namespace plogq {
namespace {

using Wide = unsigned __int128;

// A float64 as ± mantissa · 2^(power - 1074).
struct Whole {
  explicit Whole(double x) {
    uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    const int exponent = int(bits >> 52) & 0x7ff;
    mantissa = bits & ((uint64_t(1) << 52) - 1);
    if (exponent) mantissa |= uint64_t(1) << 52;
    power = std::max(exponent, 1) - 1;
    negative = bits >> 63;
  }

  uint64_t mantissa;
  int power;
  bool negative;
};

// Exact sums, one a place, in digits of 32 bits: the one of number k counts 2^(32 k - 1074).
class Digits {
 public:
  static constexpr int64_t BIT = 32;
  static constexpr int LEAST = 1074;

  Digits(int64_t size, int lowest, int highest)
      : first_(lowest / BIT), width_(highest / BIT - first_ + 1), digits_(size * width_) {}

  // ± whole · 2^(power - 1074) more at a place.
  void add(int64_t place, uint64_t whole, int power, bool negative) {
    int64_t* at = digits_.data() + place * width_ + power / BIT - first_;
    const int shift = power % BIT;
    const uint64_t rest = whole >> (BIT - shift);
    const int64_t sign = negative ? -1 : 1;
    at[0] += sign * int64_t(uint32_t(whole << shift));
    at[1] += sign * int64_t(uint32_t(rest));
    at[2] += sign * int64_t(rest >> BIT);
  }

  // The first digit that any sum has, and of every sum the digits from there to the last one.
  std::pair<int64_t, nb::bytes> found() const {
    const int64_t size = int64_t(digits_.size()) / width_;
    int64_t low = width_, high = 0;
    for (int64_t i = 0; i < int64_t(digits_.size()); ++i)
      if (digits_[i]) low = std::min(low, i % width_), high = std::max(high, i % width_ + 1);
    std::vector<int64_t> some;
    for (int64_t at = 0; low < high && at < size; ++at)
      some.insert(some.end(), &digits_[at * width_ + low], &digits_[at * width_] + high);
    return {first_ + low, nb::bytes(some.data(), some.size() * sizeof(int64_t))};
  }

 private:
  int64_t first_, width_;
  std::vector<int64_t> digits_;
};

// A number, or the product of two, as ± mantissa · 2^power; nothing where it is 0 or endless.
struct Term {
  Term(const double* x, const double* y, int64_t i) {
    const double value = y ? x[i] * y[i] : x[i];
    endless = !std::isfinite(value);
    const Whole a(x[i]);
    whole = a.mantissa;
    power = a.power;
    negative = std::signbit(value);
    if (y) {
      const Whole b(y[i]);
      whole *= b.mantissa;
      power += b.power - Digits::LEAST;
      // What is below the least float64 is dropped.
      if (power < 0) {
        whole = -power < 128 ? whole >> -power : 0;
        power = 0;
      }
    }
    if (endless) whole = 0;
  }

  Wide whole;
  int power;
  bool negative, endless;
};

struct Found {
  Digits digits;
  std::vector<char> endless;
};

// Sums of every size of number are found room for, unless they are so many.
constexpr int64_t FEW = 512;
constexpr int MOST_BITS = 2098 + 64;

// The sums of x · y (x alone without y) over places (all at the first without them). What has no
// end, in itself or as a product, is said per place and not summed.
Found sums_of(const double* x, const double* y, const int64_t* place, int64_t n, int64_t size) {
  int lowest = size > FEW ? MOST_BITS : 0, highest = size > FEW ? 0 : MOST_BITS;
  for (int64_t i = 0; size > FEW && i < n; ++i) {
    const Term term(x, y, i);
    if (!term.whole) continue;
    lowest = std::min(lowest, term.power);
    highest = std::max(highest, term.power + 64);
  }
  // A number lies in up to three digits, and what a product has above 64 bits in as many.
  Found found{Digits(size, std::min(lowest, highest), highest + 2 * int(Digits::BIT)), {}};
  for (int64_t i = 0; i < n; ++i) {
    const Term term(x, y, i);
    const int64_t at = place ? place[i] : 0;
    if (term.endless) {
      found.endless.resize(size, 0);
      found.endless[at] = 1;
      continue;
    }
    if (!term.whole) continue;
    found.digits.add(at, uint64_t(term.whole), term.power, term.negative);
    if (y) found.digits.add(at, uint64_t(term.whole >> 64), term.power + 64, term.negative);
  }
  return found;
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
  const Found found = [&] {
    Released released;
    if (place) check_places(place.data<const int64_t>(), n, size);
    return sums_of(x.data<const double>(), y.data<const double>(), place.data<const int64_t>(), n,
                   size);
  }();
  nb::object endless = nb::none();
  if (!found.endless.empty()) endless = nb::bytes(found.endless.data(), found.endless.size());
  const auto [first, digits] = found.digits.found();
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

// Its entries as whole multiples of 1 / units, summed by the classes of their rows.
void mass(nb::handle values, int dtype, nb::handle index, double units, nb::handle out) {
  const Classed table(values, index, dtype);
  Buffer to(out, true);
  int64_t* sums = to.data<int64_t>();
  Released released;
  typed(dtype, [&](auto type) {
    const auto* from = table.all.data<const decltype(type)>();
    for (int64_t start = 0; start < table.rows; start += RUN) {
      const int64_t end = std::min(start + RUN, table.rows);
      for (int64_t k = 0; k < table.count; ++k)
        for (int64_t i = start; i < end; ++i)
          sums[table.at[i] * table.count + k] +=
              std::llrint(double(from[k * table.rows + i]) * units);
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
  m.def("mass", &mass, nb::arg("values"), nb::arg("dtype"), nb::arg("index"), nb::arg("units"),
        nb::arg("out"));
}
