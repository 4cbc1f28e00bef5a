"""LinearLogits in chunks on the CPU: taken where they win within the memory of the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import plogq
from plogq.algebra import chunked
from plogq.frameworks.numpy import kernels
from plogq.kernels.table import using

from ..together import for_each
from .test_linear import TARGETS

EVENTS, CLASSES, FEATURES = 150, 7, 5


@for_each("target", TARGETS)
@for_each("reduction", ["mean", "none"])
def test_chunks_give_what_tiles_give(target: str, reduction: str) -> None:
    rng = np.random.default_rng(1)
    hidden, weight, bias = (
        rng.normal(size=s) for s in ((EVENTS, FEATURES), (CLASSES, FEATURES), (CLASSES,))
    )
    p = TARGETS[target](rng, EVENTS, CLASSES)
    q = plogq.LinearLogits(hidden, weight, bias, softcap=2.0, workspace=70 * CLASSES * 8)
    if target == "twice_smoothed":
        assert "smoothed more than once" in str(plogq.explain(p, q))
        return
    found: list[Any] = []
    with plogq.validation("off"):
        for kernel in ("chunked", "linear"):
            with using(kernel):
                found.append(plogq.value_and_grad(p, q, reduction=reduction, z_loss=0.01))
    (loss, slope), (want, expected) = found
    np.testing.assert_allclose(loss, want, rtol=1e-12)
    for name in ("hidden", "weight", "bias"):
        np.testing.assert_allclose(
            getattr(slope, name), getattr(expected, name), rtol=1e-10, atol=1e-13
        )


def test_a_chunk_is_a_small_share_of_all_scores() -> None:
    """N8: no array of events × classes, and at most 5% of one."""
    whole = np.empty((20_000, 1), np.float32), np.empty((32_000, 1), np.float32)
    for events in (2048, 20_000):
        q = plogq.LinearLogits(whole[0][:events], whole[1]).lower(kernels.verbs, lambda: None)
        share = chunked.share_of_scores(q, events) / (events * 32_000 * 4)
        assert share <= 0.05


def test_few_events_and_16_bits_go_by_tiles() -> None:
    y = plogq.Labels(np.zeros(2000, int))
    wide = np.zeros((200_000, 1), np.float32)
    explained = plogq.explain(y, plogq.LinearLogits(np.zeros((2000, 1), np.float32), wide))
    assert explained.chosen == "linear"
    assert "give a larger workspace" in str(explained)
    half = plogq.LinearLogits(np.zeros((2000, 1), np.float16), np.zeros((4, 1), np.float16))
    assert plogq.explain(y, half).chosen == "linear"


@for_each("size", [-1, 2.5, True, "1 GB"])
def test_a_workspace_is_a_number_of_bytes(size: Any) -> None:
    with pytest.raises((ValueError, plogq.DtypeError), match="workspace"):
        plogq.LinearLogits(np.zeros((1, 2)), np.zeros((3, 2)), workspace=size)
