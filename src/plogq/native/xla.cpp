// The kernels as XLA's foreign functions: programs that JAX has compiled call them on XLA's
// buffers.
#include <nanobind/nanobind.h>

#include <deque>
#include <type_traits>
#include <vector>

#include "huge_pages.hpp"
#include "program_call.hpp"
#include "xla/ffi/api/ffi.h"

namespace nb = nanobind;
namespace ffi = xla::ffi;
using namespace plogq;

namespace {

int code_of(ffi::DataType dtype) {
  switch (dtype) {
    case ffi::F64:
      return F64;
    case ffi::F32:
      return F32;
    case ffi::F16:
      return F16;
    case ffi::BF16:
      return BF16;
    case ffi::PRED:
      return U8;
    default:
      return -1;
  }
}

// A buffer as events: XLA's buffers are contiguous, the last axis first.
View view(const ffi::AnyBuffer& b, int64_t axis) {
  const auto shape = b.dimensions();
  const int axes = int(shape.size()), dtype = code_of(b.element_type());
  std::vector<int64_t> strides(shape.size());
  int64_t bytes = item_size(dtype);
  for (int i = axes - 1; i >= 0; --i) {
    strides[size_t(i)] = bytes;
    bytes *= shape[size_t(i)];
  }
  return view_of(b.untyped_data(), axes, shape.begin(), strides.data(), int(axis), dtype);
}

// The operands in order, of which some may be absent; numbers per event are widened.
class Operands {
 public:
  Operands(ffi::RemainingArgs args, int64_t present) : args_(args), present_(present) {}

  // The next operand, or null where it is absent.
  const ffi::AnyBuffer* next() {
    if (!(present_ >> place_++ & 1)) return nullptr;
    auto found = args_.get<ffi::AnyBuffer>(taken_++);
    if (!found.has_value()) return nullptr;
    held_.push_back(*found);
    return &held_.back();
  }

  Numbers numbers() {
    const ffi::AnyBuffer* b = next();
    return b ? Numbers{b->untyped_data(), code_of(b->element_type())} : Numbers{};
  }
  const double* doubles() { return widened(doubles_); }

  // The fields of a problem that are read, in their order.
  void view(const char*, View& field, int64_t axis) {
    if (const ffi::AnyBuffer* b = next()) field = ::view(*b, axis);
  }
  void each(const char*, const double*& field) { field = doubles(); }
  void each(const char*, const int64_t*& field) { field = widened(integers_); }

 private:
  template <class To>
  const To* widened(std::deque<std::vector<To>>& kept) {
    const ffi::AnyBuffer* b = next();
    if (!b) return nullptr;
    switch (b->element_type()) {
      case ffi::F64:
        return copied<To, double>(*b, kept);
      case ffi::F32:
        return copied<To, float>(*b, kept);
      case ffi::S32:
        return copied<To, int32_t>(*b, kept);
      default:
        return copied<To, int64_t>(*b, kept);
    }
  }

  template <class To, class From>
  const To* copied(const ffi::AnyBuffer& b, std::deque<std::vector<To>>& kept) {
    const From* x = reinterpret_cast<const From*>(b.untyped_data());
    if constexpr (std::is_same_v<To, From>) {
      return x;
    } else {
      kept.emplace_back(x, x + b.element_count());
      return kept.back().data();
    }
  }

  ffi::RemainingArgs args_;
  int64_t present_;
  int place_ = 0;
  size_t taken_ = 0;
  std::deque<ffi::AnyBuffer> held_;
  std::deque<std::vector<double>> doubles_;
  std::deque<std::vector<int64_t>> integers_;
};

// Whether an operand has more axes than a view has room for.
constexpr char TOO_DEEP[] = "plogq's kernels take arrays of at most 63 axes";
bool too_deep(const ffi::RemainingArgs& args) {
  for (size_t i = 0; i < args.size(); ++i) {
    const auto b = args.get<ffi::AnyBuffer>(i);
    if (b.has_value() && b->dimensions().size() >= size_t(View::max_axes)) return true;
  }
  return false;
}

ffi::AnyBuffer result(ffi::RemainingRets rets, size_t i) { return **rets.get<ffi::AnyBuffer>(i); }

// A statistic per event, in whichever type XLA wants it.
void store(const ffi::AnyBuffer& b, const std::vector<double>& x) {
  for (size_t e = 0; e < x.size(); ++e)
    if (b.element_type() == ffi::F64)
      reinterpret_cast<double*>(b.untyped_data())[e] = x[e];
    else
      reinterpret_cast<float*>(b.untyped_data())[e] = float(x[e]);
}

#define PLOGQ_ARGUMENT(type, name, otherwise) , type name
#define PLOGQ_FILL(type, name, otherwise) p.name = name;
#define PLOGQ_NAMED(type, name, otherwise) .Attr<type>(#name)

// The operands are what a problem reads, in the order of problem.hpp, of which `present` says which
// there are; after them, backward, what forward has kept.
ffi::Error stored(ffi::RemainingArgs args, ffi::RemainingRets rets, int64_t set, int64_t threads,
                  int64_t present PLOGQ_STORED_TOLD(PLOGQ_ARGUMENT)) {
  if (too_deep(args)) return ffi::Error::InvalidArgument(TOO_DEEP);
  const Running kernels(set);
  Operands operands(args, present);
  Stored p;
  PLOGQ_STORED_TOLD(PLOGQ_FILL)
  p.read(operands);
  p.events = events_of(p.scores);
  if (p.events == 0) return ffi::Error::Success();
  std::vector<double> greatest(size_t(p.events)), rest(size_t(p.events));
  p.greatest = greatest.data();
  p.rest = rest.data();
  if (forward) {
    p.loss = result(rets, 0).untyped_data();
    p.log_z = result(rets, 1).untyped_data();
    kernels->stored(p, int(threads));
    store(result(rets, 2), greatest);
    store(result(rets, 3), rest);
    return ffi::Error::Success();
  }
  const double* known = operands.doubles();
  greatest.assign(known, known + p.events);
  known = operands.doubles();
  rest.assign(known, known + p.events);
  if (softcap != 0 && p.scores.dtype != F64) {
    // The greatest of capped scores has more digits than float32 keeps.
    std::vector<float> loss(size_t(p.events));
    p.loss = loss.data();
    p.forward = true;
    kernels->stored(p, int(threads));
    p.forward = false;
    p.loss = nullptr;
  }
  p.gradient = view(result(rets, 0), axis);
  in_huge_pages(p.gradient, p.events);
  p.streams = past_cache(p.gradient, p.scores, p.events);
  kernels->stored(p, int(threads));
  return ffi::Error::Success();
}

ffi::Error binary(ffi::RemainingArgs args, ffi::RemainingRets rets, int64_t set, int64_t threads,
                  int64_t present PLOGQ_BINARY_TOLD(PLOGQ_ARGUMENT)) {
  if (too_deep(args)) return ffi::Error::InvalidArgument(TOO_DEEP);
  const Running kernels(set);
  Operands operands(args, present);
  Binary p;
  PLOGQ_BINARY_TOLD(PLOGQ_FILL)
  p.read(operands);
  p.events = events_of(p.scores);
  if (p.events == 0) return ffi::Error::Success();
  if (rets.size() > 1) {
    p.loss = result(rets, 0).untyped_data();
    p.log_z = result(rets, 1).untyped_data();
  } else {
    p.gradient = view(result(rets, 0), -1);
    in_huge_pages(p.gradient, p.events);
    p.streams = past_cache(p.gradient, p.scores, p.events);
  }
  kernels->binary(p, int(threads));
  return ffi::Error::Success();
}

// Q and P as stored logits: what goes back finds again what forward has found.
ffi::Error versus(ffi::RemainingArgs args, ffi::RemainingRets rets, int64_t set, int64_t threads,
                  int64_t of, int64_t axis_q, int64_t axis_p, int64_t present, bool forward,
                  bool of_q, bool of_p, bool flush) {
  if (too_deep(args)) return ffi::Error::InvalidArgument(TOO_DEEP);
  const Running kernels(set);
  Operands operands(args, present);
  Versus v;
  v.of = int(of);
  v.flush = flush;
  v.q = view(*operands.next(), axis_q);
  v.p = view(*operands.next(), axis_p);
  v.wide = v.q.dtype == F64;
  v.events = events_of(v.q);
  v.weight = operands.doubles();
  if (v.events == 0) return ffi::Error::Success();
  std::vector<double> unread(forward ? 0 : size_t(v.events));
  if (forward) {
    v.loss = result(rets, 0).untyped_data();
    v.log_z = result(rets, 1).untyped_data();
  } else {
    v.loss = unread.data();
    v.d_loss = operands.doubles();
    v.d_log_z = operands.doubles();
    if (of_q) v.of_q = view(result(rets, 0), axis_q);
    if (of_p) v.of_p = view(result(rets, of_q), axis_p);
    in_huge_pages(v.of_q, v.events);
    in_huge_pages(v.of_p, v.events);
    v.streams = past_cache(v.of_q, v.q, v.events) || past_cache(v.of_p, v.p, v.events);
  }
  kernels->versus(v, int(threads));
  return ffi::Error::Success();
}

// Bytes of a label, negative for unsigned ones.
int label_type(ffi::DataType dtype) {
  switch (dtype) {
    case ffi::S64:
      return 8;
    case ffi::S32:
      return 4;
    case ffi::S16:
      return 2;
    case ffi::S8:
      return 1;
    case ffi::U64:
      return -8;
    case ffi::U32:
      return -4;
    case ffi::U16:
      return -2;
    default:
      return -1;
  }
}

// What a forward keeps for its gradient beside the divisor: two numbers for each event, or the
// gradient itself, for a loss to which 1 flows back.
enum Keeps : int64_t { NOTHING = 0, STATISTICS = 1, GRADIENT = 2 };

// Scores, labels or probabilities, the weights that there are; for the gradient what forward kept,
// and what flows.
ffi::Error program(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets,
                   bool forward, int64_t keeps PLOGQ_TOLD(PLOGQ_ARGUMENT)) {
  if (too_deep(args)) return ffi::Error::InvalidArgument(TOO_DEEP);
  ProgramCall call;
#define PLOGQ_SET(type, name, otherwise) call.name = name;
  PLOGQ_TOLD(PLOGQ_SET)
  call.forward = forward;
  Operands operands(args, 3 | int64_t(call.sampled) << 2 | int64_t(call.by_class) << 3 | 0xf0);
  call.scores = view(*operands.next(), call.axis);
  const ffi::AnyBuffer* of_p = operands.next();
  if (call.target == LABELS) {
    call.labels.data = of_p->untyped_data();
    call.labels.type = label_type(of_p->element_type());
  } else {
    call.probs = view(*of_p, call.axis);
  }
  call.labels.sample_weight = operands.numbers();
  call.labels.class_weight = operands.numbers();
  if (forward) {
    call.loss = result(rets, 0).untyped_data();
    if (keeps == STATISTICS) {
      call.greatest = result(rets, 1).untyped_data();
      call.rest = result(rets, 2).untyped_data();
    } else if (keeps == GRADIENT) {
      call.gradient = view(result(rets, 1), call.axis);
    }
    if (keeps != NOTHING) call.divisor = result(rets, rets.size() - 1).untyped_data();
  } else {
    // Of a gradient that is there already the result has the memory.
    call.made = keeps == GRADIENT;
    const ffi::AnyBuffer* first = operands.next();
    if (keeps == STATISTICS) {
      call.greatest = first->untyped_data();
      call.rest = operands.next()->untyped_data();
    }
    call.divisor = operands.next()->untyped_data();
    call.d_loss = operands.next()->untyped_data();
    call.gradient = view(result(rets, 0), call.axis);
  }
  call.helpers.pool = &pool;
  call.helpers.count = call.threads > 1 ? int(pool.num_threads()) : 0;
  call.helpers.start = [](void* to, void (*task)(void*), void* data) {
    static_cast<ffi::ThreadPool*>(to)->Schedule([task, data] { task(data); });
  };
  return run_program(call) ? ffi::Error::Success()
                           : ffi::Error(ffi::ErrorCode::kResourceExhausted, "no memory is left");
}

XLA_FFI_DEFINE_HANDLER(program_handler, program,
                       ffi::Ffi::Bind()
                           .Ctx<ffi::ThreadPool>()
                           .RemainingArgs()
                           .RemainingRets()
                           .Attr<bool>("forward")
                           .Attr<int64_t>("keeps") PLOGQ_TOLD(PLOGQ_NAMED));

#define PLOGQ_OF_PROBLEM(NAME)  \
  ffi::Ffi::Bind()              \
      .RemainingArgs()          \
      .RemainingRets()          \
      .Attr<int64_t>("set")     \
      .Attr<int64_t>("threads") \
      .Attr<int64_t>("present") PLOGQ_##NAME##_TOLD(PLOGQ_NAMED)
XLA_FFI_DEFINE_HANDLER(stored_handler, stored, PLOGQ_OF_PROBLEM(STORED));
XLA_FFI_DEFINE_HANDLER(binary_handler, binary, PLOGQ_OF_PROBLEM(BINARY));

XLA_FFI_DEFINE_HANDLER(versus_handler, versus,
                       ffi::Ffi::Bind()
                           .RemainingArgs()
                           .RemainingRets()
                           .Attr<int64_t>("set")
                           .Attr<int64_t>("threads")
                           .Attr<int64_t>("of")
                           .Attr<int64_t>("axis_q")
                           .Attr<int64_t>("axis_p")
                           .Attr<int64_t>("present")
                           .Attr<bool>("forward")
                           .Attr<bool>("of_q")
                           .Attr<bool>("of_p")
                           .Attr<bool>("flush"));

}  // namespace

nb::dict xla_handlers() {
  nb::dict handlers;
  handlers["plogq_program"] =
      nb::capsule(reinterpret_cast<void*>(program_handler), "xla._CUSTOM_CALL_TARGET");
  handlers["plogq_stored"] =
      nb::capsule(reinterpret_cast<void*>(stored_handler), "xla._CUSTOM_CALL_TARGET");
  handlers["plogq_binary"] =
      nb::capsule(reinterpret_cast<void*>(binary_handler), "xla._CUSTOM_CALL_TARGET");
  handlers["plogq_versus"] =
      nb::capsule(reinterpret_cast<void*>(versus_handler), "xla._CUSTOM_CALL_TARGET");
  return handlers;
}
