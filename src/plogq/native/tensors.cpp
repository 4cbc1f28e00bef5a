// What tensors are, by DLPack's table of functions where the framework has one.
#include "tensors.hpp"

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
struct ExchangeAPI {
  uint32_t major, minor;
  void* previous;
  void *allocate, *from_object, *to_object;
  int (*tensor_of)(void* object, DLTensor* out);
};
enum { CPU = 1 };
enum { INT = 0, UINT = 1, FLOAT = 2, BFLOAT = 4, BOOL = 6 };

int (*tensor_of)(void*, DLTensor*) = nullptr;
PyObject* describe = nullptr;
PyObject* threads = nullptr;

// From how many elements on a call may have more than one thread.
constexpr int64_t WORTH_ASKING = 1 << 15;

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

Tensor::Tensor(nb::handle tensor) {
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

int threads_for(int64_t elements) {
  if (elements < WORTH_ASKING) return 1;
  return nb::cast<int>(nb::handle(threads)(elements));
}

}  // namespace plogq

void bind_tensors(nb::module_& m) {
  using namespace plogq;
  m.def(
      "read_tensors",
      [](nb::object api, nb::object described, nb::object threads_of) {
        describe = described.release().ptr();
        threads = threads_of.release().ptr();
        tensor_of = nullptr;
        if (api.is_none()) return;
        const auto* table =
            static_cast<const ExchangeAPI*>(PyCapsule_GetPointer(api.ptr(), "dlpack_exchange_api"));
        if (table && table->major == 1) tensor_of = table->tensor_of;
        PyErr_Clear();
      },
      nb::arg("api").none(), nb::arg("describe"), nb::arg("threads"));
}
