// The same calls in what XLA compiles for TensorFlow on a CPU: a custom call without types, which
// `plogq_connect_xla` enters into the registry of the XLA that is part of TensorFlow.
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "program_call.hpp"
#include "tensorflow_types.hpp"

namespace {

using namespace plogq;

bool (*run)(ProgramCall&) = nullptr;

// What a call is told: "name=number,number " for each name, one after another. Whoever asks for
// them in this order searches for none.
class Words {
 public:
  Words(const char* told, size_t length) : text_(told, length) {}

  // Whether there are numbers of this name; `next` then gives one after another.
  bool find(std::string_view name) {
    const auto here = [&] {
      return text_.compare(at_, name.size(), name) == 0 && text_[at_ + name.size()] == '=';
    };
    if (at_ + name.size() >= text_.size() || !here()) {
      for (at_ = 0; at_ + name.size() < text_.size() && !here();) {
        const size_t end = text_.find(' ', at_);
        at_ = end == std::string_view::npos ? text_.size() : end + 1;
      }
      if (at_ + name.size() >= text_.size()) return at_ = 0, false;
    }
    at_ += name.size() + 1;
    return true;
  }
  // False for the last number of a name, behind which the next name stands.
  bool next(int64_t& number) {
    const char* const end = text_.data() + text_.size();
    at_ = size_t(std::from_chars(text_.data() + at_, end, number).ptr - text_.data());
    return at_ < text_.size() && text_[at_++] == ',';
  }

  int64_t number(std::string_view name) {
    int64_t found = 0;
    if (find(name)) next(found);
    return found;
  }
  std::vector<int64_t> numbers(std::string_view name) {
    std::vector<int64_t> found;
    // Of no axes there is no length.
    for (bool more = find(name) && text_[at_] != ' '; more;) {
      found.push_back(0);
      more = next(found.back());
    }
    return found;
  }

 private:
  const std::string_view text_;
  size_t at_ = 0;
};

template <class T>
void fill(void* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) static_cast<T*>(to)[i] = T(NAN);
}

// Scores, what P is, the weights that there are; for the gradient the divisor, what flows, and the
// gradient for a flow of 1, where forward has made it. There is no way to say that no memory is
// left, but NaN.
void call(void* out, const void** in, const char* told, size_t length, void*) {
  Words words(told, length);
  ProgramCall call;
  call.told([&](const char* name, auto& field) {
    const int64_t found = words.number(name);
    if constexpr (std::is_same_v<std::remove_reference_t<decltype(field)>, bool>)
      field = found != 0;
    else
      std::memcpy(&field, &found, sizeof field);  // float64 goes by its bits
  });
  call.forward = words.number("forward") != 0;
  const bool keep = words.number("keep") != 0;
  const std::vector<int64_t> shape = words.numbers("shape"), types = words.numbers("types");
  size_t next = 0;
  const auto data = [&] { return const_cast<void*>(in[next]); };
  const auto type = [&] { return int(types[next++]); };
  const auto array = [&](void* at, int dtype) {
    return without_gaps(at, shape, call.axis, code_of(dtype));
  };
  const auto weight = [&](bool there) -> Numbers {
    if (!there) return {};
    void* const at = data();
    return {at, code_of(type())};
  };
  void* at = data();
  const int own = type();
  call.scores = array(at, own);
  at = data();
  if (call.target == LABELS)
    call.labels.data = at, call.labels.type = label_type(type());
  else
    call.probs = array(at, type());
  call.labels.sample_weight = weight(call.sampled);
  call.labels.class_weight = weight(call.by_class);
  void** const results = static_cast<void**>(out);
  const int64_t events = events_of(call.scores), elements = events * call.scores.classes;
  const bool wide = call.scores.dtype == F64;
  void* gradient = nullptr;
  if (call.forward) {
    call.loss = results[0];
    call.divisor = results[1];
    if (keep) gradient = results[2];
  } else {
    call.divisor = const_cast<void*>(in[next]);
    call.d_loss = in[next + 1];
    gradient = out;
    call.made = keep;
    if (keep) std::memcpy(out, in[next + 2], size_t(elements * item_size(call.scores.dtype)));
  }
  if (gradient) call.gradient = array(gradient, own);
  if (run && run(call)) return;
  const int64_t losses = call.reduction == NONE ? events : 1;
  if (call.loss) wide ? fill<double>(call.loss, losses) : fill<float>(call.loss, losses);
  // All bits of a number set are NaN in every type.
  if (gradient) std::memset(gradient, 0xff, size_t(elements * item_size(call.scores.dtype)));
}

}  // namespace

// The kernels, which are another library's; the registry, and what enters a function into it, as
// `void Register(const std::string& name, void* function, const std::string& platform)`.
extern "C" __attribute__((visibility("default"))) void plogq_connect_xla(void* kernels,
                                                                         void* registry,
                                                                         void* enter) {
  run = reinterpret_cast<bool (*)(ProgramCall&)>(kernels);
  const auto entered =
      reinterpret_cast<void (*)(void*, const std::string&, void*, const std::string&)>(enter);
  entered(reinterpret_cast<void* (*)()>(registry)(), "plogq_program", reinterpret_cast<void*>(call),
          "Host");
}
