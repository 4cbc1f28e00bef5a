"""What every test on tensors starts from."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from . import tensors

# The first use of forward mode loads decompositions through torch.jit.script, which PyTorch itself
# has deprecated; loaded here, that warning is not taken for one of ours.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from torch._decomp import decompositions_for_jvp as decompositions_for_jvp


@pytest.fixture(params=tensors.WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """The C++ kernel, then the formula in PyTorch's own operations."""
    with tensors.by(request.param):
        yield request.param
