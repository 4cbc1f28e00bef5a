// Elements of any dtype and stride, as contiguous lanes of the type that the arithmetic uses.
#pragma once
#include <type_traits>

#include "problem.hpp"
#include "stream.hpp"

namespace PLOGQ_ISA {

using namespace plogq;

typedef uint32_t U32 __attribute__((vector_size(PLOGQ_VECTOR_BYTES)));
typedef int32_t I32 __attribute__((vector_size(PLOGQ_VECTOR_BYTES)));
typedef float V32 __attribute__((vector_size(PLOGQ_VECTOR_BYTES)));
typedef uint16_t U16 __attribute__((vector_size(PLOGQ_VECTOR_BYTES / 2)));
typedef uint16_t U16u __attribute__((vector_size(PLOGQ_VECTOR_BYTES / 2), aligned(1), may_alias));

// float16 → float32 in integer steps: shifted into place it is 2^-112 of its value, which also
// makes the subnormals right; infinities and NaN get their exponent by addition.
PLOGQ_INLINE V32 widen_f16(U32 h) {
  U32 sign = (h & 0x8000u) << 16;
  U32 rest = (h & 0x7fffu) << 13;
  V32 finite = (V32)rest * 0x1p112f;
  U32 bits = rest >= 0x0f800000u ? rest + 0x70000000u : (U32)finite;
  return (V32)(bits | sign);
}
PLOGQ_INLINE V32 widen_bf16(U32 h) { return (V32)(h << 16); }

// float32 → float16 and bfloat16, to nearest, ties to even.
PLOGQ_INLINE U32 narrow_f16(V32 x) {
  U32 bits = (U32)x, sign = (bits >> 16) & 0x8000u, rest = bits & 0x7fffffffu;
  U32 small = (U32)((V32)rest + 0.5f) - 0x3f000000u;
  U32 normal = (rest + 0xc8000fffu + ((rest >> 13) & 1u)) >> 13;
  U32 special = rest > 0x7f800000u ? (U32{} + 0x7e00u) : (U32{} + 0x7c00u);
  U32 half = rest < 0x38800000u ? small : normal;
  return sign | (rest >= 0x47800000u ? special : half);
}
PLOGQ_INLINE U32 narrow_bf16(V32 x) {
  U32 bits = (U32)x;
  U32 rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return x == x ? rounded : (bits >> 16) | 0x40u;
}

template <bool BF>
PLOGQ_INLINE float widen_one(uint16_t h) {
  U32 v = U32{} + uint32_t(h);
  return (BF ? widen_bf16(v) : widen_f16(v))[0];
}
template <bool BF>
PLOGQ_INLINE uint16_t narrow_one(float x) {
  V32 v = V32{} + x;
  return uint16_t((BF ? narrow_bf16(v) : narrow_f16(v))[0]);
}

// One element, wherever it lies: memcpy, as it may be misaligned.
PLOGQ_INLINE double load_one(int dtype, const char* p) {
  double d;
  float f;
  uint16_t h;
  switch (dtype) {
    case F64:
      std::memcpy(&d, p, 8);
      return d;
    case F32:
      std::memcpy(&f, p, 4);
      return f;
    case F16:
      std::memcpy(&h, p, 2);
      return widen_one<false>(h);
    case BF16:
      std::memcpy(&h, p, 2);
      return widen_one<true>(h);
    default:
      return double(*reinterpret_cast<const unsigned char*>(p));
  }
}

// body(i) for whole vectors of n halves, the last of which may lie over the one before it; how many
// halves are done, as fewer than a vector are left to whoever asks.
template <class Body>
PLOGQ_INLINE int in_whole_vectors(int n, const Body& body) {
  constexpr int L = LANES<float>;
  if (n < L) return 0;
  int i = 0;
  for (; i + L <= n; i += L) body(i);
  if (i < n) body(n - L);
  return n;
}

template <class T, bool BF>
static void widen(const char* from, int64_t stride, int n, T* to) {
  int i = in_whole_vectors(stride == 2 ? n : 0, [=](int i) PLOGQ_INLINED {
    constexpr int L = LANES<float>;
    U16 h = *reinterpret_cast<const U16u*>(from + 2 * i);
    U32 wide = __builtin_convertvector(h, U32);
    V32 f = BF ? widen_bf16(wide) : widen_f16(wide);
    if constexpr (sizeof(T) == sizeof(float))
      store<float>(to + i, f);
    else
      for (int l = 0; l < L; ++l) to[i + l] = T(f[l]);
  });
  for (; i < n; ++i) {
    uint16_t h;
    std::memcpy(&h, from + i * stride, 2);
    to[i] = T(widen_one<BF>(h));
  }
}
template <class T, bool BF>
static void narrow(const T* from, int n, char* to, int64_t stride) {
  int i = in_whole_vectors(stride == 2 ? n : 0, [=](int i) PLOGQ_INLINED {
    constexpr int L = LANES<float>;
    V32 f;
    if constexpr (sizeof(T) == sizeof(float))
      f = load<float>(from + i);
    else
      for (int l = 0; l < L; ++l) f[l] = float(from[i + l]);
    U32 h = BF ? narrow_bf16(f) : narrow_f16(f);
    *reinterpret_cast<U16u*>(to + 2 * i) = __builtin_convertvector(h, U16);
  });
  for (; i < n; ++i) {
    uint16_t h = narrow_one<BF>(float(from[i]));
    std::memcpy(to + i * stride, &h, 2);
  }
}

// The body for elements of S that lie `stride` bytes apart; where nothing lies between them that is
// a constant, and what is done with several is one instruction.
template <class S, class Body>
PLOGQ_INLINE void at_stride(int64_t stride, Body&& body) {
  if (stride == int64_t(sizeof(S)))
    body(std::integral_constant<int64_t, sizeof(S)>());
  else
    body(stride);
}

template <class T, class S>
static void copy_in(const char* from, int64_t stride, int n, T* to) {
  at_stride<S>(stride, [=](auto step) {
    for (int i = 0; i < n; ++i) {
      S x;
      std::memcpy(&x, from + i * step, sizeof(S));
      to[i] = T(x);
    }
  });
}
template <class T, class S>
static void copy_out(const T* from, int n, char* to, int64_t stride) {
  at_stride<S>(stride, [=](auto step) {
    for (int i = 0; i < n; ++i) {
      S x = S(from[i]);
      std::memcpy(to + i * step, &x, sizeof(S));
    }
  });
}

// n elements that lie `stride` bytes apart → contiguous lanes.
template <class T>
static void gather(int dtype, const char* from, int64_t stride, int n, T* to) {
  switch (dtype) {
    case F64:
      copy_in<T, double>(from, stride, n, to);
      break;
    case F32:
      copy_in<T, float>(from, stride, n, to);
      break;
    case F16:
      widen<T, false>(from, stride, n, to);
      break;
    case BF16:
      widen<T, true>(from, stride, n, to);
      break;
    default:
      copy_in<T, unsigned char>(from, stride, n, to);
  }
}
template <class T>
static void scatter(int dtype, const T* from, int n, char* to, int64_t stride) {
  switch (dtype) {
    case F64:
      copy_out<T, double>(from, n, to, stride);
      break;
    case F32:
      copy_out<T, float>(from, n, to, stride);
      break;
    case F16:
      narrow<T, false>(from, n, to, stride);
      break;
    default:
      narrow<T, true>(from, n, to, stride);
  }
}

// The same for a block whose memory is past the cache, if `streams` and it is contiguous there.
template <class T>
static void emit(bool streams, int dtype, const T* from, int n, char* to, int64_t stride) {
  const int64_t item = item_size(dtype);
  if (!streams || stride != item) return scatter<T>(dtype, from, n, to, stride);
  if (item == int64_t(sizeof(T))) return stream_out(from, n * item, to);
  alignas(64) char narrow[1024 * 8];
  for (int i = 0; i < n; i += 1024) {
    const int part = n - i < 1024 ? n - i : 1024;
    scatter<T>(dtype, from + i, part, narrow, item);
    stream_out(narrow, part * item, to + i * item);
  }
}

template <class T>
constexpr int NATIVE = sizeof(T) == 8 ? F64 : F32;

// Whether a run of elements can be used where it lies.
template <class T>
PLOGQ_INLINE bool direct(const View& v, int64_t stride) {
  return v.dtype == NATIVE<T> && stride == int64_t(sizeof(T)) && v.aligned;
}

// n elements from event e on, one per event (arrays without a class axis).
template <class T>
static void gather_events(const View& v, int64_t e, int n, T* to) {
  const int64_t inner = v.axes ? v.shape[v.axes - 1] : 1;
  const int64_t stride = v.axes ? v.stride[v.axes - 1] : 0;
  while (n > 0) {
    int64_t run = inner - e % inner;
    if (run > n) run = n;
    gather<T>(v.dtype, v.event(e), stride, int(run), to);
    e += run, to += run, n -= int(run);
  }
}
template <class T>
static void scatter_events(const View& v, int64_t e, int n, const T* from, bool streams) {
  const int64_t inner = v.axes ? v.shape[v.axes - 1] : 1;
  const int64_t stride = v.axes ? v.stride[v.axes - 1] : 0;
  while (n > 0) {
    int64_t run = inner - e % inner;
    if (run > n) run = n;
    emit<T>(streams, v.dtype, from, int(run), v.event(e), stride);
    e += run, from += run, n -= int(run);
  }
}

}  // namespace PLOGQ_ISA
