// A pair of P and stored scores in one call each way: what is found out about P, the loss, and its
// reduction. In a small batch all that takes longer than the arithmetic.
#pragma once
#include <nanobind/nanobind.h>

#include <memory>
#include <utility>

#include "buffer.hpp"
#include "onlookers.hpp"
#include "pairwise.hpp"
#include "released.hpp"
#include "tensors.hpp"

namespace plogq {

// The scores of one call, and what is wanted of them.
struct Asked {
  int axis, dtype;
  double softcap;
};

// What flows back to a loss: a number for each event, or one number, which the divisor is yet to
// divide.
class FlowingBack {
 public:
  FlowingBack(nanobind::handle d_loss, double divisor, int64_t events) : given_(d_loss) {
    if (given_.dtype != F64 && given_.dtype != F32) return;
    if (negative(d_loss)) return;
    if (given_.one()) {
      all_ = divisor == 0 ? 0 : given_.number() / divisor;
    } else {
      if (!given_.lies() || given_.size(0, given_.axes) != events) return;
      if (given_.dtype == F32)
        for (int64_t e = 0; e < events; ++e) wide_.push_back(given_.number(e));
      each_ = given_.dtype == F32 ? wide_.data() : static_cast<const double*>(given_.data());
    }
    plain_ = true;
  }
  FlowingBack(const FlowingBack&) = delete;
  FlowingBack& operator=(const FlowingBack&) = delete;

  bool plain() const { return plain_; }
  // Whether it is 1, as it mostly is: the loss itself is what a program goes back from.
  bool one() const { return plain_ && given_.one() && given_.number() == 1; }
  double all() const { return all_; }
  const double* each() const { return each_; }

 private:
  Tensor given_;
  bool plain_ = false;
  double all_ = 1;
  const double* each_ = nullptr;
  std::vector<double> wide_;
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
  std::pair<double, double> forwarded(int set, int threads, const Buffer& scores,
                                      const Asked& asked, int reduction, const Buffer& loss,
                                      const Buffer& gradient) {
    const bool wide = asked.dtype == F64;
    const int64_t events = part_.events();
    const double divisor = reduction == MEAN    ? part_.mass()
                           : reduction == BATCH ? double(events)
                                                : 1;
    double sum = 0;
    if (divisor != 0 && !carried(divisor)) return {-1.0, 0.0};
    const auto work = [&](const Running& kernels) {
      auto p = part_.problem(scores, gradient, asked, bool(gradient));
      std::unique_ptr<char[]> each;
      if (reduction != NONE) each.reset(new char[size_t(events) * (wide ? 8 : 4)]);
      p.loss = reduction == NONE ? loss.data<void>() : each.get();
      p.d_loss_all = divisor == 0 ? 0 : 1 / divisor;
      if (events) P::start(kernels, p, threads);
      if (reduction == NONE) return;
      sum = wide ? pairwise(reinterpret_cast<double*>(each.get()), events)
                 : pairwise(reinterpret_cast<float*>(each.get()), events);
      sum = divisor == 0 ? 0 : sum / divisor;
      if (wide && loss)
        *loss.data<double>() = sum;
      else if (loss)
        *loss.data<float>() = float(sum);
    };
    run(set, work, worth());
    return {divisor, sum};
  }
  nanobind::tuple forward(int set, int threads, nanobind::handle scores, int axis, int dtype,
                          double softcap, int reduction, nanobind::handle loss,
                          nanobind::handle gradient) {
    const auto found = forwarded(set, threads, Buffer(scores, false), Asked{axis, dtype, softcap},
                                 reduction, Buffer(loss, true), Buffer(gradient, true));
    return nanobind::make_tuple(found.first, found.second);
  }

  // The gradient of Σ d_loss · loss: one number for all events, or one each.
  void backward(int set, int threads, nanobind::handle scores, int axis, int dtype, double softcap,
                double d_loss_all, nanobind::handle d_loss, nanobind::handle gradient) {
    back(set, threads, Buffer(scores, false), Asked{axis, dtype, softcap}, d_loss_all,
         Buffer(d_loss, false), Buffer(gradient, true));
  }

  // The same of tensors, as forward was given them: the gradient, or None where something is to be
  // looked at more closely. `ready`, if there is one, is that of the loss for scores at `address`.
  nanobind::object back_tensors(int threads, nanobind::handle scores, double softcap,
                                double divisor, nanobind::handle d_loss, nanobind::object ready,
                                const void* address) {
    if (tensors_in_depth()) return nanobind::none();
    const Tensor x(scores);
    if (!x.lies() || x.dtype < 0 || x.dtype == U8 || x.size(0, x.axes) != part_.elements())
      return nanobind::none();
    const FlowingBack d(d_loss, divisor, part_.events());
    if (!d.plain()) return nanobind::none();
    if (d.one() && ready.is_valid() && x.data() == address) return ready;
    nanobind::object gradient = tensor_like(scores, x);
    const Tensor to(gradient);
    if (!to.lies() || to.dtype != x.dtype) return nanobind::none();
    back(set_now(), threads, Buffer(x.data()), Asked{1, x.dtype, softcap}, d.all(),
         Buffer(d.each()), Buffer(to.data()));
    return gradient;
  }

 private:
  bool worth() const { return part_.elements() >= WORTH_RELEASING; }

  void back(int set, int threads, const Buffer& scores, const Asked& asked, double d_loss_all,
            const Buffer& d_loss, const Buffer& gradient) {
    const auto work = [&](const Running& kernels) {
      auto p = part_.problem(scores, gradient, asked, true);
      p.d_loss = d_loss.data<const double>();
      p.d_loss_all = d_loss_all;
      P::only_back(p);
      if (p.events) P::start(kernels, p, threads);
    };
    run(set, work, worth());
  }

  P part_;
};

// A loss that autograd of PyTorch records, and the way back from it.
struct Recorded {
  Recorded() = default;
  Recorded(const Recorded&) = delete;
  Recorded& operator=(const Recorded&) = delete;
  virtual ~Recorded() = default;

  // As `Job::back_tensors`.
  virtual nanobind::object gradient(nanobind::handle scores, nanobind::handle d_loss) = 0;

  nanobind::object loss, p;  // until autograd has taken them
  double divisor = 1, softcap = 0;
  bool whole = true;  // the loss is one number
};

template <class P>
struct RecordedOf final : Recorded {
  nanobind::object gradient(nanobind::handle scores, nanobind::handle d_loss) override {
    // What has been given away is not given to another: a second time it is made anew.
    return job->back_tensors(threads, scores, softcap, divisor, d_loss, std::exchange(ready, {}),
                             address);
  }

  std::unique_ptr<Job<P>> job;
  int threads = 1;
  nanobind::object ready;  // the gradient of the loss for scores at `address`, if it is there
  const void* address = nullptr;
};

// The methods that every kind of P has, beside its own constructor.
template <class P>
nanobind::class_<Job<P>> bind_job(nanobind::module_& m, const char* name) {
  namespace nb = nanobind;
  nb::class_<Job<P>> bound(m, name);
  bound.def_prop_ro("fits", &Job<P>::fits)
      .def("forward", &Job<P>::forward, nb::arg("set"), nb::arg("threads"), nb::arg("scores"),
           nb::arg("axis"), nb::arg("dtype"), nb::arg("softcap"), nb::arg("reduction"),
           nb::arg("loss").none(), nb::arg("gradient").none())
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
