// What PyTorch is asked of itself during a call, by its own functions.
#include "onlookers.hpp"

#include "tensors.hpp"

namespace nb = nanobind;

namespace plogq {

namespace {

// Up to here memory of our own, lent to PyTorch, takes less time than to ask it for some.
constexpr int64_t FEW = 1 << 15;

// Held until the process ends; none is there before PyTorch is met.
struct Asked {
  nb::object set_now, kernel, level, reductions, classes, modes, grad_enabled, transforms,
      dispatch_modes, losses, like, widen, record, array_losses, array_like, numbers;
};
Asked& asked() {
  static Asked* const all = new Asked;
  return *all;
}

PyObject* interned(const char* text) { return PyUnicode_InternFromString(text); }

bool truth(const nb::object& x) { return PyObject_IsTrue(x.ptr()) == 1; }

bool forward_mode() {
  static PyObject* const name = interned("_current_level");
  PyObject* level = PyDict_GetItemWithError(asked().modes.ptr(), name);
  return level && PyLong_AsLong(level) >= 0;
}

nb::object attribute(nb::handle x, PyObject* name) {
  PyObject* found = PyObject_GetAttr(x.ptr(), name);
  if (!found) nb::raise_python_error();
  return nb::steal(found);
}
nb::object called(nb::handle x, PyObject* name) {
  PyObject* found = PyObject_CallMethodNoArgs(x.ptr(), name);
  if (!found) nb::raise_python_error();
  return nb::steal(found);
}

nb::object lengths(int axes, const int64_t* shape) {
  nb::object made = nb::steal(PyTuple_New(axes));
  for (int i = 0; i < axes; ++i) PyTuple_SET_ITEM(made.ptr(), i, PyLong_FromLongLong(shape[i]));
  return made;
}

nb::object now(const nb::object& variable) {
  PyObject* found = nullptr;
  if (PyContextVar_Get(variable.ptr(), nullptr, &found) != 0) nb::raise_python_error();
  return nb::steal(found);
}

}  // namespace

int set_now() { return nb::cast<int>(now(asked().set_now)); }

bool kernel_asked() { return !now(asked().kernel).is_none(); }

bool checks_are(const char* level) {
  return PyUnicode_CompareWithASCIIString(now(asked().level).ptr(), level) == 0;
}

int reduction_code(nb::handle name) {
  if (!PyUnicode_CheckExact(name.ptr()) || !asked().reductions.is_valid()) return -1;
  PyObject* code = PyDict_GetItemWithError(asked().reductions.ptr(), name.ptr());
  return code ? int(PyLong_AsLong(code)) : -1;
}

bool tensors_watched() {
  const Asked& a = asked();
  return forward_mode() || truth(a.transforms()) || truth(a.dispatch_modes());
}

bool tensors_in_depth() { return recording() || forward_mode() || truth(asked().transforms()); }

bool recording() { return truth(asked().grad_enabled()); }

bool plain_tensor(nb::handle x) {
  const nb::handle classes = asked().classes;
  for (Py_ssize_t i = 0; classes && i < PyTuple_GET_SIZE(classes.ptr()); ++i)
    if (reinterpret_cast<PyObject*>(Py_TYPE(x.ptr())) == PyTuple_GET_ITEM(classes.ptr(), i))
      return true;
  return false;
}

bool requires_gradient(nb::handle x) {
  static PyObject* const name = interned("requires_grad");
  return truth(attribute(x, name));
}

bool negative(nb::handle x) {
  static PyObject* const name = interned("is_neg");
  return truth(called(x, name));
}

nb::object loss_tensor(bool wide, int axes, const int64_t* shape) {
  int64_t count = 1;
  for (int i = 0; i < axes; ++i) count *= shape[i];
  nb::object made;
  if (count <= FEW) made = fresh_tensor(wide ? F64 : F32, axes, shape);
  return made.is_valid() ? made : asked().losses(wide, lengths(axes, shape));
}

nb::object tensor_like(nb::handle x, const Tensor& read) {
  nb::object made;
  if (read.size(0, read.axes) <= FEW) made = fresh_tensor(read.dtype, read.axes, read.shape);
  return made.is_valid() ? made : asked().like(x);
}

nb::object record(nb::object way, nb::handle scores) { return asked().record(way, scores); }

nb::object loss_array(bool wide, int axes, const int64_t* shape) {
  return asked().array_losses(wide, lengths(axes, shape));
}

nb::object array_like(nb::handle x) { return asked().array_like(x); }

nb::object array_number(bool wide, double x) { return asked().numbers[wide ? 0 : 1](x); }

void read_array_makers(nb::object losses, nb::object like, nb::tuple numbers) {
  asked().array_losses = losses, asked().array_like = like, asked().numbers = numbers;
}

nb::object widened(nb::handle x) { return asked().widen(x); }

}  // namespace plogq

void bind_onlookers(nb::module_& m) {
  using namespace plogq;
  m.def(
      "read_options",
      [](nb::object kernel, nb::object level, nb::dict reductions) {
        asked().kernel = kernel, asked().level = level, asked().reductions = reductions;
      },
      nb::arg("kernel"), nb::arg("level"), nb::arg("reductions"));
  m.def("read_set", [](nb::object set) { asked().set_now = set; }, nb::arg("set"));
  // Each is described where it is given: `frameworks/torch/small.py`.
  m.def(
      "read_modes",
      [](nb::tuple classes, nb::dict forward_ad, nb::object grad_enabled, nb::object transforms,
         nb::object dispatch_modes, nb::object losses, nb::object like, nb::object widen,
         nb::object record) {
        Asked& a = asked();
        a.classes = classes, a.modes = forward_ad, a.grad_enabled = grad_enabled;
        a.transforms = transforms, a.dispatch_modes = dispatch_modes, a.losses = losses;
        a.like = like, a.widen = widen, a.record = record;
      },
      nb::arg("classes"), nb::arg("forward_ad"), nb::arg("grad_enabled"), nb::arg("transforms"),
      nb::arg("dispatch_modes"), nb::arg("losses"), nb::arg("like"), nb::arg("widen"),
      nb::arg("record"));
}
