// What tensors are, by DLPack's table of functions where the framework has one; and what arrays of
// NumPy are.
#include "tensors.hpp"

#include <new>

#include "onlookers.hpp"

namespace nb = nanobind;

namespace plogq {

namespace {

// Of dlpack.h, version 1.2, as far as it is read here.
struct DLTensor {
  void* data;
  int32_t device, device_id;
  int32_t axes;
  uint8_t code, bits;
  uint16_t lanes;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
};
struct Managed {
  uint32_t major, minor;
  void* context;
  void (*deleter)(Managed*);
  uint64_t flags;
  DLTensor tensor;
};
struct ExchangeAPI {
  uint32_t major, minor;
  void* previous;
  void *allocate, *from_object;
  int (*to_object)(Managed* tensor, void** out);
  int (*tensor_of)(void* object, DLTensor* out);
};
enum { CPU = 1 };
enum { INT = 0, UINT = 1, FLOAT = 2, BFLOAT = 4, BOOL = 6 };

// An array of NumPy, as every version's C API has it (ndarraytypes.h, PyArrayObject_fields).
struct ArrayObject {
  PyObject_HEAD;
  char* data;
  int axes;
  Py_ssize_t *shape, *strides;
  PyObject *base, *dtype;
  int flags;
};
enum { WITHOUT_GAPS = 0x1, ALIGNED = 0x100 };

// The dtypes that are read, the machine's own of each kind, and what they are here.
struct Known {
  PyObject* dtype;
  int code, integer;
};
PyTypeObject* array_type = nullptr;
std::vector<Known> known;

int (*tensor_of)(void*, DLTensor*) = nullptr;
int (*to_object)(Managed*, void**) = nullptr;
PyObject* describe = nullptr;
PyObject* threads = nullptr;

// From how many elements on a call may have more than one thread.
constexpr int64_t WORTH_ASKING = 1 << 14;

int float_of(const DLTensor& t) {
  if (t.code == FLOAT) return t.bits == 32 ? F32 : t.bits == 64 ? F64 : t.bits == 16 ? F16 : -1;
  if (t.code == BFLOAT && t.bits == 16) return BF16;
  return t.code == BOOL && t.bits == 8 ? U8 : -1;
}

bool without_gaps(const DLTensor& t) {
  if (!t.strides) return true;
  int64_t step = 1;
  for (int i = t.axes - 1; i >= 0; --i) {
    if (t.shape[i] != 1 && t.strides[i] != step) return false;
    step *= t.shape[i];
  }
  return true;
}

bool one_number(const DLTensor& t) {
  for (int i = 0; i < t.axes; ++i)
    if (!t.strides || t.shape[i] < 2 || t.strides[i] != 0) return false;
  return t.axes > 0;
}

}  // namespace

bool Tensor::of_numpy(nb::handle array) { return array_type && Py_TYPE(array.ptr()) == array_type; }

Tensor::Tensor(nb::handle tensor) {
  if (of_numpy(tensor)) {
    taken(tensor);
    return;
  }
  if (!tensor_of) {
    described(tensor);
    return;
  }
  DLTensor t;
  if (tensor_of(tensor.ptr(), &t) != 0) {
    PyErr_Clear();  // one that has no memory of its own: it goes the long way
    return;
  }
  if (t.device != CPU || t.lanes != 1) return;
  repeated_ = one_number(t);
  if (!repeated_ && !without_gaps(t)) return;
  data_ = static_cast<char*>(t.data) + t.byte_offset;
  dtype = float_of(t);
  if (t.code == INT || t.code == UINT) integer = t.bits / (t.code == UINT ? -8 : 8);
  axes = t.axes;
  shape = t.shape;
}

// The same as Python finds it: None, or address, dtype, integer and shape.
void Tensor::described(nb::handle tensor) {
  const nb::object found = nb::handle(describe)(tensor);
  if (found.is_none()) return;
  data_ = reinterpret_cast<void*>(nb::cast<intptr_t>(found[0]));
  dtype = nb::cast<int>(found[1]);
  integer = nb::cast<int>(found[2]);
  for (nb::handle length : nb::iter(found[3])) lengths_.push_back(nb::cast<int64_t>(length));
  axes = int(lengths_.size());
  shape = lengths_.data();
}

void Tensor::taken(nb::handle array) {
  const ArrayObject& a = *reinterpret_cast<const ArrayObject*>(array.ptr());
  if (!(a.flags & WITHOUT_GAPS) || !(a.flags & ALIGNED)) return;
  for (const Known& kind : known)
    if (kind.dtype == a.dtype) {
      dtype = kind.code;
      integer = kind.integer;
      data_ = a.data;
      axes = a.axes;
      if (sizeof(Py_ssize_t) == sizeof(int64_t)) {
        shape = reinterpret_cast<const int64_t*>(a.shape);
      } else {
        lengths_.assign(a.shape, a.shape + axes);
        shape = lengths_.data();
      }
      return;
    }
}

nb::object fresh_tensor(int dtype, int axes, const int64_t* shape) {
  if (!to_object) return {};
  int64_t count = 1;
  for (int i = 0; i < axes; ++i) count *= shape[i];
  // Managed, lengths, steps, numbers: one piece of memory, on lines of the cache.
  constexpr size_t line = 64;
  const size_t head =
      (sizeof(Managed) + 2 * sizeof(int64_t) * size_t(axes) + line - 1) / line * line;
  const size_t item = size_t(item_size(dtype));
  const size_t size = head + (size_t(count) * item + line - 1) / line * line;
  auto* const memory = static_cast<char*>(::operator new(size, std::align_val_t(line)));
  auto* const made = new (memory) Managed{};
  auto* const lengths = reinterpret_cast<int64_t*>(memory + sizeof(Managed));
  int64_t step = 1;
  for (int i = axes - 1; i >= 0; --i) {
    lengths[i] = shape[i];
    lengths[axes + i] = step;
    step *= shape[i];
  }
  made->major = 1;
  made->deleter = [](Managed* old) { ::operator delete(old, std::align_val_t(64)); };
  const uint8_t code = dtype == BF16 ? BFLOAT : FLOAT;
  made->tensor = {memory + head,     CPU, 0,       axes,           code,
                  uint8_t(8 * item), 1,   lengths, lengths + axes, 0};
  void* found = nullptr;
  if (to_object(made, &found) != 0) nb::raise_python_error();
  return nb::steal(static_cast<PyObject*>(found));
}

int threads_for(int64_t elements) {
  if (elements < WORTH_ASKING) return 1;
  return nb::cast<int>(nb::handle(threads)(elements));
}

}  // namespace plogq

void bind_tensors(nb::module_& m) {
  using namespace plogq;
  m.def(
      "read_threads", [](nb::object threads_of) { threads = threads_of.release().ptr(); },
      nb::arg("threads"));
  // Arrays of this type are read where `probe`, an array of 3 × 5, is found to be what it is; the
  // rest makes new ones, and numbers of both widths.
  m.def(
      "read_arrays",
      [](nb::type_object type, nb::dict dtypes, nb::handle probe, uintptr_t address,
         nb::object losses, nb::object like, nb::tuple numbers) {
        const ArrayObject& a = *reinterpret_cast<const ArrayObject*>(probe.ptr());
        if (a.axes != 2 || reinterpret_cast<uintptr_t>(a.data) != address || a.shape[0] != 3 ||
            a.shape[1] != 5 || a.strides[1] * 5 != a.strides[0] || !(a.flags & WITHOUT_GAPS))
          return;
        read_array_makers(losses, like, numbers);
        known.clear();
        for (auto [dtype, what] : dtypes)
          known.push_back({nb::object(nb::borrow(dtype)).release().ptr(), nb::cast<int>(what[0]),
                           nb::cast<int>(what[1])});
        array_type = reinterpret_cast<PyTypeObject*>(type.release().ptr());
      },
      nb::arg("type"), nb::arg("dtypes"), nb::arg("probe"), nb::arg("address"), nb::arg("losses"),
      nb::arg("like"), nb::arg("numbers"));
  m.def(
      "read_tensors",
      [](nb::object api, nb::object described, nb::object threads_of) {
        describe = described.release().ptr();
        threads = threads_of.release().ptr();
        tensor_of = nullptr;
        to_object = nullptr;
        if (api.is_none()) return;
        const auto* table =
            static_cast<const ExchangeAPI*>(PyCapsule_GetPointer(api.ptr(), "dlpack_exchange_api"));
        if (table && table->major == 1) tensor_of = table->tensor_of, to_object = table->to_object;
        PyErr_Clear();
      },
      nb::arg("api").none(), nb::arg("describe"), nb::arg("threads"));
}
