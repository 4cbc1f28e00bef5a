// Labels × stored logits in one call each way.
#include "labelled.hpp"

#include <nanobind/stl/vector.h>

#include "whole.hpp"

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

  int64_t classes_;
  Buffer labels_;  // held for as long as they may be read where they lie
  Labelled labelled_;
};

// Labels and scores as tensors without gaps, the classes last; the loss goes to `loss`. None where
// something is not plain, else the job, for its backward, the divisor, and how many threads there
// were.
nb::object labels_of_tensors(int set, nb::handle labels, nb::handle scores, nb::handle loss,
                             std::vector<int64_t> ignore, double epsilon, nb::handle sample_weight,
                             nb::handle class_weight, double softcap, int reduction, bool keeps) {
  const Tensor y(labels), x(scores), to(loss);
  if (!x.lies() || !y.lies() || x.dtype < 0 || x.dtype == U8 || y.integer == 0 ||
      y.axes != x.axes - 1 || !y.alike(x, y.axes))
    return nb::none();
  const int64_t events = x.size(0, y.axes), classes = x.shape[y.axes];
  if (!events || !classes) return nb::none();
  const int threads = threads_for(events * classes);
  auto* const job = new Job<LabelsPart>(y.address(), y.integer, events, classes, ignore, epsilon,
                                        sample_weight, class_weight, keeps, threads);
  return forwarded(job, set, threads, x, softcap, reduction, to);
}

}  // namespace

void bind_labelled(nb::module_& m) {
  bind_job<LabelsPart>(m, "Labels")
      .def(nb::init<nb::handle, int, int64_t, int64_t, std::vector<int64_t>, double, nb::handle,
                    nb::handle, bool, int>(),
           nb::arg("labels"), nb::arg("type"), nb::arg("events"), nb::arg("classes"),
           nb::arg("ignore"), nb::arg("epsilon"), nb::arg("sample_weight").none(),
           nb::arg("class_weight").none(), nb::arg("keeps"), nb::arg("threads"));
  m.def("labels_of_tensors", &labels_of_tensors, nb::arg("set"), nb::arg("labels"),
        nb::arg("scores"), nb::arg("loss"), nb::arg("ignore"), nb::arg("epsilon"),
        nb::arg("sample_weight").none(), nb::arg("class_weight").none(), nb::arg("softcap"),
        nb::arg("reduction"), nb::arg("keeps"));
}
