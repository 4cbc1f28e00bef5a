// TensorFlow's numbers of types, and its arrays as the kernels take them.
#pragma once
#include <cstdint>
#include <vector>

#include "call.hpp"

namespace plogq {

inline int code_of(int dtype) {
  switch (dtype) {
    case 2:
      return F64;
    case 1:
      return F32;
    case 19:
      return F16;
    case 10:
      return U8;
    default:
      return BF16;
  }
}

// Bytes of a label, negative for unsigned ones.
inline int label_type(int dtype) {
  switch (dtype) {
    case 9:
      return 8;
    case 3:
      return 4;
    case 5:
      return 2;
    case 6:
      return 1;
    case 23:
      return -8;
    case 22:
      return -4;
    case 17:
      return -2;
    default:
      return -1;
  }
}

// An array without gaps as events, the last axis first.
inline View without_gaps(void* data, const std::vector<int64_t>& shape, int64_t axis, int code) {
  std::vector<int64_t> strides(shape.size());
  int64_t bytes = item_size(code);
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = bytes;
    bytes *= shape[i];
  }
  return view_of(data, int(shape.size()), shape.data(), strides.data(), int(axis), code);
}

}  // namespace plogq
