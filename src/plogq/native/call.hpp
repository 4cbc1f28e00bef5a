// What every way into the kernels shares: the instruction sets, and arrays as views of events.
#pragma once
#include <cfenv>
#include <cstddef>
#include <vector>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "problem.hpp"

namespace plogq {

enum Reduction : int { NONE = 0, SUM = 1, MEAN = 2, BATCH = 3 };

// Within these bounds float32 carries a divisor, and what it divides.
constexpr double LEAST_DIVISOR = 0x1p-60, MOST_DIVISOR = 0x1p60;
inline bool carried(double divisor) { return divisor > LEAST_DIVISOR && divisor < MOST_DIVISOR; }

// The kernels that this processor can run, the fastest first.
const std::vector<const Kernels*>& sets();

// An array as events, with its classes on `axis` (-1: no class axis); strides are in bytes. Axes
// that follow on from one another in memory become one.
template <class Int>
View view_of(void* data, int axes, const Int* shape, const Int* strides, int axis, int dtype) {
  View v;
  v.data = static_cast<char*>(data);
  v.dtype = dtype;
  const int64_t item = item_size(dtype);
  v.aligned = reinterpret_cast<uintptr_t>(v.data) % uintptr_t(item) == 0;
  for (int i = 0; i < axes; ++i) {
    const int64_t length = shape[i], stride = strides[i];
    v.aligned = v.aligned && stride % item == 0;
    if (i == axis) {
      v.classes = length;
      v.class_stride = stride;
    } else if (length != 1) {
      if (v.axes > 0 && v.stride[v.axes - 1] == stride * length) {
        v.shape[v.axes - 1] *= length;
        v.stride[v.axes - 1] = stride;
      } else {
        v.shape[v.axes] = length;
        v.stride[v.axes++] = stride;
      }
    }
  }
  return v;
}

inline int64_t events_of(const View& v) {
  int64_t n = 1;
  for (int i = 0; i < v.axes; ++i) n *= v.shape[i];
  return n;
}

// While it lives, arithmetic is as the standard has it: XLA and TensorFlow run their threads with
// numbers below the normal ones taken for 0, and so does whoever asks PyTorch to. Threads that are
// spawned meanwhile inherit it.
class Standard {
 public:
  Standard(const Standard&) = delete;
  Standard& operator=(const Standard&) = delete;

#ifdef __SSE2__
  // All arithmetic of the kernels is told by one register; the whole environment, with that of the
  // old coprocessor, takes longer to change than a small batch.
  Standard() : before_(_mm_getcsr()) { _mm_setcsr(DEFAULT); }
  ~Standard() { _mm_setcsr(before_); }

 private:
  static constexpr unsigned DEFAULT = 0x1f80;  // to nearest, no traps, subnormals as they are
  unsigned before_;
#else
  Standard() {
    std::fegetenv(&before_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~Standard() { std::fesetenv(&before_); }

 private:
  std::fenv_t before_;
#endif
};

// The way to the kernels of one instruction set, in standard arithmetic.
class Running {
 public:
  explicit Running(int64_t set) : kernels_(sets()[static_cast<std::size_t>(set)]) {}

  const Kernels* operator->() const { return kernels_; }

 private:
  Standard standard_;
  const Kernels* kernels_;
};

}  // namespace plogq
