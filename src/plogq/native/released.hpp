// A kernel runs without the interpreter's lock: it stops for Ctrl-C, and ends before the
// interpreter does.
//
// A thread that asks an interpreter that has ended for its lock is ended on the spot, from within
// frames of C++ that end the whole process for it. So what runs when the interpreter is about to
// end is waited for, and what begins after that keeps the lock.
#pragma once
#include <nanobind/nanobind.h>

#ifndef _WIN32
#include <pthread.h>
#endif

#include <atomic>
#include <chrono>
#include <thread>

#include "call.hpp"

namespace plogq {

class Released {
 public:
  // `worth`: whether the work is long enough that others should have the lock meanwhile.
  explicit Released(bool worth = true) : outer_(current) {
    if (!worth || ending) return;
    ++running;
    current = this;
    looked_ = std::chrono::steady_clock::now();
    state_ = PyEval_SaveThread();
  }
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;
  ~Released() {
    if (!state_) return;
    PyEval_RestoreThread(state_);
    current = outer_;
    --running;
  }

  bool stopped() const { return stopped_; }

  // Asked between units of work: twenty times a second at the most it looks for signals.
  static bool interrupted() { return current && current->looks(); }

  // Called as the interpreter is about to end, with its lock.
  static void end() {
    ending = true;
    for (int i = 0; running > 0 && i < MOST_WAITS; ++i) {
      PyThreadState* state = PyEval_SaveThread();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      PyEval_RestoreThread(state);
    }
  }

  static void prepare() {
    plogq::interrupted = interrupted;
    plogq::pooled = [] { return current != nullptr; };
#ifndef _WIN32
    // In the child of a fork no other thread goes on.
    pthread_atfork(nullptr, nullptr, [] { running = 0; });
#endif
  }

 private:
  static constexpr int MOST_WAITS = 10000;
  static constexpr std::chrono::milliseconds PAUSE{50};

  bool looks() {
    const auto now = std::chrono::steady_clock::now();
    if (stopped_ || now - looked_ < PAUSE) return stopped_;
    looked_ = now;
    if (ending) return stopped_ = true;
    PyEval_RestoreThread(state_);
    stopped_ = PyErr_CheckSignals() != 0;
    state_ = PyEval_SaveThread();
    return stopped_;
  }

  friend class Calling;
  static inline std::atomic<bool> ending{false};
  static inline std::atomic<int> running{0};
  static inline thread_local Released* current = nullptr;

  Released* outer_;
  PyThreadState* state_ = nullptr;
  std::chrono::steady_clock::time_point looked_;
  bool stopped_ = false;
};

// A call that itself calls Python, where others may take the lock: it is waited for as one that has
// given it away, and does not begin once the interpreter is about to end.
class Calling {
 public:
  Calling() : begun_(!Released::ending) {
    if (begun_) ++Released::running;
  }
  Calling(const Calling&) = delete;
  Calling& operator=(const Calling&) = delete;
  ~Calling() {
    if (begun_) --Released::running;
  }

  explicit operator bool() const { return begun_; }

 private:
  bool begun_;
};

// From how many elements on: below it takes longer to give the lock away than others would wait.
constexpr int64_t WORTH_RELEASING = 1 << 13;

// work(kernels) without the lock, in standard arithmetic; with it where that is not `worth` giving
// it away.
//
// Raises what a signal's handler raised meanwhile; in an interpreter that ends, SystemExit.
template <class Work>
void run(int set, const Work& work, bool worth = true) {
  bool stopped;
  {
    const Released released(worth);
    work(Running(set));
    stopped = released.stopped();
  }
  if (!stopped) return;
  if (!PyErr_Occurred()) PyErr_SetNone(PyExc_SystemExit);
  nanobind::raise_python_error();
}

}  // namespace plogq
