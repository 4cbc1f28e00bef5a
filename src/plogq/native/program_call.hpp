// One call of labels, rows of probabilities or yes/no outcomes × logits, forward or backward, as a
// program of XLA or of TensorFlow makes it: what it is told by name, and its arrays. Both read this
// one description.
#pragma once
#include "helpers.hpp"
#include "labelled_piece.hpp"

namespace plogq {

// What P is.
enum Target : int64_t { LABELS = 0, ROWS = 1, YES_NO = 2 };

// What a call is told by name: type, name, and what it is if nothing is said.
#define PLOGQ_TOLD(X)         \
  X(int64_t, set, 0)          \
  X(int64_t, target, LABELS)  \
  X(int64_t, threads, 1)      \
  X(int64_t, axis, -1)        \
  X(int64_t, reduction, MEAN) \
  X(int64_t, ignore, 0)       \
  X(bool, ignores, false)     \
  X(bool, sampled, false)     \
  X(bool, by_class, false)    \
  X(bool, strict, false)      \
  X(double, epsilon, 0)       \
  X(double, tolerance, 0)     \
  X(double, softcap, 0)

struct ProgramCall {
#define PLOGQ_FIELD(type, name, otherwise) type name = otherwise;
  PLOGQ_TOLD(PLOGQ_FIELD)
#undef PLOGQ_FIELD

  // with(name, field) for each of them.
  template <class With>
  void told(const With& with) {
#define PLOGQ_EACH(type, name, otherwise) with(#name, name);
    PLOGQ_TOLD(PLOGQ_EACH)
#undef PLOGQ_EACH
  }

  bool forward = true;
  Labels labels;
  View probs;  // of rows and of yes/no outcomes, as the scores lie
  View scores;
  // Of forward. Statistics are float64 where the scores are, else float32.
  void* loss = nullptr;  // one for each event, or one
  void* greatest = nullptr;
  void* rest = nullptr;
  void* divisor = nullptr;  // three numbers, see Divisor
  // Of backward, with the three above as forward left them.
  const void* d_loss = nullptr;
  // Of either: forward makes it for a d_loss of 1 where it is given, and backward makes that one
  // (`made`) the gradient that is asked for.
  View gradient;
  bool made = false;

  // Whether a label that is no class ends the call: `bad` is then the first event whose label it
  // is; else such an event is NaN. A `strict` call also ends with what is no weight, no
  // distribution or no probability: an `odd` one.
  bool checks_labels = false;
  int64_t bad = -1;
  bool odd = false;

  Helpers helpers;
};

// Runs it; false if there is no memory for it.
bool run_program(ProgramCall& call);

}  // namespace plogq
