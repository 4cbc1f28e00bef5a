"""What every test on TensorFlow's tensors starts from."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from . import tensors


@pytest.fixture(params=tensors.WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kernels and the formula, eagerly; a graph with them, and one that XLA compiles."""
    with tensors.by(request.param):
        yield request.param
