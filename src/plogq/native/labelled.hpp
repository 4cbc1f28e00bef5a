// Labels as they are given, and what comes of them: for every event a class, a value on it, a
// background and a mass. Each is found once, and read by forward and backward alike, so that nobody
// can have written to it in between.
#pragma once
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "call.hpp"
#include "pairwise.hpp"

namespace plogq {

// Labels of any integer type without gaps, and what wrappers make of them: smoothing by epsilon,
// then weights for classes, then weights for events. Null weights are ones.
struct Labels {
  const void* data = nullptr;
  int type = 8;  // bytes of a label, negative for unsigned ones
  std::optional<int64_t> ignore;
  double epsilon = 0;
  const double* sample_weight = nullptr;
  const double* class_weight = nullptr;

  int64_t at(int64_t e) const {
    switch (type) {
      case 8:
      case -8:
        return read_once(static_cast<const int64_t*>(data) + e);
      case 4:
        return read<int32_t>(e);
      case -4:
        return read<uint32_t>(e);
      case 2:
        return read<int16_t>(e);
      case -2:
        return read<uint16_t>(e);
      case 1:
        return read<int8_t>(e);
      default:
        return read<uint8_t>(e);
    }
  }

 private:
  template <class T>
  int64_t read(int64_t e) const {
    T y;
    std::memcpy(&y, static_cast<const T*>(data) + e, sizeof y);
    return int64_t(y);
  }
};

class Labelled {
 public:
  // Within these bounds float32 carries a divisor, and what it divides.
  static constexpr double LEAST = 0x1p-60, MOST = 0x1p60;

  Labelled(const Labels& given, int64_t events, int64_t classes) : events_(events) {
    fits_ = take(given, classes);
  }

  // Whether every label is a class and every weight a number from 0 on: else there is something to
  // say, or arithmetic to do, that is not done here.
  bool fits() const { return fits_; }

  int64_t events() const { return events_; }

  double mass() const { return weighs_ ? pairwise(row(4), events_) : double(events_); }

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
    if (smooths_ && !spread_.empty()) p.spread = spread_.data();
  }

 private:
  double* row(int64_t i) { return kept_.data() + i * events_; }
  const double* row(int64_t i) const { return kept_.data() + i * events_; }

  static bool weight(double w) { return w >= 0 && w <= 0x1p1000; }

  bool take(const Labels& given, int64_t classes) {
    smooths_ = given.epsilon != 0;
    weighs_ = smooths_ || given.ignore || given.sample_weight || given.class_weight;
    kept_.resize(size_t(events_ * (smooths_ ? 6 : weighs_ ? 5 : 3)));
    double spread = double(classes);
    if (given.class_weight) {
      for (int64_t k = 0; k < classes; ++k)
        if (!weight(given.class_weight[k])) return false;
      if (smooths_) {
        spread_.assign(given.class_weight, given.class_weight + classes);
        spread = pairwise(given.class_weight, classes);
      }
    }
    int64_t* label = reinterpret_cast<int64_t*>(row(2));
    const double kept = 1 - given.epsilon, share = given.epsilon / double(classes);
    for (int64_t e = 0; e < events_; ++e) {
      const int64_t y = given.at(e);
      const bool out = given.ignore && y == *given.ignore;
      const double w = out ? 0 : given.sample_weight ? given.sample_weight[e] : 1;
      if (given.sample_weight && !weight(given.sample_weight[e])) return false;
      const bool there = uint64_t(y) < uint64_t(classes);
      if (!there && w != 0) return false;
      label[e] = out || !there ? -1 : y;
      if (!weighs_) continue;
      const double on = given.class_weight && w != 0 ? kept * given.class_weight[y] : kept;
      row(3)[e] = w * on;
      row(4)[e] = w * on;
      if (!smooths_) continue;
      row(5)[e] = w * share;
      row(4)[e] += w * share * spread;
    }
    return true;
  }

  int64_t events_;
  bool fits_, weighs_, smooths_;
  // Rows of one number per event: greatest score, R, class (-1: none), value, mass, background.
  std::vector<double> kept_;
  std::vector<double> spread_;
};

}  // namespace plogq
