// Some events of labels, and what comes of them, as a call of a program needs it: what labelled.hpp
// finds of all events at once, but in pieces that stay in cache, with a label that is no class told
// or made NaN, and weights as they lie.
#pragma once
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "call.hpp"
#include "pairwise.hpp"

namespace plogq {

// Numbers of float64 or float32 without gaps; null stands for ones.
struct Numbers {
  const void* data = nullptr;
  int dtype = F64;

  explicit operator bool() const { return data != nullptr; }
  double operator[](int64_t i) const {
    return dtype == F64 ? static_cast<const double*>(data)[i] : static_cast<const float*>(data)[i];
  }
};

// Labels of any integer type without gaps, and what wrappers make of them: smoothing by epsilon,
// then weights for classes, then weights for events.
struct TypedLabels {
  const void* data = nullptr;
  int type = 8;  // bytes of a label, negative for unsigned ones
  bool ignores = false;
  int64_t ignore = 0;  // the mark of an event without mass, where there is one
  double epsilon = 0;
  Numbers sample_weight, class_weight;

  // Whether there is a mass other than 1.
  bool weigh() const { return epsilon != 0 || ignores || sample_weight || class_weight; }

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

// Whether a weight is a number from 0 on.
inline bool is_weight(double w) { return w >= 0 && w <= 0x1p1000; }

// The weights of the classes, found once for all events.
struct ByClass {
  std::vector<double> weight;  // empty: ones
  double sum;
  bool odd = false;

  ByClass(const TypedLabels& given, int64_t classes) : sum(double(classes)) {
    if (!given.class_weight) return;
    weight.resize(size_t(classes));
    for (int64_t k = 0; k < classes; ++k) {
      weight[size_t(k)] = given.class_weight[k];
      odd |= !is_weight(weight[size_t(k)]);
    }
    sum = pairwise(weight.data(), classes);
  }
};

// Some events of labels. The first label that is no class is remembered, and its event is NaN;
// that a weight is none is remembered too.
class LabelledPiece {
 public:
  // Within these bounds float32 carries a divisor, and what it divides.
  static constexpr double LEAST = 0x1p-60, MOST = 0x1p60;
  static bool carried(double divisor) { return divisor > LEAST && divisor < MOST; }

  // The events from `from` on, their masses times `scale`.
  LabelledPiece(const TypedLabels& given, const ByClass& by_class, int64_t classes, int64_t from,
                int64_t events, double scale = 1)
      : events_(events),
        weighs_(given.weigh() || scale != 1),
        smooths_(given.epsilon != 0),
        odd_(by_class.odd),
        by_class_(by_class),
        kept_(new double[size_t(events * (smooths_  ? 6
                                          : weighs_ ? 5
                                                    : 3)) +
                         1]) {
    given.as_typed([&](auto* labels) { take(given, labels, classes, from, scale); });
  }

  // The first event whose label is no class, counted from the first of all; -1 for none.
  int64_t bad() const { return bad_; }
  // Whether every label is a class and every weight a number from 0 on: else there is something to
  // say, or arithmetic to do, that is not done here.
  bool fits() const { return bad_ < 0 && !odd_; }

  int64_t events() const { return events_; }

  double mass() const {
    if (bad_ >= 0) return NAN;
    return weighs_ ? pairwise(row(4), events_) : double(events_);
  }

  // The part of P, and where the statistics of the events are kept.
  void put(Stored& p) {
    p.entries = 1;
    p.greatest = row(0);
    p.rest = row(1);
    p.index = reinterpret_cast<const int64_t*>(row(2));
    if (weighs_) {
      p.value = row(3);
      p.mass = row(4);
    }
    if (smooths_) p.factor = row(5);
    if (smooths_ && !by_class_.weight.empty()) p.spread = by_class_.weight.data();
  }

 private:
  double* row(int64_t i) { return kept_.get() + i * events_; }
  const double* row(int64_t i) const { return kept_.get() + i * events_; }

  template <class T>
  void take(const TypedLabels& given, const T* labels, int64_t classes, int64_t from,
            double scale) {
    int64_t* label = reinterpret_cast<int64_t*>(row(2));
    if (!weighs_) {
      for (int64_t e = 0; e < events_; ++e) {
        const int64_t y = TypedLabels::read(labels, from + e);
        const bool there = uint64_t(y) < uint64_t(classes);
        if (!there && bad_ < 0) bad_ = from + e;
        label[e] = there ? y : -1;
      }
      return;
    }
    const double* by_class = by_class_.weight.empty() ? nullptr : by_class_.weight.data();
    const double kept = 1 - given.epsilon, share = given.epsilon / double(classes);
    double* const value = row(3);
    double* const mass = row(4);
    double* const factor = smooths_ ? row(5) : nullptr;
    for (int64_t e = 0; e < events_; ++e) {
      const int64_t y = TypedLabels::read(labels, from + e);
      const bool out = given.ignores && y == given.ignore;
      double w = 1;
      if (given.sample_weight) {
        w = given.sample_weight[from + e];
        odd_ |= !is_weight(w);
      }
      w = out ? 0 : w * scale;
      const bool there = uint64_t(y) < uint64_t(classes);
      if (!there && w != 0) {
        if (bad_ < 0) bad_ = from + e;
        w = NAN;
      }
      label[e] = out || !there ? -1 : y;
      value[e] = mass[e] = by_class && there && w != 0 ? w * (kept * by_class[y]) : w * kept;
      if (!smooths_) continue;
      factor[e] = w * share;
      if (w != 0) mass[e] += w * share * by_class_.sum;
    }
  }

  int64_t events_;
  bool weighs_, smooths_, odd_;
  int64_t bad_ = -1;
  const ByClass& by_class_;
  // Rows of one number per event: greatest score, R, class (-1: none), value, mass, background.
  std::unique_ptr<double[]> kept_;
};

}  // namespace plogq
