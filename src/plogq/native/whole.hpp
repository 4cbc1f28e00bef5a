// A pair of P and stored scores in one call each way: what is found out about P, the loss, and its
// reduction. In a small batch all that takes longer than the arithmetic.
#pragma once
#include <nanobind/nanobind.h>

#include <memory>
#include <utility>

#include "buffer.hpp"
#include "pairwise.hpp"
#include "released.hpp"
#include "tensors.hpp"

namespace plogq {

// The scores of one call, and what is wanted of them.
struct Asked {
  int axis, dtype;
  double softcap;
};

// P is what there is to know of a target: `fits`, `events`, `mass`, and `problem`, which puts it
// and the scores into what the kernels read.
template <class P>
class Job {
 public:
  template <class First, class Second, class... Others>
  Job(First&& first, Second&& second, Others&&... others)
      : part_(std::forward<First>(first), std::forward<Second>(second),
              std::forward<Others>(others)...) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  bool fits() const { return part_.fits(); }

  // What the sum of the losses is divided by, and the reduced loss, which is also written to `loss`
  // where that is given; for "none" `loss` takes one per event. A divisor below 0: it is none that
  // float32 carries. `gradient` takes that of the loss in the same pass.
  std::pair<double, double> forwarded(int set, int threads, nanobind::handle scores, int axis,
                                      int dtype, double softcap, int reduction,
                                      nanobind::handle loss, nanobind::handle gradient) {
    const Buffer b_scores(scores, false), b_loss(loss, true), b_gradient(gradient, true);
    const bool wide = dtype == F64;
    const int64_t events = part_.events();
    const double divisor = reduction == MEAN    ? part_.mass()
                           : reduction == BATCH ? double(events)
                                                : 1;
    double sum = 0;
    if (divisor != 0 && !carried(divisor)) return {-1.0, 0.0};
    run(set, [&](const Running& kernels) {
      auto p = part_.problem(b_scores, b_gradient, Asked{axis, dtype, softcap}, bool(b_gradient));
      std::unique_ptr<char[]> each;
      if (reduction != NONE) each.reset(new char[size_t(events) * (wide ? 8 : 4)]);
      p.loss = reduction == NONE ? b_loss.data<void>() : each.get();
      p.d_loss_all = divisor == 0 ? 0 : 1 / divisor;
      if (events) P::start(kernels, p, threads);
      if (reduction == NONE) return;
      sum = wide ? pairwise(reinterpret_cast<double*>(each.get()), events)
                 : pairwise(reinterpret_cast<float*>(each.get()), events);
      sum = divisor == 0 ? 0 : sum / divisor;
      if (wide && b_loss)
        *b_loss.data<double>() = sum;
      else if (b_loss)
        *b_loss.data<float>() = float(sum);
    });
    return {divisor, sum};
  }
  nanobind::tuple forward(int set, int threads, nanobind::handle scores, int axis, int dtype,
                          double softcap, int reduction, nanobind::handle loss,
                          nanobind::handle gradient) {
    const auto found =
        forwarded(set, threads, scores, axis, dtype, softcap, reduction, loss, gradient);
    return nanobind::make_tuple(found.first, found.second);
  }

  // The gradient of Σ d_loss · loss: one number for all events, or one each.
  void backward(int set, int threads, nanobind::handle scores, int axis, int dtype, double softcap,
                double d_loss_all, nanobind::handle d_loss, nanobind::handle gradient) {
    const Buffer b_scores(scores, false), b_d_loss(d_loss, false), b_gradient(gradient, true);
    run(set, [&](const Running& kernels) {
      auto p = part_.problem(b_scores, b_gradient, Asked{axis, dtype, softcap}, true);
      p.d_loss = b_d_loss.data<const double>();
      p.d_loss_all = d_loss_all;
      P::only_back(p);
      if (p.events) P::start(kernels, p, threads);
    });
  }

  // The same of tensors, as forward was given them; d_loss has a number for each event, or is one
  // number, which the divisor is yet to divide. False where one of them is not as it was, or not
  // plain.
  bool backward_tensors(int set, int threads, nanobind::handle scores, double softcap,
                        double divisor, nanobind::handle d_loss, nanobind::handle gradient) {
    const Tensor x(scores), g(gradient), d(d_loss);
    const int64_t elements = part_.elements();
    if (!x.lies() || !g.lies() || x.dtype < 0 || x.dtype != g.dtype ||
        x.size(0, x.axes) != elements || g.size(0, g.axes) != elements)
      return false;
    if (d.dtype != F64 && d.dtype != F32) return false;
    if (d.one()) {
      const double all = divisor == 0 ? 0 : d.number() / divisor;
      backward(set, threads, x.address(), 1, x.dtype, softcap, all, nanobind::none(), g.address());
      return true;
    }
    if (!d.lies() || d.size(0, d.axes) != part_.events()) return false;
    std::vector<double> wide;
    if (d.dtype == F32)
      for (int64_t e = 0; e < part_.events(); ++e) wide.push_back(d.number(e));
    const nanobind::int_ each =
        wide.empty() ? d.address() : nanobind::int_(reinterpret_cast<intptr_t>(wide.data()));
    backward(set, threads, x.address(), 1, x.dtype, softcap, 1, each, g.address());
    return true;
  }

 private:
  P part_;
};

// A job's forward over tensors: None where something is not plain, else the job, which Python owns
// from now on, the divisor, and how many threads it has.
template <class P>
nanobind::object forwarded(Job<P>* job, int set, int threads, const Tensor& scores, double softcap,
                           int reduction, const Tensor& loss) {
  nanobind::object held = nanobind::cast(job, nanobind::rv_policy::take_ownership);
  if (!job->fits()) return nanobind::none();
  const double divisor = job->forwarded(set, threads, scores.address(), 1, scores.dtype, softcap,
                                        reduction, loss.address(), nanobind::none())
                             .first;
  if (divisor < 0) return nanobind::none();
  return nanobind::make_tuple(held, divisor, threads);
}

// The methods that every kind of P has, beside its own constructor.
template <class P>
nanobind::class_<Job<P>> bind_job(nanobind::module_& m, const char* name) {
  namespace nb = nanobind;
  nb::class_<Job<P>> bound(m, name);
  bound.def_prop_ro("fits", &Job<P>::fits)
      .def("forward", &Job<P>::forward, nb::arg("set"), nb::arg("threads"), nb::arg("scores"),
           nb::arg("axis"), nb::arg("dtype"), nb::arg("softcap"), nb::arg("reduction"),
           nb::arg("loss").none(), nb::arg("gradient").none())
      .def("backward_tensors", &Job<P>::backward_tensors, nb::arg("set"), nb::arg("threads"),
           nb::arg("scores"), nb::arg("softcap"), nb::arg("divisor"), nb::arg("d_loss"),
           nb::arg("gradient"))
      .def("backward", &Job<P>::backward, nb::arg("set"), nb::arg("threads"), nb::arg("scores"),
           nb::arg("axis"), nb::arg("dtype"), nb::arg("softcap"), nb::arg("d_loss_all"),
           nb::arg("d_loss").none(), nb::arg("gradient"));
  return bound;
}

// Scores, and where their gradient goes, as every P over exclusive classes reads them.
inline Stored stored_problem(const Buffer& scores, const Buffer& gradient, const Asked& asked,
                             int64_t events, int64_t classes) {
  Stored p;
  p.softcap = asked.softcap;
  p.events = events;
  p.scores = scores.rows(asked.axis, asked.dtype, events, classes);
  if (gradient) {
    p.gradient = gradient.rows(asked.axis, asked.dtype, events, classes);
    p.streams = past_cache(p.gradient, p.scores, p.events);
  }
  return p;
}

}  // namespace plogq
