// Labels as they are given, and what comes of them: for every event a class, a value on it, a
// background and a mass. Each is found once, and read by forward and backward alike, so that nobody
// can have written to it in between.
#pragma once
#include <atomic>
#include <cstring>
#include <memory>
#include <vector>

#include "call.hpp"
#include "pairwise.hpp"

namespace plogq {

// Labels of any integer type without gaps, and what wrappers make of them: smoothing by epsilon,
// then weights for classes, then weights for events. Null weights are ones.
struct Labels {
  const void* data = nullptr;
  int type = 8;  // bytes of a label, negative for unsigned ones
  std::vector<int64_t> ignore;
  double epsilon = 0;
  const double* sample_weight = nullptr;
  const double* class_weight = nullptr;

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

  // with(labels), an array of the type that they have.
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

  static int64_t read(const int64_t* labels, int64_t e) { return read_once(labels + e); }
  template <class T>
  static int64_t read(const T* labels, int64_t e) {
    T y;
    std::memcpy(&y, labels + e, sizeof y);
    return int64_t(y);
  }
};

class Labelled {
 public:
  // `keeps`: there is to be a backward after the forward.
  Labelled(const Labels& given, int64_t events, int64_t classes, bool keeps, int threads)
      : events_(events), keeps_(keeps) {
    fits_ = take(given, classes, threads);
  }

  // Whether every label is a class and every weight a number from 0 on: else there is something to
  // say, or arithmetic to do, that is not done here.
  bool fits() const { return fits_; }

  int64_t events() const { return events_; }

  double mass() const { return weighs_ ? pairwise(masses(), events_) : double(events_); }

  // The part of P, and where the statistics of the events are kept if a gradient needs them.
  void put(Stored& p, bool gradient) {
    p.entries = 1;
    p.index = index_;
    if (keeps_ || gradient) {
      if (!statistics_) statistics_.reset(new double[size_t(2 * events_)]);
      p.greatest = statistics_.get();
      p.rest = p.greatest + events_;
    }
    if (weighs_) {
      p.value = row(VALUE);
      p.mass = masses();
    }
    if (smooths_) p.factor = row(BACKGROUND);
    if (smooths_ && !spread_.empty()) p.spread = spread_.data();
  }

 private:
  enum Row { INDEX, VALUE, MASS, BACKGROUND };
  double* row(Row i) { return kept_.get() + i * events_; }
  const double* row(Row i) const { return kept_.get() + i * events_; }
  // Without a background all mass of an event is on its class.
  const double* masses() const { return row(smooths_ ? MASS : VALUE); }

  static bool weight(double w) { return w >= 0 && w <= 0x1p1000; }

  bool take(const Labels& given, int64_t classes, int threads) {
    smooths_ = given.epsilon != 0;
    weighs_ = smooths_ || !given.ignore.empty() || given.sample_weight || given.class_weight;
    // As they stand, where nothing is to be made of them: the kernel checks what it reads.
    const bool as_given = !weighs_ && !keeps_ && (given.type == 8 || given.type == -8);
    if (as_given) {
      index_ = static_cast<const int64_t*>(given.data);
    } else {
      kept_.reset(new double[size_t(events_ * (smooths_ ? 4 : weighs_ ? 2 : 1))]);
      index_ = reinterpret_cast<const int64_t*>(row(INDEX));
    }
    double spread = double(classes);
    if (given.class_weight) {
      for (int64_t k = 0; k < classes; ++k)
        if (!weight(given.class_weight[k])) return false;
      if (smooths_) {
        spread_.assign(given.class_weight, given.class_weight + classes);
        spread = pairwise(given.class_weight, classes);
      }
    }
    Part part{*this, given, classes, spread};
    parallel((events_ + Part::UNIT - 1) / Part::UNIT, threads, as_given ? Part::look : Part::take,
             &part);
    return part.fits;
  }

  // What is found of some of the events.
  struct Part {
    static constexpr int64_t UNIT = 16384;
    Labelled& to;
    const Labels& given;
    int64_t classes;
    double spread;
    std::atomic<bool> fits{true};

    int64_t end(int64_t unit) const {
      return (unit + 1) * UNIT < to.events_ ? (unit + 1) * UNIT : to.events_;
    }

    static void look(void* context, int64_t unit) {
      Part& part = *static_cast<Part*>(context);
      const int64_t* label = static_cast<const int64_t*>(part.given.data);
      int64_t none = 0;
      for (int64_t e = unit * UNIT, end = part.end(unit); e < end; ++e)
        none |= label[e] | (part.classes - 1 - label[e]);
      if (none < 0) part.fits = false;
    }

    static void take(void* context, int64_t unit) {
      Part& part = *static_cast<Part*>(context);
      if (!part.events(unit * UNIT, part.end(unit))) part.fits = false;
    }

    bool events(int64_t first, int64_t end) {
      bool fit = false;
      given.as_typed([&](auto* labels) {
        fit = to.smooths_ || given.sample_weight || given.class_weight || given.ignore.size() > 1
                  ? weighed(labels, first, end)
                  : counted(labels, first, end);
      });
      return fit;
    }

    // Every event weighs 1, or 0 where its label is the one that is ignored.
    template <class T>
    bool counted(const T* labels, int64_t first, int64_t end) {
      int64_t* const label = reinterpret_cast<int64_t*>(to.row(INDEX));
      double* const value = to.weighs_ ? to.row(VALUE) : nullptr;
      const bool ignores = !given.ignore.empty();
      const int64_t mark = ignores ? given.ignore[0] : 0;
      bool fit = true;
      for (int64_t e = first; e < end; ++e) {
        const int64_t y = Labels::read(labels, e);
        const bool out = ignores && y == mark, there = uint64_t(y) < uint64_t(classes);
        fit &= out | there;
        label[e] = there && !out ? y : -1;
        if (value) value[e] = out ? 0 : 1;
      }
      return fit;
    }

    template <class T>
    bool weighed(const T* labels, int64_t first, int64_t end) {
      int64_t* const label = reinterpret_cast<int64_t*>(to.row(INDEX));
      double* const value = to.row(VALUE);
      const double kept = 1 - given.epsilon, share = given.epsilon / double(classes);
      for (int64_t e = first; e < end; ++e) {
        const int64_t y = Labels::read(labels, e);
        const bool out = given.ignored(y);
        const double w = out ? 0 : given.sample_weight ? given.sample_weight[e] : 1;
        if (given.sample_weight && !weight(given.sample_weight[e])) return false;
        const bool there = uint64_t(y) < uint64_t(classes);
        if (!there && w != 0) return false;
        label[e] = out || !there ? -1 : y;
        value[e] = w * (given.class_weight && w != 0 ? kept * given.class_weight[y] : kept);
        if (!to.smooths_) continue;
        to.row(BACKGROUND)[e] = w * share;
        to.row(MASS)[e] = value[e] + w * share * spread;
      }
      return true;
    }
  };

  int64_t events_;
  bool keeps_, fits_, weighs_, smooths_;
  const int64_t* index_;  // the class of every event, -1 for none
  // Rows of one number per event, and of the statistics: the greatest score, and R.
  std::unique_ptr<double[]> kept_, statistics_;
  std::vector<double> spread_;
};

}  // namespace plogq
