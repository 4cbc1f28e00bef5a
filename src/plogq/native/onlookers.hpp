// Who looks on while tensors are computed with, and new tensors: asked of PyTorch by what its
// Python module has, which `read_modes` is told once.
#pragma once
#include <nanobind/nanobind.h>

#include <cstdint>

namespace plogq {

class Tensor;

// The number of the instruction set that runs now.
int set_now();

// Whether something else looks at every operation now: forward mode, a transform, a dispatch mode.
bool tensors_watched();
// Whether a backward that runs now is itself to be differentiated, or runs inside a transform.
bool tensors_in_depth();
// Whether gradients are recorded now.
bool recording();

// Whether it is a tensor as such, and no subclass of one.
bool plain_tensor(nanobind::handle x);
bool requires_gradient(nanobind::handle x);
// Whether what stands in memory is the negative of its values.
bool negative(nanobind::handle x);

// New tensors without gaps, their values anything: losses of this shape, in float64 or in float32;
// what is like x, which `read` has. The same as arrays of NumPy, and one number.
nanobind::object loss_tensor(bool wide, int axes, const int64_t* shape);
nanobind::object tensor_like(nanobind::handle x, const Tensor& read);
nanobind::object loss_array(bool wide, int axes, const int64_t* shape);
nanobind::object array_like(nanobind::handle x);
nanobind::object array_number(bool wide, double x);
void read_array_makers(nanobind::object losses, nanobind::object like, nanobind::tuple numbers);

// The loss of `way` as autograd records it, with the way back from it to the scores.
nanobind::object record(nanobind::object way, nanobind::handle scores);

// What a call is asked in: whether a kernel was asked for by name; which values are checked, "off",
// "on" or "full"; the code of a reduction, or -1.
bool kernel_asked();
bool checks_are(const char* level);
int reduction_code(nanobind::handle name);

// Weights or what flows back as float64 without gaps; None for what is not plain, or has a
// gradient.
nanobind::object widened(nanobind::handle x);

}  // namespace plogq
