"""What every test of the Triton kernels starts from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from plogq.frameworks.torch.triton import binding, layout

from ..on_torch.conftest import decompositions_for_jvp as decompositions_for_jvp
from . import interpreter
from .device import DEVICE, put_first


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Under the interpreter, which is made more like a GPU, NumPy says nothing of ∞ - ∞."""
    if DEVICE == "cpu":
        interpreter.like_a_gpu(monkeypatch)
    with np.errstate(all="ignore"):
        yield


@pytest.fixture
def triton_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton's kernels run wherever they take a pair: a recorded program asks for none by name."""
    put_first(monkeypatch)


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 64 scores, and a program for every tile: rows are split over several."""
    monkeypatch.setattr(layout, "_TILE", 64)
    monkeypatch.setattr(binding, "_RUN", 1)
