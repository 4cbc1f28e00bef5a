// A problem of problem.hpp as Python gives it: its fields by name, and no others.
#pragma once
#include <nanobind/nanobind.h>

#include <deque>
#include <string>
#include <vector>

#include "buffer.hpp"

namespace plogq {

// The names of a problem's fields, in their order.
class FieldNames {
 public:
  // Python's own strings, which its dictionaries find by their address. They are never given back.
  template <class Problem>
  static const std::vector<PyObject*>& of() {
    static const auto* const found = [] {
      FieldNames names;
      Problem p;
      p.told(names), p.read(names), p.written(names);
      return new std::vector<PyObject*>(names.found_);
    }();
    return *found;
  }

  template <class T>
  void number(const char* name, T&) {
    add(name);
  }
  void view(const char* name, View&, int64_t) { add(name); }
  template <class T>
  void each(const char* name, T*&) {
    add(name);
  }

 private:
  void add(const char* name) { found_.push_back(PyUnicode_InternFromString(name)); }

  std::vector<PyObject*> found_;
};

// Fills a problem, and holds the arrays for as long as it lives.
class Given {
 public:
  template <class Problem>
  Given(Problem& p, const nanobind::kwargs& given)
      : given_(given.ptr()), names_(FieldNames::of<Problem>()), of_(Problem::NAME) {
    p.told(*this);
    p.read(*this);
    writable_ = true;
    p.written(*this);
    if (taken_ != PyDict_GET_SIZE(given_)) refuse_others();
    if (!p.scores) throw nanobind::type_error((of_ + " needs scores").c_str());
  }

  template <class T>
  void number(const char* name, T& field) {
    if (nanobind::handle x = next(); x && !nanobind::try_cast<T>(x, field))
      throw nanobind::type_error((std::string(name) + " of " + of_ + " is no number").c_str());
  }

  // What exports the array, and the code of its dtype, as bfloat16 is exported as 16 bits.
  void view(const char* name, View& field, int64_t axis) {
    const nanobind::handle x = next();
    if (!x || x.is_none()) return;
    int dtype = 0;
    if (!PyTuple_Check(x.ptr()) || PyTuple_GET_SIZE(x.ptr()) != 2 ||
        !nanobind::try_cast<int>(nanobind::handle(PyTuple_GET_ITEM(x.ptr(), 1)), dtype))
      throw nanobind::type_error(
          (std::string(name) + " of " + of_ + " is an array and the code of its dtype").c_str());
    held_.emplace_back(nanobind::handle(PyTuple_GET_ITEM(x.ptr(), 0)), writable_);
    field = held_.back().view(int(axis), dtype);
  }

  template <class T>
  void each(const char*, T*& field) {
    const nanobind::handle x = next();
    if (!x || x.is_none()) return;
    held_.emplace_back(x, writable_);
    field = held_.back().data<T>();
  }

 private:
  // The next field, null where nothing is said of it.
  nanobind::handle next() {
    PyObject* const x = PyDict_GetItemWithError(given_, names_[at_++]);
    if (x) ++taken_;
    return x;
  }

  [[noreturn]] void refuse_others() const {
    std::string known, other;
    for (PyObject* name : names_)
      known += (known.empty() ? "" : ", ") + std::string(PyUnicode_AsUTF8(name));
    PyObject *key, *value;
    for (Py_ssize_t i = 0; PyDict_Next(given_, &i, &key, &value);) {
      bool ours = false;
      for (PyObject* name : names_) ours = ours || PyUnicode_Compare(key, name) == 0;
      if (!ours) other = PyUnicode_AsUTF8(key);
    }
    throw nanobind::type_error((of_ + " has no field " + other + "; it has " + known).c_str());
  }

  PyObject* given_;
  const std::vector<PyObject*>& names_;
  const std::string of_;
  std::deque<Buffer> held_;
  bool writable_ = false;
  std::size_t at_ = 0;
  Py_ssize_t taken_ = 0;
};

// What a problem is described by, for Python: its numbers and what they are where nothing is said,
// the names of what it reads, and of what it writes.
class Described {
 public:
  template <class Problem>
  static nanobind::tuple of() {
    Problem p;
    Described numbers, read, written;
    p.told(numbers), p.read(read), p.written(written);
    return nanobind::make_tuple(numbers.told_, nanobind::tuple(read.arrays_),
                                nanobind::tuple(written.arrays_));
  }

  template <class T>
  void number(const char* name, T& otherwise) {
    told_[name] = nanobind::cast(otherwise);
  }
  void view(const char* name, View&, int64_t) { arrays_.append(name); }
  template <class T>
  void each(const char* name, T*&) {
    arrays_.append(name);
  }

 private:
  nanobind::dict told_;
  nanobind::list arrays_;
};

}  // namespace plogq
