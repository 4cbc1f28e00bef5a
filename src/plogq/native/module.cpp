// The Python module: arrays come in through the buffer protocol, and never a copy of one.
#include <nanobind/nanobind.h>

#include "given.hpp"
#include "pairwise.hpp"
#include "program_call.hpp"
#include "released.hpp"

namespace nb = nanobind;
using namespace plogq;

void bind_labelled(nb::module_& m);
void bind_onlookers(nb::module_& m);
void bind_places(nb::module_& m);
void bind_plain_call(nb::module_& m);
void bind_calibration(nb::module_& m);
void bind_scoring(nb::module_& m);
void bind_soft(nb::module_& m);
void bind_tensors(nb::module_& m);
#ifdef PLOGQ_XLA
nb::dict xla_handlers();
#endif

namespace {

void stored(int set, int threads, nb::kwargs given) {
  Stored p;
  const Given held(p, given);
  p.events = events_of(p.scores);
  p.streams = past_cache(p.gradient, p.scores, p.events);
  if (p.events == 0 || p.scores.classes == 0) return;
  run(set, [&](const Running& kernels) { kernels->stored(p, threads); });
}

void binary(int set, int threads, nb::kwargs given) {
  Binary p;
  const Given held(p, given);
  if (!p.target) throw nb::type_error("binary needs a target");
  p.events = events_of(p.scores);
  p.streams = past_cache(p.gradient, p.scores, p.events);
  if (p.events == 0) return;
  run(set, [&](const Running& kernels) { kernels->binary(p, threads); });
}

void versus(int set, int threads, int of, nb::handle scores_p, int axis_p, int dtype_p,
            nb::handle scores_q, int axis_q, int dtype_q, nb::handle weight, nb::handle known,
            nb::handle loss, nb::handle log_z, bool wide, nb::handle of_p, nb::handle of_q,
            nb::handle d_loss, double d_loss_all, nb::handle d_log_z, bool forward, bool flush) {
  Buffer b_p(scores_p, false), b_q(scores_q, false), b_weight(weight, false), b_known(known, true),
      b_loss(loss, true), b_log_z(log_z, true), b_of_p(of_p, true), b_of_q(of_q, true),
      b_d_loss(d_loss, false), b_d_log_z(d_log_z, false);
  Versus v;
  v.of = of;
  v.p = b_p.view(axis_p, dtype_p);
  v.q = b_q.view(axis_q, dtype_q);
  v.events = events_of(v.q);
  v.weight = b_weight.data<const double>();
  v.known = b_known.data<double>();
  v.loss = b_loss.data<void>();
  v.log_z = b_log_z.data<void>();
  v.wide = wide;
  v.of_p = b_of_p.view(axis_p, dtype_p);
  v.of_q = b_of_q.view(axis_q, dtype_q);
  v.d_loss = b_d_loss.data<const double>();
  v.d_loss_all = d_loss_all;
  v.d_log_z = b_d_log_z.data<const double>();
  v.forward = forward;
  v.flush = flush;
  v.streams = past_cache(v.of_q, v.q, v.events) || past_cache(v.of_p, v.p, v.events);
  if (v.events == 0 || v.q.classes == 0) return;
  run(set, [&](const Running& kernels) { kernels->versus(v, threads); });
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
  m.def("stored", &stored);
  m.def("binary", &binary);
  nb::dict problems;
  problems[Stored::NAME] = Described::of<Stored>();
  problems[Binary::NAME] = Described::of<Binary>();
  m.attr("problems") = problems;
  m.def("versus", &versus, nb::arg("set"), nb::arg("threads"), nb::arg("of"), nb::arg("scores_p"),
        nb::arg("axis_p"), nb::arg("dtype_p"), nb::arg("scores_q"), nb::arg("axis_q"),
        nb::arg("dtype_q"), nb::arg("weight").none(), nb::arg("known").none(),
        nb::arg("loss").none(), nb::arg("log_z").none(), nb::arg("wide"), nb::arg("of_p").none(),
        nb::arg("of_q").none(), nb::arg("d_loss").none(), nb::arg("d_loss_all"),
        nb::arg("d_log_z").none(), nb::arg("forward"), nb::arg("flush"));
  bind_labelled(m);
  bind_onlookers(m);
  bind_places(m);
  bind_plain_call(m);
  bind_calibration(m);
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
  m.attr("carried") = nb::make_tuple(LEAST_DIVISOR, MOST_DIVISOR);
  // For the library of TensorFlow's operations, which has no kernels of its own.
  m.attr("program_call") = reinterpret_cast<uintptr_t>(&run_program);
#ifdef PLOGQ_XLA
  m.def("xla_handlers", &xla_handlers);
#else
  m.def("xla_handlers", [] { return nb::dict(); });
#endif
}
