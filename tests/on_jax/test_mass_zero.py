"""Mass 0 takes an event out of everything, in JAX: kernels, the formula, and derivatives."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import plogq

from ..spoiled import Spoilt, pairs
from .arrays import Call, by

# A program is compiled for each, so one way to weigh is taken of each pair, and all ways of one.
CASES = [
    c
    for i, c in enumerate(pairs(np.float64))
    if c.name.startswith(("ignored", "class of weight 0-one-hot")) or i % 3 == 0
]


def slopes(pairs: list[tuple[Any, Any]], way: str, **options: Any) -> list[tuple[Any, list[Any]]]:
    """The loss and Q's gradients of every pair, all by one program."""
    calls = [Call(p, q) for p, q in pairs]

    def one(call: Call, given: Any) -> Any:
        of_p = len(call.of_p)

        def loss(*of_q: Any) -> Any:
            return plogq.cross_entropy(*call.pair((*given[:of_p], *of_q)), **options)

        places = tuple(range(len(call.of_q)))
        return jax.value_and_grad(loss, places)(*given[of_p:])

    with by(way):
        program = jax.jit(lambda given: [one(c, x) for c, x in zip(calls, given, strict=True)])
        found = program([c.inputs for c in calls])
    return [(float(loss), [np.asarray(g) for g in gradients]) for loss, gradients in found]


@pytest.mark.parametrize("way", ["cpu", pytest.param("formula", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_events_without_mass_change_nothing(case: Spoilt, way: str) -> None:
    with jax.enable_x64(True):
        options = {"z_loss": 0.1} if "Logits" in case.name else {}
        pairs = [(case.p, case.q), (case.kept_p, case.kept_q)]
        (loss, found), (right, expected) = slopes(pairs, way, **options)
    np.testing.assert_allclose(loss, right, rtol=1e-10)
    for g, other in zip(found, expected, strict=True):
        if g.shape != other.shape:
            assert not g[case.out].any()
            g = g[~case.out]
        np.testing.assert_allclose(g, other, rtol=1e-9, atol=1e-12)


def test_eagerly_what_counts_is_refused_and_what_does_not_is_not() -> None:
    p = plogq.Weighted(
        plogq.BinaryProbs(jax.numpy.array([1.0, np.nan])), sample_weight=jax.numpy.array([1.0, 0.0])
    )
    q = plogq.BinaryProbs(jax.numpy.array([0.8, 0.3]))
    np.testing.assert_allclose(plogq.cross_entropy(p, q), -np.log(0.8), rtol=1e-6)
    with pytest.raises(plogq.errors.ProbabilityError, match=r"nan outside \[0, 1\]"):
        plogq.cross_entropy(p.target, q)


def test_arrays_of_more_axes_than_the_kernels_take() -> None:
    """The formula takes over, with a reason; a handler that is called all the same refuses."""
    for axes in (62, 63, 64, 70):
        scores = jax.numpy.zeros((*(1,) * (axes - 1), 3))
        y = plogq.Labels(jax.numpy.zeros((1,) * (axes - 1), int))
        q = plogq.Logits(scores)
        np.testing.assert_allclose(plogq.cross_entropy(y, q), np.log(3), rtol=1e-6)
        yes = plogq.BinaryProbs(jax.numpy.zeros(scores.shape))
        found = plogq.cross_entropy(yes, plogq.BinaryLogits(scores))
        np.testing.assert_allclose(found, np.log(2), rtol=1e-6)
        if axes > 63:
            assert f"has {axes} axes" in str(plogq.explain(y, q))
