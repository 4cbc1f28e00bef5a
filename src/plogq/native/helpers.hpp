// Threads that are somebody else's, and work that is shared with them.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "call.hpp"

namespace plogq {

// Work that may run in threads of somebody else's: `start` has `task` run on another thread, now,
// later or never. Null: threads are spawned.
struct Helpers {
  void (*start)(void* pool, void (*task)(void*), void* data) = nullptr;
  void* pool = nullptr;
  int count = 0;
};

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

}  // namespace plogq
