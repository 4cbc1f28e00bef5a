// Labels, rows of probabilities and yes/no outcomes × logits as operations of TensorFlow:
// registered through its C API when tf.load_op_library loads this library, and found by name in the
// TensorFlow that is loaded, so that building needs neither its headers nor itself.
#include <string>
#include <type_traits>

#include "program_call.hpp"
#include "tensorflow_api.hpp"
#include "tensorflow_types.hpp"

namespace {

using namespace plogq;

bool (*run)(ProgramCall&) = nullptr;

class Status {
 public:
  Status() : status_(tf.TF_NewStatus()) {}
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;
  ~Status() { tf.TF_DeleteStatus(status_); }

  operator TF_Status*() const { return status_; }
  bool ok() const { return tf.TF_GetCode(status_) == TF_OK; }
  // Keeps the first sentence.
  void refuse(int code, const std::string& sentence) {
    if (ok()) tf.TF_SetStatus(status_, code, sentence.c_str());
  }

 private:
  TF_Status* status_;
};

// What an operation of a graph is told once: what every call is, and whether it keeps what its
// gradient takes.
struct Told {
  ProgramCall call;
  bool keep = true;
};

// The attributes, by name; float64 goes by its bits, as TensorFlow has float32 alone.
template <class With>
void attributes(Told& told, const With& with) {
  told.call.told(with);
  with("keep", told.keep);
}

void* create(TF_OpKernelConstruction* construction) {
  Told* told = new Told;
  Status status;
  attributes(*told, [&](const char* name, auto& field) {
    using Field = std::remove_reference_t<decltype(field)>;
    if constexpr (std::is_same_v<Field, bool>) {
      unsigned char found = 0;
      tf.TF_OpKernelConstruction_GetAttrBool(construction, name, &found, status);
      field = found != 0;
    } else {
      int64_t found = 0;
      tf.TF_OpKernelConstruction_GetAttrInt64(construction, name, &found, status);
      std::memcpy(&field, &found, sizeof field);
    }
  });
  if (!status.ok()) tf.TF_OpKernelConstruction_Failure(construction, status);
  told->call.checks_labels = true;
  return told;
}

void destroy(void* told) { delete static_cast<Told*>(told); }

std::string shown(const std::vector<int64_t>& lengths) {
  std::string text = "[";
  for (const int64_t n : lengths) text += (text.size() > 1 ? ", " : "") + std::to_string(n);
  return text + "]";
}

// A tensor of this call.
class Tensor {
 public:
  Tensor(TF_OpKernelContext* context, int i, Status& status) {
    if (status.ok()) tf.TF_GetInput(context, i, &tensor_, status);
    if (!status.ok()) return;
    for (int axis = 0; axis < tf.TF_NumDims(tensor_); ++axis)
      shape.push_back(tf.TF_Dim(tensor_, axis));
    dtype = tf.TF_TensorType(tensor_);
  }
  Tensor(TF_OpKernelContext* context, int i, int type, size_t item, std::vector<int64_t> lengths,
         Status& status)
      : shape(std::move(lengths)), dtype(type) {
    for (const int64_t n : shape) item *= size_t(n);
    if (status.ok())
      tensor_ =
          tf.TF_AllocateOutput(context, i, dtype, shape.data(), int(shape.size()), item, status);
  }
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;
  ~Tensor() {
    if (tensor_) tf.TF_DeleteTensor(tensor_);
  }

  void* data() const { return tf.TF_TensorData(tensor_); }

  View view(int64_t axis) const { return without_gaps(data(), shape, axis, code_of(dtype)); }

  std::vector<int64_t> shape;
  int dtype = 1;

 private:
  TF_Tensor* tensor_ = nullptr;
};

void expect(const char* what, const std::vector<int64_t>& came, const std::vector<int64_t>& taken,
            Status& status) {
  if (came == taken) return;
  status.refuse(TF_INVALID_ARGUMENT, std::string("P and Q must describe the same events: ") + what +
                                         " of shape " + shown(came) + " came where Q takes " +
                                         shown(taken));
}

std::string no_class(const ProgramCall& call, std::vector<int64_t> events) {
  std::vector<int64_t> place;
  int64_t left = call.bad;
  for (size_t i = events.size(); i-- > 0; left /= events[i])
    place.insert(place.begin(), left % events[i]);
  return "LabelError: Received a label value of [" + std::to_string(call.labels.at(call.bad)) +
         "] at event " + shown(place) + " which is outside the number of classes " +
         std::to_string(call.scores.classes);
}

template <bool forward>
void compute(void* told_once, TF_OpKernelContext* context) {
  const Told& told = *static_cast<const Told*>(told_once);
  Status status;
  ProgramCall call = told.call;
  call.forward = forward;
  int next = 0;
  const auto input = [&] { return std::make_unique<Tensor>(context, next++, status); };
  const auto scores = input(), of_p = input();
  const auto sample = call.sampled ? input() : nullptr;
  const auto by_class = call.by_class ? input() : nullptr;
  std::unique_ptr<Tensor> made[4];
  std::unique_ptr<Tensor> kept[4];
  for (int i = 0; !forward && i < 4; ++i) kept[i] = input();
  const auto finish = [&] {
    if (!status.ok()) tf.TF_OpKernelContext_Failure(context, status);
  };
  if (!status.ok()) return finish();
  std::vector<int64_t> events = scores->shape;
  const bool yes_no = call.target == YES_NO;
  const size_t axes = events.size();
  if ((!yes_no && (call.axis < 0 || size_t(call.axis) >= axes)) || axes >= View::max_axes)
    status.refuse(TF_INVALID_ARGUMENT, "plogq: scores of shape " + shown(events) +
                                           " have no classes on axis " + std::to_string(call.axis));
  if (!status.ok()) return finish();
  if (yes_no) call.axis = -1;
  const int64_t classes = yes_no ? 1 : events[size_t(call.axis)];
  if (!yes_no) events.erase(events.begin() + call.axis);
  if (call.target == LABELS)
    expect("labels", of_p->shape, events, status);
  else
    expect("probabilities", of_p->shape, scores->shape, status);
  if (sample) expect("sample_weight", sample->shape, events, status);
  if (by_class) expect("class_weight", by_class->shape, {classes}, status);
  if (!status.ok()) return finish();

  call.scores = scores->view(call.axis);
  if (call.target == LABELS) {
    call.labels.data = of_p->data();
    call.labels.type = label_type(of_p->dtype);
  } else {
    call.probs = of_p->view(call.axis);
  }
  if (sample) call.labels.sample_weight = {sample->data(), code_of(sample->dtype)};
  if (by_class) call.labels.class_weight = {by_class->data(), code_of(by_class->dtype)};
  const bool wide = call.scores.dtype == F64;
  const auto output = [&](int i, const std::vector<int64_t>& shape) {
    made[i] = std::make_unique<Tensor>(context, i, wide ? 2 : 1, wide ? 8 : 4, shape, status);
    return status.ok() ? made[i]->data() : nullptr;
  };
  const std::vector<int64_t> one, none = {0}, each = call.reduction == NONE ? events : one;
  if (forward) {
    const bool keep = told.keep && !yes_no;
    call.loss = output(0, each);
    void* greatest = output(1, keep ? events : none);
    void* rest = output(2, keep ? events : none);
    call.divisor = output(3, {3});
    if (keep) call.greatest = greatest, call.rest = rest;
  } else {
    expect("d_loss", kept[3]->shape, each, status);
    if (status.ok())
      made[0] = std::make_unique<Tensor>(
          context, 0, scores->dtype, size_t(item_size(call.scores.dtype)), scores->shape, status);
    if (!status.ok()) return finish();
    if (kept[0]->shape == events && kept[1]->shape == events) {
      call.greatest = kept[0]->data();
      call.rest = kept[1]->data();
    }
    call.divisor = kept[2]->data();
    call.d_loss = kept[3]->data();
    call.gradient = made[0]->view(call.axis);
  }
  if (!status.ok()) return finish();
  if (!run || !run(call)) status.refuse(TF_RESOURCE_EXHAUSTED, "plogq: no memory is left");
  if (call.bad >= 0) status.refuse(TF_INVALID_ARGUMENT, no_class(call, events));
  if (call.odd)
    status.refuse(TF_INVALID_ARGUMENT, "plogq: P has weights below 0 or is no distribution");
  finish();
}

// A loss for each event has the shape of labels and of yes/no outcomes, a reduced one none, a
// gradient that of the scores; what is kept for the gradient, and a loss for each row, which is
// told by an attribute, are known when they are there.
enum Shape { OF_SCORES = 0, OF_P = 1, NO_AXES = 2, UNKNOWN = 3 };

template <int shape>
void infer(TF_ShapeInferenceContext* context, TF_Status* status) {
  tf.TF_ShapeInferenceContextSetUnknownShape(context, status);
  TF_ShapeHandle* found = nullptr;
  if (shape == UNKNOWN) {
    // As it is.
  } else if (shape == NO_AXES) {
    found = tf.TF_ShapeInferenceContextScalar(context);
  } else {
    found = tf.TF_NewShapeHandle();
    tf.TF_ShapeInferenceContextGetInput(context, shape, found, status);
  }
  if (found && tf.TF_GetCode(status) == TF_OK)
    tf.TF_ShapeInferenceContextSetOutput(context, 0, found, status);
  if (found) tf.TF_DeleteShapeHandle(found);
  if (shape == OF_SCORES) return;
  TF_ShapeHandle* three = tf.TF_ShapeInferenceContextVectorFromSize(context, 3);
  tf.TF_ShapeInferenceContextSetOutput(context, 3, three, status);
  tf.TF_DeleteShapeHandle(three);
}

// The types of P: labels, rows of probabilities, yes/no outcomes.
constexpr const char* TYPES_OF_P[] = {
    "P: {int8, int16, int32, int64, uint8, uint16, uint32, uint64}",
    "P: {half, bfloat16, float, double}", "P: {half, bfloat16, float, double, bool}"};

template <bool forward, int shape>
void add(const char* name, Target target, Status& status) {
  if (!status.ok()) return;
  TF_OpDefinitionBuilder* builder = tf.TF_NewOpDefinitionBuilder(name);
  for (const char* input : {"scores: T", "of_p: P", "weights: W"})
    tf.TF_OpDefinitionBuilderAddInput(builder, input);
  for (const char* kept : {"greatest: S", "rest: S", "divisor: S", "d_loss: S"})
    if (!forward) tf.TF_OpDefinitionBuilderAddInput(builder, kept);
  if (forward)
    for (const char* made : {"loss: S", "greatest: S", "rest: S", "divisor: S"})
      tf.TF_OpDefinitionBuilderAddOutput(builder, made);
  else
    tf.TF_OpDefinitionBuilderAddOutput(builder, "gradient: T");
  for (const char* type : {"T: {half, bfloat16, float, double}", "S: {float, double}",
                           TYPES_OF_P[target], "W: list({float, double}) >= 0"})
    tf.TF_OpDefinitionBuilderAddAttr(builder, type);
  Told told;
  attributes(told, [&](const char* attribute, auto& field) {
    constexpr bool flag = std::is_same_v<std::remove_reference_t<decltype(field)>, bool>;
    const std::string spec = std::string(attribute) + (flag ? ": bool" : ": int");
    tf.TF_OpDefinitionBuilderAddAttr(builder, spec.c_str());
  });
  tf.TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, infer<shape>);
  tf.TF_RegisterOpDefinition(builder, status);
  if (!status.ok()) return;
  TF_KernelBuilder* kernel = tf.TF_NewKernelBuilder(name, "CPU", create, compute<forward>, destroy);
  tf.TF_RegisterKernelBuilder(name, kernel, status);
}

// Registers what TensorFlow is asked to load; it stays as long as the process.
__attribute__((constructor)) void enter() {
  tf.find();
  if (tf.missing) return;
  Status status;
  add<true, NO_AXES>("PlogqLabelsLoss", LABELS, status);
  add<true, OF_P>("PlogqLabelsLosses", LABELS, status);
  add<false, OF_SCORES>("PlogqLabelsGradient", LABELS, status);
  add<true, NO_AXES>("PlogqRowsLoss", ROWS, status);
  add<true, UNKNOWN>("PlogqRowsLosses", ROWS, status);
  add<false, OF_SCORES>("PlogqRowsGradient", ROWS, status);
  add<true, NO_AXES>("PlogqYesNoLoss", YES_NO, status);
  add<true, OF_P>("PlogqYesNoLosses", YES_NO, status);
  add<false, OF_SCORES>("PlogqYesNoGradient", YES_NO, status);
  if (!status.ok()) tf.missing = "a registry that takes these operations";
}

}  // namespace

extern "C" {
// The kernels, which are another library's: given once, before any operation runs.
__attribute__((visibility("default"))) void plogq_connect(void* kernels) {
  run = reinterpret_cast<bool (*)(ProgramCall&)>(kernels);
}
// What TensorFlow lacks that the operations take; null for nothing.
__attribute__((visibility("default"))) const char* plogq_missing() { return tf.missing; }
}
