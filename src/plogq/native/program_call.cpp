// P × logits, some events at a time: what is found out about these events, their losses and their
// gradients stay in cache, and only what the caller asks for is written.
#include "program_call.hpp"

#include <new>

#include "divisor.hpp"
#include "huge_pages.hpp"
#include "outcomes.hpp"

namespace plogq {

namespace {

// So many scores belong to a piece of work, and so many events at the most.
constexpr int64_t ELEMENTS = int64_t(1) << 15, EVENTS = 2048, FEW = 8;
// From how many scores on a second thread pays: where there is a pool, and where it is spawned.
constexpr int64_t POOLED = int64_t(1) << 16, SPAWNED = int64_t(1) << 18;

// What a piece of work finds: the sums of losses and of masses, and what is wrong with P.
struct Part {
  double loss = 0, mass = 0;
  int64_t bad = -1;
  bool odd = false;
};

template <class T>
class Pieces {
 public:
  Pieces(ProgramCall& call, const Kernels* kernels)
      : call_(call),
        kernels_(kernels),
        classes_(call.scores.classes),
        events_(events_of(call.scores)),
        reading_(call.labels, classes_) {
    int64_t each = ELEMENTS / (classes_ > 0 ? classes_ : 1);
    if (call.target != YES_NO && each > EVENTS) each = EVENTS;
    if (each < 1) each = 1;
    // Events on several axes are one piece: the kernel finds its way among them. So are few events,
    // of which it shares out the classes. The number of threads has no say in it.
    const int64_t elements = events_ * classes_;
    whole_ = call.scores.axes > 1 || call.gradient.axes > 1 || events_ <= FEW;
    each_ = whole_ ? events_ : each;
    const bool pooled = call.helpers.start && !whole_;
    threads_ = elements < (pooled ? POOLED : SPAWNED) ? 1 : int(call.threads);
    if (each_ > 0) parts_.resize(size_t((events_ + each_ - 1) / each_));
  }

  void run() {
    if (call_.forward)
      forward();
    else
      backward();
  }

 private:
  void forward() {
    const bool at_once = bool(call_.gradient);
    if (at_once) in_huge_pages(call_.gradient, events_);
    masses_alone_ = at_once && call_.reduction == MEAN && weigh();
    d_loss_ = slope(call_.reduction == MEAN ? double(events_) : divisor());
    measured();
    if (stopped()) return;
    if (masses_alone_) {
      masses_alone_ = false;
      d_loss_ = slope(divisor());
      pieces();
    }
    if (call_.reduction == NONE) return;
    const double by = divisor(), sum = sum_of(&Part::loss);
    if (at_once && slope(by) != d_loss_) {
      d_loss_ = slope(by);
      pieces();
    }
    *static_cast<T*>(call_.loss) = T(by == 0 ? 0 : sum / by);
    if (call_.divisor) Divisor::put(by / scale_, static_cast<T*>(call_.divisor));
  }

  // All pieces, and once more where float32 does not carry their masses as they stand.
  void measured() {
    pieces();
    if (stopped() || call_.reduction == NONE || divisor() == 0) return;
    scale_ = level_of(divisor());
    if (scale_ != 1) pieces();
  }
  // Weights may be of any size; what rows sum to is their mass as it stands.
  double level_of(double divisor) const { return call_.target == LABELS ? level(divisor) : 1; }
  // Whether there may be a mass other than 1.
  bool weigh() const {
    return call_.target == ROWS || (call_.target == LABELS && call_.labels.weigh());
  }
  bool stopped() const { return call_.bad >= 0 || call_.odd; }

  // What flows back to each loss from the reduced one.
  double slope(double divisor) const {
    return call_.reduction == NONE ? 1 : divisor == 0 ? 0 : 1 / divisor;
  }

  void backward() {
    if (call_.reduction != NONE) {
      const double d = double(*static_cast<const T*>(call_.d_loss));
      if (call_.made && d == 1) return;
      const double divisor = Divisor::get(static_cast<const T*>(call_.divisor));
      scale_ = level_of(divisor);
      d_loss_ = divisor == 0 ? 0 * d : d / (divisor * scale_);
    }
    if (!call_.made) in_huge_pages(call_.gradient, events_);
    pieces();
  }

  // Throws std::bad_alloc, here and not in a helper's thread.
  void pieces() {
    const Helpers own = whole_ ? Helpers{} : call_.helpers;
    Shared::run(int64_t(parts_.size()), whole_ ? 1 : threads_, own, piece, this);
    if (full_) throw std::bad_alloc();
    for (const Part& part : parts_) {
      call_.odd |= call_.strict && part.odd;
      if (call_.checks_labels && call_.bad < 0) call_.bad = part.bad;
    }
  }

  double divisor() const {
    return call_.reduction == MEAN    ? sum_of(&Part::mass)
           : call_.reduction == BATCH ? double(events_) * scale_
                                      : scale_;
  }

  double sum_of(double Part::* field) const {
    std::vector<double> each;
    each.reserve(parts_.size());
    for (const Part& part : parts_) each.push_back(part.*field);
    return pairwise(each.data(), int64_t(each.size()));
  }

  static void piece(void* context, int64_t i) {
    Pieces& all = *static_cast<Pieces*>(context);
    const int64_t from = i * all.each_, left = all.events_ - from;
    try {
      all.parts_[size_t(i)] = all.found(from, left < all.each_ ? left : all.each_);
    } catch (const std::bad_alloc&) {
      all.full_ = true;
    }
  }

  static View from_event(View v, int64_t from, int64_t events) {
    if (from == 0 && (v.axes != 1 || events == v.shape[0])) return v;
    v.data = v.event(from);
    v.shape[0] = events;
    return v;
  }

  Part found(int64_t from, int64_t events) {
    if (call_.made && scaled(from, events)) return Part();
    return call_.target == LABELS ? labels(from, events)
           : call_.target == ROWS ? rows(from, events)
                                  : yes_no(from, events);
  }

  Part labels(int64_t from, int64_t events) {
    LabelledPiece labelled(reading_, from, events, scale_);
    Part part;
    part.bad = labelled.wrong().bad;
    part.odd = part.bad < 0 && labelled.wrong().odd;
    part.mass = labelled.mass();
    if ((call_.checks_labels && part.bad >= 0) || masses_alone_) return part;
    Stored p;
    labelled.put(p);
    return stored(p, from, events, part);
  }

  Part rows(int64_t from, int64_t events) {
    std::unique_ptr<double[]> kept(new double[size_t(4 * events)]);
    Sums s;
    s.events = events;
    s.array = from_event(call_.probs, from, events);
    s.sum = kept.get();
    s.least = s.sum + events;
    const int threads = whole_ ? threads_ : 1;
    kernels_->sums(s, threads);
    Part part;
    part.odd = !distributions(s, call_.tolerance);
    part.mass = pairwise(s.sum, events);
    if (masses_alone_) return part;
    Stored p;
    p.dense = s.array;
    p.mass = s.sum;
    p.greatest = s.least + events;
    p.rest = p.greatest + events;
    return stored(p, from, events, part);
  }

  Part stored(Stored& p, int64_t from, int64_t events, Part part) {
    p.softcap = call_.softcap;
    p.events = events;
    p.scores = from_event(call_.scores, from, events);
    const int threads = whole_ ? threads_ : 1;
    if (call_.forward) {
      const Losses losses(*this, from, events);
      p.loss = losses.to;
      if (call_.gradient) to_gradient(p, from, events);
      kernels_->stored(p, threads);
      put(p.greatest, call_.greatest, from, events);
      put(p.rest, call_.rest, from, events);
      part.loss = losses.sum();
      return part;
    }
    const Flowing flowing(*this, from, events);
    to_gradient(p, from, events);
    p.d_loss = flowing.d_loss.get();
    // What was not kept is found again; the greatest of capped scores has more digits than float32.
    p.forward = !call_.greatest || (call_.softcap != 0 && sizeof(T) < sizeof(double));
    if (!p.forward) {
      get(call_.greatest, p.greatest, from, events);
      get(call_.rest, p.rest, from, events);
    }
    kernels_->stored(p, threads);
    return part;
  }

  Part yes_no(int64_t from, int64_t events) {
    Part part;
    part.mass = double(events);
    Binary p;
    p.events = events;
    p.scores = from_event(call_.scores, from, events);
    p.target = from_event(call_.probs, from, events);
    part.odd = call_.strict && !probabilities(*kernels_, p.target, events, 1);
    const int threads = whole_ ? threads_ : 1;
    if (call_.forward) {
      const Losses losses(*this, from, events);
      p.loss = losses.to;
      if (call_.gradient) to_gradient(p, from, events);
      kernels_->binary(p, threads);
      part.loss = losses.sum();
      return part;
    }
    const Flowing flowing(*this, from, events);
    to_gradient(p, from, events);
    p.d_loss = flowing.d_loss.get();
    kernels_->binary(p, threads);
    return part;
  }

  // Where the losses of some events go: to whoever asks for them, or to be added up.
  struct Losses {
    std::unique_ptr<T[]> own;
    T* to;
    int64_t events;

    Losses(const Pieces& all, int64_t from, int64_t events) : events(events) {
      if (all.call_.reduction == NONE)
        to = static_cast<T*>(all.call_.loss) + from;
      else
        own.reset(to = new T[size_t(events)]);
    }
    double sum() const { return own ? pairwise(to, events) : 0; }
  };

  // What flows back to some events, null where it is the same for all.
  struct Flowing {
    std::unique_ptr<double[]> d_loss;

    Flowing(const Pieces& all, int64_t from, int64_t events) {
      if (all.call_.reduction != NONE) return;
      d_loss.reset(new double[size_t(events)]);
      get(all.call_.d_loss, d_loss.get(), from, events);
    }
  };

  template <class Problem>
  void to_gradient(Problem& p, int64_t from, int64_t events) const {
    p.gradient = from_event(call_.gradient, from, events);
    p.d_loss_all = d_loss_;
    p.streams = past_cache(call_.gradient, call_.scores, events_);
  }

  // Makes the gradient for a d_loss of 1, which is there, that for these d_loss, where nothing is
  // lost by it but one rounding: of float32 and wider, and for numbers up to 1. False where it is
  // to be made anew.
  bool scaled(int64_t from, int64_t events) const {
    const T* each = static_cast<const T*>(call_.d_loss) + (call_.reduction == NONE ? from : 0);
    const int64_t count = call_.reduction == NONE ? events : 1;
    const View g = from_event(call_.gradient, from, events);
    const bool exact = g.dtype == (sizeof(T) == sizeof(double) ? F64 : F32) && g.axes <= 1;
    bool ones = true, fits = exact;
    for (int64_t e = 0; e < count; ++e) {
      ones &= each[e] == 1;
      fits &= std::fabs(each[e]) <= 1 && each[e] != 0;
    }
    if (ones || !fits) return ones;
    for (int64_t e = 0; e < events; ++e) {
      char* const event = g.event(e);
      const T d = each[count > 1 ? e : 0];
      if (g.class_stride == int64_t(sizeof(T))) {
        T* const row = reinterpret_cast<T*>(event);
        for (int64_t k = 0; k < classes_; ++k) row[k] *= d;
      } else {
        for (int64_t k = 0; k < classes_; ++k)
          *reinterpret_cast<T*>(event + k * g.class_stride) *= d;
      }
    }
    return true;
  }

  static void put(const double* x, void* to, int64_t from, int64_t events) {
    for (int64_t e = 0; to && e < events; ++e) static_cast<T*>(to)[from + e] = T(x[e]);
  }
  static void get(const void* x, double* to, int64_t from, int64_t events) {
    for (int64_t e = 0; e < events; ++e) to[e] = double(static_cast<const T*>(x)[from + e]);
  }

  ProgramCall& call_;
  const Kernels* kernels_;
  const int64_t classes_, events_;
  const Reading reading_;
  int64_t each_ = 1;
  bool whole_ = false, masses_alone_ = false;
  int threads_ = 1;
  double scale_ = 1, d_loss_ = 0;
  std::atomic<bool> full_{false};
  std::vector<Part> parts_;
};

}  // namespace

bool run_program(ProgramCall& call) {
  // A graph may come from another machine.
  const bool known = call.set >= 0 && size_t(call.set) < sets().size();
  const Running kernels(known ? call.set : 0);
  if (call.ignores) call.labels.ignore = {call.ignore};
  call.labels.epsilon = call.epsilon;
  try {
    if (call.scores.dtype == F64)
      Pieces<double>(call, kernels.operator->()).run();
    else
      Pieces<float>(call, kernels.operator->()).run();
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

}  // namespace plogq
