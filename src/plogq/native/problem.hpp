// What one call hands to the kernels: views of arrays that are never copied, and plain pointers.
#pragma once
#include <cstdint>

namespace plogq {

enum Dtype : int { F64 = 0, F32 = 1, F16 = 2, BF16 = 3, U8 = 4 };
enum Kind : int { LOGITS = 0, LOG_PROBS = 1, PROBS = 2 };

inline int64_t item_size(int dtype) {
  return dtype == F64 ? 8 : dtype == F32 ? 4 : dtype == U8 ? 1 : 2;
}

// An array of events, each of them `classes` elements apart by `class_stride` bytes. The event axes
// are collapsed where their strides allow, so that most arrays have one.
struct View {
  static constexpr int max_axes = 64;
  char* data = nullptr;
  int dtype = F32;
  int64_t classes = 1, class_stride = 0;
  int axes = 0;
  int64_t shape[max_axes], stride[max_axes];
  bool aligned = true;

  explicit operator bool() const { return data != nullptr; }

  char* event(int64_t e) const {
    if (axes == 1) return data + e * stride[0];
    int64_t offset = 0;
    for (int i = axes - 1; i >= 0; --i) {
      offset += e % shape[i] * stride[i];
      e /= shape[i];
    }
    return data + offset;
  }
};

// A number in memory that somebody else may write to meanwhile, so that it is checked and used as
// one.
inline int64_t read_once(const int64_t* x) { return __atomic_load_n(x, __ATOMIC_RELAXED); }

// P × Q over exclusive classes. Null pointers mean: every value 1 (value, event, class weights), or
// the part is absent (index, dense, factor).
struct Stored {
  int kind = LOGITS;
  double softcap = 0;  // 0: none
  int64_t events = 0;
  View scores;
  const int64_t* index = nullptr;  // [events, entries]; read by class_at alone, which checks it
  const double* value = nullptr;
  int64_t entries = 0;
  View dense;
  const double* dense_event = nullptr;
  const double* class_weight = nullptr;
  const double* factor = nullptr;  // the background: factor[event] · spread[class]
  const double* spread = nullptr;
  const double* mass = nullptr;
  // Statistics per event, written by forward and read by backward.
  double* greatest = nullptr;
  double* rest = nullptr;
  void* loss = nullptr;  // double where the scores are float64, else float
  void* log_z = nullptr;
  // Gradient of Σ d_loss · loss + d_log_z · log Z; z_loss adds mass · z_loss · log²Z to the loss.
  View gradient;
  const double* d_loss = nullptr;
  double d_loss_all = 1;
  const double* d_log_z = nullptr;
  double z_loss = 0;
  // bound · d_loss · mass · q (1 - q), the diagonal of the Hessian for bound = 1: of logits alone.
  View hessian;
  double bound = 1;
  bool forward = true;
  bool shard = false;    // these are some of the classes: mass and rest are not those of the parts
  bool flush = false;    // gradients below the normal numbers become 0: BLAS is slow on them
  bool streams = false;  // the gradient is larger than the cache and nobody reads it here
};

// P × Q over yes/no outcomes: yes = yes_1 · y + yes_0 · (1 - y), likewise no, times weight.
struct Binary {
  int kind = LOGITS;
  int64_t events = 0;
  View scores, target;
  double yes_1 = 1, yes_0 = 0, no_1 = 0, no_0 = 1;
  const double* weight = nullptr;
  void* loss = nullptr;
  void* log_z = nullptr;
  View gradient;
  const double* d_loss = nullptr;
  double d_loss_all = 1;
  const double* d_log_z = nullptr;
  double z_loss = 0;
  View hessian;  // as in Stored
  double bound = 1;
  bool streams = false;
};

// P and Q both as stored logits over the same events and classes. `known` has six numbers per
// event, written by forward and read by backward; where both are done at once there need be none.
struct Versus {
  enum Of : int { CROSS_ENTROPY = 0, KL = 1 };
  int of = KL;
  int64_t events = 0;
  View p, q;
  const double* weight = nullptr;
  double* known = nullptr;
  void* loss = nullptr;
  void* log_z = nullptr;
  bool wide = false;  // whether these two are double
  View of_p, of_q;    // the gradients, of those that are asked for
  const double* d_loss = nullptr;
  double d_loss_all = 1;
  const double* d_log_z = nullptr;
  bool forward = true;
  bool flush = false;  // as in Stored
  bool streams = false;
};

// The sum over the classes, each times its weight, and the least entry where that is below 0.
struct Sums {
  int64_t events = 0;
  View array;
  const double* weight = nullptr;
  double* sum = nullptr;
  double* least = nullptr;
};

// One set of kernels, compiled for one instruction set.
struct Kernels {
  const char* name;
  void (*stored)(const Stored&, int threads);
  void (*binary)(const Binary&, int threads);
  void (*versus)(const Versus&, int threads);
  void (*sums)(const Sums&, int threads);
  // The least and the greatest element; both NaN where there is one.
  void (*range)(const View&, int64_t events, double* low, double* high, int threads);
  double (*read)(const char* data, int64_t bytes, int threads);
};

// Runs work(context, i) for i in [0, units) on `threads` threads: those of the pool that was lent,
// where this thread's call may use it, else threads that are spawned for this call and joined
// before it returns, so that fork and many callers are safe. Between units the calling thread asks
// `interrupted`; once that is true, what is left is not done.
void parallel(int64_t units, int threads, void (*work)(void*, int64_t), void* context);

// How many elements make a unit of work: few enough that every thread gets several, and so many
// that handing one out costs nothing beside it.
inline int64_t unit_elements(int64_t elements, int threads) {
  constexpr int64_t most = 65536, least = 8192;
  const int64_t each = threads > 1 ? elements / (4 * threads) : most;
  return each < least ? least : each < most ? each : most;
}

// PyTorch's pool, torch_parallel_for: range(begin, end, context) for parts of [begin, end) of at
// least `grain`; 0 if all went well. It knows this process alone: in the child of a fork it hangs.
using Pool = int (*)(int64_t begin, int64_t end, int64_t grain,
                     void (*range)(int64_t, int64_t, void*), void* context);
void lend(Pool pool);

// Whether the call that this thread has made is to stop, and whether it may use the pool that was
// lent. Set once, before any call.
extern bool (*interrupted)();
extern bool (*pooled)();

}  // namespace plogq
