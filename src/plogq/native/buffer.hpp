// Arrays as Python hands them over: through the buffer protocol or by address, and never a copy.
#pragma once
#include <nanobind/nanobind.h>

#include "call.hpp"

namespace plogq {

// An exported buffer, released when the call ends; a whole number is the address of an array
// without gaps, which takes less time than to export one.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(const void* address)
      : address_(const_cast<char*>(static_cast<const char*>(address))) {}
  Buffer(nanobind::handle array, bool writable) {
    if (array.is_none()) return;
    if (PyLong_Check(array.ptr())) {
      address_ = reinterpret_cast<char*>(PyLong_AsSsize_t(array.ptr()));
      return;
    }
    const int flags = PyBUF_STRIDES | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(array.ptr(), &buffer_, flags) != 0) nanobind::raise_python_error();
    held_ = true;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (held_) PyBuffer_Release(&buffer_);
  }

  explicit operator bool() const { return held_ || address_; }

  template <class T>
  T* data() const {
    return held_ ? static_cast<T*>(buffer_.buf) : reinterpret_cast<T*>(address_);
  }
  int64_t count() const { return held_ ? int64_t(buffer_.len / buffer_.itemsize) : 0; }
  int64_t bytes() const { return held_ ? int64_t(buffer_.len) : 0; }

  // The array as events, with its classes on `axis` (-1: no class axis).
  View view(int axis, int dtype) const {
    if (!held_) return {};
    if (buffer_.ndim >= View::max_axes)
      throw nanobind::value_error("an array of more than 63 axes");
    return view_of(buffer_.buf, buffer_.ndim, buffer_.shape, buffer_.strides, axis, dtype);
  }

  // The same of `events` rows of `classes`, where only their address is known.
  View rows(int axis, int dtype, int64_t events, int64_t classes) const {
    if (!address_) return view(axis, dtype);
    const int64_t item = item_size(dtype);
    const int64_t shape[] = {events, classes}, strides[] = {classes * item, item};
    return view_of(address_, 2, shape, strides, 1, dtype);
  }

  // The same of as many elements, each an event of its own.
  View elements(int dtype, int64_t count) const {
    if (!address_) return view(-1, dtype);
    const int64_t shape[] = {count}, strides[] = {item_size(dtype)};
    return view_of(address_, 1, shape, strides, -1, dtype);
  }

 private:
  Py_buffer buffer_{};
  char* address_ = nullptr;
  bool held_ = false;
};

}  // namespace plogq
