// Labels × stored logits in one call each way: what is found out about them, the loss, and its
// reduction. In a small batch all that takes longer than the arithmetic.
#include "labelled.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include "buffer.hpp"
#include "released.hpp"

namespace nb = nanobind;
using namespace plogq;

namespace {

enum Reduction : int { NONE = 0, SUM = 1, MEAN = 2, BATCH = 3 };

class Job {
 public:
  Job(nb::handle labels, int type, int64_t events, int64_t classes, std::optional<int64_t> ignore,
      double epsilon, nb::handle sample_weight, nb::handle class_weight, bool keeps, int threads)
      : classes_(classes),
        labels_(labels, false),
        labelled_(taken(labels_, type, ignore, epsilon, Buffer(sample_weight, false),
                        Buffer(class_weight, false), events, classes, keeps, threads)) {}

  bool fits() const { return labelled_.fits(); }

  // What the sum of the losses is divided by, and the reduced loss, which is also written to `loss`
  // where that is given; for "none" `loss` takes one per event. A divisor below 0: it is none that
  // float32 carries. `gradient` takes that of the loss in the same pass.
  nb::tuple forward(int set, int threads, nb::handle scores, int axis, int dtype, double softcap,
                    int reduction, nb::handle loss, nb::handle gradient) {
    Buffer b_scores(scores, false), b_loss(loss, true), b_gradient(gradient, true);
    const bool wide = dtype == F64;
    const int64_t events = labelled_.events();
    double divisor = reduction == MEAN    ? labelled_.mass()
                     : reduction == BATCH ? events
                                          : 1,
           sum = 0;
    if (divisor != 0 && !(divisor > Labelled::LEAST && divisor < Labelled::MOST))
      return nb::make_tuple(-1.0, 0.0);
    run(set, [&](const Running& kernels) {
      Stored p = problem(b_scores, axis, dtype, softcap, bool(b_gradient));
      std::unique_ptr<char[]> each;
      if (reduction == NONE) {
        p.loss = b_loss.data<void>();
      } else {
        each.reset(new char[size_t(events) * (wide ? 8 : 4)]);
        p.loss = each.get();
      }
      into(p, b_gradient, axis, dtype);
      p.d_loss_all = divisor == 0 ? 0 : 1 / divisor;
      if (events) kernels->stored(p, threads);
      if (reduction == NONE) return;
      sum = wide ? pairwise(reinterpret_cast<double*>(each.get()), events)
                 : pairwise(reinterpret_cast<float*>(each.get()), events);
      sum = divisor == 0 ? 0 : sum / divisor;
      if (wide && b_loss.data<void>())
        *b_loss.data<double>() = sum;
      else if (b_loss.data<void>())
        *b_loss.data<float>() = float(sum);
    });
    return nb::make_tuple(divisor, sum);
  }

  // The gradient of Σ d_loss · loss: one number for all events, or one each.
  void backward(int set, int threads, nb::handle scores, int axis, int dtype, double softcap,
                double d_loss_all, nb::handle d_loss, nb::handle gradient) {
    Buffer b_scores(scores, false), b_d_loss(d_loss, false), b_gradient(gradient, true);
    run(set, [&](const Running& kernels) {
      Stored p = problem(b_scores, axis, dtype, softcap, true);
      into(p, b_gradient, axis, dtype);
      p.d_loss = b_d_loss.data<const double>();
      p.d_loss_all = d_loss_all;
      p.forward = false;
      if (p.events) kernels->stored(p, threads);
    });
  }

 private:
  static Labelled taken(const Buffer& labels, int type, std::optional<int64_t> ignore,
                        double epsilon, const Buffer& sample_weight, const Buffer& class_weight,
                        int64_t events, int64_t classes, bool keeps, int threads) {
    const Released released;
    const Running standard(0);
    Labels given;
    given.data = labels.data<const void>();
    given.type = type;
    given.ignore = ignore;
    given.epsilon = epsilon;
    given.sample_weight = sample_weight.data<const double>();
    given.class_weight = class_weight.data<const double>();
    return Labelled(given, events, classes, keeps, threads);
  }

  Stored problem(const Buffer& scores, int axis, int dtype, double softcap, bool gradient) {
    Stored p;
    p.softcap = softcap;
    p.scores = scores.rows(axis, dtype, labelled_.events(), classes_);
    p.events = labelled_.events();
    labelled_.put(p, gradient);
    return p;
  }

  void into(Stored& p, const Buffer& gradient, int axis, int dtype) const {
    if (!gradient) return;
    p.gradient = gradient.rows(axis, dtype, labelled_.events(), classes_);
    p.streams = past_cache(p.gradient, p.scores, p.events);
  }

  int64_t classes_;
  Buffer labels_;  // held for as long as they may be read where they lie
  Labelled labelled_;
};

}  // namespace

void bind_labelled(nb::module_& m) {
  nb::class_<Job>(m, "Labels")
      .def(nb::init<nb::handle, int, int64_t, int64_t, std::optional<int64_t>, double, nb::handle,
                    nb::handle, bool, int>(),
           nb::arg("labels"), nb::arg("type"), nb::arg("events"), nb::arg("classes"),
           nb::arg("ignore").none(), nb::arg("epsilon"), nb::arg("sample_weight").none(),
           nb::arg("class_weight").none(), nb::arg("keeps"), nb::arg("threads"))
      .def_prop_ro("fits", &Job::fits)
      .def("forward", &Job::forward, nb::arg("set"), nb::arg("threads"), nb::arg("scores"),
           nb::arg("axis"), nb::arg("dtype"), nb::arg("softcap"), nb::arg("reduction"),
           nb::arg("loss").none(), nb::arg("gradient").none())
      .def("backward", &Job::backward, nb::arg("set"), nb::arg("threads"), nb::arg("scores"),
           nb::arg("axis"), nb::arg("dtype"), nb::arg("softcap"), nb::arg("d_loss_all"),
           nb::arg("d_loss").none(), nb::arg("gradient"));
}
