// One call of P beside stored scores, whichever kind of P and whosever arrays.
#include "plain_call.hpp"

#include "released.hpp"

namespace nb = nanobind;

namespace plogq {

namespace {

// The classes of algebra/plain.py.
PyTypeObject *labels = nullptr, *rows = nullptr, *yes_no = nullptr;

PyObject* interned(const char* text) { return PyUnicode_InternFromString(text); }

nb::object of(PyObject* found) {
  if (!found) nb::raise_python_error();
  return nb::steal(found);
}

bool scores_lie(const Tensor& x) {
  return x.lies() && x.dtype >= 0 && x.dtype != U8 && x.size(0, x.axes) > 0;
}

nb::object answer(const Call& call, nb::handle p) {
  const PyTypeObject* kind = Py_TYPE(p.ptr());
  if (!call.alike(item(p, 0))) return nb::none();
  if (kind == yes_no) return yes_no_called(call, p);
  if (!call.classes_last()) return nb::none();
  if (kind == labels) return labels_called(call, p);
  return kind == rows ? rows_called(call, p) : nb::none();
}

// The loss of P, as algebra/plain.py has it, and Q, stored scores, or what `answered` has of it;
// None where something is to be looked at more closely.
nb::object loss_of_pair(nb::handle p, nb::handle q, nb::handle reduction, bool gradient) {
  static PyObject* const names[] = {interned("scores"), interned("axis"), interned("softcap")};
  const Calling calling;
  if (!calling) return nb::none();
  const int how = reduction_code(reduction);
  const nb::object scores = of(PyObject_GetAttr(q.ptr(), names[0]));
  const bool tensors = plain_tensor(scores);
  if (how < 0 || !(tensors || Tensor::of_numpy(scores))) return nb::none();
  if (tensors && (gradient || tensors_watched())) return nb::none();
  if (checks_are("full") || kernel_asked()) return nb::none();
  const Tensor x(scores);
  if (!scores_lie(x)) return nb::none();
  // Of distributions every row is looked at.
  const PyTypeObject* kind = Py_TYPE(p.ptr());
  if (kind != labels && !checks_are("on")) return nb::none();
  int axis = -1;
  double softcap = 0;
  if (kind != yes_no) {
    axis = nb::cast<int>(of(PyObject_GetAttr(q.ptr(), names[1])));
    const nb::object cap = of(PyObject_GetAttr(q.ptr(), names[2]));
    if (!cap.is_none()) softcap = nb::cast<double>(cap);
  }
  const bool recorded = tensors && recording() && requires_gradient(scores);
  return answer({scores, x, axis, softcap, how, tensors, recorded, gradient}, p);
}

// `forward` of a Function of PyTorch: autograd is given the way back and what it is to keep of the
// scores and of P, and takes the loss.
nb::object taken_by_autograd(nb::handle context, nb::handle way, nb::handle scores) {
  static PyObject* const names[] = {interned("way"), interned("p"), interned("arrays"),
                                    interned("save_for_backward")};
  Recorded& made = nb::cast<Recorded&>(way);
  const nb::object p = std::move(made.p), loss = std::move(made.loss);
  const nb::object arrays = of(PyObject_CallMethodNoArgs(p.ptr(), names[2]));
  const Py_ssize_t count = PyTuple_GET_SIZE(arrays.ptr());
  const nb::object kept = of(PyTuple_New(count + 1));
  PyTuple_SET_ITEM(kept.ptr(), 0, nb::borrow(scores).release().ptr());
  for (Py_ssize_t i = 0; i < count; ++i)
    PyTuple_SET_ITEM(kept.ptr(), i + 1, nb::borrow(item(arrays, i)).release().ptr());
  of(PyObject_CallObject(of(PyObject_GetAttr(context.ptr(), names[3])).ptr(), kept.ptr()));
  if (PyObject_SetAttr(context.ptr(), names[0], way.ptr()) != 0 ||
      PyObject_SetAttr(context.ptr(), names[1], p.ptr()) != 0)
    nb::raise_python_error();
  return loss;
}

// Whether x is a tensor without gaps in main memory, of integers or else of floats, that nothing is
// to be done to.
bool ready_tensor(nb::handle x, bool integer) {
  if (!plain_tensor(x)) return false;
  const Tensor t(x);
  return t.lies() && (integer ? t.integer != 0 : t.dtype >= 0 && t.dtype != U8) && !negative(x);
}

// The same of scores whose classes are on `axis`, two of them at least.
bool ready_scores(nb::handle x, nb::handle axis) {
  if (!PyLong_CheckExact(axis.ptr()) || !plain_tensor(x)) return false;
  int overflow = 0;
  const int64_t at = PyLong_AsLongLongAndOverflow(axis.ptr(), &overflow);
  const Tensor t(x);
  if (overflow || !t.lies() || t.dtype < 0 || t.dtype == U8 || at < -t.axes || at >= t.axes)
    return false;
  return t.shape[at < 0 ? at + t.axes : at] > 1 && !negative(x);
}

// Whether every number of x is seen to be 0 or more, which NaN is not.
bool not_negative(nb::handle x) {
  if (!plain_tensor(x) && !Tensor::of_numpy(x)) return false;
  const Tensor t(x);
  if (!t.lies() || (t.dtype != F32 && t.dtype != F64)) return false;
  bool fits = true;
  for (int64_t i = 0, n = t.size(0, t.axes); i < n; ++i) fits &= t.number(i) >= 0;
  return fits;
}

}  // namespace

nb::object recorded(std::unique_ptr<Recorded> made, nb::handle scores) {
  return record(nb::cast(made.release(), nb::rv_policy::take_ownership), scores);
}

}  // namespace plogq

void bind_plain_call(nb::module_& m) {
  using namespace plogq;
  m.def(
      "read_plain",
      [](nb::type_object of_labels, nb::type_object of_rows, nb::type_object of_yes_no) {
        const auto held = [](nb::type_object& type) {
          return reinterpret_cast<PyTypeObject*>(type.release().ptr());
        };
        labels = held(of_labels), rows = held(of_rows), yes_no = held(of_yes_no);
      },
      nb::arg("labels"), nb::arg("rows"), nb::arg("yes_no"));
  m.def("loss_of_pair", &loss_of_pair, nb::arg("p"), nb::arg("q"), nb::arg("reduction").none(),
        nb::arg("gradient"));
  nb::class_<Recorded>(m, "Recorded")
      .def_ro("divisor", &Recorded::divisor)
      .def_ro("softcap", &Recorded::softcap)
      .def_ro("whole", &Recorded::whole)
      .def("gradient", &Recorded::gradient, nb::arg("scores"), nb::arg("d_loss"));
  m.def("taken_by_autograd", &taken_by_autograd, nb::arg("context"), nb::arg("way"),
        nb::arg("scores"));
  m.def("ready_scores", &ready_scores, nb::arg("x"), nb::arg("axis").none());
  m.def("ready_tensor", &ready_tensor, nb::arg("x"), nb::arg("integer"));
  m.def("not_negative", &not_negative, nb::arg("x"));
}
