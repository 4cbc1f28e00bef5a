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
                                          : weighs_ ? 4
                                                    : 3)) +
                         1]) {
    rows_.label = reinterpret_cast<int64_t*>(row(2));
    if (weighs_) rows_.value = row(3);
    if (smooths_) rows_.mass = row(4), rows_.background = row(5);
    wrong_ = reading.events(from, from + events, rows_, scale);
  }

  const Wrong& wrong() const { return wrong_; }

  double mass() const {
    if (wrong_.bad >= 0) return NAN;
    return weighs_ ? pairwise(row(smooths_ ? 4 : 3), events_) : double(events_);
  }

  // The part of P, and where the statistics of the events are kept.
  void put(Stored& p) {
    plogq::put(p, rows_, reading_.spread());
    p.greatest = row(0);
    p.rest = row(1);
  }

 private:
  double* row(int64_t i) { return kept_.get() + i * events_; }
  const double* row(int64_t i) const { return kept_.get() + i * events_; }

  int64_t events_;
  bool weighs_, smooths_;
  const Reading& reading_;
  LabelRows rows_;
  Wrong wrong_;
  // Rows of one number per event: greatest score, R, class (-1: none), value, mass, background.
  std::unique_ptr<double[]> kept_;
};

}  // namespace plogq
