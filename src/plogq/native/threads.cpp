// Threads for one call, fed from one counter: PyTorch's where it has lent them, else spawned.
#include <atomic>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#ifdef _WIN32
#include <process.h>
#define getpid _getpid
#else
#include <unistd.h>
#endif

#include "call.hpp"

namespace plogq {

bool (*interrupted)() = [] { return false; };
bool (*pooled)() = [] { return false; };

namespace {

Pool pool = nullptr;
int pool_process = 0;

// The units of one call, which whoever comes next takes from.
struct Work {
  int64_t units;
  void (*work)(void*, int64_t);
  void* context;
  std::thread::id caller = std::this_thread::get_id();
  std::atomic<int64_t> next{0};

  bool take(int64_t& unit) { return (unit = next.fetch_add(1, std::memory_order_relaxed)) < units; }
  void help() {
    for (int64_t i; take(i);) work(context, i);
  }
  // As the thread that called: the only one that may look for signals.
  void lead() {
    for (int64_t i; take(i);) {
      if (interrupted()) return next.store(units, std::memory_order_relaxed);
      work(context, i);
    }
  }
};

void by_pool(Work& shared, int threads) {
  const auto part = [](int64_t, int64_t, void* context) {
    Work& shared = *static_cast<Work*>(context);
    if (std::this_thread::get_id() == shared.caller) return shared.lead();
    const Standard standard;
    shared.help();
  };
  if (pool(0, threads, 1, part, &shared) != 0) throw std::bad_alloc();
}

void by_spawning(Work& shared, int threads) {
  std::vector<std::thread> helpers;
  helpers.reserve(size_t(threads - 1));
  try {
    for (int t = 1; t < threads; ++t) helpers.emplace_back([&] { shared.help(); });
  } catch (const std::system_error&) {
    // No thread to be had: those that did start, and this one, do all the work.
  }
  shared.lead();
  for (auto& helper : helpers) helper.join();
}

}  // namespace

void lend(Pool lent) {
  pool = lent;
  pool_process = int(getpid());
}

void parallel(int64_t units, int threads, void (*work)(void*, int64_t), void* context) {
  if (threads > units) threads = static_cast<int>(units);
  if (threads <= 1) {
    for (int64_t i = 0; i < units && !(i && interrupted()); ++i) work(context, i);
    return;
  }
  Work shared{units, work, context};
  if (pool && pooled() && pool_process == int(getpid()))
    by_pool(shared, threads);
  else
    by_spawning(shared, threads);
}

}  // namespace plogq
