// Events along the lanes: 64 events side by side, for few classes, or a class axis that is not
// last.
//
// A tile of 64 events × some classes is copied into columns, one lane per event, so that no sum
// runs across lanes. Where the classes fit into one tile it is copied once and turned into the
// gradient in place.
#pragma once
#include "classes_in_lanes.hpp"
#include "transposed.hpp"

namespace PLOGQ_ISA {

constexpr int TILE = 128;  // classes in a tile: up to here lanes across events may be the faster
constexpr int FLUSH = 16;  // additions in the narrow type before a sum moves to float64

template <class T>
struct alignas(64) Tile : Each<T> {
  T scores[TILE * GROUP], raw[TILE * GROUP], dense[TILE * GROUP], rows[TILE * GROUP];
  T run[BLOCK];
};

template <class T>
struct Columns : Several<T> {
  using Several<T>::p;
  using Several<T>::spread;
  bool across;  // the events of a tile lie closer together than the classes of one
  bool past;    // what a tile writes lies together, and bypasses the cache

  // Whether rows lie together, each in one tile.
  static bool packed(const View& v) { return v.classes <= TILE && rows_together(v); }

  // Classes k0 … k0+n of 64 events as columns; lanes past `events` repeat the last event.
  void pack(const View& v, int64_t e0, int events, int64_t k0, int n, T* to, Tile<T>& x) const {
    const bool together = packed(v);
    if (across && !together && v.axes && v.shape[v.axes - 1] >= GROUP) {
      for (int k = 0; k < n; ++k)
        pack_run(v, e0, events, (k0 + k) * v.class_stride, to + k * GROUP);
      return;
    }
    const int64_t item = item_size(v.dtype);
    if (together) {
      const char* from = v.event(e0) + k0 * item;
      if (direct<T>(v, item)) {
        transpose<T>(reinterpret_cast<const T*>(from), v.classes, events, n, to, GROUP);
      } else {
        gather<T>(v.dtype, from, item, events * n, x.rows);
        transpose<T>(x.rows, n, events, n, to, GROUP);
      }
      for (int k = 0; events < GROUP && k < n; ++k)
        for (int lane = events; lane < GROUP; ++lane)
          to[k * GROUP + lane] = to[k * GROUP + events - 1];
      return;
    }
    for (int lane = 0; lane < GROUP; ++lane) {
      const char* from = v.event(e0 + (lane < events ? lane : events - 1)) + k0 * v.class_stride;
      if (direct<T>(v, v.class_stride)) {
        const T* s = reinterpret_cast<const T*>(from);
        for (int k = 0; k < n; ++k) to[k * GROUP + lane] = s[k];
      } else {
        gather<T>(v.dtype, from, v.class_stride, n, x.run);
        for (int k = 0; k < n; ++k) to[k * GROUP + lane] = x.run[k];
      }
    }
  }
  static void pack_run(const View& v, int64_t e, int events, int64_t offset, T* to) {
    const int64_t inner = v.shape[v.axes - 1], stride = v.stride[v.axes - 1];
    int lane = 0;
    while (lane < events) {
      int64_t run = inner - (e + lane) % inner;
      if (run > events - lane) run = events - lane;
      gather<T>(v.dtype, v.event(e + lane) + offset, stride, int(run), to + lane);
      lane += int(run);
    }
    for (; lane < GROUP; ++lane) to[lane] = to[events - 1];
  }
  void unpack(const View& v, int64_t e0, int events, int64_t k0, int n, const T* from,
              Tile<T>& x) const {
    const int64_t inner = v.axes ? v.shape[v.axes - 1] : 1;
    if (across && inner >= GROUP) {
      const int64_t stride = v.stride[v.axes - 1];
      for (int k = 0; k < n; ++k)
        for (int lane = 0; lane < events;) {
          int64_t run = inner - (e0 + lane) % inner;
          if (run > events - lane) run = events - lane;
          emit<T>(past, v.dtype, from + k * GROUP + lane, int(run),
                  v.event(e0 + lane) + (k0 + k) * v.class_stride, stride);
          lane += int(run);
        }
      return;
    }
    const int64_t item = item_size(v.dtype);
    if (packed(v)) {
      char* to = v.event(e0) + k0 * item;
      if (direct<T>(v, item) && !past) {
        transpose<T>(from, GROUP, n, events, reinterpret_cast<T*>(to), v.classes);
      } else {
        transpose<T>(from, GROUP, n, events, x.rows, n);
        emit<T>(past, v.dtype, x.rows, events * n, to, item);
      }
      return;
    }
    for (int lane = 0; lane < events; ++lane) {
      char* to = v.event(e0 + lane) + k0 * v.class_stride;
      if (direct<T>(v, v.class_stride)) {
        T* g = reinterpret_cast<T*>(to);
        for (int k = 0; k < n; ++k) g[k] = from[k * GROUP + lane];
      } else {
        for (int k = 0; k < n; ++k) x.run[k] = from[k * GROUP + lane];
        scatter<T>(v.dtype, x.run, n, to, v.class_stride);
      }
    }
  }

  // The scores of a tile as the formula sees them; x.raw keeps what is stored where that differs.
  void load_tile(int64_t e0, int events, int64_t k0, int n, Tile<T>& x) const {
    const bool plain = p.kind != PROBS && p.softcap == 0;
    pack(p.scores, e0, events, k0, n, plain ? x.scores : x.raw, x);
    if (!plain) transform<T>(p, x.raw, x.scores, n * GROUP);
  }
  void load_dense(int64_t e0, int events, int64_t k0, int n, Tile<T>& x) const {
    pack(p.dense, e0, events, k0, n, x.dense, x);
    if (!p.class_weight) return;
    for (int k = 0; k < n; ++k) {
      const T w = T(p.class_weight[k0 + k]);
      for (int l = k * GROUP; l < (k + 1) * GROUP; ++l)
        x.dense[l] = x.dense[l] == 0 ? 0 : x.dense[l] * w;
    }
  }
  static void flush(Vec<T>* narrow, double* wide) {
    alignas(64) T each[GROUP];
    for (int u = 0; u < UNROLL<T>; ++u) {
      store<T>(each + u * LANES<T>, narrow[u]);
      narrow[u] = Vec<T>{};
    }
    for (int l = 0; l < GROUP; ++l) wide[l] += double(each[l]);
  }

  // Stored probabilities of one label cost what reading that one costs.
  bool reads_classes() const { return p.kind == LOGITS || p.dense || p.factor; }

  // So many vectors at a time that what they are compared with and added to stays in registers.
  static constexpr int SIDE = UNROLL<T> < 4 ? UNROLL<T> : 4;

  // As in Several, where the classes are one tile.
  bool hard() const { return Several<T>::hard() && p.scores.classes <= TILE; }
  bool soft() const { return Several<T>::soft() && p.scores.classes <= TILE; }

  // Whether what forward finds of each score, exp(s - m), is what its gradient is made of.
  bool shares(bool loaded) const {
    return loaded && p.forward && p.gradient && !p.factor && hard();
  }

  // acc += exp(s - m) · 2^scale over some classes of a tile, without the first greatest; with KEEP
  // x.raw takes each, that one too.
  template <bool KEEP>
  static void add_exp(int k, int stop, int k0, const IVec<T>* first, const Vec<T>* from,
                      Vec<T>* acc, Tile<T>& x) {
    constexpr int U = UNROLL<T>, L = LANES<T>;
    for (int part = 0; part < U; part += SIDE)
      for (int i = k; i < stop; ++i)
        for (int u = part; u < part + SIDE; ++u) {
          const int at = i * GROUP + u * L;
          const Vec<T> e = exp_scaled<T>(load(x.scores + at) - from[u]);
          if (KEEP) store<T>(x.raw + at, e);
          acc[u] += first[u] == typename Simd<T>::Int(k0 + i) ? Vec<T>{} : e;
        }
  }

  void statistics(int64_t e0, int events, bool loaded, Tile<T>& x) const {
    constexpr int U = UNROLL<T>, L = LANES<T>;
    const int64_t classes = p.scores.classes;
    const bool logits = p.kind == LOGITS, shared = shares(loaded);
    Vec<T> m[U];
    IVec<T> first[U];
    for (int u = 0; u < U; ++u)
      m[u] = all<T>(logits ? T(-INFINITY) : T(0)), first[u] = IVec<T>{} - 1;
    for (int64_t k0 = 0; logits && k0 < classes; k0 += TILE) {
      const int n = int(classes - k0 < TILE ? classes - k0 : TILE);
      if (!loaded) load_tile(e0, events, k0, n, x);
      for (int part = 0; part < U; part += SIDE)
        for (int k = 0; k < n; ++k)
          for (int u = part; u < part + SIDE; ++u) {
            Vec<T> s = load(x.scores + k * GROUP + u * L);
            first[u] = s > m[u] ? IVec<T>{} + typename Simd<T>::Int(k0 + k) : first[u];
            m[u] = greater(s, m[u]);
          }
    }
    const Vec<T> none = all<T>(-INFINITY), zero = {};
    const T share = T(shrink(p));
    Vec<T> from[U];
    for (int u = 0; u < U; ++u) {
      store<T>(x.m + u * L, m[u]);
      from[u] = m[u] == none ? zero : m[u];
    }
    for (int l = 0; l < GROUP; ++l)
      x.rest[l] = x.dense_cost[l] = x.dense_mass[l] = x.spread_cost[l] = 0;
    x.spread_mass = 0;
    for (int64_t k0 = 0; reads_classes() && k0 < classes; k0 += TILE) {
      const int n = int(classes - k0 < TILE ? classes - k0 : TILE);
      if (!loaded) load_tile(e0, events, k0, n, x);
      if (p.dense && !loaded) load_dense(e0, events, k0, n, x);
      for (int part = 0; part < n; part += FLUSH) {
        const int stop = part + FLUSH < n ? part + FLUSH : n;
        if (logits) {
          Vec<T> acc[U] = {};
          if (shared || soft())
            add_exp<true>(part, stop, int(k0), first, from, acc, x);
          else
            add_exp<false>(part, stop, int(k0), first, from, acc, x);
          flush(acc, x.rest);
        }
        if (p.dense && this->asked()) {
          Vec<T> cost[U] = {}, mass[U] = {};
          for (int k = part; k < stop; ++k)
            for (int u = 0; u < U; ++u) {
              const int at = k * GROUP + u * L;
              Vec<T> s = load(x.scores + at), w = load(x.dense + at);
              Vec<T> wd = w * (s == from[u] ? zero : from[u] * share - s * share);
              cost[u] += w == zero ? zero : wd;
              mass[u] += w;
            }
          flush(cost, x.dense_cost);
          flush(mass, x.dense_mass);
        }
        if (p.factor && this->asked()) {
          Vec<T> cost[U] = {};
          for (int k = part; k < stop; ++k) {
            const T w = spread(k0 + k);
            x.spread_mass += double(w);
            if (w == 0) continue;
            for (int u = 0; u < U; ++u) {
              Vec<T> s = load(x.scores + k * GROUP + u * L);
              cost[u] += w * (s == from[u] ? zero : from[u] * share - s * share);
            }
          }
          flush(cost, x.spread_cost);
        }
      }
    }
    for (int l = 0; l < GROUP; ++l) x.rest[l] *= double(Simd<T>::unscale);
    this->finish_all(e0, events, GROUP, hard(), [&] { read_labels(e0, events, x); }, x);
  }

  // The labels of a tile, and the scores there, NaN where there is none.
  void read_labels(int64_t e0, int events, Tile<T>& x) const {
    this->labels_of(e0, events, GROUP, x.label);
    for (int l = 0; l < GROUP; ++l) {
      const double s = double(x.scores[cell(l, x)]);
      x.at_label[l] = x.label[l] < 0 ? double(NAN) : s;
    }
  }
  // Where the label of an event stands in the tile, or any cell of the event if it has none.
  static int64_t cell(int l, const Tile<T>& x) {
    return (x.label[l] < 0 ? 0 : x.label[l]) * GROUP + l;
  }

  // x.scores becomes what flows back to q and to the background; `KEPT`: x.raw holds exp(s - m).
  template <bool KEPT>
  void slopes(int classes, bool two, Tile<T>& x) const {
    constexpr int U = UNROLL<T>, L = LANES<T>;
    for (int k = 0; k < classes; ++k) {
      const T w = p.factor ? spread(k) : T(0);
      for (int u = 0; u < U; ++u) {
        const int i = k * GROUP + u * L;
        const Vec<T> s = load(x.scores + i);
        const Vec<T> e = KEPT ? load(x.raw + i) : exp_scaled<T>(s - load(x.m + u * L));
        Vec<T> g = e * load(x.a + u * L);
        if (two) g = g * load(x.b + u * L);
        if (p.hessian) store<T>(x.raw + i, curvature(s, e, g, u, x));
        if (p.factor) g = g - load(x.spread_weight + u * L) * w;
        store<T>(x.scores + i, g);
      }
    }
  }
  void gradient_hard(int64_t e0, int events, bool loaded, Tile<T>& x) const {
    const int classes = int(p.scores.classes);
    if (!(loaded && p.forward && this->asked())) {
      // What finish_hard has left there else.
      read_labels(e0, events, x);
      this->recall(e0, events, GROUP, x);
    }
    const auto weights = this->weights_hard(e0, events, GROUP, x);
    if (weights.unfit) return widely(e0, events);
    // What forward has kept is not what there is where the greatest score is ∞.
    if (!certain(events, classes, x) && shares(loaded))
      slopes<true>(classes, weights.two, x);
    else
      slopes<false>(classes, weights.two, x);
    // Chosen by a mask: half of the labels of two classes are no branch to be foretold.
    for (int l = 0; l < GROUP; ++l) x.own[l] = double(x.scores[cell(l, x)]) - x.own[l];
    for (int l = 0; l < GROUP; l += WIDE) {
      store<double>(x.own + l, marks(x.is_top + l) ? load(x.at_top + l) : load(x.own + l));
    }
    for (int l = 0; l < events; ++l)
      if (x.label[l] >= 0) x.scores[cell(l, x)] = T(x.own[l]);
    for (int l = 0; weights.nothing && l < events; ++l)
      if (x.alpha[l] == 0)
        for (int k = 0; k < classes; ++k) x.scores[k * GROUP + l] = x.raw[k * GROUP + l] = 0;
    unpack(p.gradient, e0, events, 0, classes, x.scores, x);
    if (p.hessian) unpack(p.hessian, e0, events, 0, classes, x.raw, x);
  }

  // False where the weights of some event are none for this.
  bool gradient_soft(int64_t e0, int events, Tile<T>& x) const {
    constexpr int U = UNROLL<T>, L = LANES<T>;
    const int classes = int(p.scores.classes);
    if (!this->weights_soft(e0, events, GROUP, x)) return false;
    for (int k = 0; k < classes; ++k)
      for (int u = 0; u < U; ++u) {
        const int i = k * GROUP + u * L;
        const Vec<T> e = load(x.raw + i), g = e * load(x.a + u * L);
        if (p.hessian) store<T>(x.raw + i, curvature(load(x.scores + i), e, g, u, x));
        store<T>(x.scores + i, g - load(x.dense_weight + u * L) * load(x.dense + i));
      }
    unpack(p.gradient, e0, events, 0, classes, x.scores, x);
    if (p.hessian) unpack(p.hessian, e0, events, 0, classes, x.raw, x);
    return true;
  }

  // The same in float64, for what flows back to some of these events is no number for float32.
  void widely(int64_t e0, int events) const {
    Tile<double>* const x = new Tile<double>;
    Columns<double>{{p}, across, past, events_at_once}.gradient(e0, events, false, *x);
    delete x;
  }

  // Whether some p · weight of the tile is no normal number, and so no measure of p · weight / q.
  static bool vanishes(int n, const Tile<T>& x) {
    Vec<T> found = {};
    for (int i = 0; i < n * GROUP; i += LANES<T>)
      found += vanishing<T>(load(x.dense + i), load(x.dense_weight + i % GROUP));
    return any<T>(found);
  }

  static Vec<T> curvature(Vec<T> s, Vec<T> e, Vec<T> g, int u, const Tile<T>& x) {
    const int at = u * LANES<T>;
    return curved<T>(s == load(x.m + at), e, g, load(x.total + at), load(x.bound + at),
                     load(x.top + at));
  }
  // Where nothing flows back to q it is not looked at: 0 · NaN would be NaN.
  static void unasked(const Coefficients* c, int events, int n, Tile<T>& x) {
    for (int l = 0; l < events; ++l)
      if (c[l].alpha == 0) {
        x.m[l] = x.a[l] = 0;
        for (int k = 0; k < n; ++k) x.scores[k * GROUP + l] = T(-INFINITY);
      }
  }
  // Where the greatest score is +∞ all probability is on the classes at +∞.
  // Whether there is such an event.
  static bool certain(int events, int n, Tile<T>& x) {
    Vec<T> marked = {};
    for (int l = 0; l < GROUP; l += LANES<T>)
      marked += load(x.m + l) == all<T>(INFINITY) ? all<T>(1) : Vec<T>{};
    if (!any<T>(marked)) return false;
    bool found = false;
    for (int l = 0; l < events; ++l)
      if (x.m[l] == T(INFINITY)) {
        found = true;
        x.m[l] = 0;
        for (int k = 0; k < n; ++k) {
          T& s = x.scores[k * GROUP + l];
          s = s == T(INFINITY) ? T(0) : T(-INFINITY);
        }
      }
    return found;
  }

  void gradient(int64_t e0, int events, bool loaded, Tile<T>& x) const {
    constexpr int U = UNROLL<T>, L = LANES<T>;
    const int64_t classes = p.scores.classes;
    if (hard()) {
      if (!loaded) load_tile(e0, events, 0, int(classes), x);
      return gradient_hard(e0, events, loaded, x);
    }
    if (p.forward && loaded && soft() && gradient_soft(e0, events, x)) return;
    Coefficients c[GROUP];
    for (int l = 0; l < GROUP; ++l) {
      const int64_t e = e0 + (l < events ? l : events - 1);
      const double log_z = p.z_loss != 0 ? p.greatest[e] + std::log1p(p.rest[e]) : 0;
      c[l] = coefficients(p, e, log_z);
      x.m[l] = T(c[l].m);
      this->scale_lane(l, c[l].alpha / (1 + c[l].rest), x);
      if (p.hessian) this->curve_lane(l, c[l].alpha, c[l].rest, x);
      x.dense_weight[l] = T(c[l].dense);
      x.spread_weight[l] = T(c[l].spread);
    }
    if (sizeof(T) == sizeof(float))
      for (int l = 0; l < events; ++l)
        if (!fits(c[l])) return widely(e0, events);
    if (sizeof(T) == sizeof(float) && p.kind == PROBS && p.dense)
      if (!loaded || vanishes(int(classes), x)) return widely(e0, events);
    constexpr int few = GROUP * 4;
    double few_at[few];
    int64_t few_label[few];
    const int64_t all_entries = p.entries * events;
    double* at = all_entries <= few ? few_at : new double[size_t(all_entries)];
    int64_t* label = all_entries <= few ? few_label : new int64_t[size_t(all_entries)];
    if (p.entries) {
      Entries each(p.entries);
      for (int l = 0; l < events; ++l) {
        each.read(p, e0 + l);
        for (int64_t t = 0; t < p.entries; ++t) {
          label[l * p.entries + t] = c[l].zero ? -1 : each.k[t];
          at[l * p.entries + t] = each.v[t];
        }
      }
    }
    for (int64_t t = 0; t < p.entries; ++t) {
      alignas(64) double s[GROUP] = {}, share[GROUP] = {};
      for (int l = 0; l < events; ++l) {
        const int64_t k = label[l * p.entries + t];
        if (k < 0) continue;
        s[l] = score_at(p, p.scores.event(e0 + l), k);
        share[l] = s[l] - c[l].m;
      }
      for (int l = 0; l < GROUP; l += LANES<double>)
        store<double>(share + l, exp_scaled<double>(load(share + l)) * Simd<double>::unscale);
      for (int l = 0; l < events; ++l) {
        const int64_t k = label[l * p.entries + t];
        double& found = at[l * p.entries + t];
        if (k >= 0)
          found =
              sparse_gradient(p, e0 + l, p.scores.event(e0 + l), c[l], k, found, s[l], share[l]);
      }
    }
    for (int64_t k0 = 0; k0 < classes; k0 += TILE) {
      const int n = int(classes - k0 < TILE ? classes - k0 : TILE);
      if (!loaded) load_tile(e0, events, k0, n, x);
      if (p.dense && !loaded) load_dense(e0, events, k0, n, x);
      for (int l = 0; l < events; ++l) x.m[l] = T(c[l].m);
      certain(events, n, x);
      if (p.kind == LOGITS) unasked(c, events, n, x);
      for (int k = 0; k < n; ++k) {
        const T w = p.factor ? spread(k0 + k) : T(0);
        for (int u = 0; u < U; ++u) {
          const int i = k * GROUP + u * L;
          Vec<T> g = {};
          if (p.kind == LOGITS) {
            Vec<T> s = load(x.scores + i), e = exp_scaled<T>(s - load(x.m + u * L));
            g = e * load(x.a + u * L) * load(x.b + u * L);
            if (p.hessian) store<T>(x.raw + i, curvature(s, e, g, u, x));
          }
          if (p.dense) g = g - load(x.dense_weight + u * L) * load(x.dense + i);
          if (p.factor) g = g - load(x.spread_weight + u * L) * w;
          if (p.kind == PROBS) g = g == Vec<T>{} ? g : g / load(x.raw + i);
          if (p.softcap != 0) {
            Vec<T> slope = tanh_slope<T>(load(x.raw + i) / T(p.softcap));
            g = g == Vec<T>{} ? g : g * slope;
          }
          store<T>(x.scores + i, g);
        }
      }
      for (int l = 0; l < events; ++l) {
        const bool none = std::isnan(c[l].alpha) && p.kind != LOGITS;
        for (int k = 0; (c[l].zero || none) && k < n; ++k) x.scores[k * GROUP + l] = none ? NAN : 0;
        for (int64_t t = 0; t < p.entries; ++t) {
          const int64_t k = label[l * p.entries + t] - k0;
          if (k >= 0 && k < n) x.scores[k * GROUP + l] = T(at[l * p.entries + t]);
        }
      }
      unpack(p.gradient, e0, events, k0, n, x.scores, x);
      if (p.hessian) unpack(p.hessian, e0, events, k0, n, x.raw, x);
    }
    if (all_entries > few) {
      delete[] at;
      delete[] label;
    }
  }

  static void tile(void* context, int64_t unit) {
    const Columns& c = *static_cast<Columns*>(context);
    const Stored& p = c.p;
    Tile<T>& x = own<Tile<T>>();
    const int64_t classes = p.scores.classes;
    const int64_t stop =
        p.events < (unit + 1) * c.events_at_once ? p.events : (unit + 1) * c.events_at_once;
    for (int64_t e = unit * c.events_at_once; e < stop; e += GROUP) {
      const int events = int(stop - e < GROUP ? stop - e : GROUP);
      const bool once = classes <= TILE;
      if (once && (c.reads_classes() || p.gradient)) {
        c.load_tile(e, events, 0, int(classes), x);
        if (p.dense) c.load_dense(e, events, 0, int(classes), x);
      }
      if (p.forward) c.statistics(e, events, once, x);
      if (p.gradient) c.gradient(e, events, once, x);
    }
    if (c.past) settle();
  }
  int64_t events_at_once;

  void run(int threads) {
    const int64_t classes = p.scores.classes;
    const int64_t unit = unit_elements(p.events * classes, threads);
    events_at_once = (unit / classes + GROUP) / GROUP * GROUP;
    plogq::parallel((p.events + events_at_once - 1) / events_at_once, threads, tile, this);
  }
};

// Lanes run along the classes where one event fills them and its classes lie close together.
PLOGQ_INLINE bool lanes_across_events(const View& v, int64_t events) {
  const int64_t between_events = v.axes ? v.stride[v.axes - 1] : 0;
  const int64_t a = v.class_stride < 0 ? -v.class_stride : v.class_stride;
  const int64_t b = between_events < 0 ? -between_events : between_events;
  return b < a && events >= GROUP && v.axes && v.shape[v.axes - 1] >= GROUP / 4;
}

// Up to so many classes lanes across events are the faster where rows lie together: what is not
// made of exponentials that were kept takes longer there.
PLOGQ_INLINE int64_t few(const Stored& p) {
  return p.hessian || p.softcap != 0 || p.kind == PROBS ? TILE : 64;
}

template <class T>
static void run_stored(const Stored& p, int threads) {
  const bool across = lanes_across_events(p.scores, p.events);
  if (across || (p.scores.classes <= few(p) && p.events > 1)) {
    const int64_t arrays = p.hessian ? 2 : 1;
    Columns<T> columns{{p}, across, beyond_cache(p.gradient, p.scores, arrays * p.events), 0};
    columns.run(threads);
  } else {
    Rows<T> rows{{p}, 0, 0, 0, false, nullptr};
    rows.run(threads);
  }
}

}  // namespace PLOGQ_ISA
