"""Mass 0 takes an event out of everything, by the kernels in Triton."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import plogq
from plogq.kernels.table import using

from ..on_torch.tensors import array, recorded
from ..on_torch.test_mass_zero import leaves
from ..spoiled import Spoilt, pairs
from .device import on_device

# What is stored as probabilities has a kernel on the CPU alone.
CASES = [
    c
    for c in pairs(np.float32)
    if isinstance(c.q, plogq.Logits | plogq.LinearLogits | plogq.BinaryLogits)
]


def slopes(p: Any, q: Any, **options: Any) -> tuple[float, dict[str, Any]]:
    q = recorded(on_device(q))
    with using("triton"):
        loss = plogq.cross_entropy(on_device(p), q, **options)
        loss.backward()
    return loss.item(), {n: array(x.grad) for n, x in leaves(q).items()}


@pytest.mark.parametrize("z_loss", [0.0, 0.1])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_events_without_mass_change_nothing(case: Spoilt, z_loss: float) -> None:
    loss, found = slopes(case.p, case.q, z_loss=z_loss)
    right, expected = slopes(case.kept_p, case.kept_q, z_loss=z_loss)
    assert loss == pytest.approx(right, rel=1e-6)
    for name, g in found.items():
        if name not in ("weight", "bias"):
            assert not g[case.out].any(), name
            g = g[~case.out]
        np.testing.assert_allclose(g, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)
