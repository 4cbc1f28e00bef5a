// Labels as they are given, and what comes of each event: a class, a value on it, a background and
// a mass. Whoever reads labels reads them by this.
#pragma once
#include <cmath>
#include <cstring>
#include <vector>

#include "call.hpp"
#include "pairwise.hpp"

namespace plogq {

// Numbers of float64 or float32 without gaps; null stands for ones.
struct Numbers {
  const void* data = nullptr;
  int dtype = F64;

  Numbers() = default;
  Numbers(const double* x) : data(x) {}
  Numbers(const void* x, int dtype) : data(x), dtype(dtype) {}

  explicit operator bool() const { return data != nullptr; }
  double operator[](int64_t i) const {
    return dtype == F64 ? static_cast<const double*>(data)[i] : static_cast<const float*>(data)[i];
  }
};

// Labels of any integer type without gaps, and what wrappers make of them: smoothing by epsilon,
// then weights for classes, then weights for events.
struct Labels {
  const void* data = nullptr;
  int type = 8;  // bytes of a label, negative for unsigned ones
  std::vector<int64_t> ignore;
  double epsilon = 0;
  Numbers sample_weight, class_weight;

  // Whether there may be a mass other than 1.
  bool weigh() const { return epsilon != 0 || !ignore.empty() || sample_weight || class_weight; }

  bool ignored(int64_t y) const {
    for (const int64_t mark : ignore)
      if (y == mark) return true;
    return false;
  }

  int64_t at(int64_t e) const {
    int64_t found = 0;
    as_typed([&](auto* labels) { found = read(labels, e); });
    return found;
  }

  // with(labels) as an array of the type that they have.
  template <class With>
  void as_typed(const With& with) const {
    switch (type) {
      case 8:
      case -8:
        return with(static_cast<const int64_t*>(data));
      case 4:
        return with(static_cast<const int32_t*>(data));
      case -4:
        return with(static_cast<const uint32_t*>(data));
      case 2:
        return with(static_cast<const int16_t*>(data));
      case -2:
        return with(static_cast<const uint16_t*>(data));
      case 1:
        return with(static_cast<const int8_t*>(data));
      default:
        return with(static_cast<const uint8_t*>(data));
    }
  }

  template <class T>
  static int64_t read(const T* labels, int64_t e) {
    T y;
    std::memcpy(&y, labels + e, sizeof y);
    return int64_t(y);
  }
  static int64_t read(const int64_t* labels, int64_t e) { return read_once(labels + e); }
};

// Where what comes of labels goes, one number for each event: the class, -1 for none, and where
// there is a mass other than 1 the value on it, the mass if it is asked for (without a background
// it is the value), and with smoothing the background.
struct LabelRows {
  int64_t* label = nullptr;
  double* value = nullptr;
  double* mass = nullptr;
  double* background = nullptr;
};

// The part of P that they are; where there is no mass beside it, it is the value.
inline void put(Stored& p, const LabelRows& rows, const std::vector<double>& spread) {
  p.entries = 1;
  p.index = rows.label;
  p.value = rows.value;
  p.mass = rows.mass ? rows.mass : rows.value;
  p.factor = rows.background;
  if (rows.background && !spread.empty()) p.spread = spread.data();
}

// What was wrong with some labels: the first event whose label is no class, and whether a weight is
// no number from 0 on. There is then something to say, or arithmetic to do, that is not done here.
struct Wrong {
  int64_t bad = -1;
  bool odd = false;

  explicit operator bool() const { return bad >= 0 || odd; }
};

// Reads labels of some number of classes; the weights of these are read once for all events.
class Reading {
 public:
  Reading(const Labels& given, int64_t classes)
      : given_(given), classes_(classes), sum_(double(classes)) {
    if (!given.class_weight) return;
    by_class_.resize(size_t(classes));
    for (int64_t k = 0; k < classes; ++k) {
      by_class_[size_t(k)] = given.class_weight[k];
      odd_ |= !weight(by_class_[size_t(k)]);
    }
    if (given.epsilon != 0) sum_ = pairwise(by_class_.data(), classes);
  }

  const Labels& given() const { return given_; }
  // Whether a weight of a class is none.
  bool odd() const { return odd_; }
  // What the background is multiplied by at each class, empty for 1.
  const std::vector<double>& spread() const { return by_class_; }

  // The events [first, end), their masses times `scale`. An event whose label is no class is NaN.
  Wrong events(int64_t first, int64_t end, const LabelRows& to, double scale = 1) const {
    Wrong found;
    const bool counts = given_.epsilon == 0 && !given_.sample_weight && !given_.class_weight &&
                        given_.ignore.size() <= 1 && scale == 1;
    given_.as_typed([&](auto* labels) {
      if (counts && counted(labels, first, end, to)) return;
      found = typed(labels, first, end, to, scale);
    });
    found.odd |= odd_;
    return found;
  }

 private:
  static bool weight(double w) { return w >= 0 && w <= 0x1p1000; }

  // Where every event weighs 1, or 0 where its label is the one that is ignored; false where a
  // label is no class.
  template <class T>
  bool counted(const T* labels, int64_t first, int64_t end, const LabelRows& to) const {
    const bool ignores = !given_.ignore.empty();
    const int64_t mark = ignores ? given_.ignore[0] : 0;
    bool fit = true;
    for (int64_t e = first; e < end; ++e) {
      const int64_t y = Labels::read(labels, e), at = e - first;
      const bool out = ignores && y == mark, there = uint64_t(y) < uint64_t(classes_);
      fit &= out | there;
      to.label[at] = there && !out ? y : -1;
      if (to.value) to.value[at] = out ? 0 : 1;
      if (to.mass) to.mass[at] = out ? 0 : 1;
    }
    return fit;
  }

  template <class T>
  Wrong typed(const T* labels, int64_t first, int64_t end, const LabelRows& to,
              double scale) const {
    Wrong wrong;
    const double kept = 1 - given_.epsilon, share = given_.epsilon / double(classes_);
    for (int64_t e = first; e < end; ++e) {
      const int64_t y = Labels::read(labels, e), at = e - first;
      const bool there = uint64_t(y) < uint64_t(classes_);
      if (!to.value) {
        if (!there && wrong.bad < 0) wrong.bad = e;
        to.label[at] = there ? y : -1;
        continue;
      }
      const bool out = given_.ignored(y);
      double w = 1;
      if (given_.sample_weight) {
        w = given_.sample_weight[e];
        wrong.odd |= !weight(w);
      }
      w = out ? 0 : w * scale;
      if (!there && w != 0) {
        if (wrong.bad < 0) wrong.bad = e;
        w = NAN;
      }
      const bool weighted = there && w != 0 && !by_class_.empty();
      to.label[at] = out || !there ? -1 : y;
      const double value = w * (weighted ? kept * by_class_[size_t(y)] : kept);
      to.value[at] = value;
      if (to.background) to.background[at] = w * share;
      if (to.mass) to.mass[at] = to.background && w != 0 ? value + w * share * sum_ : value;
    }
    return wrong;
  }

  const Labels& given_;
  int64_t classes_;
  std::vector<double> by_class_;  // empty: ones
  double sum_;
  bool odd_ = false;
};

}  // namespace plogq
