// Some events of labels, and what comes of them, as a call of a program needs it: in pieces that
// stay in cache, with a label that is no class told or made NaN.
#pragma once
#include <memory>

#include "labels.hpp"

namespace plogq {

class LabelledPiece {
 public:
  // The events from `from` on, their masses times `scale`.
  LabelledPiece(const Reading& reading, int64_t from, int64_t events, double scale = 1)
      : events_(events),
        weighs_(reading.given().weigh() || scale != 1),
        smooths_(reading.given().epsilon != 0),
        reading_(reading),
        kept_(new double[size_t(events * (smooths_  ? 6
                                          : weighs_ ? 5
                                                    : 3)) +
                         1]) {
    LabelRows to;
    to.label = reinterpret_cast<int64_t*>(row(2));
    if (weighs_) to.value = row(3), to.mass = row(4);
    if (smooths_) to.background = row(5);
    wrong_ = reading.events(from, from + events, to, scale);
  }

  const Wrong& wrong() const { return wrong_; }

  double mass() const {
    if (wrong_.bad >= 0) return NAN;
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
    if (smooths_ && !reading_.spread().empty()) p.spread = reading_.spread().data();
  }

 private:
  double* row(int64_t i) { return kept_.get() + i * events_; }
  const double* row(int64_t i) const { return kept_.get() + i * events_; }

  int64_t events_;
  bool weighs_, smooths_;
  const Reading& reading_;
  Wrong wrong_;
  // Rows of one number per event: greatest score, R, class (-1: none), value, mass, background.
  std::unique_ptr<double[]> kept_;
};

}  // namespace plogq
