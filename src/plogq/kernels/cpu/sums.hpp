// Sums along the classes: what the check of a distribution needs, at the speed of reading.
#pragma once
#include "columns.hpp"

namespace PLOGQ_ISA {

template <class T>
struct RowSums {
  const Sums& p;
  int64_t events_at_once;

  static void unit(void* context, int64_t index) {
    const RowSums& r = *static_cast<RowSums*>(context);
    const View& v = r.p.array;
    constexpr int U = UNROLL<T>, L = LANES<T>;
    alignas(64) T block[BLOCK];
    int64_t last = (index + 1) * r.events_at_once;
    if (last > r.p.events) last = r.p.events;
    for (int64_t e = index * r.events_at_once; e < last; ++e) {
      double sum = 0, least = INFINITY;
      const char* event = v.event(e);
      for (int64_t k = 0, step; k < v.classes; k += step) {
        const int n = block_length(v.classes - k);
        step = n;
        const char* from = event + k * v.class_stride;
        const T* s = reinterpret_cast<const T*>(from);
        if (r.p.weight || n % GROUP != 0 || !direct<T>(v, v.class_stride)) {
          gather<T>(v.dtype, from, v.class_stride, n, block);
          for (int i = 0; r.p.weight && i < n; ++i) block[i] *= T(r.p.weight[k + i]);
          for (int i = n; i < padded(n); ++i) block[i] = 0;
          s = block;
        }
        Vec<T> total[U] = {}, low[U];
        for (int u = 0; u < U; ++u) low[u] = all<T>(-INFINITY);
        for (int i = 0; i < padded(n); i += GROUP)
          for (int u = 0; u < U; ++u) {
            Vec<T> x = load(s + i + u * L);
            total[u] += x;
            low[u] = greater(-x, low[u]);
          }
        sum += sum_lanes<T>(total);
        const double block_least = -double(max_lanes<T>(low));
        if (block_least < least) least = block_least;
      }
      r.p.sum[e] = sum;
      r.p.least[e] = least;
    }
  }

  // Few classes, or classes apart: events along the lanes, as in Columns.
  static void tile(void* context, int64_t index) {
    const RowSums& r = *static_cast<RowSums*>(context);
    const View& v = r.p.array;
    constexpr int U = UNROLL<T>, L = LANES<T>;
    Tile<T>* const scratch = new Tile<T>;
    Tile<T>& x = *scratch;
    Stored none;
    Columns<T> columns{none, lanes_across_events(v, r.p.events), 0};
    int64_t last = (index + 1) * r.events_at_once;
    if (last > r.p.events) last = r.p.events;
    for (int64_t e = index * r.events_at_once; e < last; e += GROUP) {
      const int events = int(last - e < GROUP ? last - e : GROUP);
      double sum[GROUP] = {};
      Vec<T> low[U];
      for (int u = 0; u < U; ++u) low[u] = all<T>(-INFINITY);
      for (int64_t k0 = 0; k0 < v.classes; k0 += TILE) {
        const int n = int(v.classes - k0 < TILE ? v.classes - k0 : TILE);
        columns.pack(v, e, events, k0, n, x.scores, x);
        Vec<T> total[U] = {};
        for (int k = 0; k < n; ++k)
          for (int u = 0; u < U; ++u) {
            Vec<T> s = load(x.scores + k * GROUP + u * L);
            if (r.p.weight) s *= T(r.p.weight[k0 + k]);
            total[u] += s;
            low[u] = greater(-s, low[u]);
          }
        Columns<T>::flush(total, sum);
      }
      for (int l = 0; l < events; ++l) {
        r.p.sum[e + l] = sum[l];
        r.p.least[e + l] = -double(low[l / L][l % L]);
      }
    }
    delete scratch;
  }

  void run(int threads) {
    const int64_t classes = p.array.classes;
    const bool columns =
        lanes_across_events(p.array, p.events) || (classes <= TILE && p.events > 1);
    events_at_once = (65536 / classes + GROUP) / GROUP * GROUP;
    if (!columns && classes >= 65536) events_at_once = 1;
    plogq::parallel((p.events + events_at_once - 1) / events_at_once, threads,
                    columns ? tile : unit, this);
  }
};

// The least and the greatest element, for checks; NaN counts for neither.
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
    Vec<float> low[U], high[U];
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
        }
    }
    r.low[index] = -double(max_lanes<float>(low));
    r.high[index] = double(max_lanes<float>(high));
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
