// Threads for one call: spawned, fed from one counter, joined.
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "problem.hpp"

namespace plogq {

bool (*interrupted)() = [] { return false; };

void parallel(int64_t units, int threads, void (*work)(void*, int64_t), void* context) {
  if (threads > units) threads = static_cast<int>(units);
  if (threads <= 1) {
    for (int64_t i = 0; i < units && !(i && interrupted()); ++i) work(context, i);
    return;
  }
  std::atomic<int64_t> next{0};
  auto run = [&] {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < units;) work(context, i);
  };
  auto lead = [&] {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < units;) {
      if (interrupted()) {
        next.store(units, std::memory_order_relaxed);
        return;
      }
      work(context, i);
    }
  };
  std::vector<std::thread> helpers;
  helpers.reserve(threads - 1);
  try {
    for (int t = 1; t < threads; ++t) helpers.emplace_back(run);
  } catch (const std::system_error&) {
    // No thread to be had: those that did start, and this one, do all the work.
  }
  lead();
  for (auto& helper : helpers) helper.join();
}

}  // namespace plogq
