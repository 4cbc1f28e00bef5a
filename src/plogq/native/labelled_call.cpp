// Labels × logits, some events at a time: what is found out about the labels of these events, their
// losses and their gradients stay in cache, and only what the caller asks for is written.
#include "labelled_call.hpp"

#include <atomic>
#include <new>
#include <thread>

#include "huge_pages.hpp"

namespace plogq {

namespace {

// So many scores belong to a piece of work, and so many events at the most.
constexpr int64_t ELEMENTS = int64_t(1) << 15, EVENTS = 2048, FEW = 8;
// From how many scores on a second thread pays: where there is a pool, and where it is spawned.
constexpr int64_t POOLED = int64_t(1) << 16, SPAWNED = int64_t(1) << 18;

// The sum that the losses are divided by, as three numbers that float32 carries: mantissa, what it
// lacks of it, exponent.
struct Divisor {
  template <class T>
  static void put(double x, T* to) {
    int exponent = 0;
    const double mantissa = std::frexp(x, &exponent);
    to[0] = T(mantissa);
    to[1] = std::isfinite(x) ? T(mantissa - double(to[0])) : T(0);
    to[2] = T(exponent);
  }
  template <class T>
  static double get(const T* from) {
    return std::ldexp(double(from[0]) + double(from[1]), int(from[2]));
  }
};

// A power of two that brings a divisor near 1, where float32 does not carry it.
double level(double divisor) {
  if (divisor == 0 || !std::isfinite(divisor) || LabelledPiece::carried(std::fabs(divisor)))
    return 1;
  int exponent = 0;
  std::frexp(divisor, &exponent);
  return std::ldexp(1.0, -exponent);
}

// Pieces of work by one counter, which the caller drains too: nobody waits for a helper that has
// not begun, and one that begins late finds nothing left and touches nothing else.
class Shared {
 public:
  Shared(int64_t units, void (*work)(void*, int64_t), void* context)
      : units_(units), work_(work), context_(context) {}

  static void run(int64_t units, int threads, const Helpers& helpers, void (*work)(void*, int64_t),
                  void* context) {
    if (!helpers.start) return parallel(units, threads, work, context);
    int64_t wanted = threads - 1 < helpers.count ? threads - 1 : helpers.count;
    if (wanted > units - 1) wanted = units - 1;
    if (wanted <= 0) {
      for (int64_t i = 0; i < units; ++i) work(context, i);
      return;
    }
    auto shared = std::make_shared<Shared>(units, work, context);
    for (int64_t i = 0; i < wanted; ++i)
      helpers.start(helpers.pool, help, new std::shared_ptr<Shared>(shared));
    shared->drain();
    while (shared->at_work_ > 0) std::this_thread::yield();
  }

 private:
  static void help(void* data) {
    auto* shared = static_cast<std::shared_ptr<Shared>*>(data);
    {
      const Running standard(0);
      ++(*shared)->at_work_;
      (*shared)->drain();
      --(*shared)->at_work_;
    }
    delete shared;
  }

  void drain() {
    for (int64_t i; (i = next_++) < units_;) work_(context_, i);
  }

  const int64_t units_;
  void (*const work_)(void*, int64_t);
  void* const context_;
  std::atomic<int64_t> next_{0};
  std::atomic<int> at_work_{0};
};

// What a piece of work finds: the sums of losses and of masses, and what is wrong with P.
struct Part {
  double loss = 0, mass = 0;
  int64_t bad = -1;
  bool odd = false;
};

template <class T>
class Pieces {
 public:
  Pieces(LabelledCall& call, const Kernels* kernels)
      : call_(call),
        kernels_(kernels),
        classes_(call.scores.classes),
        events_(events_of(call.scores)),
        by_class_(call.labels, classes_) {
    int64_t each = ELEMENTS / (classes_ > 0 ? classes_ : 1);
    each = each > EVENTS ? EVENTS : each < 1 ? 1 : each;
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
    masses_alone_ = at_once && call_.reduction == MEAN && call_.labels.weigh();
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
    scale_ = level(divisor());
    if (scale_ != 1) pieces();
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
      scale_ = level(divisor);
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
    const LabelledCall& call = call_;
    if (call.made && scaled(from, events)) return Part();
    LabelledPiece labelled(call.labels, by_class_, classes_, from, events, scale_);
    Part part;
    part.bad = labelled.bad();
    part.odd = !labelled.fits() && labelled.bad() < 0;
    part.mass = labelled.mass();
    if ((call.checks_labels && part.bad >= 0) || masses_alone_) return part;
    Stored p;
    p.softcap = call.softcap;
    p.events = events;
    p.scores = from_event(call.scores, from, events);
    labelled.put(p);
    const int threads = whole_ ? threads_ : 1;
    if (call.forward) {
      std::unique_ptr<T[]> own;
      T* loss = static_cast<T*>(call.loss) + from;
      if (call.reduction != NONE) own.reset(loss = new T[size_t(events)]);
      p.loss = loss;
      if (call.gradient) to_gradient(p, from, events);
      kernels_->stored(p, threads);
      put(p.greatest, call.greatest, from, events);
      put(p.rest, call.rest, from, events);
      part.loss = call.reduction == NONE ? 0 : pairwise(loss, events);
      return part;
    }
    to_gradient(p, from, events);
    std::unique_ptr<double[]> d_loss;
    if (call.reduction == NONE) {
      d_loss.reset(new double[size_t(events)]);
      get(call.d_loss, d_loss.get(), from, events);
      p.d_loss = d_loss.get();
    }
    // What was not kept is found again; the greatest of capped scores has more digits than float32.
    p.forward = !call.greatest || (call.softcap != 0 && sizeof(T) < sizeof(double));
    if (!p.forward) {
      get(call.greatest, p.greatest, from, events);
      get(call.rest, p.rest, from, events);
    }
    kernels_->stored(p, threads);
    return part;
  }

  void to_gradient(Stored& p, int64_t from, int64_t events) const {
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

  LabelledCall& call_;
  const Kernels* kernels_;
  const int64_t classes_, events_;
  const ByClass by_class_;
  int64_t each_ = 1;
  bool whole_ = false, masses_alone_ = false;
  int threads_ = 1;
  double scale_ = 1, d_loss_ = 0;
  std::atomic<bool> full_{false};
  std::vector<Part> parts_;
};

}  // namespace

bool run_labelled(LabelledCall& call) {
  // A graph may come from another machine.
  const bool known = call.set >= 0 && size_t(call.set) < sets().size();
  const Running kernels(known ? call.set : 0);
  call.labels.ignores = call.ignores;
  call.labels.ignore = call.ignore;
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
