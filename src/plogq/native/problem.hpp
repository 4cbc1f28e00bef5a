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

// A problem is described once, by lists of its fields: what it is told (type, name, and what holds
// where nothing is said), and its arrays, those that it reads and then those that it writes. An
// array is a view (its name, and its class axis) or a plain pointer (type and name), null where it
// is absent. Made from these lists are the structs here, what the module takes from Python by name
// (given.hpp), and the attributes and operands of XLA's handlers (xla.cpp).

// P × Q over exclusive classes. A softcap of 0 is none. Numbers that are absent are 1 (value,
// event, class weights), parts that are absent are not there (index, dense, factor).
//
// forward: whether greatest and rest, two statistics per event, are written here or known already.
// shard: these are some of the classes, and mass and rest are not those of the parts.
// flush: gradients below the normal numbers become 0, as BLAS is slow on them.
// The gradient is that of Σ d_loss · loss + d_log_z · log Z, where d_loss_all stands for each that
// is absent; z_loss adds mass · z_loss · log²Z to the loss. The Hessian's diagonal, of logits
// alone, is bound · d_loss · mass · q (1 - q).
#define PLOGQ_STORED_TOLD(X) \
  X(int64_t, kind, LOGITS)   \
  X(double, softcap, 0)      \
  X(int64_t, axis, -1)       \
  X(int64_t, dense_axis, -1) \
  X(int64_t, entries, 0)     \
  X(double, d_loss_all, 1)   \
  X(double, z_loss, 0)       \
  X(double, bound, 1)        \
  X(bool, forward, true)     \
  X(bool, shard, false)      \
  X(bool, flush, false)
// index and value: [events, entries], of which class_at alone reads the index and checks it.
// factor[event] · spread[class] is the background.
#define PLOGQ_STORED_READ(VIEW, EACH) \
  VIEW(scores, axis)                  \
  EACH(int64_t, index)                \
  EACH(double, value)                 \
  VIEW(dense, dense_axis)             \
  EACH(double, event)                 \
  EACH(double, class_weight)          \
  EACH(double, factor)                \
  EACH(double, spread)                \
  EACH(double, mass)                  \
  EACH(double, d_loss)                \
  EACH(double, d_log_z)
// loss and log_z are double where the scores are float64, else float.
#define PLOGQ_STORED_WRITTEN(VIEW, EACH) \
  EACH(double, greatest)                 \
  EACH(double, rest)                     \
  EACH(void, loss)                       \
  EACH(void, log_z)                      \
  VIEW(gradient, axis)                   \
  VIEW(hessian, axis)

// P × Q over yes/no outcomes: yes = yes_1 · y + yes_0 · (1 - y), likewise no, times weight.
#define PLOGQ_BINARY_TOLD(X) \
  X(int64_t, kind, LOGITS)   \
  X(double, yes_1, 1)        \
  X(double, yes_0, 0)        \
  X(double, no_1, 0)         \
  X(double, no_0, 1)         \
  X(double, d_loss_all, 1)   \
  X(double, z_loss, 0)       \
  X(double, bound, 1)
#define PLOGQ_BINARY_READ(VIEW, EACH) \
  VIEW(scores, -1)                    \
  VIEW(target, -1)                    \
  EACH(double, weight)                \
  EACH(double, d_loss)                \
  EACH(double, d_log_z)
#define PLOGQ_BINARY_WRITTEN(VIEW, EACH) \
  EACH(void, loss)                       \
  EACH(void, log_z)                      \
  VIEW(gradient, -1)                     \
  VIEW(hessian, -1)

#define PLOGQ_NUMBER(type, name, otherwise) type name = otherwise;
#define PLOGQ_VIEW(name, axis) View name;
#define PLOGQ_INPUT(type, name) const type* name = nullptr;
#define PLOGQ_OUTPUT(type, name) type* name = nullptr;
#define PLOGQ_WITH_NUMBER(type, name, otherwise) with.number(#name, name);
#define PLOGQ_WITH_VIEW(name, axis) with.view(#name, name, axis);
#define PLOGQ_WITH_EACH(type, name) with.each(#name, name);

// The fields of one of the lists, and a visit to each of them in their order.
// clang-format off
#define PLOGQ_FIELDS(NAME)                                  \
  PLOGQ_##NAME##_TOLD(PLOGQ_NUMBER)                         \
  PLOGQ_##NAME##_READ(PLOGQ_VIEW, PLOGQ_INPUT)              \
  PLOGQ_##NAME##_WRITTEN(PLOGQ_VIEW, PLOGQ_OUTPUT)          \
  template <class With>                                     \
  void told(With& with) {                                   \
    PLOGQ_##NAME##_TOLD(PLOGQ_WITH_NUMBER)                  \
  }                                                         \
  template <class With>                                     \
  void read(With& with) {                                   \
    PLOGQ_##NAME##_READ(PLOGQ_WITH_VIEW, PLOGQ_WITH_EACH)   \
  }                                                         \
  template <class With>                                     \
  void written(With& with) {                                \
    PLOGQ_##NAME##_WRITTEN(PLOGQ_WITH_VIEW, PLOGQ_WITH_EACH) \
  }
// clang-format on

// Results from this size on bypass the cache: none of them would still be there for the next
// reader.
inline bool beyond_cache(const View& gradient, const View& scores, int64_t events) {
  constexpr int64_t least = int64_t(8) << 20;
  const int64_t row = gradient.classes * item_size(gradient.dtype);
  return gradient && gradient.data != scores.data && events * row >= least;
}

// The same row by row. Where rows end inside a line of the cache both neighbours write to it, which
// costs more than short rows gain by it.
inline bool past_cache(const View& gradient, const View& scores, int64_t events) {
  constexpr int64_t line = 64, long_row = int64_t(16) << 10;
  const int64_t row = gradient.classes * item_size(gradient.dtype);
  const bool short_rows = gradient.classes > 1 && row < long_row && row % line != 0;
  return !short_rows && beyond_cache(gradient, scores, events);
}

struct Stored {
  static constexpr char NAME[] = "stored";
  PLOGQ_FIELDS(STORED)
  int64_t events = 0;
  bool streams = false;  // the gradient is larger than the cache and nobody reads it here
};

struct Binary {
  static constexpr char NAME[] = "binary";
  PLOGQ_FIELDS(BINARY)
  int64_t events = 0;
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

// Columns of one length, float32 or float64, and what is found of every row.
struct TableRows {
  const void* const* column;
  int64_t count, rows;
  int dtype;
  void *sums, *tops;
  int32_t* best;
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
  // The least element that is a number.
  double (*table_rows)(const TableRows&);
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
