"""The C++ kernels on PyTorch tensors in this process's memory, which they share with NumPy."""

# PyTorch types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportIncompatibleMethodOverride=false
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import torch

from ..arrays import torch as verbs
from ..arrays.torch_memory import memory
from ..formula import Formula
from .cpu import binding
from .linear import Tiled
from .triton import binding as triton

Tensor = torch.Tensor


stored = binding.Stored(memory, verbs)
binary = binding.Binary(memory, verbs)
linear = Tiled(verbs, binding.Stored(memory, verbs, flush=True), triton.stored, Formula(verbs))
