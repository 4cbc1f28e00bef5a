"""The C++ kernels on PyTorch tensors in this process's memory, which they share with NumPy."""

from __future__ import annotations

import torch

from ...algebra.chunked import Chunked, share_of_scores
from ...algebra.chunked_pairs import ChunkedPairs
from ...algebra.formula import Formula
from ...algebra.linear import Tiled
from ...native import stored as binding
from ...native import versus
from . import arrays as verbs
from .memory import memory
from .triton import binding as triton

Tensor = torch.Tensor


stored = binding.Stored(memory, verbs)
binary = binding.Binary(memory, verbs)
pairs = versus.Pairs(memory, verbs)
_carried_on = binding.Stored(memory, verbs, flush=True)
linear = Tiled(verbs, _carried_on, triton.stored, Formula(verbs))
chunked = Chunked(verbs, _carried_on, share_of_scores, own=False)
chunked_pairs = ChunkedPairs(verbs, versus.Pairs(memory, verbs, flush=True), Formula(verbs))
