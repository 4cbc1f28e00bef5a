// Columns of a table as scoring is given them, and a class for each of its rows.
#pragma once
#include <nanobind/nanobind.h>

#include <memory>
#include <vector>

#include "buffer.hpp"

namespace plogq {

inline void check_places(const int64_t* place, int64_t n, int64_t size) {
  // Its first bit is that of a negative number, where one is or is too large.
  uint64_t odd = 0;
  for (int64_t i = 0; i < n; ++i)
    odd |= uint64_t(place[i]) | uint64_t(size - 1) - uint64_t(place[i]);
  if (odd >> 63) throw nanobind::index_error("a place beyond all sums");
}

// Rows are taken in runs that stay in the nearest cache while the columns pass.
constexpr int64_t RUN = 1024;

// The function for float32 or float64.
template <class Body>
auto typed(int dtype, Body&& body) {
  if (dtype == F32) return body(float());
  if (dtype != F64) throw nanobind::value_error("float32 or float64");
  return body(double());
}

// Columns of one length and type, as they lie in memory.
class Table {
 public:
  Table(nanobind::list columns, int dtype, int64_t rows) : rows_(rows) {
    for (nanobind::handle column : columns) {
      held_.push_back(std::make_unique<Buffer>(column, false));
      if (held_.back()->bytes() != rows * item_size(dtype))
        throw nanobind::value_error("columns of one type and length");
      data_.push_back(held_.back()->data<const void>());
    }
  }

  int64_t rows() const { return rows_; }
  int64_t count() const { return int64_t(data_.size()); }
  const void* const* data() const { return data_.data(); }
  template <class T>
  const T* column(int64_t k) const {
    return static_cast<const T*>(data_[k]);
  }

 private:
  int64_t rows_;
  std::vector<std::unique_ptr<Buffer>> held_;
  std::vector<const void*> data_;
};

// A table, and a class of every row.
struct Classed {
  Classed(nanobind::list columns, nanobind::handle index, int dtype)
      : classes(index, false), all(columns, dtype, classes.count()) {
    at = classes.data<const int64_t>();
    check_places(at, all.rows(), all.count());
  }

  Buffer classes;
  Table all;
  const int64_t* at;
};

}  // namespace plogq
