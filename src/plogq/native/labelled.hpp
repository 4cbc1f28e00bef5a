// Labels and what comes of them for all events at once: each is found once, and read by forward and
// backward alike, so that nobody can have written to it in between.
#pragma once
#include <atomic>
#include <memory>

#include "labels.hpp"

namespace plogq {

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
    plogq::put(p, rows(0), spread_);
    p.index = index_;
    if (keeps_ || gradient) {
      if (!statistics_) statistics_.reset(new double[size_t(2 * events_)]);
      p.greatest = statistics_.get();
      p.rest = p.greatest + events_;
    }
  }

 private:
  enum Row { INDEX, VALUE, MASS, BACKGROUND };
  double* row(Row i) { return kept_.get() + i * events_; }
  const double* row(Row i) const { return kept_.get() + i * events_; }
  // Without a background all mass of an event is on its class.
  const double* masses() const { return row(smooths_ ? MASS : VALUE); }

  bool take(const Labels& given, int64_t classes, int threads) {
    smooths_ = given.epsilon != 0;
    weighs_ = given.weigh();
    // As they stand, where nothing is to be made of them: the kernel checks what it reads.
    const bool as_given = !weighs_ && !keeps_ && (given.type == 8 || given.type == -8);
    if (as_given) {
      index_ = static_cast<const int64_t*>(given.data);
    } else {
      kept_.reset(new double[size_t(events_ * (smooths_ ? 4 : weighs_ ? 2 : 1))]);
      index_ = reinterpret_cast<const int64_t*>(row(INDEX));
    }
    const Reading reading(given, classes);
    if (reading.odd()) return false;
    if (smooths_) spread_ = reading.spread();
    Part part{*this, reading, classes};
    parallel((events_ + Part::UNIT - 1) / Part::UNIT, threads, as_given ? Part::look : Part::take,
             &part);
    return part.fits;
  }

  // What is found of some of the events.
  struct Part {
    static constexpr int64_t UNIT = 16384;
    Labelled& to;
    const Reading& reading;
    int64_t classes;
    std::atomic<bool> fits{true};

    int64_t end(int64_t unit) const {
      return (unit + 1) * UNIT < to.events_ ? (unit + 1) * UNIT : to.events_;
    }

    static void look(void* context, int64_t unit) {
      Part& part = *static_cast<Part*>(context);
      const int64_t* label = static_cast<const int64_t*>(part.reading.given().data);
      int64_t none = 0;
      for (int64_t e = unit * UNIT, end = part.end(unit); e < end; ++e)
        none |= label[e] | (part.classes - 1 - label[e]);
      if (none < 0) part.fits = false;
    }

    static void take(void* context, int64_t unit) {
      Part& part = *static_cast<Part*>(context);
      const int64_t first = unit * UNIT;
      if (part.reading.events(first, part.end(unit), part.to.rows(first))) part.fits = false;
    }
  };

  LabelRows rows(int64_t first) {
    LabelRows found;
    found.label = reinterpret_cast<int64_t*>(row(INDEX)) + first;
    if (weighs_) found.value = row(VALUE) + first;
    if (smooths_) found.mass = row(MASS) + first, found.background = row(BACKGROUND) + first;
    return found;
  }

  int64_t events_;
  bool keeps_, fits_, weighs_, smooths_;
  const int64_t* index_;  // the class of every event, -1 for none
  // Rows of one number per event, and of the statistics: the greatest score, and R.
  std::unique_ptr<double[]> kept_, statistics_;
  std::vector<double> spread_;
};

}  // namespace plogq
