// Labels × stored logits in one call each way.
#include "labelled.hpp"

#include <nanobind/stl/vector.h>

#include "plain_call.hpp"

namespace nb = nanobind;
using namespace plogq;

namespace {

class LabelsPart {
 public:
  LabelsPart(nb::handle labels, int type, int64_t events, int64_t classes,
             std::vector<int64_t> ignore, double epsilon, nb::handle sample_weight,
             nb::handle class_weight, bool keeps, int threads)
      : classes_(classes),
        labels_(labels, false),
        labelled_(taken(labels_, type, ignore, epsilon, Buffer(sample_weight, false),
                        Buffer(class_weight, false), events, classes, keeps, threads)) {}
  // Labels that are held by who calls, for as long as they may be read where they lie.
  LabelsPart(const Buffer& labels, int type, int64_t events, int64_t classes,
             std::vector<int64_t> ignore, double epsilon, const Buffer& sample_weight,
             const Buffer& class_weight, bool keeps, int threads)
      : classes_(classes),
        labelled_(taken(labels, type, std::move(ignore), epsilon, sample_weight, class_weight,
                        events, classes, keeps, threads)) {}

  bool fits() const { return labelled_.fits(); }
  int64_t events() const { return labelled_.events(); }
  int64_t elements() const { return events() * classes_; }
  double mass() const { return labelled_.mass(); }

  Stored problem(const Buffer& scores, const Buffer& gradient, const Asked& asked, bool back) {
    Stored p = stored_problem(scores, gradient, asked, events(), classes_);
    labelled_.put(p, back);
    return p;
  }
  static void start(const Running& kernels, const Stored& p, int threads) {
    kernels->stored(p, threads);
  }
  static void only_back(Stored& p) { p.forward = false; }

 private:
  static Labelled taken(const Buffer& labels, int type, std::vector<int64_t> ignore, double epsilon,
                        const Buffer& sample_weight, const Buffer& class_weight, int64_t events,
                        int64_t classes, bool keeps, int threads) {
    const Released released(events >= WORTH_RELEASING);
    const Running standard(0);
    Labels given;
    given.data = labels.data<const void>();
    given.type = type;
    given.ignore = std::move(ignore);
    given.epsilon = epsilon;
    given.sample_weight = sample_weight.data<const double>();
    given.class_weight = class_weight.data<const double>();
    return Labelled(given, events, classes, keeps, threads);
  }

  int64_t classes_;
  Buffer labels_;  // held for as long as they may be read where they lie
  Labelled labelled_;
};

// Weights of events or of classes as float64 without gaps, as they are or made so.
class Weights {
 public:
  Weights(const Call& call, nb::handle given, int axes, const int64_t* shape) {
    if (given.is_none()) return;
    fits_ = false;
    if (!call.alike(given) || (call.tensors && requires_gradient(given))) return;
    held_ = nb::borrow(given);
    if (!narrow_or_wide(Tensor(given)) && call.tensors) held_ = widened(given);
    if (held_.is_none()) return;
    const Tensor w(held_);
    if (!narrow_or_wide(w) || w.axes != axes) return;
    for (int i = 0; i < axes; ++i)
      if (w.shape[i] != shape[i]) return;
    fits_ = true;
    if (w.dtype == F32) {
      const int64_t count = w.size(0, axes);
      wide_.resize(size_t(count));
      for (int64_t i = 0; i < count; ++i) wide_[size_t(i)] = static_cast<float*>(w.data())[i];
    }
    data_ = w.dtype == F32 ? wide_.data() : static_cast<const double*>(w.data());
  }
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;

  bool fits() const { return fits_; }
  const double* data() const { return data_; }

 private:
  static bool narrow_or_wide(const Tensor& w) {
    return w.lies() && (w.dtype == F64 || w.dtype == F32);
  }

  bool fits_ = true;
  const double* data_ = nullptr;
  nb::object held_;
  std::vector<double> wide_;
};

}  // namespace

// P is index, ignore, epsilon, sample_weight, class_weight.
nb::object plogq::labels_called(const Call& call, nb::handle p) {
  const Tensor& x = call.x;
  const Tensor y(item(p, 0));
  if (!y.lies() || y.integer == 0 || y.axes != x.axes - 1 || !y.alike(x, y.axes)) return nb::none();
  const Weights sample(call, item(p, 3), y.axes, x.shape);
  const Weights by_class(call, item(p, 4), 1, x.shape + y.axes);
  if (!sample.fits() || !by_class.fits()) return nb::none();
  const int64_t events = x.size(0, y.axes), classes = x.shape[y.axes];
  std::vector<int64_t> ignore;
  const nb::handle marks = item(p, 1);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(marks.ptr()); ++i)
    ignore.push_back(nb::cast<int64_t>(item(marks, i)));
  const int threads = threads_for(events * classes);
  return answered<LabelsPart>(call, p, y.axes, threads, Buffer(y.data()), y.integer, events,
                              classes, std::move(ignore), nb::cast<double>(item(p, 2)),
                              Buffer(sample.data()), Buffer(by_class.data()), call.recorded,
                              threads);
}

void bind_labelled(nb::module_& m) {
  bind_job<LabelsPart>(m, "Labels")
      .def(nb::init<nb::handle, int, int64_t, int64_t, std::vector<int64_t>, double, nb::handle,
                    nb::handle, bool, int>(),
           nb::arg("labels"), nb::arg("type"), nb::arg("events"), nb::arg("classes"),
           nb::arg("ignore"), nb::arg("epsilon"), nb::arg("sample_weight").none(),
           nb::arg("class_weight").none(), nb::arg("keeps"), nb::arg("threads"));
}
