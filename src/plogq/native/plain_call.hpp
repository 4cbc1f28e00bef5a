// P as algebra/plain.py has it beside stored scores, from Python's objects to the reduced loss:
// what is asked, of tensors of PyTorch and of arrays of NumPy, and how a job answers it.
#pragma once
#include "whole.hpp"

namespace plogq {

struct Call {
  nanobind::handle scores;
  const Tensor& x;  // the scores, without gaps
  int axis;
  double softcap;
  int reduction;
  bool tensors;   // of PyTorch, else arrays of NumPy
  bool recorded;  // a gradient may be asked for once the loss is there
  bool gradient;  // it is asked for with the loss

  // Whether an array of P is of the kind of the scores, and nothing that flows back to it.
  bool alike(nanobind::handle array) const {
    return tensors ? plain_tensor(array) : Tensor::of_numpy(array);
  }
  bool fixed(nanobind::handle array) const {
    return !tensors || !requires_gradient(array) || !recording();
  }
  bool classes_last() const { return x.axes > 0 && (axis == -1 || axis == x.axes - 1); }
};

// From how many elements on a gradient waits until it is asked for (N8): below, it is made with the
// loss, and takes less time than to come back for it.
constexpr int64_t AT_ONCE = 1 << 16;

// An array that takes results, or None.
class Taker {
 public:
  explicit Taker(nanobind::handle array) {
    if (array.is_none()) return;
    const Tensor found(array);
    data_ = found.data();
    fits_ = found.lies();
  }
  bool fits() const { return fits_; }
  const void* data() const { return data_; }

 private:
  const void* data_ = nullptr;
  bool fits_ = true;
};

// The loss as autograd's own.
nanobind::object recorded(std::unique_ptr<Recorded> made, nanobind::handle scores);

// What comes of a call, None where something is not plain: the loss; with a gradient that is asked
// for, both.
template <class P, class... Given>
nanobind::object answered(const Call& call, nanobind::handle p, int event_axes, int threads,
                          Given&&... given) {
  namespace nb = nanobind;
  auto job = std::make_unique<Job<P>>(std::forward<Given>(given)...);
  if (!job->fits()) return nb::none();
  const bool wide = call.x.dtype == F64, each = call.reduction == NONE;
  nb::object loss = nb::none(), gradient = nb::none();
  if (call.tensors) {
    loss = loss_tensor(wide, each ? event_axes : 0, call.x.shape);
    if (call.recorded && call.x.size(0, call.x.axes) <= AT_ONCE)
      gradient = tensor_like(call.scores, call.x);
  } else {
    if (each) loss = loss_array(wide, event_axes, call.x.shape);
    if (call.gradient) gradient = array_like(call.scores);
  }
  const Taker to(loss), back(gradient);
  if (!to.fits() || !back.fits()) return nb::none();
  const auto [divisor, sum] = job->forwarded(set_now(), threads, Buffer(call.x.data()),
                                             Asked{1, call.x.dtype, call.softcap}, call.reduction,
                                             Buffer(to.data()), Buffer(back.data()));
  if (divisor < 0) return nb::none();
  if (!call.tensors && !each) loss = array_number(wide, sum);
  if (call.gradient) return nb::make_tuple(loss, gradient);
  if (!call.recorded) return loss;
  auto made = std::make_unique<RecordedOf<P>>();
  made->loss = std::move(loss), made->p = nb::borrow(p);
  made->divisor = divisor, made->softcap = call.softcap, made->whole = !each;
  made->job = std::move(job), made->threads = threads;
  if (!gradient.is_none()) made->ready = std::move(gradient);
  made->address = call.x.data();
  return recorded(std::move(made), call.scores);
}

// Labels, rows of probabilities and yes/no targets, as the tuples that algebra/plain.py has.
nanobind::object labels_called(const Call& call, nanobind::handle p);
nanobind::object rows_called(const Call& call, nanobind::handle p);
nanobind::object yes_no_called(const Call& call, nanobind::handle p);

// What stands at a place of such a tuple.
inline nanobind::handle item(nanobind::handle p, Py_ssize_t place) {
  return PyTuple_GET_ITEM(p.ptr(), place);
}

}  // namespace plogq
