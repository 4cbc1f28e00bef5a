// The kernels of one instruction set: this file is compiled once for each, under its own namespace.
//
// Nothing here may use a function template of the standard library that is not inlined: the linker
// would keep one copy of it, compiled perhaps for a processor that this machine does not have.
#include "binary.hpp"
#include "events_in_lanes.hpp"
#include "sums.hpp"
#include "table_rows.hpp"
#include "versus.hpp"

namespace PLOGQ_ISA {

// Whether float32 carries these weights, and their products with probabilities.
static bool fits(const double* x, int64_t n) {
  for (int64_t i = 0; x && i < n; ++i)
    if (x[i] != 0 && !(std::fabs(x[i]) >= 0x1p-60 && std::fabs(x[i]) <= 0x1p60)) return false;
  return true;
}

// The arithmetic is that of the widest array: what is float64 is never rounded to float32 first.
static void stored(const Stored& p, int threads) {
  const int64_t classes = p.scores.classes;
  const bool weights = fits(p.class_weight, classes) && fits(p.spread, classes) &&
                       !(p.kind == PROBS && p.dense && p.class_weight);
  // tanh rounds relative to the cap, not to the gap; float64 keeps the gap exact.
  if (p.scores.dtype == F64 || p.softcap != 0 || (p.dense && p.dense.dtype == F64) || !weights)
    run_stored<double>(p, threads);
  else
    run_stored<float>(p, threads);
}

static void binary(const Binary& p, int threads) {
  if (p.scores.dtype == F64 || p.target.dtype == F64)
    BinaryBlocks<double>{p}.run(threads);
  else
    BinaryBlocks<float>{p}.run(threads);
}

static void sums(const Sums& p, int threads) { RowSums{p, 0}.run(threads); }

static void range(const View& v, int64_t events, double* low, double* high, int threads) {
  const int64_t units = (events + Range::UNIT - 1) / Range::UNIT;
  double* found = new double[size_t(2 * units)];
  Range r{v, events, found, found + units};
  plogq::parallel(units, threads, Range::unit, &r);
  *low = INFINITY, *high = -INFINITY;
  for (int64_t i = 0; i < units; ++i) {
    if (!(r.low[i] >= *low)) *low = r.low[i];
    if (!(r.high[i] <= *high)) *high = r.high[i];
    if (std::isnan(r.low[i])) break;
  }
  delete[] found;
}

static double read(const char* data, int64_t bytes, int threads) {
  Reader r{reinterpret_cast<const float*>(data), bytes / 4, nullptr};
  const int64_t units = (r.count + Reader::UNIT - 1) / Reader::UNIT;
  r.sums = new double[size_t(units > 0 ? units : 1)];
  plogq::parallel(units, threads, Reader::unit, &r);
  double total = 0;
  for (int64_t i = 0; i < units; ++i) total += r.sums[i];
  delete[] r.sums;
  return total;
}

static double table_rows(const TableRows& p) {
  return p.dtype == F64 ? table_rows<double>(p) : table_rows<float>(p);
}

#define PLOGQ_STRING_(x) #x
#define PLOGQ_STRING(x) PLOGQ_STRING_(x)
extern const Kernels kernels;
const Kernels kernels = {
    PLOGQ_STRING(PLOGQ_ISA_NAME), stored, binary, versus, sums, range, read, table_rows};

}  // namespace PLOGQ_ISA
