"""Kinds of arrays of JAX that are refused, and what is while tracing; the rest is the suite's."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plogq
from plogq import (
    BinaryLogits,
    BinaryProbs,
    DtypeError,
    Labels,
    Logits,
    LogProbs,
    ProbabilityError,
    Probs,
    ShapeError,
    Weighted,
    cross_entropy,
)

from ..refusals import Refusal, check, refused

Z = np.zeros((4, 3), np.float32)
Y = np.array([0, 1, 2, 0])
FLOAT8 = ("float8_e5m2", "float8_e4m3b11fnuz", "float8_e8m0fnu", "float4_e2m1fn")
FLOATING = (Logits, Probs, LogProbs, BinaryLogits)


def a(x: Any, dtype: Any = None) -> Any:
    return jnp.asarray(x, dtype)


@refused(
    *(
        Refusal(
            f"{d} labels",
            lambda d=d: Labels(a(Y, d)),
            DtypeError,
            f"Labels must be integers, got {d}",
        )
        for d in ("int4", "uint4", "int2")
    ),
    Refusal(
        "keys as labels",
        lambda: Labels(jax.random.split(jax.random.key(0), 4)),
        DtypeError,
        "Labels is an array of key<fry>, which are no numbers",
    ),
    *(
        Refusal(
            f"{d} as {make.__name__}",
            lambda make=make, d=d: make(a(Z, d)),
            DtypeError,
            f"{make.__name__} must be floating point (float64, float32, float16, bfloat16)",
            f"got {d}",
        )
        for make in FLOATING
        for d in ("int4", *FLOAT8)
    ),
    *(
        Refusal(
            f"keys as {make.__name__}",
            lambda make=make: make(jax.random.split(jax.random.key(0), 4)),
            DtypeError,
            f"{make.__name__} is an array of key<fry>",
        )
        for make in (*FLOATING, BinaryProbs)
    ),
    *(
        Refusal(
            f"{d} as yes/no outcomes",
            lambda d=d: BinaryProbs(a(Z, d)),
            DtypeError,
            "probabilities in [0, 1], booleans or integers 0 and 1",
            f"got {d}",
        )
        for d in ("float8_e5m2", "int4")
    ),
    Refusal(
        "keys as weights",
        lambda: Weighted(Labels(a(Y)), sample_weight=jax.random.split(jax.random.key(0), 4)),
        DtypeError,
        "sample_weight is an array of key<fry>",
    ),
)
def test_arrays_that_hold_no_numbers_of_the_right_kind(refusal: Refusal) -> None:
    check(refusal)


def test_shapes_are_refused_while_tracing_and_values_are_not_looked_at() -> None:
    def loss(p: Any, z: Any) -> Any:
        return cross_entropy(Probs(p), Logits(z))

    with pytest.raises(ShapeError, match="P has 2 classes"):
        jax.jit(loss)(jnp.ones((4, 2)), a(Z))
    assert jax.jit(loss)(jnp.full((4, 3), 0.5), a(Z)) > 0
    with pytest.raises(ProbabilityError, match=r"sums to 1\.5"):
        loss(jnp.full((4, 3), 0.5), a(Z))
    with plogq.validation("off"):
        assert loss(jnp.full((4, 3), 0.5), a(Z)) > 0


def test_nothing_is_written_into_an_array_of_jax() -> None:
    for out, says in (("scores", "read-only"), (a(Z), "read-only")):
        with pytest.raises(ValueError, match=says):
            plogq.value_and_grad(Labels(a(Y)), Logits(a(Z)), out=out)
