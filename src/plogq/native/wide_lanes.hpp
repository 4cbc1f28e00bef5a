// What is done once for each event, for several events at a time: numbers of float64 beside one
// another, and as the arithmetic of the classes takes them.
#pragma once
#include "vec.hpp"

namespace PLOGQ_ISA {

using Wide = Vec<double>;
using IWide = IVec<double>;
typedef int64_t IWideU __attribute__((vector_size(PLOGQ_VECTOR_BYTES), aligned(8), may_alias));
constexpr int WIDE = LANES<double>;

PLOGQ_INLINE IWide marks(const int64_t* from) { return *reinterpret_cast<const IWideU*>(from); }
PLOGQ_INLINE void mark(int64_t* to, IWide x) { *reinterpret_cast<IWideU*>(to) = x; }
PLOGQ_INLINE bool some(IWide marked) {
  int64_t found = 0;
  for (int i = 0; i < WIDE; ++i) found |= marked[i];
  return found != 0;
}

// As term and fits of event.hpp, of which the latter is turned round.
PLOGQ_INLINE Wide terms(Wide w, Wide x) { return w == Wide{} ? Wide{} : w * x; }
PLOGQ_INLINE IWide beyond(Wide x) {
  const Wide size = absolute<double>(x);
  return (size > all<double>(0x1p40)) | ((size < all<double>(0x1p-40)) & (size > Wide{}));
}

template <class T>
struct Few {
  typedef T V __attribute__((vector_size(WIDE * sizeof(T))));
};

template <class T>
PLOGQ_INLINE void narrowed(Wide x, T* to) {
  const typename Few<T>::V few = __builtin_convertvector(x, typename Few<T>::V);
  std::memcpy(to, &few, sizeof few);
}
template <class T>
PLOGQ_INLINE Wide widened(const T* from) {
  typename Few<T>::V few;
  std::memcpy(&few, from, sizeof few);
  return __builtin_convertvector(few, Wide);
}

}  // namespace PLOGQ_ISA
