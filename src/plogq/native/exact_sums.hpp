// Sums of float64 numbers, and of products of two, without rounding: they are added as integers.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "exact_range.hpp"

namespace plogq {

using Wide = unsigned __int128;

// Exact sums, one a place, in digits of 32 bits: the one of number k counts 2^(32 k - 1074).
class Digits {
 public:
  static constexpr int64_t BIT = 32;

  // Room for what is added at powers from `lowest` to `highest`.
  Digits(int64_t size, int lowest, int highest)
      : first_(lowest / BIT), width_(highest / BIT + 3 - first_), digits_(size * width_) {}

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

  int64_t first() const { return first_; }
  int64_t width() const { return width_; }
  int64_t size() const { return int64_t(digits_.size()) / width_; }
  const int64_t* of(int64_t place) const { return digits_.data() + place * width_; }

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
      power += b.power - Whole::LEAST;
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

// Sums of whole numbers in integers of so many words, two a place: what is added, and what is
// taken away. They count 2^(base - 1074).
template <int WORDS>
class Window {
 public:
  Window(int64_t size, int base) : base_(base), words_(2 * size * WORDS) {}

  // `whole` · 2^shift more at a place, where shift < 64; of two words `whole` has one.
  void add(int64_t place, Wide whole, int shift, bool negative) {
    uint64_t* at = words_.data() + (2 * place + negative) * WORDS;
    const uint64_t low = uint64_t(whole), high = uint64_t(whole >> 64);
    const int back = 63 - shift;
    Wide sum, more = Wide((low >> 1) >> back) << 64 | low << shift;
    if constexpr (WORDS == 3) more += Wide(high << shift) << 64;
    std::memcpy(&sum, at, sizeof sum);
    sum += more;
    std::memcpy(at, &sum, sizeof sum);
    if constexpr (WORDS == 3) at[2] += ((high >> 1) >> back) + (sum < more);
  }

  // All of them into digits; `lanes` of ours beside each other are one place there.
  void into(Digits& digits, int64_t lanes) const {
    for (int64_t k = 0; k < int64_t(words_.size()); ++k)
      if (words_[k])
        digits.add(k / (2 * WORDS * lanes), words_[k], base_ + 64 * int(k % WORDS),
                   k / WORDS % 2 == 1);
  }

 private:
  int base_;
  std::vector<uint64_t> words_;
};

struct Found {
  Digits digits;
  std::vector<char> endless;
};

// Numbers without places are added in turn to several sums: an addition need not wait for the last.
constexpr int64_t LANES_OF_ONE = 4;

// Those that lie in the window; the others are put down.
template <int WORDS, bool PRODUCT, bool PLACED>
void add_within(const double* x, const double* y, const int64_t* place, int64_t n,
                const Common& common, int base, Window<WORDS>& window,
                std::vector<int64_t>& others) {
  for (int64_t i = 0; i < n; ++i) {
    const Whole a(x[i]);
    Wide whole = a.mantissa >> common.down;
    int power = a.power + common.down;
    bool negative = a.negative;
    if constexpr (PRODUCT) {
      const Whole b(y[i]);
      whole = WORDS == 2 ? Wide(uint64_t(whole) * (b.mantissa >> common.down_factor))
                         : whole * (b.mantissa >> common.down_factor);
      power += b.power + common.down_factor - Whole::LEAST;
      negative ^= b.negative;
    }
    const unsigned shift = unsigned(power - base);
    if (shift > 63) {
      if (whole) others.push_back(i);
      continue;
    }
    window.add(PLACED ? place[i] : i % LANES_OF_ONE, whole, int(shift), negative);
  }
}

template <int WORDS>
Found sums_within(const double* x, const double* y, const int64_t* place, int64_t n, int64_t size,
                  const Common& common) {
  const int base = common.base(WORDS);
  const int64_t lanes = place ? 1 : LANES_OF_ONE;
  Window<WORDS> window(place ? size : lanes, base);
  std::vector<int64_t> others;
  const auto add = y ? (place ? add_within<WORDS, true, true> : add_within<WORDS, true, false>)
                     : (place ? add_within<WORDS, false, true> : add_within<WORDS, false, false>);
  add(x, y, place, n, common, base, window, others);
  int lowest = base, highest = base + 64 * (WORDS - 1);
  for (const int64_t i : others) {
    const Term term(x, y, i);
    lowest = std::min(lowest, term.power);
    highest = std::max(highest, term.power + 64);
  }
  Found found{Digits(size, lowest, highest), {}};
  window.into(found.digits, lanes);
  for (const int64_t i : others) {
    const Term term(x, y, i);
    const int64_t at = place ? place[i] : 0;
    if (term.whole) found.digits.add(at, uint64_t(term.whole), term.power, term.negative);
    if (y) found.digits.add(at, uint64_t(term.whole >> 64), term.power + 64, term.negative);
  }
  return found;
}

// Numbers, or products of two that are float64 numbers, in words of so many bits: each is a whole
// multiple of a power of two, of which so many are added without an overflow.
constexpr int WORD_BITS = 62 - Common::COUNT_BITS;

template <int WORDS, bool PRODUCT, bool PLACED>
void add_words(const double* x, const double* y, const int64_t* place, int64_t n, double scale,
               int64_t* sums) {
  // Added to a number below 2^51 it leaves the nearest whole number in the last bits.
  constexpr double ABOVE = 0x1.8p52, NEXT = double(int64_t(1) << (WORD_BITS + 1));
  int64_t none;
  std::memcpy(&none, &ABOVE, sizeof none);
  for (int64_t i = 0; i < n; ++i) {
    double rest = (PRODUCT ? x[i] * y[i] : x[i]) * scale;
    int64_t* at = sums + (PLACED ? place[i] : i % LANES_OF_ONE) * WORDS;
    for (int w = 0; w < WORDS; ++w) {
      const double near = rest + ABOVE;
      int64_t whole;
      std::memcpy(&whole, &near, sizeof whole);
      at[w] += whole - none;
      rest = (rest - (near - ABOVE)) * NEXT;
    }
  }
}

template <int WORDS>
Found sums_in_words(const double* x, const double* y, const int64_t* place, int64_t n, int64_t size,
                    const Common& common) {
  const int64_t lanes = place ? 1 : LANES_OF_ONE;
  // The power of the first word, and of the last.
  const int first = common.top - WORD_BITS, last = first - (WORDS - 1) * (WORD_BITS + 1);
  std::vector<int64_t> sums(size_t((place ? size : lanes) * WORDS));
  const auto add = y ? (place ? add_words<WORDS, true, true> : add_words<WORDS, true, false>)
                     : (place ? add_words<WORDS, false, true> : add_words<WORDS, false, false>);
  add(x, y, place, n, std::ldexp(1.0, Whole::LEAST - first), sums.data());
  Found found{Digits(size, last, first), {}};
  for (int64_t k = 0; k < int64_t(sums.size()); ++k) {
    const uint64_t whole = sums[k] < 0 ? -uint64_t(sums[k]) : uint64_t(sums[k]);
    const int power = first - int(k % WORDS) * (WORD_BITS + 1);
    if (whole) found.digits.add(k / (WORDS * lanes), whole, power, sums[k] < 0);
  }
  return found;
}

// How many words hold all numbers, or products; 0 where these are too many.
inline int words_of(const Common& common) {
  if (common.unit == Common::NONE) return 0;
  const int more = common.top - WORD_BITS - common.unit;
  const int words = 1 + (more > 0 ? (more + WORD_BITS) / (WORD_BITS + 1) : 0);
  // The last word is above the least float64.
  const int last = common.top - WORD_BITS - (words - 1) * (WORD_BITS + 1);
  return words <= 4 && last >= 0 ? words : 0;
}

// The same, one by one, of numbers of which some have no end.
inline Found sums_of_any(const double* x, const double* y, const int64_t* place, int64_t n,
                         int64_t size) {
  constexpr int MOST_BITS = 2098 + 64;
  int lowest = MOST_BITS, highest = 0;
  for (int64_t i = 0; i < n; ++i) {
    const Term term(x, y, i);
    if (!term.whole) continue;
    lowest = std::min(lowest, term.power);
    highest = std::max(highest, term.power + 64);
  }
  Found found{Digits(size, std::min(lowest, highest), highest), std::vector<char>(size)};
  for (int64_t i = 0; i < n; ++i) {
    const Term term(x, y, i);
    const int64_t at = place ? place[i] : 0;
    if (term.endless) found.endless[at] = 1;
    if (!term.whole) continue;
    found.digits.add(at, uint64_t(term.whole), term.power, term.negative);
    if (y) found.digits.add(at, uint64_t(term.whole >> 64), term.power + 64, term.negative);
  }
  return found;
}

// The sums of x · y (x alone without y) over places (all at the first without them), of at most
// 2^20 numbers. What has no end, in itself or as a product, is said per place and not summed.
inline Found sums_of(const double* x, const double* y, const int64_t* place, int64_t n,
                     int64_t size) {
  const Common common(x, y, n);
  if (!common.plain) return sums_of_any(x, y, place, n, size);
  switch (words_of(common)) {
    case 1:
      return sums_in_words<1>(x, y, place, n, size, common);
    case 2:
      return sums_in_words<2>(x, y, place, n, size, common);
    case 3:
      return sums_in_words<3>(x, y, place, n, size, common);
    case 4:
      return sums_in_words<4>(x, y, place, n, size, common);
    default:
      break;
  }
  if (common.bits <= 64) return sums_within<2>(x, y, place, n, size, common);
  return sums_within<3>(x, y, place, n, size, common);
}

}  // namespace plogq
