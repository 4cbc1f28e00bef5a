"""PyTorch's cross-entropies under PyTorch's names: what to import in place of torch's own.

Signatures, defaults, errors, dtypes and quirks are those of the installed torch; the losses are
plogq's. The page on PyTorch in the docs lists the quirks, and what differs.
"""

import torch as _torch

from .classes import cross_entropy, nll_loss
from .elementwise import binary_cross_entropy, binary_cross_entropy_with_logits, kl_div
from .linear import linear_cross_entropy
from .modules import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, KLDivLoss, NLLLoss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "KLDivLoss",
    "NLLLoss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "kl_div",
    "linear_cross_entropy",
    "nll_loss",
]

if hasattr(_torch.nn, "LinearCrossEntropyLoss"):
    from .modules import LinearCrossEntropyLoss as LinearCrossEntropyLoss

    __all__ += ["LinearCrossEntropyLoss"]
