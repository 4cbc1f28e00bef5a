// Which places of a program have called, and how often: asked on every call, so that it costs a
// loop little.
#include <nanobind/nanobind.h>

#include <cstring>
#include <unordered_map>

namespace nb = nanobind;

namespace {

class Places {
 public:
  Places(size_t most, nb::object getframe) : most_(most), getframe_(getframe) {}
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;

  void clear() {
    std::unordered_map<Place, int64_t, Hash> gone;
    gone.swap(calls_);
    for (auto& [place, count] : gone) Py_DECREF(place.code);
  }

  // The place outside plogq that the caller of this was called from, on its first call, the second,
  // the fourth, the eighth, …: its level as `warnings` counts, the code that it stands in, and the
  // instruction. None on every other call, and for a place that has been told.
  nb::object due() {
    nb::object frame = getframe_(1);
    int level = 2;
    for (; frame.is_valid() && ours(frame); ++level)
      frame = nb::steal(reinterpret_cast<PyObject*>(PyFrame_GetBack(of(frame))));
    if (!frame.is_valid()) return nb::none();
    const nb::object code = nb::steal(reinterpret_cast<PyObject*>(PyFrame_GetCode(of(frame))));
    const int at = PyFrame_GetLasti(of(frame));
    int64_t& calls = known(code, at);
    if (calls < 0) return nb::none();
    const int64_t before = calls++;
    if (before & calls) return nb::none();
    return nb::make_tuple(level, code, at);
  }

  void told(nb::handle code, int at) { known(code, at) = -1; }

 private:
  struct Place {
    PyObject* code;
    int at;
    bool operator==(const Place& other) const { return code == other.code && at == other.at; }
  };
  struct Hash {
    size_t operator()(const Place& place) const {
      return reinterpret_cast<size_t>(place.code) / 16 * 31 + size_t(place.at);
    }
  };

  static PyFrameObject* of(const nb::object& frame) {
    return reinterpret_cast<PyFrameObject*>(frame.ptr());
  }

  // Whether a frame runs code of plogq.
  static bool ours(const nb::object& frame) {
    static PyObject* const key = PyUnicode_InternFromString("__name__");
    const nb::object globals = nb::steal(PyFrame_GetGlobals(of(frame)));
    PyObject* name = PyDict_GetItemWithError(globals.ptr(), key);
    if (!name || !PyUnicode_Check(name)) {
      PyErr_Clear();
      return false;
    }
    Py_ssize_t length = 0;
    const char* text = PyUnicode_AsUTF8AndSize(name, &length);
    if (!text) PyErr_Clear();
    return text && length >= 5 && std::memcmp(text, "plogq", 5) == 0 &&
           (length == 5 || text[5] == '.');
  }

  // The code is held, so that no other gets its address.
  int64_t& known(nb::handle code, int at) {
    const Place place{code.ptr(), at};
    const auto found = calls_.find(place);
    if (found != calls_.end()) return found->second;
    if (calls_.size() > most_) clear();
    Py_INCREF(place.code);
    return calls_[place] = 0;
  }

  size_t most_;
  nb::object getframe_;  // sys._getframe, which makes objects of no frame that it passes over
  std::unordered_map<Place, int64_t, Hash> calls_;
};

}  // namespace

void bind_places(nb::module_& m) {
  nb::class_<Places>(m, "Places")
      .def(nb::init<size_t, nb::object>(), nb::arg("most"), nb::arg("getframe"))
      .def("due", &Places::due)
      .def("told", &Places::told, nb::arg("code"), nb::arg("at"))
      .def("clear", &Places::clear);
}
