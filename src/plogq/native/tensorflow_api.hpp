// TensorFlow's C API, declared here and found by name when this library is loaded.
#pragma once
#include <dlfcn.h>

#include <cstddef>
#include <cstdint>

namespace {

// The part of tensorflow/c/kernels.h, ops.h, tf_tensor.h and tf_status.h that is used.
struct TF_Status;
struct TF_Tensor;
struct TF_OpDefinitionBuilder;
struct TF_KernelBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
struct TF_ShapeInferenceContext;
struct TF_ShapeHandle;
enum : int { TF_OK = 0, TF_INVALID_ARGUMENT = 3, TF_RESOURCE_EXHAUSTED = 8 };

#define PLOGQ_TENSORFLOW(X)                                                                       \
  X(TF_NewStatus, TF_Status*, ())                                                                 \
  X(TF_DeleteStatus, void, (TF_Status*))                                                          \
  X(TF_GetCode, int, (const TF_Status*))                                                          \
  X(TF_SetStatus, void, (TF_Status*, int, const char*))                                           \
  X(TF_TensorType, int, (const TF_Tensor*))                                                       \
  X(TF_NumDims, int, (const TF_Tensor*))                                                          \
  X(TF_Dim, int64_t, (const TF_Tensor*, int))                                                     \
  X(TF_TensorData, void*, (const TF_Tensor*))                                                     \
  X(TF_DeleteTensor, void, (TF_Tensor*))                                                          \
  X(TF_NewOpDefinitionBuilder, TF_OpDefinitionBuilder*, (const char*))                            \
  X(TF_OpDefinitionBuilderAddAttr, void, (TF_OpDefinitionBuilder*, const char*))                  \
  X(TF_OpDefinitionBuilderAddInput, void, (TF_OpDefinitionBuilder*, const char*))                 \
  X(TF_OpDefinitionBuilderAddOutput, void, (TF_OpDefinitionBuilder*, const char*))                \
  X(TF_OpDefinitionBuilderSetShapeInferenceFunction, void,                                        \
    (TF_OpDefinitionBuilder*, void (*)(TF_ShapeInferenceContext*, TF_Status*)))                   \
  X(TF_RegisterOpDefinition, void, (TF_OpDefinitionBuilder*, TF_Status*))                         \
  X(TF_NewKernelBuilder, TF_KernelBuilder*,                                                       \
    (const char*, const char*, void* (*)(TF_OpKernelConstruction*),                               \
     void (*)(void*, TF_OpKernelContext*), void (*)(void*)))                                      \
  X(TF_RegisterKernelBuilder, void, (const char*, TF_KernelBuilder*, TF_Status*))                 \
  X(TF_OpKernelConstruction_GetAttrInt64, void,                                                   \
    (TF_OpKernelConstruction*, const char*, int64_t*, TF_Status*))                                \
  X(TF_OpKernelConstruction_GetAttrBool, void,                                                    \
    (TF_OpKernelConstruction*, const char*, unsigned char*, TF_Status*))                          \
  X(TF_OpKernelConstruction_Failure, void, (TF_OpKernelConstruction*, TF_Status*))                \
  X(TF_OpKernelContext_Failure, void, (TF_OpKernelContext*, TF_Status*))                          \
  X(TF_GetInput, void, (TF_OpKernelContext*, int, TF_Tensor**, TF_Status*))                       \
  X(TF_AllocateOutput, TF_Tensor*,                                                                \
    (TF_OpKernelContext*, int, int, const int64_t*, int, size_t, TF_Status*))                     \
  X(TF_NewShapeHandle, TF_ShapeHandle*, ())                                                       \
  X(TF_DeleteShapeHandle, void, (TF_ShapeHandle*))                                                \
  X(TF_ShapeInferenceContextGetInput, void,                                                       \
    (TF_ShapeInferenceContext*, int, TF_ShapeHandle*, TF_Status*))                                \
  X(TF_ShapeInferenceContextSetOutput, void,                                                      \
    (TF_ShapeInferenceContext*, int, TF_ShapeHandle*, TF_Status*))                                \
  X(TF_ShapeInferenceContextScalar, TF_ShapeHandle*, (TF_ShapeInferenceContext*))                 \
  X(TF_ShapeInferenceContextVectorFromSize, TF_ShapeHandle*, (TF_ShapeInferenceContext*, size_t)) \
  X(TF_ShapeInferenceContextSetUnknownShape, void, (TF_ShapeInferenceContext*, TF_Status*))

struct Api {
#define PLOGQ_FIELD(name, result, arguments) result(*name) arguments = nullptr;
  PLOGQ_TENSORFLOW(PLOGQ_FIELD)
#undef PLOGQ_FIELD
  const char* missing = nullptr;  // what is not there, null for nothing

  // In the TensorFlow of this process, whatever else is loaded.
  void find() {
    void* framework = dlopen("libtensorflow_framework.so.2", RTLD_LAZY | RTLD_NOLOAD);
    if (!framework) {
      missing = "libtensorflow_framework.so.2";
      return;
    }
#define PLOGQ_FIND(name, result, arguments)                              \
  name = reinterpret_cast<result(*) arguments>(dlsym(framework, #name)); \
  if (!name && !missing) missing = #name;
    PLOGQ_TENSORFLOW(PLOGQ_FIND)
#undef PLOGQ_FIND
  }
};

inline Api tf;

}  // namespace
