"""Scores over ranks with a kernel in Triton on each of them: as exact as on one."""

from __future__ import annotations

import numpy as np
import pytest

from .. import bounds
from ..distributed.processes import run
from ..test_sharded import Whole, truth
from . import ranks
from .device import DEVICE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(DEVICE != "cpu", reason="these processes talk over gloo, on the CPU"),
]


def test_two_ranks_are_as_exact_as_one() -> None:
    outcomes = run([ranks.every_pair], 2)[ranks.every_pair.__name__]
    failures = [x.failure for x in outcomes if x.failure is not None]
    assert not failures, "\n".join(failures)
    assert len(outcomes) == 2
    for p, q in ranks.PAIRS:
        parts = [x.value[p, q] for x in outcomes]
        losses, gradient = truth(p, q, np.dtype(np.float32))
        with bounds.noted(f"{p} × {q}"):
            for found, _ in parts:
                losses.check(found)
            gradient.check(Whole(parts))
