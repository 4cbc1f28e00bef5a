"""What compiled programs take besides their arguments and results, as XLA itself says (N8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import plogq
from plogq.algebra.measure import Measure
from plogq.algebra.scores import Projection
from plogq.frameworks.jax.kernels import linear

EVENTS, FEATURES, CLASSES = 512, 16, 64_000
SCORES = 4 * EVENTS * CLASSES

Y = jax.ShapeDtypeStruct((EVENTS,), jnp.int32)
HIDDEN = jax.ShapeDtypeStruct((EVENTS, FEATURES), jnp.float32)
WEIGHT = jax.ShapeDtypeStruct((CLASSES, FEATURES), jnp.float32)


def extra(function: Callable[..., Any], *arguments: Any) -> int:
    """The bytes of a compiled program's temporary arrays."""
    analysis: Any = jax.jit(function).lower(*arguments).compile().memory_analysis()
    return analysis.temp_size_in_bytes


def targets(y: Any) -> dict[str, Any]:
    return {
        "labels": plogq.Labels(y, ignore=-1),
        "smoothed": plogq.Smoothed(plogq.Labels(y), 0.1),
        "few classes": plogq.SparseProbs(y[:, None], jnp.ones((EVENTS, 1))),
    }


@pytest.mark.parametrize("name", ["labels", "smoothed", "few classes"])
def test_linear_logits_hold_no_array_of_all_scores(name: str) -> None:
    def loss(hidden: Any, weight: Any, y: Any) -> Any:
        return plogq.cross_entropy(targets(y)[name], plogq.LinearLogits(hidden, weight))

    both = jax.value_and_grad(loss, argnums=(0, 1))
    assert extra(both, HIDDEN, WEIGHT, Y) <= 0.10 * SCORES


def test_two_of_them_hold_neither_array() -> None:
    """And in XLA's own operations they hold little more."""

    def loss(hidden: Any, weight: Any, of_teacher: Any, its_weight: Any) -> Any:
        teacher = plogq.LinearLogits(of_teacher, its_weight)
        return plogq.kl_divergence(teacher, plogq.LinearLogits(hidden, weight))

    def capped(hidden: Any, weight: Any, of_teacher: Any, its_weight: Any) -> Any:
        teacher = plogq.LinearLogits(of_teacher, its_weight, softcap=30.0)
        return plogq.kl_divergence(teacher, plogq.LinearLogits(hidden, weight))

    given = HIDDEN, WEIGHT, HIDDEN, WEIGHT
    assert extra(jax.value_and_grad(loss, (0, 1)), *given) <= 0.10 * SCORES
    assert extra(jax.value_and_grad(capped, (0, 1)), *given) <= 0.20 * SCORES


def test_nor_do_they_in_xlas_own_operations() -> None:
    def both(hidden: Any, weight: Any, y: Any) -> Any:
        measure = Measure((EVENTS,), CLASSES, index=y[:, None])
        return linear.elsewhere.fused(measure, Projection(hidden, weight), 1.0, 0.0)[1]

    assert extra(both, HIDDEN, WEIGHT, Y) <= 0.10 * SCORES


def test_the_unfused_layer_does() -> None:
    def loss(hidden: Any, weight: Any, y: Any) -> Any:
        return plogq.cross_entropy(plogq.Labels(y), plogq.Logits(hidden @ weight.T))

    assert extra(jax.value_and_grad(loss), HIDDEN, WEIGHT, Y) >= SCORES


def test_the_gradient_of_stored_scores_needs_nothing_of_their_size() -> None:
    def loss(scores: Any, y: Any) -> Any:
        return plogq.cross_entropy(plogq.Labels(y), plogq.Logits(scores))

    scores = jax.ShapeDtypeStruct((EVENTS, CLASSES), jnp.float32)
    assert extra(jax.value_and_grad(loss), scores, Y) <= 0.01 * SCORES
