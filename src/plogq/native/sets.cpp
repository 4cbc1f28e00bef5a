// Which kernels this processor can run: asked of it once.
#include "call.hpp"

#define PLOGQ_DECLARE(name)              \
  namespace isa_##name {                 \
    extern const plogq::Kernels kernels; \
  }
PLOGQ_DECLARE(baseline)
#ifdef PLOGQ_X86
PLOGQ_DECLARE(avx2)
PLOGQ_DECLARE(avx512)
#endif

namespace plogq {

static std::vector<const Kernels*> supported() {
  std::vector<const Kernels*> sets;
#ifdef PLOGQ_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("fma"))
    sets.push_back(&isa_avx512::kernels);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    sets.push_back(&isa_avx2::kernels);
#endif
  sets.push_back(&isa_baseline::kernels);
  return sets;
}

const std::vector<const Kernels*>& sets() {
  static const std::vector<const Kernels*> found = supported();
  return found;
}

}  // namespace plogq
