// Fixed-width lanes and the elementary functions on them: exp, log1p, log, tanh.
//
// The vectors are GCC's and Clang's portable vector types, not intrinsics: one source becomes SSE,
// AVX2, AVX-512 or NEON. Whole groups of 64 lanes are summed in the same order on all of them.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#ifndef PLOGQ_VECTOR_BYTES
#define PLOGQ_VECTOR_BYTES 16
#endif
#define PLOGQ_INLINE static inline __attribute__((always_inline))
#define PLOGQ_INLINED __attribute__((always_inline))
#define PLOGQ_MEMBER inline PLOGQ_INLINED

namespace PLOGQ_ISA {

constexpr int GROUP = 64;  // lanes that run side by side

template <class T>
struct Simd;

template <>
struct Simd<float> {
  typedef float V __attribute__((vector_size(PLOGQ_VECTOR_BYTES)));
  typedef float Vu __attribute__((vector_size(PLOGQ_VECTOR_BYTES), aligned(4), may_alias));
  typedef int32_t I __attribute__((vector_size(PLOGQ_VECTOR_BYTES)));
  using Int = int32_t;
  static constexpr int mantissa = 23, exponent_bias = 127;
  // exp is scaled by 2^64, so that gaps up to 100 stay normal numbers (N1: subnormal results).
  static constexpr int scale = 64;
  static constexpr float unscale = 0x1p-64f;
  static constexpr float lowest = -132.5f;  // below it the scale factor is 0
  static constexpr float magic = 0x1.8p23f + 191.0f;
  static constexpr float log2e = 1.44269504f, ln2_hi = 0.693359375f, ln2_lo = -2.12194440e-4f;
  static constexpr int32_t sqrt_half = 0x3f3504f3;
  static constexpr float smallest_normal = 0x1p-126f;
  // Minimax over |r| ≤ ln2/2 of (e^r - 1 - r) / r², relative error 0.06 u.
  static constexpr float exp_c[5] = {0.49999993432129290236f, 0.16666520399042530069f,
                                     0.041668390783547913136f, 0.0083687451089425906506f,
                                     0.0013814540176801306354f};
  // Minimax over w² ≤ 0.0295 of (atanh(w)/w - 1) / w², relative error 0.02 u.
  static constexpr float log_c[3] = {0.33333388358521033073f, 0.1998874779041099617f,
                                     0.14936536616910896748f};
};

template <>
struct Simd<double> {
  typedef double V __attribute__((vector_size(PLOGQ_VECTOR_BYTES)));
  typedef double Vu __attribute__((vector_size(PLOGQ_VECTOR_BYTES), aligned(8), may_alias));
  typedef int64_t I __attribute__((vector_size(PLOGQ_VECTOR_BYTES)));
  using Int = int64_t;
  static constexpr int mantissa = 52, exponent_bias = 1023;
  static constexpr int scale = 512;
  static constexpr double unscale = 0x1p-512;
  static constexpr double lowest = -1064.25;
  static constexpr double magic = 0x1.8p52 + 1535.0;
  static constexpr double log2e = 1.44269504088896338700, ln2_hi = 6.93147180369123816490e-01,
                          ln2_lo = 1.90821492927058770002e-10;
  static constexpr int64_t sqrt_half = 0x3fe6a09e667f3bcd;
  static constexpr double smallest_normal = 0x1p-1022;
  static constexpr double exp_c[10] = {0.50000000000000106688,    0.16666666666666411508,
                                       0.041666666666529728218,   0.0083333333334949772613,
                                       0.0013888888943759965395,  0.00019841269505773775103,
                                       2.4801492949633869166e-05, 2.7557586803895324478e-06,
                                       2.7630306250293600047e-07, 2.5000018833187373177e-08};
  static constexpr double log_c[8] = {0.33333333333333330467,  0.20000000000003143537,
                                      0.14285714284536485168,  0.11111111324374875166,
                                      0.090908877542820205169, 0.076935488249344884809,
                                      0.066249810181567684485, 0.06626377411045415832};
};

template <class T>
using Vec = typename Simd<T>::V;
template <class T>
using IVec = typename Simd<T>::I;
template <class T>
constexpr int LANES = PLOGQ_VECTOR_BYTES / int(sizeof(T));
template <class T>
constexpr int UNROLL = GROUP / LANES<T>;

template <class T>
PLOGQ_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename Simd<T>::Vu*>(p);
}
template <class T>
PLOGQ_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename Simd<T>::Vu*>(p) = v;
}
template <class T>
PLOGQ_INLINE Vec<T> all(T x) {
  return Vec<T>{} + x;
}

// a > b ? a : b is the instruction max(a, b), which returns b where either is NaN.
template <class V>
PLOGQ_INLINE V greater(V a, V b) {
  return a > b ? a : b;
}

// A number that the compiler does not know: of max(x, a constant) GCC makes two instructions.
template <class T>
PLOGQ_INLINE T unknown(T x) {
  asm("" : "+m"(x));
  return x;
}

// c[0] + x · c[1] + x² · c[2] + …
template <class T, int N>
PLOGQ_INLINE Vec<T> polynomial(const T (&c)[N], Vec<T> x) {
  Vec<T> p = all<T>(c[N - 1]);
  for (int i = N - 2; i >= 0; --i) p = p * x + c[i];
  return p;
}

// exp(x) · 2^scale for x ≤ 0; 0 for x = -∞ and below `lowest`, NaN for NaN.
template <class T>
PLOGQ_INLINE Vec<T> exp_scaled(Vec<T> x, T lowest = Simd<T>::lowest) {
  using S = Simd<T>;
  x = greater(all<T>(lowest), x);
  Vec<T> shifted = x * S::log2e + S::magic;
  Vec<T> n = shifted - S::magic;
  Vec<T> r = x - n * S::ln2_hi;
  r = r - n * S::ln2_lo;
  Vec<T> p = polynomial<T>(S::exp_c, r);
  p = p * r + T(1);
  p = p * r + T(1);
  // The low bits of `shifted` hold n + bias + scale: shifted up they are the factor 2^(n + scale).
  return p * (Vec<T>)((IVec<T>)shifted << S::mantissa);
}

// log(2^e · (1 + f)) for 1 + f in [√½, √2): 2 atanh(f / (2 + f)) keeps the relative error of f.
template <class T>
PLOGQ_INLINE Vec<T> log_tail(Vec<T> f, Vec<T> e) {
  using S = Simd<T>;
  Vec<T> twice = (f + f) / (f + T(2));
  Vec<T> w = twice * T(0.5);
  Vec<T> z = w * w;
  Vec<T> log = twice + twice * (z * polynomial<T>(S::log_c, z)) + e * S::ln2_lo;
  return e * S::ln2_hi + log;
}

// log(1 + x) for finite x ≥ -1, with full relative precision for small x.
template <class T>
PLOGQ_INLINE Vec<T> log1p(Vec<T> x) {
  using S = Simd<T>;
  const Vec<T> one = all<T>(1), zero = {};
  Vec<T> u = one + x;
  IVec<T> e = ((IVec<T>)u - S::sqrt_half) >> S::mantissa;
  Vec<T> m = (Vec<T>)((IVec<T>)u - (e << S::mantissa));
  Vec<T> lost = x > one ? one - (u - x) : x - (u - one);
  Vec<T> down = (Vec<T>)((S::exponent_bias - e) << S::mantissa);
  IVec<T> none = e == 0;
  Vec<T> f = none ? x : (m - one) + lost * down;
  Vec<T> log = log_tail<T>(f, __builtin_convertvector(e, Vec<T>));
  return u == zero ? all<T>(-INFINITY) : x == x ? log : x;
}

// log(x), -∞ for 0, NaN for NaN and below 0.
template <class T>
PLOGQ_INLINE Vec<T> log(Vec<T> x) {
  using S = Simd<T>;
  const Vec<T> zero = {};
  IVec<T> tiny = x < all<T>(S::smallest_normal);
  Vec<T> y = tiny ? x * T(0x1p60) : x;
  IVec<T> e = ((IVec<T>)y - S::sqrt_half) >> S::mantissa;
  Vec<T> m = (Vec<T>)((IVec<T>)y - (e << S::mantissa));
  e = tiny ? e - 60 : e;
  Vec<T> log = log_tail<T>(m - T(1), __builtin_convertvector(e, Vec<T>));
  log = x > zero ? log : x == zero ? all<T>(-INFINITY) : all<T>(NAN);
  return x == all<T>(INFINITY) ? x : log;
}

template <class T>
PLOGQ_INLINE Vec<T> absolute(Vec<T> x) {
  return greater(x, -x);
}

// exp(-2|x|), which both tanh and its derivative are made of.
template <class T>
PLOGQ_INLINE Vec<T> tanh_core(Vec<T> x) {
  Vec<T> a = x < Vec<T>{} ? x : -x;
  return exp_scaled<T>(a + a) * Simd<T>::unscale;
}
template <class T>
PLOGQ_INLINE Vec<T> tanh(Vec<T> x) {
  Vec<T> t = tanh_core<T>(x);
  Vec<T> y = (T(1) - t) / (T(1) + t);
  return x < Vec<T>{} ? -y : y;
}
// d tanh(x) = 4t / (1 + t)²: 1 - tanh² would cancel near ±1.
template <class T>
PLOGQ_INLINE Vec<T> tanh_slope(Vec<T> x) {
  Vec<T> t = tanh_core<T>(x);
  return T(4) * t / ((T(1) + t) * (T(1) + t));
}

// body(u) for the vectors of a group, each u a constant: what they add to stays in registers.
template <class Body, int... U>
PLOGQ_INLINE void in_order(const Body& body, std::integer_sequence<int, U...>) {
  (body(std::integral_constant<int, U>()), ...);
}
template <class T, class Body>
PLOGQ_INLINE void in_group(const Body& body) {
  in_order(body, std::make_integer_sequence<int, UNROLL<T>>());
}

// a[u] = with(a[u], a[u + half]) for halves of halves: all vectors of a group become one.
template <int HALF, class V, class With>
PLOGQ_INLINE void fold(V* a, const With& with) {
  in_order([&](auto u) PLOGQ_INLINED { a[u] = with(a[u], a[u + HALF]); },
           std::make_integer_sequence<int, HALF>());
  if constexpr (HALF > 1) fold<HALF / 2>(a, with);
}
template <class T, class With>
PLOGQ_INLINE void fold_group(Vec<T>* a, const With& with) {
  if constexpr (UNROLL<T> > 1) fold<UNROLL<T> / 2>(a, with);
}

// The sum of a group's accumulators, in one fixed order, ending in float64.
template <class T>
PLOGQ_INLINE double sum_lanes(Vec<T>* a) {
  fold_group<T>(a, [](Vec<T> x, Vec<T> y) PLOGQ_INLINED { return x + y; });
  double sum[LANES<T>];
  for (int l = 0; l < LANES<T>; ++l) sum[l] = double(a[0][l]);
  for (int half = LANES<T> / 2; half; half /= 2)
    for (int l = 0; l < half; ++l) sum[l] += sum[l + half];
  return sum[0];
}

template <class T>
PLOGQ_INLINE T max_lanes(Vec<T>* a) {
  fold_group<T>(a, [](Vec<T> x, Vec<T> y) PLOGQ_INLINED { return greater(x, y); });
  T most[LANES<T>];
  store<T>(most, a[0]);
  for (int half = LANES<T> / 2; half; half /= 2)
    for (int l = 0; l < half; ++l) most[l] = most[l] > most[l + half] ? most[l] : most[l + half];
  return most[0];
}

// The sum of counts, which are no more than an Int holds.
template <class T>
PLOGQ_INLINE int64_t count_lanes(IVec<T> a) {
  int64_t sum = 0;
  for (int l = 0; l < LANES<T>; ++l) sum += a[l];
  return sum;
}

// Marks the last `count` lanes.
template <class T>
PLOGQ_INLINE IVec<T> last_lanes(int count) {
  IVec<T> lane;
  for (int l = 0; l < LANES<T>; ++l) lane[l] = l;
  return lane >= typename Simd<T>::Int(LANES<T> - count);
}

// What a group is added to, or the greatest of groups.
template <class T>
struct Accumulators {
  Vec<T> a[UNROLL<T>];
  PLOGQ_MEMBER explicit Accumulators(T x = 0) {
    in_group<T>([&](auto u) PLOGQ_INLINED { a[u] = all<T>(x); });
  }
  PLOGQ_MEMBER Vec<T>& operator[](int u) { return a[u]; }
  PLOGQ_MEMBER double sum() { return sum_lanes<T>(a); }
  PLOGQ_MEMBER T most() { return max_lanes<T>(a); }
};

}  // namespace PLOGQ_ISA
