// Sums of float64 numbers, and of products of two, without rounding: they are added as integers.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace plogq {

using Wide = unsigned __int128;

// A float64 as ± mantissa · 2^(power - LEAST).
struct Whole {
  explicit Whole(double x) {
    uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    const int exponent = int(bits >> 52) & 0x7ff, normal = exponent != 0;
    mantissa = (bits & ((uint64_t(1) << 52) - 1)) | uint64_t(normal) << 52;
    power = exponent - normal;
    negative = bits >> 63;
  }

  static constexpr int LEAST = 1074;
  uint64_t mantissa;
  int power;
  bool negative;
};

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

// What numbers, or products of two, have in common.
struct Common {
  // So many of them at most are added up at once.
  static constexpr int COUNT_BITS = 20;

  Common(const double* x, const double* y, int64_t n) {
    Seen seen;
    int64_t i = 0;
    for (; i + RUN <= n; i += RUN)
      for (int k = 0; k < RUN; k += 2) seen.add(x + i + k, y ? y + i + k : nullptr, k / 2);
    for (; i < n; ++i) {
      const double last[] = {x[i], 0}, last_factor[] = {y ? y[i] : 0, 0};
      seen.add(last, y ? last_factor : nullptr, 0);
    }
    double most = 0;
    uint64_t ones = 0, ones_of_factors = 0, odd = 0;
    for (int k = 0; k < RUN; ++k) {
      most = std::max(most, seen.most[k / 2][k % 2]);
      odd |= uint64_t(seen.odd[k / 2][k % 2]);
      ones |= uint64_t(seen.ones[k / 2][k % 2]);
      ones_of_factors |= uint64_t(seen.ones_of_factors[k / 2][k % 2]);
    }
    plain = !odd;
    down = zeros(ones);
    down_factor = y ? zeros(ones_of_factors) : 0;
    bits = 53 - down + (y ? 53 - down_factor : 0);
    // Above the greatest of them, of which the product is rounded.
    top = plain && most > 0 ? std::ilogb(most) + 2 + Whole::LEAST : 0;
  }

  // The power from which integers of so many words can hold the sums.
  int base(int words) const {
    return std::max({0, top + COUNT_BITS - 64 * words, top - bits - 63});
  }

  bool plain;             // none is endless, or near it
  int down, down_factor;  // zeros that all mantissas of x, and of y, end with
  int bits, top;

 private:
  static constexpr int RUN = 8;

  // In vectors that every processor has, several beside each other.
  struct Seen {
    typedef double Reals __attribute__((vector_size(16)));
    typedef int64_t Bits __attribute__((vector_size(16)));

    void add(const double* x, const double* y, int k) {
      Reals value, factor;
      Bits bits;
      std::memcpy(&bits, x, sizeof bits);
      ones[k] |= bits;
      std::memcpy(&value, x, sizeof value);
      if (y) {
        std::memcpy(&bits, y, sizeof bits);
        ones_of_factors[k] |= bits;
        std::memcpy(&factor, y, sizeof factor);
        value *= factor;
      }
      std::memcpy(&bits, &value, sizeof bits);
      bits &= INT64_MAX;
      std::memcpy(&value, &bits, sizeof bits);
      odd[k] |= ~(value < 0x1p1023);
      most[k] = value > most[k] ? value : most[k];
    }

    Reals most[RUN / 2] = {};
    Bits ones[RUN / 2] = {}, ones_of_factors[RUN / 2] = {}, odd[RUN / 2] = {};
  };

  // How many zeros the mantissas end with.
  static int zeros(uint64_t ones) {
    int found = 0;
    while (found < 52 && !(ones >> found & 1)) ++found;
    return found;
  }
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
  if (common.bits <= 64) return sums_within<2>(x, y, place, n, size, common);
  return sums_within<3>(x, y, place, n, size, common);
}

}  // namespace plogq
