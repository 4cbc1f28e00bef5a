// Events along the lanes: 64 events side by side, for few classes, or a class axis that is not
// last.
//
// A tile of 64 events × some classes is copied into columns, one lane per event, so that no sum
// runs across lanes. Where the classes fit into one tile it is copied once and turned into the
// gradient in place.
#pragma once
#include "classes_in_lanes.hpp"
#include "transposed.hpp"
#include "wide_lanes.hpp"

namespace PLOGQ_ISA {

constexpr int TILE = 128;  // classes in a tile: up to here lanes across events are the faster
constexpr int FLUSH = 16;  // additions in the narrow type before a sum moves to float64

template <class T>
struct alignas(64) Tile {
  T scores[TILE * GROUP], raw[TILE * GROUP], dense[TILE * GROUP], rows[TILE * GROUP];
  T run[BLOCK];
  T m[GROUP], a[GROUP], b[GROUP], dense_weight[GROUP], spread_weight[GROUP];
  T total[GROUP], bound[GROUP], top[GROUP];  // of the Hessian, as in Curve
  double rest[GROUP], dense_cost[GROUP], dense_mass[GROUP], spread_cost[GROUP], log1p_rest[GROUP];
  // Of one label per event: its class, -1 for none, and the score there.
  int64_t label[GROUP];
  double at_label[GROUP];
  double spread_mass;

  // This thread's: too large for the stack of a thread everywhere, and made once, as a small call
  // takes less time than the system does to find such a piece of memory.
  static Tile& own() {
    struct Kept {
      Tile* tile = new Tile;
      ~Kept() { delete tile; }
    };
    static thread_local Kept kept;
    return *kept.tile;
  }
};

template <class T>
struct Columns {
  const Stored& p;
  bool across;  // the events of a tile lie closer together than the classes of one
  bool past;    // what a tile writes lies together, and bypasses the cache

  // Whether an event's classes follow one another and the next event's follow them, all in one
  // tile.
  static bool packed(const View& v) {
    const int64_t item = item_size(v.dtype);
    return v.classes <= TILE && v.class_stride == item && v.axes == 1 &&
           v.stride[0] == v.classes * item;
  }

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
  T spread(int64_t k) const { return p.spread ? T(p.spread[k]) : T(1); }

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
        if (p.dense && asked()) {
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
        if (p.factor && asked()) {
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
    if (!asked()) return keep(e0, events, x);
    for (int l = 0; l < GROUP; l += LANES<double>)
      store<double>(x.log1p_rest + l, log1p<double>(load(x.rest + l)));
    if (hard()) return finish_hard(e0, events, x);
    for (int l = 0; l < events; ++l) {
      Stats s;
      s.m = double(x.m[l]);
      s.rest = x.rest[l];
      s.dense = x.dense_cost[l], s.dense_mass = x.dense_mass[l];
      s.spread = x.spread_cost[l], s.spread_mass = x.spread_mass;
      finish(p, e0 + l, p.scores.event(e0 + l), s, x.log1p_rest[l]);
    }
  }

  // Whether anybody wants losses, or statistics alone, which go to the gradient.
  bool asked() const { return p.kind != LOGITS || p.loss || p.log_z || p.shard; }
  void keep(int64_t e0, int events, const Tile<T>& x) const {
    for (int l = 0; l < events; ++l) {
      p.greatest[e0 + l] = double(x.m[l]);
      p.rest[e0 + l] = x.m[l] == T(-INFINITY) ? NAN : x.rest[l];
    }
  }

  // The background's part at the labels of some events, where there is one.
  Wide outside(int first, Wide to_spread, const Tile<T>& x) const {
    alignas(64) double at[WIDE];
    for (int i = 0; i < WIDE; ++i) {
      const int64_t k = x.label[first + i];
      at[i] = k < 0 ? 0 : double(spread(k));
    }
    return terms(to_spread, load(at));
  }
  // The labels of a tile, and the scores there, NaN where there is none.
  void read_labels(int64_t e0, int events, Tile<T>& x) const {
    labels_of(e0, events, x.label);
    for (int l = 0; l < GROUP; ++l) {
      const double s = double(x.scores[cell(l, x)]);
      x.at_label[l] = x.label[l] < 0 ? double(NAN) : s;
    }
  }
  // Where the label of an event stands in the tile, or any cell of the event if it has none.
  static int64_t cell(int l, const Tile<T>& x) {
    return (x.label[l] < 0 ? 0 : x.label[l]) * GROUP + l;
  }

  // One label per event, perhaps smoothed, and nothing else, the common case: the general path's
  // arithmetic for one event (finish, coefficients, sparse_gradient), 64 events at a time.
  bool hard() const {
    return p.kind == LOGITS && p.entries == 1 && !p.dense && p.softcap == 0 && !p.d_log_z &&
           p.z_loss == 0 && !p.shard && p.scores.classes <= TILE;
  }
  // One number per event, for the events past the last the last one's.
  static void lanes_of(const double* from, double other, int64_t e0, int events, double* to) {
    for (int l = 0; l < events; ++l) to[l] = from ? from[e0 + l] : other;
    for (int l = events; l < GROUP; ++l) to[l] = to[events - 1];
  }
  void labels_of(int64_t e0, int events, int64_t* to) const {
    for (int l = 0; l < events; ++l) to[l] = class_at(p, e0 + l);
    for (int l = events; l < GROUP; ++l) to[l] = to[events - 1];
  }
  void write_lanes(void* array, int64_t e0, int events, const double* from) const {
    if (array && p.scores.dtype == F64)
      for (int l = 0; l < events; ++l) static_cast<double*>(array)[e0 + l] = from[l];
    else if (array)
      for (int l = 0; l < events; ++l) static_cast<float*>(array)[e0 + l] = float(from[l]);
  }
  void finish_hard(int64_t e0, int events, Tile<T>& x) const {
    alignas(64) double loss[GROUP], m[GROUP], value[GROUP], mass[GROUP], factor[GROUP];
    read_labels(e0, events, x);
    lanes_of(p.value, 1, e0, events, value);
    lanes_of(p.factor ? p.mass : p.value, 1, e0, events, mass);
    if (p.factor) lanes_of(p.factor, 0, e0, events, factor);
    for (int l = 0; l < GROUP; ++l) m[l] = double(x.m[l]);
    for (int l = 0; l < GROUP; l += WIDE) {
      const Wide top = load(m + l), own = load(x.at_label + l), zero = {}, none = all<double>(NAN);
      const IWide empty = top == all<double>(-INFINITY);
      const Wide log1p_rest = empty ? none : load(x.log1p_rest + l);
      const Wide half_gap = own == top ? zero : top / 2 - own / 2;
      store<double>(x.rest + l, empty ? none : load(x.rest + l));
      store<double>(x.log1p_rest + l, log1p_rest);
      Wide each = terms(load(mass + l), log1p_rest) + 2 * terms(load(value + l), half_gap);
      if (p.factor) each += terms(load(factor + l), load(x.spread_cost + l)) / shrink(p);
      store<double>(loss + l, each);
    }
    write_lanes(p.loss, e0, events, loss);
    if (p.greatest)
      for (int l = 0; l < events; ++l) p.greatest[e0 + l] = m[l], p.rest[e0 + l] = x.rest[l];
    if (!p.log_z) return;
    for (int l = 0; l < GROUP; ++l) m[l] += x.log1p_rest[l];
    write_lanes(p.log_z, e0, events, m);
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
    // What flows back to the label, to q, and to the background.
    alignas(64) double own[GROUP], alpha[GROUP], back[GROUP], mass[GROUP], top[GROUP];
    alignas(64) int64_t is_top[GROUP];
    if (!(loaded && p.forward && asked())) {
      // What finish_hard has left there else.
      read_labels(e0, events, x);
      lanes_of(p.rest, 0, e0, events, x.rest);
      lanes_of(p.greatest, 0, e0, events, mass);
      for (int l = 0; l < GROUP; ++l) x.m[l] = T(mass[l]);
    }
    lanes_of(p.d_loss, p.d_loss_all, e0, events, alpha);
    lanes_of(p.value, 1, e0, events, own);
    lanes_of(p.factor, 0, e0, events, back);
    lanes_of(p.factor ? p.mass : p.value, 1, e0, events, mass);
    IWide unfit = {}, two = {}, nothing = {};
    for (int l = 0; l < GROUP; l += WIDE) {
      const Wide d_loss = load(alpha + l), value = load(own + l), none = all<double>(NAN);
      const IWide label = marks(x.label + l);
      const Wide to_label = d_loss * ((value != Wide{}) & (label < 0) ? none : value);
      const Wide to_q = p.factor ? d_loss * load(mass + l) : to_label;
      const Wide to_spread = d_loss * load(back + l), rest = load(x.rest + l), total = 1 + rest;
      store<double>(own + l, to_label);
      store<double>(alpha + l, to_q);
      narrowed<T>(to_spread, x.spread_weight + l);
      nothing |= to_q == Wide{};
      unfit |= beyond(to_label) | beyond(to_q) | beyond(to_spread);
      two |= scale_lanes(l, to_q / total, x);
      // At the greatest score 1 - q is R / (1 + R), never 1 - q with q ≈ 1 (N2).
      Wide at_top = terms(to_q - to_label, 1 / total) - terms(to_label, rest / total);
      if (p.factor) at_top -= outside(l, to_spread, x);
      store<double>(top + l, at_top);
      mark(is_top + l, load(x.at_label + l) == widened<T>(x.m + l));
    }
    if (p.hessian)
      for (int l = 0; l < GROUP; ++l) curve_lane(l, alpha[l], x.rest[l], x);
    if (sizeof(T) == sizeof(float) && some(unfit)) return widely(e0, events);
    // What forward has kept is not what there is where the greatest score is ∞.
    if (!certain(events, classes, x) && shares(loaded))
      slopes<true>(classes, some(two), x);
    else
      slopes<false>(classes, some(two), x);
    // Chosen by a mask: half of the labels of two classes are no branch to be foretold.
    for (int l = 0; l < GROUP; ++l) own[l] = double(x.scores[cell(l, x)]) - own[l];
    for (int l = 0; l < GROUP; l += WIDE) {
      store<double>(own + l, marks(is_top + l) ? load(top + l) : load(own + l));
    }
    for (int l = 0; l < events; ++l)
      if (x.label[l] >= 0) x.scores[cell(l, x)] = T(own[l]);
    for (int l = 0; some(nothing) && l < events; ++l)
      if (alpha[l] == 0)
        for (int k = 0; k < classes; ++k) x.scores[k * GROUP + l] = x.raw[k * GROUP + l] = 0;
    unpack(p.gradient, e0, events, 0, classes, x.scores, x);
    if (p.hessian) unpack(p.hessian, e0, events, 0, classes, x.raw, x);
  }

  // One distribution per event and nothing else, statistics and gradient in one pass: the general
  // path's arithmetic, 64 events at a time, with the exponentials that the statistics are made of.
  bool soft() const {
    return p.kind == LOGITS && p.dense && p.forward && p.gradient && p.entries == 0 && !p.factor &&
           p.softcap == 0 && !p.d_log_z && p.z_loss == 0 && !p.shard && p.scores.classes <= TILE;
  }
  // False where some event is certain, is not asked about, or has weights that are not for T.
  bool gradient_soft(int64_t e0, int events, Tile<T>& x) const {
    constexpr int U = UNROLL<T>, L = LANES<T>;
    const int classes = int(p.scores.classes);
    double alpha[GROUP], dense[GROUP], mass[GROUP], rest[GROUP], m[GROUP];
    lanes_of(p.d_loss, p.d_loss_all, e0, events, alpha);
    lanes_of(p.event, 1, e0, events, dense);
    lanes_of(p.mass, 1, e0, events, mass);
    lanes_of(p.rest, 0, e0, events, rest);
    lanes_of(p.greatest, 0, e0, events, m);
    const double least = sizeof(T) == 4 ? 0x1p-40 : 0x1p-400, most = 1 / least;
    int plain = 0;
    for (int l = 0; l < GROUP; ++l) {
      dense[l] *= alpha[l];
      alpha[l] *= mass[l];
      const double size = std::fabs(alpha[l]), weight = std::fabs(dense[l]);
      plain += (size >= least) & (size <= most) & (weight >= least) & (weight <= most) &
               (m[l] < INFINITY) & (rest[l] < most);
    }
    if (plain < GROUP) return false;
    const double bound = p.hessian ? p.bound : 0;
    for (int l = 0; l < GROUP; ++l) {
      const double total = 1 + rest[l];
      x.a[l] = T(alpha[l] / total * double(Simd<T>::unscale));
      x.dense_weight[l] = T(dense[l]);
      x.total[l] = T(total);
      x.bound[l] = T(bound / total);
      x.top[l] = T(bound * alpha[l] / total * (rest[l] / total));
    }
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
    Columns<double>{p, across, past, events_at_once}.gradient(e0, events, false, *x);
    delete x;
  }

  // Whether some p · weight of the tile is no normal number, and so no measure of p · weight / q.
  static bool vanishes(int n, const Tile<T>& x) {
    Vec<T> found = {};
    for (int i = 0; i < n * GROUP; i += LANES<T>)
      found += vanishing<T>(load(x.dense + i), load(x.dense_weight + i % GROUP));
    return any<T>(found);
  }

  // The weight of q in two factors, so that neither leaves the normal numbers; whether that takes
  // two.
  static bool scale_lane(int l, double q_weight, Tile<T>& x) {
    const bool two = std::fabs(q_weight) < TWO_BELOW;
    x.a[l] = T(two ? q_weight * LIFT : q_weight * double(Simd<T>::unscale));
    x.b[l] = T(two ? double(Simd<T>::unscale) / LIFT : 1.0);
    return two;
  }
  static IWide scale_lanes(int l, Wide q_weight, Tile<T>& x) {
    const IWide two = absolute<double>(q_weight) < all<double>(TWO_BELOW);
    narrowed<T>(two ? q_weight * LIFT : q_weight * double(Simd<T>::unscale), x.a + l);
    narrowed<T>(two ? all<double>(double(Simd<T>::unscale) / LIFT) : all<double>(1.0), x.b + l);
    return two;
  }
  static constexpr double LIFT = sizeof(T) == 4 ? 0x1p32 : 0x1p256;
  static constexpr double TWO_BELOW = sizeof(T) == 4 ? 0x1p-60 : 0x1p-500;
  static Vec<T> curvature(Vec<T> s, Vec<T> e, Vec<T> g, int u, const Tile<T>& x) {
    const int at = u * LANES<T>;
    return curved<T>(s == load(x.m + at), e, g, load(x.total + at), load(x.bound + at),
                     load(x.top + at));
  }
  void curve_lane(int l, double alpha, double rest, Tile<T>& x) const {
    const Curve<T> c(p.bound, alpha, rest);
    x.total[l] = c.total, x.bound[l] = c.bound, x.top[l] = c.top;
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
      scale_lane(l, c[l].alpha / (1 + c[l].rest), x);
      if (p.hessian) curve_lane(l, c[l].alpha, c[l].rest, x);
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
    Tile<T>& x = Tile<T>::own();
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

template <class T>
static void run_stored(const Stored& p, int threads) {
  const bool across = lanes_across_events(p.scores, p.events);
  if (across || (p.scores.classes <= TILE && p.events > 1)) {
    const int64_t arrays = p.hessian ? 2 : 1;
    Columns<T> columns{p, across, beyond_cache(p.gradient, p.scores, arrays * p.events), 0};
    columns.run(threads);
  } else {
    Rows<T> rows{p, 0, 0, 0, nullptr};
    rows.run(threads);
  }
}

}  // namespace PLOGQ_ISA
