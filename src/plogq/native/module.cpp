// The Python module: arrays come in through the buffer protocol, and never a copy of one.
#include <nanobind/nanobind.h>

#include "buffer.hpp"
#include "labelled_call.hpp"
#include "pairwise.hpp"
#include "released.hpp"

namespace nb = nanobind;
using namespace plogq;

void bind_labelled(nb::module_& m);
void bind_onlookers(nb::module_& m);
void bind_places(nb::module_& m);
void bind_plain_call(nb::module_& m);
void bind_scoring(nb::module_& m);
void bind_soft(nb::module_& m);
void bind_tensors(nb::module_& m);
#ifdef PLOGQ_XLA
nb::dict xla_handlers();
#endif

namespace {

void stored(int set, int threads, int kind, double softcap, nb::handle scores, int axis, int dtype,
            nb::handle index, int64_t entries, nb::handle value, nb::handle dense, int dense_axis,
            int dense_dtype, nb::handle dense_event, nb::handle class_weight, nb::handle factor,
            nb::handle spread, nb::handle mass, nb::handle greatest, nb::handle rest,
            nb::handle loss, nb::handle log_z, nb::handle gradient, nb::handle d_loss,
            double d_loss_all, nb::handle d_log_z, double z_loss, bool forward, bool shard,
            bool flush, int gradient_dtype, nb::handle hessian, double bound) {
  Buffer b_scores(scores, false), b_index(index, false), b_value(value, false),
      b_dense(dense, false), b_dense_event(dense_event, false), b_class(class_weight, false),
      b_factor(factor, false), b_spread(spread, false), b_mass(mass, false),
      b_greatest(greatest, true), b_rest(rest, true), b_loss(loss, true), b_log_z(log_z, true),
      b_gradient(gradient, true), b_d_loss(d_loss, false), b_d_log_z(d_log_z, false),
      b_hessian(hessian, true);
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
  p.gradient = b_gradient.view(axis, gradient_dtype);
  p.d_loss = b_d_loss.data<const double>();
  p.d_loss_all = d_loss_all;
  p.d_log_z = b_d_log_z.data<const double>();
  p.z_loss = z_loss;
  p.hessian = b_hessian.view(axis, gradient_dtype);
  p.bound = bound;
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
            nb::handle d_loss, double d_loss_all, nb::handle d_log_z, double z_loss,
            int gradient_dtype, nb::handle hessian, double bound) {
  Buffer b_scores(scores, false), b_target(target, false), b_weight(weight, false),
      b_loss(loss, true), b_log_z(log_z, true), b_gradient(gradient, true), b_d_loss(d_loss, false),
      b_d_log_z(d_log_z, false), b_hessian(hessian, true);
  Binary p;
  p.kind = kind;
  p.scores = b_scores.view(-1, dtype);
  p.target = b_target.view(-1, target_dtype);
  p.events = events_of(p.scores);
  p.yes_1 = yes_1, p.yes_0 = yes_0, p.no_1 = no_1, p.no_0 = no_0;
  p.weight = b_weight.data<const double>();
  p.loss = b_loss.data<void>();
  p.log_z = b_log_z.data<void>();
  p.gradient = b_gradient.view(-1, gradient_dtype);
  p.d_loss = b_d_loss.data<const double>();
  p.d_loss_all = d_loss_all;
  p.d_log_z = b_d_log_z.data<const double>();
  p.z_loss = z_loss;
  p.hessian = b_hessian.view(-1, gradient_dtype);
  p.bound = bound;
  p.streams = p.events * item_size(dtype) >= STREAM_BYTES && p.gradient.data != p.scores.data;
  if (p.events == 0) return;
  run(set, [&](const Running& kernels) { kernels->binary(p, threads); });
}

// Returns how many events forward has left to the formula.
int64_t versus(int set, int threads, int of, nb::handle scores_p, int axis_p, int dtype_p,
               nb::handle scores_q, int axis_q, int dtype_q, nb::handle weight, nb::handle known,
               nb::handle loss, nb::handle log_z, bool wide, nb::handle of_p, nb::handle of_q,
               nb::handle d_loss, double d_loss_all, nb::handle d_log_z, bool forward) {
  Buffer b_p(scores_p, false), b_q(scores_q, false), b_weight(weight, false), b_known(known, true),
      b_loss(loss, true), b_log_z(log_z, true), b_of_p(of_p, true), b_of_q(of_q, true),
      b_d_loss(d_loss, false), b_d_log_z(d_log_z, false);
  int64_t left = 0;
  Versus v;
  v.of = of;
  v.p = b_p.view(axis_p, dtype_p);
  v.q = b_q.view(axis_q, dtype_q);
  v.events = events_of(v.q);
  v.weight = b_weight.data<const double>();
  v.known = b_known.data<double>();
  v.left = &left;
  v.loss = b_loss.data<void>();
  v.log_z = b_log_z.data<void>();
  v.wide = wide;
  v.of_p = b_of_p.view(axis_p, dtype_p);
  v.of_q = b_of_q.view(axis_q, dtype_q);
  v.d_loss = b_d_loss.data<const double>();
  v.d_loss_all = d_loss_all;
  v.d_log_z = b_d_log_z.data<const double>();
  v.forward = forward;
  v.streams = past_cache(v.of_q, v.q, v.events) || past_cache(v.of_p, v.p, v.events);
  if (v.events == 0 || v.q.classes == 0) return 0;
  run(set, [&](const Running& kernels) { kernels->versus(v, threads); });
  return left;
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

// The sum of an array without gaps, of float64 or else float32.
double total(nb::handle array, int dtype) {
  Buffer b(array, false);
  double sum = 0;
  run(0, [&](const Running&) {
    sum = dtype == F64 ? pairwise(b.data<const double>(), b.count())
                       : pairwise(b.data<const float>(), b.count());
  });
  return sum;
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

nb::tuple instruction_sets() {
  nb::list names;
  for (const Kernels* k : sets()) names.append(k->name);
  return nb::tuple(names);
}

}  // namespace

NB_MODULE(_cpu, m) {
  m.doc() = "The CPU kernels.";
  Released::prepare();
  // Threads that end with the interpreter, in the middle of a call, leave what they hold.
  nb::set_leak_warnings(false);
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(&Released::end));
  m.def("stored", &stored, nb::arg("set"), nb::arg("threads"), nb::arg("kind"), nb::arg("softcap"),
        nb::arg("scores").none(), nb::arg("axis"), nb::arg("dtype"), nb::arg("index").none(),
        nb::arg("entries"), nb::arg("value").none(), nb::arg("dense").none(), nb::arg("dense_axis"),
        nb::arg("dense_dtype"), nb::arg("dense_event").none(), nb::arg("class_weight").none(),
        nb::arg("factor").none(), nb::arg("spread").none(), nb::arg("mass").none(),
        nb::arg("greatest").none(), nb::arg("rest").none(), nb::arg("loss").none(),
        nb::arg("log_z").none(), nb::arg("gradient").none(), nb::arg("d_loss").none(),
        nb::arg("d_loss_all"), nb::arg("d_log_z").none(), nb::arg("z_loss"), nb::arg("forward"),
        nb::arg("shard"), nb::arg("flush"), nb::arg("gradient_dtype"), nb::arg("hessian").none(),
        nb::arg("bound"));
  m.def("binary", &binary, nb::arg("set"), nb::arg("threads"), nb::arg("kind"), nb::arg("scores"),
        nb::arg("dtype"), nb::arg("target"), nb::arg("target_dtype"), nb::arg("yes_1"),
        nb::arg("yes_0"), nb::arg("no_1"), nb::arg("no_0"), nb::arg("weight").none(),
        nb::arg("loss").none(), nb::arg("log_z").none(), nb::arg("gradient").none(),
        nb::arg("d_loss").none(), nb::arg("d_loss_all"), nb::arg("d_log_z").none(),
        nb::arg("z_loss"), nb::arg("gradient_dtype"), nb::arg("hessian").none(), nb::arg("bound"));
  m.def("versus", &versus, nb::arg("set"), nb::arg("threads"), nb::arg("of"), nb::arg("scores_p"),
        nb::arg("axis_p"), nb::arg("dtype_p"), nb::arg("scores_q"), nb::arg("axis_q"),
        nb::arg("dtype_q"), nb::arg("weight").none(), nb::arg("known"), nb::arg("loss").none(),
        nb::arg("log_z").none(), nb::arg("wide"), nb::arg("of_p").none(), nb::arg("of_q").none(),
        nb::arg("d_loss").none(), nb::arg("d_loss_all"), nb::arg("d_log_z").none(),
        nb::arg("forward"));
  bind_labelled(m);
  bind_onlookers(m);
  bind_places(m);
  bind_plain_call(m);
  bind_scoring(m);
  bind_soft(m);
  bind_tensors(m);
  m.def("row_sums", &row_sums, nb::arg("set"), nb::arg("threads"), nb::arg("array"),
        nb::arg("axis"), nb::arg("dtype"), nb::arg("weight").none(), nb::arg("sum"),
        nb::arg("least"));
  m.def("total", &total, nb::arg("array"), nb::arg("dtype"));
  m.def("value_range", &value_range, nb::arg("set"), nb::arg("threads"), nb::arg("array"),
        nb::arg("dtype"));
  m.def("read", &read_array, nb::arg("set"), nb::arg("threads"), nb::arg("array"));
  m.def("instruction_sets", &instruction_sets);
  m.def("lend", [](uintptr_t pool) { lend(reinterpret_cast<Pool>(pool)); }, nb::arg("pool"));
  // For the library of TensorFlow's operations, which has no kernels of its own.
  m.attr("labelled_call") = reinterpret_cast<uintptr_t>(&run_labelled);
#ifdef PLOGQ_XLA
  m.def("xla_handlers", &xla_handlers);
#else
  m.def("xla_handlers", [] { return nb::dict(); });
#endif
}
