"""What every test on TensorFlow's tensors starts from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from . import tensors


@pytest.fixture(params=tensors.WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kernels and the formula, eagerly; a graph with them, and one that XLA compiles."""
    with tensors.by(request.param):
        yield request.param


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """XLA compiles a program for every case, which takes as long as the other ways together."""
    for item in items:
        given = item.callspec.params if hasattr(item, "callspec") else {}
        xla = given.get("way") == "xla" or given.get("jit") is True
        if item.path.parent == Path(__file__).parent and xla:
            item.add_marker(pytest.mark.slow)
