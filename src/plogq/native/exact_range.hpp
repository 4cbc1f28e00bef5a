// What float64 numbers, and products of two, have in common: how far apart their bits lie.
#pragma once
#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace plogq {

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
    double most = 0, least = INFINITY, least_factor = INFINITY;
    uint64_t ones = 0, ones_of_factors = 0, odd = 0;
    for (int k = 0; k < RUN; ++k) {
      most = std::max(most, seen.most[k / 2][k % 2]);
      least = std::min(least, seen.least[k / 2][k % 2]);
      least_factor = std::min(least_factor, seen.least_factor[k / 2][k % 2]);
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
    // What all of them are whole multiples of, where products are float64 numbers too.
    const bool far = plain && most > 0 && least > NEAR_0 && (!y || least_factor > NEAR_0);
    if (far && bits <= 53) {
      unit = std::ilogb(least) - 52 + down;
      if (y) unit += std::ilogb(least_factor) - 52 + down_factor;
      unit += Whole::LEAST;
    }
  }

  // The power from which integers of so many words can hold the sums.
  int base(int words) const {
    return std::max({0, top + COUNT_BITS - 64 * words, top - bits - 63});
  }

  bool plain;             // none is endless, or near it
  int down, down_factor;  // zeros that all mantissas of x, and of y, end with
  int bits, top;
  int unit = NONE;
  static constexpr int NONE = INT_MIN;

 private:
  static constexpr int RUN = 8;
  // Products of what is farther from 0 are normal numbers.
  static constexpr double NEAR_0 = 0x1p-300;

  // In vectors that every processor has, several beside each other.
  struct Seen {
    typedef double Reals __attribute__((vector_size(16)));
    typedef int64_t Bits __attribute__((vector_size(16)));

    // The lesser of those seen and a number, where that is not 0.
    static void lower(Reals& least, Bits bits) {
      Reals value;
      bits &= INT64_MAX;
      std::memcpy(&value, &bits, sizeof bits);
      const Reals some = value > 0 ? value : Reals{} + INFINITY;
      least = some < least ? some : least;
    }

    void add(const double* x, const double* y, int k) {
      Reals value, factor;
      Bits bits;
      std::memcpy(&bits, x, sizeof bits);
      ones[k] |= bits;
      lower(least[k], bits);
      std::memcpy(&value, x, sizeof value);
      if (y) {
        std::memcpy(&bits, y, sizeof bits);
        ones_of_factors[k] |= bits;
        lower(least_factor[k], bits);
        std::memcpy(&factor, y, sizeof factor);
        value *= factor;
      }
      std::memcpy(&bits, &value, sizeof bits);
      bits &= INT64_MAX;
      std::memcpy(&value, &bits, sizeof bits);
      odd[k] |= ~(value < 0x1p1023);
      most[k] = value > most[k] ? value : most[k];
    }

    static constexpr Reals NO_END = {INFINITY, INFINITY};
    Reals most[RUN / 2] = {};
    Reals least[RUN / 2] = {NO_END, NO_END, NO_END, NO_END};
    Reals least_factor[RUN / 2] = {NO_END, NO_END, NO_END, NO_END};
    Bits ones[RUN / 2] = {}, ones_of_factors[RUN / 2] = {}, odd[RUN / 2] = {};
  };

  // How many zeros the mantissas end with.
  static int zeros(uint64_t ones) {
    int found = 0;
    while (found < 52 && !(ones >> found & 1)) ++found;
    return found;
  }
};

}  // namespace plogq
