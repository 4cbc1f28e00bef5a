// Sums along the classes: what the check of a distribution needs, at the speed of reading.
#pragma once
#include "events_in_lanes.hpp"

namespace PLOGQ_ISA {

// Float64 sums that carry along what their additions have rounded away (Neumaier 1974): a mass is
// as exact as its terms, whatever their type and their number (N6).
struct Totals {
  static constexpr int U = UNROLL<double>, L = LANES<double>;
  static constexpr int RUN = 4;  // plain additions before one that carries along
  Vec<double> sum[U] = {}, lost[U] = {}, part[U] = {}, low[U];
  int pending = 0;

  Totals() {
    for (int u = 0; u < U; ++u) low[u] = all<double>(-INFINITY);
  }
  void settle() {
    for (int u = 0; u < U; ++u) {
      const Vec<double> total = sum[u] + part[u], kept = total - sum[u];
      lost[u] += (sum[u] - (total - kept)) + (part[u] - kept);
      sum[u] = total;
      part[u] = Vec<double>{};
    }
    pending = 0;
  }
  // Numbers of one row more.
  void add(const double* x, int n) {
    int i = 0;
    for (; i + GROUP <= n; i += GROUP) add_group(x + i);
    if (i == n) return;
    alignas(64) double rest[GROUP];
    for (int l = 0; l < GROUP; ++l) rest[l] = i + l < n ? x[i + l] : 0;
    add_group(rest);
  }
  // 64 numbers more, each times `weight`; 0 · ∞ = 0.
  void add_group(const double* x, double weight = 1) {
    for (int u = 0; u < U; ++u) {
      const Vec<double> p = load(x + u * L), w = p * weight;
      const Vec<double> v = p == Vec<double>{} ? p : w;
      part[u] += v;
      low[u] = greater(-v, low[u]);
    }
    if (++pending == RUN) settle();
  }
  static double exact(double sum, double lost) { return std::isfinite(sum) ? sum + lost : sum; }

  // Of all lanes together, and of every lane by itself.
  double all_of_them() {
    settle();
    const double rounded = sum_lanes<double>(lost);
    return exact(sum_lanes<double>(sum), rounded);
  }
  double least() { return -max_lanes<double>(low); }
  void each(int lanes, double* sums, double* leasts) {
    settle();
    for (int l = 0; l < lanes; ++l) {
      const int u = l / L, at = l % L;
      sums[l] = exact(sum[u][at], lost[u][at]);
      leasts[l] = -low[u][at];
    }
  }
};

// The same of narrower numbers: float64 carries sums of a million of them to more than their own
// digits as they stand.
struct Narrow {
  static constexpr int U = UNROLL<double>, L = LANES<double>;
  typedef float Half __attribute__((vector_size(PLOGQ_VECTOR_BYTES / 2)));
  typedef float HalfU __attribute__((vector_size(PLOGQ_VECTOR_BYTES / 2), aligned(4), may_alias));
  Vec<double> sum[U] = {};
  Vec<float> low[UNROLL<float>];

  Narrow() {
    for (Vec<float>& l : low) l = all<float>(-INFINITY);
  }
  // 64 numbers more; none of them has a weight.
  void add_group(const float* x, double = 1) {
    for (int u = 0; u < U; ++u) {
      const Half p = *reinterpret_cast<const HalfU*>(x + u * L);
      sum[u] += __builtin_convertvector(p, Vec<double>);
    }
    for (int u = 0; u < UNROLL<float>; ++u) low[u] = greater(-load(x + u * LANES<float>), low[u]);
  }

  double all_of_them() { return sum_lanes<double>(sum); }
  double least() { return -double(max_lanes<float>(low)); }
  void each(int lanes, double* sums, double* leasts) const {
    double total[GROUP];
    float most[GROUP];
    for (int u = 0; u < U; ++u) store<double>(total + u * L, sum[u]);
    for (int u = 0; u < UNROLL<float>; ++u) store<float>(most + u * LANES<float>, low[u]);
    for (int l = 0; l < lanes; ++l) sums[l] = total[l], leasts[l] = -double(most[l]);
  }
};

// The same of one row.
struct NarrowRow {
  typedef Narrow::Half Half;
  typedef Narrow::HalfU HalfU;
  static constexpr int L = LANES<double>, SIDE = 4;
  Vec<double> sum[SIDE] = {};
  double last = 0;
  float low = INFINITY;

  void add(const float* x, int n) {
    Vec<float> most[SIDE / 2];
    for (Vec<float>& m : most) m = all<float>(-INFINITY);
    int i = 0;
    for (; i + SIDE * L <= n; i += SIDE * L) {
      in_order(
          [&](auto u) PLOGQ_INLINED {
            const Half half = *reinterpret_cast<const HalfU*>(x + i + u * L);
            sum[u] += __builtin_convertvector(half, Vec<double>);
            if (u % 2 == 0) most[u / 2] = greater(-load(x + i + u * L), most[u / 2]);
          },
          std::make_integer_sequence<int, SIDE>());
    }
    for (const Vec<float>& m : most)
      for (int l = 0; l < LANES<float>; ++l) low = -m[l] < low ? -m[l] : low;
    for (; i < n; ++i) {
      last += double(x[i]);
      low = x[i] < low ? x[i] : low;
    }
  }

  double all_of_them() {
    Vec<double> total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    double found = last;
    for (int l = 0; l < L; ++l) found += total[l];
    return found;
  }
  double least() { return double(low); }
};

template <class T>
struct TotalsOf;
template <>
struct TotalsOf<double> {
  using columns = Totals;
  using row = Totals;
};
template <>
struct TotalsOf<float> {
  using columns = Narrow;
  using row = NarrowRow;
};

struct RowSums {
  const Sums& p;
  int64_t events_at_once;

  // Numbers that float32 holds, without weights.
  bool narrow() const { return p.array.dtype != F64 && !p.weight; }

  int64_t end(int64_t index) const {
    const int64_t next = (index + 1) * events_at_once;
    return next < p.events ? next : p.events;
  }

  template <class T>
  static void unit(void* context, int64_t index) {
    const RowSums& r = *static_cast<RowSums*>(context);
    const View& v = r.p.array;
    alignas(64) T block[BLOCK];
    for (int64_t e = index * r.events_at_once; e < r.end(index); ++e) {
      typename TotalsOf<T>::row totals;
      const char* event = v.event(e);
      for (int64_t k = 0; k < v.classes; k += BLOCK) {
        const int n = int(v.classes - k < BLOCK ? v.classes - k : BLOCK);
        const char* from = event + k * v.class_stride;
        const T* s = reinterpret_cast<const T*>(from);
        if (r.p.weight || !direct<T>(v, v.class_stride)) {
          gather<T>(v.dtype, from, v.class_stride, n, block);
          for (int i = 0; r.p.weight && i < n; ++i)
            block[i] = block[i] == 0 ? 0 : block[i] * T(r.p.weight[k + i]);
          s = block;
        }
        totals.add(s, n);
      }
      r.p.sum[e] = totals.all_of_them();
      r.p.least[e] = totals.least();
    }
  }

  // Few classes, or classes apart: events along the lanes, as in Columns.
  template <class T>
  static void tile(void* context, int64_t index) {
    const RowSums& r = *static_cast<RowSums*>(context);
    const View& v = r.p.array;
    Tile<T>& x = own<Tile<T>>();
    Stored none;
    Columns<T> columns{{none}, lanes_across_events(v, r.p.events), 0};
    for (int64_t e = index * r.events_at_once; e < r.end(index); e += GROUP) {
      const int events = int(r.end(index) - e < GROUP ? r.end(index) - e : GROUP);
      typename TotalsOf<T>::columns totals;
      for (int64_t k0 = 0; k0 < v.classes; k0 += TILE) {
        const int n = int(v.classes - k0 < TILE ? v.classes - k0 : TILE);
        columns.pack(v, e, events, k0, n, x.scores, x);
        for (int k = 0; k < n; ++k)
          totals.add_group(x.scores + k * GROUP, r.p.weight ? r.p.weight[k0 + k] : 1);
      }
      totals.each(events, r.p.sum + e, r.p.least + e);
    }
  }

  void run(int threads) {
    const int64_t classes = p.array.classes;
    const bool columns =
        lanes_across_events(p.array, p.events) || (classes <= TILE / 2 && p.events > 1);
    const int64_t elements = unit_elements(p.events * classes, threads);
    events_at_once = (elements / classes + GROUP) / GROUP * GROUP;
    if (!columns && classes >= elements) events_at_once = 1;
    plogq::parallel((p.events + events_at_once - 1) / events_at_once, threads,
                    narrow()  ? (columns ? tile<float> : unit<float>)
                    : columns ? tile<double>
                              : unit<double>,
                    this);
  }
};

// The least and the greatest element, for checks; both NaN where there is one.
struct Range {
  static constexpr int64_t UNIT = 64 * BLOCK;
  const View& v;
  int64_t events;
  double* low;
  double* high;

  static void unit(void* context, int64_t index) {
    const Range& r = *static_cast<Range*>(context);
    alignas(64) float block[BLOCK];
    constexpr int U = UNROLL<float>, L = LANES<float>;
    Vec<float> low[U], high[U], none[U] = {};
    for (int u = 0; u < U; ++u) low[u] = high[u] = all<float>(-INFINITY);
    const int64_t last = (index + 1) * UNIT < r.events ? (index + 1) * UNIT : r.events;
    for (int64_t e = index * UNIT; e < last; e += BLOCK) {
      const int n = int(last - e < BLOCK ? last - e : BLOCK);
      gather_events<float>(r.v, e, n, block);
      for (int i = n; i < padded(n); ++i) block[i] = block[0];
      for (int i = 0; i < padded(n); i += GROUP)
        for (int u = 0; u < U; ++u) {
          Vec<float> x = load(block + i + u * L);
          low[u] = greater(-x, low[u]);
          high[u] = greater(x, high[u]);
          none[u] = x == x ? none[u] : x;
        }
    }
    bool any = false;
    for (int u = 0; u < U; ++u)
      for (int l = 0; l < L; ++l) any |= std::isnan(none[u][l]);
    r.low[index] = any ? NAN : -double(max_lanes<float>(low));
    r.high[index] = any ? NAN : double(max_lanes<float>(high));
  }
};

// The sum of an array of float32, by the kernels' own threads: what merely reading it costs.
struct Reader {
  static constexpr int64_t UNIT = 1 << 18;
  const float* data;
  int64_t count;
  double* sums;

  static void unit(void* context, int64_t index) {
    const Reader& r = *static_cast<Reader*>(context);
    Vec<float> total[UNROLL<float>] = {};
    const int64_t last = (index + 1) * UNIT < r.count ? (index + 1) * UNIT : r.count;
    for (int64_t i = index * UNIT; i + GROUP <= last; i += GROUP)
      for (int u = 0; u < UNROLL<float>; ++u) total[u] += load(r.data + i + u * LANES<float>);
    r.sums[index] = sum_lanes<float>(total);
  }
};

}  // namespace PLOGQ_ISA
