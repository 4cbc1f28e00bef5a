// Rows of probabilities × stored logits, and yes/no targets × their scores, in one call each way.
#include "outcomes.hpp"
#include "plain_call.hpp"

namespace nb = nanobind;
using namespace plogq;

namespace {

// Rows that are distributions: each sums to 1 within `tolerance`, and none has an entry below 0.
class RowsPart {
 public:
  RowsPart(int set, nb::handle probs, int probs_dtype, int axis, int64_t events, int64_t classes,
           double tolerance, bool keeps, int threads)
      : probs_(probs, false), events_(events), classes_(classes), keeps_(keeps) {
    dense_ = probs_.rows(axis, probs_dtype, events, classes);
    sums_.reset(new double[size_t(2 * events)]);
    run(
        set,
        [&](const Running& kernels) {
          Sums s;
          s.events = events;
          s.array = dense_;
          s.sum = sums_.get();
          s.least = s.sum + events;
          if (events) kernels->sums(s, threads);
          fits_ = distributions(s, tolerance);
        },
        elements() >= WORTH_RELEASING);
  }

  bool fits() const { return fits_; }
  int64_t events() const { return events_; }
  int64_t elements() const { return events_ * classes_; }
  double mass() const { return pairwise(sums_.get(), events_); }

  Stored problem(const Buffer& scores, const Buffer& gradient, const Asked& asked, bool back) {
    Stored p = stored_problem(scores, gradient, asked, events_, classes_);
    p.dense = dense_;
    p.mass = sums_.get();
    if (keeps_ || back) {
      if (!statistics_) statistics_.reset(new double[size_t(2 * events_)]);
      p.greatest = statistics_.get();
      p.rest = p.greatest + events_;
    }
    return p;
  }
  static void start(const Running& kernels, const Stored& p, int threads) {
    kernels->stored(p, threads);
  }
  static void only_back(Stored& p) { p.forward = false; }

 private:
  Buffer probs_;
  int64_t events_, classes_;
  bool keeps_;  // there is to be a backward after the forward
  View dense_;
  bool fits_ = true;
  std::unique_ptr<double[]> sums_, statistics_;
};

// Yes/no targets, all of them in [0, 1].
class YesNoPart {
 public:
  YesNoPart(int set, nb::handle target, int dtype, int64_t events, int threads)
      : target_(target, false), events_(events) {
    view_ = target_.elements(dtype, events);
    if (dtype == U8 || !events) return;
    run(
        set,
        [&](const Running& kernels) {
          fits_ = probabilities(*kernels.operator->(), view_, events, threads);
        },
        events >= WORTH_RELEASING);
  }

  bool fits() const { return fits_; }
  int64_t events() const { return events_; }
  int64_t elements() const { return events_; }
  double mass() const { return double(events_); }

  Binary problem(const Buffer& scores, const Buffer& gradient, const Asked& asked, bool) {
    Binary p;
    p.events = events_;
    p.scores = scores.elements(asked.dtype, events_);
    p.target = view_;
    if (gradient) {
      p.gradient = gradient.elements(asked.dtype, events_);
      p.streams = past_cache(p.gradient, p.scores, p.events);
    }
    return p;
  }
  static void start(const Running& kernels, const Binary& p, int threads) {
    kernels->binary(p, threads);
  }
  static void only_back(Binary&) {}

 private:
  Buffer target_;
  int64_t events_;
  View view_;
  bool fits_ = true;
};

}  // namespace

// P is probs, axis, tolerance.
nb::object plogq::rows_called(const Call& call, nb::handle p) {
  const Tensor& x = call.x;
  const Tensor probs(item(p, 0));
  const int axis = nb::cast<int>(item(p, 1));
  if (!probs.lies() || probs.dtype < 0 || probs.dtype == U8 || probs.axes != x.axes ||
      !probs.alike(x, x.axes) || !(axis == -1 || axis == x.axes - 1) || !call.fixed(item(p, 0)))
    return nb::none();
  const int64_t events = x.size(0, x.axes - 1), classes = x.shape[x.axes - 1];
  const int threads = threads_for(events * classes);
  return answered<RowsPart>(call, p, x.axes - 1, threads, set_now(), probs.address(), probs.dtype,
                            1, events, classes, nb::cast<double>(item(p, 2)), call.recorded,
                            threads);
}

// P is the probability of yes.
nb::object plogq::yes_no_called(const Call& call, nb::handle p) {
  const Tensor& x = call.x;
  const Tensor y(item(p, 0));
  if (!y.lies() || y.dtype < 0 || y.axes != x.axes || !y.alike(x, x.axes) ||
      !call.fixed(item(p, 0)))
    return nb::none();
  const int64_t events = x.size(0, x.axes);
  const int threads = threads_for(events);
  return answered<YesNoPart>(call, p, x.axes, threads, set_now(), y.address(), y.dtype, events,
                             threads);
}

void bind_soft(nb::module_& m) {
  bind_job<RowsPart>(m, "Rows").def(
      nb::init<int, nb::handle, int, int, int64_t, int64_t, double, bool, int>(), nb::arg("set"),
      nb::arg("probs"), nb::arg("probs_dtype"), nb::arg("axis"), nb::arg("events"),
      nb::arg("classes"), nb::arg("tolerance"), nb::arg("keeps"), nb::arg("threads"));
  bind_job<YesNoPart>(m, "YesNo")
      .def(nb::init<int, nb::handle, int, int64_t, int>(), nb::arg("set"), nb::arg("target"),
           nb::arg("dtype"), nb::arg("events"), nb::arg("threads"));
}
