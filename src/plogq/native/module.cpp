// The Python module: arrays come in through the buffer protocol, and never a copy of one.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include <optional>
#include <vector>

#include "released.hpp"

namespace nb = nanobind;
using namespace plogq;

#ifdef PLOGQ_XLA
nb::dict xla_handlers();
#endif

namespace {

// An exported buffer, released when the call ends.
class Buffer {
 public:
  Buffer(nb::handle array, bool writable) {
    if (array.is_none()) return;
    const int flags = PyBUF_STRIDES | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(array.ptr(), &buffer_, flags) != 0) nb::raise_python_error();
    held_ = true;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (held_) PyBuffer_Release(&buffer_);
  }

  template <class T>
  T* data() const {
    return held_ ? static_cast<T*>(buffer_.buf) : nullptr;
  }
  int64_t count() const { return held_ ? int64_t(buffer_.len / buffer_.itemsize) : 0; }
  int64_t bytes() const { return held_ ? int64_t(buffer_.len) : 0; }

  // The array as events, with its classes on `axis` (-1: no class axis).
  View view(int axis, int dtype) const {
    if (!held_) return {};
    if (buffer_.ndim >= View::max_axes) throw nb::value_error("an array of more than 63 axes");
    return view_of(buffer_.buf, buffer_.ndim, buffer_.shape, buffer_.strides, axis, dtype);
  }

 private:
  Py_buffer buffer_{};
  bool held_ = false;
};

void stored(int set, int threads, int kind, double softcap, nb::handle scores, int axis, int dtype,
            nb::handle index, int64_t entries, nb::handle value, nb::handle dense, int dense_axis,
            int dense_dtype, nb::handle dense_event, nb::handle class_weight, nb::handle factor,
            nb::handle spread, nb::handle mass, nb::handle greatest, nb::handle rest,
            nb::handle loss, nb::handle log_z, nb::handle gradient, nb::handle d_loss,
            double d_loss_all, nb::handle d_log_z, double z_loss, bool forward, bool shard,
            bool flush) {
  Buffer b_scores(scores, false), b_index(index, false), b_value(value, false),
      b_dense(dense, false), b_dense_event(dense_event, false), b_class(class_weight, false),
      b_factor(factor, false), b_spread(spread, false), b_mass(mass, false),
      b_greatest(greatest, true), b_rest(rest, true), b_loss(loss, true), b_log_z(log_z, true),
      b_gradient(gradient, true), b_d_loss(d_loss, false), b_d_log_z(d_log_z, false);
  Stored p;
  p.kind = kind;
  p.softcap = softcap;
  p.scores = b_scores.view(axis, dtype);
  p.events = events_of(p.scores);
  p.index = b_index.data<const int64_t>();
  p.value = b_value.data<const double>();
  p.entries = p.index ? entries : 0;
  p.dense = b_dense.view(dense_axis, dense_dtype);
  p.dense_event = b_dense_event.data<const double>();
  p.class_weight = b_class.data<const double>();
  p.factor = b_factor.data<const double>();
  p.spread = b_spread.data<const double>();
  p.mass = b_mass.data<const double>();
  p.greatest = b_greatest.data<double>();
  p.rest = b_rest.data<double>();
  p.loss = b_loss.data<void>();
  p.log_z = b_log_z.data<void>();
  p.gradient = b_gradient.view(axis, dtype);
  p.d_loss = b_d_loss.data<const double>();
  p.d_loss_all = d_loss_all;
  p.d_log_z = b_d_log_z.data<const double>();
  p.z_loss = z_loss;
  p.forward = forward;
  p.shard = shard;
  p.flush = flush;
  p.streams = past_cache(p.gradient, p.scores, p.events);
  if (p.events == 0 || p.scores.classes == 0) return;
  run(set, [&](const Running& kernels) { kernels->stored(p, threads); });
}

void binary(int set, int threads, int kind, nb::handle scores, int dtype, nb::handle target,
            int target_dtype, double yes_1, double yes_0, double no_1, double no_0,
            nb::handle weight, nb::handle loss, nb::handle log_z, nb::handle gradient,
            nb::handle d_loss, double d_loss_all, nb::handle d_log_z, double z_loss) {
  Buffer b_scores(scores, false), b_target(target, false), b_weight(weight, false),
      b_loss(loss, true), b_log_z(log_z, true), b_gradient(gradient, true), b_d_loss(d_loss, false),
      b_d_log_z(d_log_z, false);
  Binary p;
  p.kind = kind;
  p.scores = b_scores.view(-1, dtype);
  p.target = b_target.view(-1, target_dtype);
  p.events = events_of(p.scores);
  p.yes_1 = yes_1, p.yes_0 = yes_0, p.no_1 = no_1, p.no_0 = no_0;
  p.weight = b_weight.data<const double>();
  p.loss = b_loss.data<void>();
  p.log_z = b_log_z.data<void>();
  p.gradient = b_gradient.view(-1, dtype);
  p.d_loss = b_d_loss.data<const double>();
  p.d_loss_all = d_loss_all;
  p.d_log_z = b_d_log_z.data<const double>();
  p.z_loss = z_loss;
  p.streams = p.events * item_size(dtype) >= STREAM_BYTES && p.gradient.data != p.scores.data;
  if (p.events == 0) return;
  run(set, [&](const Running& kernels) { kernels->binary(p, threads); });
}

void row_sums(int set, int threads, nb::handle array, int axis, int dtype, nb::handle weight,
              nb::handle sum, nb::handle least) {
  Buffer b_array(array, false), b_weight(weight, false), b_sum(sum, true), b_least(least, true);
  Sums p;
  p.array = b_array.view(axis, dtype);
  p.events = events_of(p.array);
  p.weight = b_weight.data<const double>();
  p.sum = b_sum.data<double>();
  p.least = b_least.data<double>();
  if (p.events == 0 || p.array.classes == 0) return;
  run(set, [&](const Running& kernels) { kernels->sums(p, threads); });
}

nb::tuple value_range(int set, int threads, nb::handle array, int dtype) {
  Buffer b(array, false);
  const View v = b.view(-1, dtype);
  double low = 0, high = 0;
  if (const int64_t events = events_of(v))
    run(set, [&](const Running& kernels) { kernels->range(v, events, &low, &high, threads); });
  return nb::make_tuple(low, high);
}

double read_array(int set, int threads, nb::handle array) {
  Buffer b(array, false);
  double sum = 0;
  run(set, [&](const Running& kernels) {
    sum = kernels->read(b.data<const char>(), b.bytes(), threads);
  });
  return sum;
}

// Contiguous rows with one label each, given by address: the short way for small batches, where
// finding out what the arrays are takes longer than the arithmetic.
//
// `kept` [3, events] takes the two statistics and the labels, once they are checked; one that is
// left out is -1. What backward reads nobody else can have written to meanwhile. `mass` takes 1 for
// every label that counts, where some may not.
Stored hard(int64_t scores, int64_t events, int64_t classes, int dtype, double* kept,
            std::vector<double>* mass) {
  Stored p;
  View& v = p.scores;
  const int64_t item = item_size(dtype);
  v.data = reinterpret_cast<char*>(scores);
  v.dtype = dtype;
  v.classes = classes;
  v.class_stride = item;
  v.axes = 1;
  v.shape[0] = events;
  v.stride[0] = classes * item;
  v.aligned = scores % item == 0;
  p.events = events;
  p.entries = 1;
  p.greatest = kept;
  p.rest = kept + events;
  p.index = reinterpret_cast<const int64_t*>(kept + 2 * events);
  if (mass) {
    mass->resize(size_t(events));
    for (int64_t e = 0; e < events; ++e) (*mass)[size_t(e)] = p.index[e] < 0 ? 0 : 1;
    p.value = p.mass = mass->data();
  }
  return p;
}

// Copies the labels to `to`; returns the first event whose label is no class, or -1.
int64_t take_labels(const int64_t* labels, int64_t events, int64_t classes,
                    std::optional<int64_t> ignore, int64_t* to) {
  int64_t bad = -1;
  for (int64_t e = events - 1; e >= 0; --e) {
    const int64_t y = read_once(labels + e);
    const bool out = ignore && y == *ignore;
    to[e] = out ? -1 : y;
    if (!out && uint64_t(y) >= uint64_t(classes)) bad = e;
  }
  return bad;
}

// The sum, pairwise over runs of eight lanes: the same for any number of threads (N6).
template <class T>
double pairwise(const T* x, int64_t n) {
  constexpr int64_t run = 512;
  if (n > run) {
    const int64_t half = (n / 2 + run - 1) / run * run;
    return pairwise(x, half) + pairwise(x + half, n - half);
  }
  double lane[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int l = 0; l < 8; ++l) lane[l] += double(x[i + l]);
  for (; i < n; ++i) lane[i % 8] += double(x[i]);
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

// Writes Σ loss / divisor to `loss` and returns the divisor, the mass for a mean and else 1; or
// returns -1 - e where e is the first event whose label is out of range.
double labels_sum(int set, int threads, int64_t scores, int64_t events, int64_t classes, int dtype,
                  int64_t labels, std::optional<int64_t> ignore, nb::handle residual, int64_t loss,
                  bool mean) {
  Buffer b_kept(residual, true);
  double* kept = b_kept.data<double>();
  double divisor = 1;
  run(set, [&](const Running& kernels) {
    const int64_t bad = take_labels(reinterpret_cast<const int64_t*>(labels), events, classes,
                                    ignore, reinterpret_cast<int64_t*>(kept + 2 * events));
    if (bad >= 0) {
      divisor = double(-1 - bad);
      return;
    }
    std::vector<double> value;
    Stored p = hard(scores, events, classes, dtype, kept, ignore ? &value : nullptr);
    const bool wide = dtype == F64;
    std::vector<char> each(size_t(events) * (wide ? 8 : 4));
    p.loss = each.data();
    if (events) kernels->stored(p, threads);
    if (mean) divisor = ignore ? pairwise(value.data(), events) : double(events);
    double sum = wide ? pairwise(reinterpret_cast<double*>(each.data()), events)
                      : pairwise(reinterpret_cast<float*>(each.data()), events);
    sum = divisor == 0 ? 0 : sum / divisor;
    if (wide)
      *reinterpret_cast<double*>(loss) = sum;
    else
      *reinterpret_cast<float*>(loss) = float(sum);
  });
  return divisor;
}

void labels_gradient(int set, int threads, int64_t scores, int64_t events, int64_t classes,
                     int dtype, bool ignores, nb::handle residual, double d_loss,
                     int64_t gradient) {
  Buffer b_kept(residual, true);
  std::vector<double> value;
  Stored p =
      hard(scores, events, classes, dtype, b_kept.data<double>(), ignores ? &value : nullptr);
  p.gradient = p.scores;
  p.gradient.data = reinterpret_cast<char*>(gradient);
  p.gradient.aligned = gradient % item_size(dtype) == 0;
  p.d_loss_all = d_loss;
  p.forward = false;
  p.streams = past_cache(p.gradient, p.scores, p.events);
  if (events) run(set, [&](const Running& kernels) { kernels->stored(p, threads); });
}

nb::tuple instruction_sets() {
  nb::list names;
  for (const Kernels* k : sets()) names.append(k->name);
  return nb::tuple(names);
}

}  // namespace

NB_MODULE(_cpu, m) {
  m.doc() = "The CPU kernels.";
  Released::prepare();
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(&Released::end));
  m.def("stored", &stored, nb::arg("set"), nb::arg("threads"), nb::arg("kind"), nb::arg("softcap"),
        nb::arg("scores").none(), nb::arg("axis"), nb::arg("dtype"), nb::arg("index").none(),
        nb::arg("entries"), nb::arg("value").none(), nb::arg("dense").none(), nb::arg("dense_axis"),
        nb::arg("dense_dtype"), nb::arg("dense_event").none(), nb::arg("class_weight").none(),
        nb::arg("factor").none(), nb::arg("spread").none(), nb::arg("mass").none(),
        nb::arg("greatest").none(), nb::arg("rest").none(), nb::arg("loss").none(),
        nb::arg("log_z").none(), nb::arg("gradient").none(), nb::arg("d_loss").none(),
        nb::arg("d_loss_all"), nb::arg("d_log_z").none(), nb::arg("z_loss"), nb::arg("forward"),
        nb::arg("shard"), nb::arg("flush"));
  m.def("binary", &binary, nb::arg("set"), nb::arg("threads"), nb::arg("kind"), nb::arg("scores"),
        nb::arg("dtype"), nb::arg("target"), nb::arg("target_dtype"), nb::arg("yes_1"),
        nb::arg("yes_0"), nb::arg("no_1"), nb::arg("no_0"), nb::arg("weight").none(),
        nb::arg("loss").none(), nb::arg("log_z").none(), nb::arg("gradient").none(),
        nb::arg("d_loss").none(), nb::arg("d_loss_all"), nb::arg("d_log_z").none(),
        nb::arg("z_loss"));
  m.def("labels_sum", &labels_sum, nb::arg("set"), nb::arg("threads"), nb::arg("scores"),
        nb::arg("events"), nb::arg("classes"), nb::arg("dtype"), nb::arg("labels"),
        nb::arg("ignore").none(), nb::arg("residual"), nb::arg("loss"), nb::arg("mean"));
  m.def("labels_gradient", &labels_gradient, nb::arg("set"), nb::arg("threads"), nb::arg("scores"),
        nb::arg("events"), nb::arg("classes"), nb::arg("dtype"), nb::arg("ignores"),
        nb::arg("residual"), nb::arg("d_loss"), nb::arg("gradient"));
  m.def("row_sums", &row_sums, nb::arg("set"), nb::arg("threads"), nb::arg("array"),
        nb::arg("axis"), nb::arg("dtype"), nb::arg("weight").none(), nb::arg("sum"),
        nb::arg("least"));
  m.def("value_range", &value_range, nb::arg("set"), nb::arg("threads"), nb::arg("array"),
        nb::arg("dtype"));
  m.def("read", &read_array, nb::arg("set"), nb::arg("threads"), nb::arg("array"));
  m.def("instruction_sets", &instruction_sets);
#ifdef PLOGQ_XLA
  m.def("xla_handlers", &xla_handlers);
#else
  m.def("xla_handlers", [] { return nb::dict(); });
#endif
}
