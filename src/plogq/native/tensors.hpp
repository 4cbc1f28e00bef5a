// An array's memory, read from the array itself, as asking it in Python for what it is takes longer
// than a small call: a tensor by the function of C that DLPack has frameworks export, an array of
// NumPy as its C API has it.
#pragma once
#include <nanobind/nanobind.h>

#include <vector>

#include "call.hpp"

namespace plogq {

class Tensor {
 public:
  explicit Tensor(nanobind::handle tensor);

  // Whether it is an array of NumPy, and none of a class made of it.
  static bool of_numpy(nanobind::handle array);

  // Whether it lies in main memory without gaps.
  bool lies() const { return data_ != nullptr && !repeated_; }
  // Whether it is one number, as such or repeated along every axis.
  bool one() const { return data_ != nullptr && (repeated_ || axes == 0); }
  // The address, as whoever takes Python's arrays has it.
  nanobind::int_ address() const { return nanobind::int_(reinterpret_cast<intptr_t>(data_)); }
  void* data() const { return data_; }

  // The number at a place, of float64 or float32.
  double number(int64_t at = 0) const {
    return dtype == F64 ? static_cast<const double*>(data_)[at]
                        : static_cast<const float*>(data_)[at];
  }

  // The floating dtype, U8 for booleans, or -1; the bytes of an integer, negative for unsigned
  // ones, or 0.
  int dtype = -1, integer = 0;
  int axes = 0;
  const int64_t* shape = nullptr;

  int64_t size(int first, int last) const {
    int64_t n = 1;
    for (int i = first; i < last; ++i) n *= shape[i];
    return n;
  }
  // Whether the first axes of both are as long.
  bool alike(const Tensor& other, int first_axes) const {
    for (int i = 0; i < first_axes; ++i)
      if (shape[i] != other.shape[i]) return false;
    return true;
  }

 private:
  void described(nanobind::handle tensor);
  void taken(nanobind::handle array);

  void* data_ = nullptr;
  bool repeated_ = false;
  std::vector<int64_t> lengths_;
};

// A new tensor of a floating dtype, its values anything; an invalid object where the framework has
// no function of C that makes one.
nanobind::object fresh_tensor(int dtype, int axes, const int64_t* shape);

// How many threads a call on so many elements uses: Python knows, of calls that are worth asking.
int threads_for(int64_t elements);

}  // namespace plogq
