"""Arrays of JAX that are refused: what came, what was expected, what to write instead."""

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
    LinearLogits,
    Logits,
    LogProbs,
    PairError,
    ProbabilityError,
    Probs,
    ShapeError,
    SparseProbs,
    Weighted,
    cross_entropy,
)

from ..refusals import Refusal, check, refused

Z = np.zeros((4, 3), np.float32)
Y = np.array([0, 1, 2, 0])
Q = np.full((4, 3), 1 / 3, np.float32)
FLOAT8 = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3b11fnuz", "float8_e8m0fnu", "float4_e2m1fn")
FLOATING = (Logits, Probs, LogProbs, BinaryLogits)


def a(x: Any, dtype: Any = None) -> Any:
    return jnp.asarray(x, dtype)


@refused(
    Refusal(
        "floats as labels",
        lambda: Labels(a(Y, "float32")),
        DtypeError,
        "Labels must be integers, got float32",
        "Probs(p) if they are probabilities",
    ),
    Refusal(
        "booleans as labels", lambda: Labels(a(Y > 0)), DtypeError, "got bool", "BinaryProbs(y)"
    ),
    Refusal("complex labels", lambda: Labels(a(Y, "complex64")), DtypeError, "got complex64"),
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
        for d in ("int32", "uint8", "bool", "complex64", "int4", *FLOAT8)
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
        for d in ("complex64", "float8_e5m2", "int4")
    ),
    Refusal(
        "integers as a binary prediction",
        lambda: cross_entropy(BinaryProbs(a(Y > 0)), BinaryProbs(a(Y))),
        DtypeError,
        "BinaryProbs (as Q)",
        "got int64",
    ),
    Refusal(
        "floats as sparse indices",
        lambda: SparseProbs(a(Y, "float32")[:, None], jnp.ones((4, 1))),
        DtypeError,
        "SparseProbs index must be integers, got float32",
    ),
    Refusal(
        "linear logits of two dtypes",
        lambda: LinearLogits(a(Z), jnp.zeros((5, 3), "float64")),
        DtypeError,
        "one dtype, got float32 and float64",
    ),
    Refusal(
        "complex weights",
        lambda: Weighted(Labels(a(Y)), sample_weight=a(Y, "complex64")),
        DtypeError,
        "sample_weight must be numbers, got complex64",
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


@refused(
    Refusal(
        "scores of NumPy",
        lambda: cross_entropy(Labels(a(Y)), Logits(Z)),
        DtypeError,
        "P is of jax and Q of numpy",
    ),
    Refusal(
        "a last layer of NumPy",
        lambda: LinearLogits(a(Z), Z),
        DtypeError,
        "arrays of one framework, got jax and numpy",
    ),
)
def test_frameworks_are_not_mixed(refusal: Refusal) -> None:
    check(refusal)


@refused(
    Refusal(
        "raw arrays",
        lambda: cross_entropy(a(Y), a(Z)),
        PairError,  # type: ignore[arg-type]
        "P came as ArrayImpl of int64, shape (4,)",
        "Labels(y) for class indices",
        "Q came as ArrayImpl of float32, shape (4, 3)",
        "Logits(z) for scores",
    ),
    Refusal(
        "another number of events",
        lambda: cross_entropy(Labels(a(Y[:2])), Logits(a(Z))),
        ShapeError,
        "Labels(2,) has events (2,)",
        "Logits of shape (4, 3), classes on axis 1, has events (4,)",
    ),
    Refusal(
        "a column of labels",
        lambda: cross_entropy(Labels(a(Y)[:, None]), Logits(a(Z))),
        ShapeError,
        "write y.reshape(-1)",
    ),
    Refusal(
        "the classes on another axis",
        lambda: cross_entropy(Labels(jnp.zeros((2, 4), int)), Logits(jnp.zeros((2, 3, 4)))),
        ShapeError,
        "if the classes are on axis 1, write axis=1",
    ),
    Refusal(
        "probabilities that would broadcast",
        lambda: cross_entropy(Probs(a(Q[:1])), Logits(a(Z))),
        ShapeError,
        "Probs(1, 3)",
        "nothing is broadcast",
    ),
    Refusal(
        "another number of classes",
        lambda: cross_entropy(Probs(jnp.full((4, 2), 0.5)), Logits(a(Z))),
        ShapeError,
        "P has 2 classes",
        "Q has 3",
    ),
    Refusal(
        "one class",
        lambda: Logits(jnp.zeros((4, 1))),
        ShapeError,
        "Logits has one class, whose loss is always 0",
        "BinaryLogits(z)",
    ),
    Refusal("no class", lambda: Logits(jnp.zeros((4, 0))), ShapeError, "has no classes"),
    Refusal("a single number", lambda: Logits(jnp.array(3.0)), ShapeError, "single number"),
    Refusal("no such axis", lambda: Logits(a(Z), axis=2), ShapeError, "axis 2 of Logits"),
    Refusal(
        "a single label",
        lambda: cross_entropy(Labels(jnp.array(1)), Logits(a(Z))),
        ShapeError,
        "Labels() has events ()",
    ),
    Refusal(
        "binary shapes",
        lambda: cross_entropy(BinaryProbs(a(Y > 0)), BinaryLogits(a(Z[:, :1]))),
        ShapeError,
        "(4,) and (4, 1)",
        "y.reshape(z.shape)",
    ),
    Refusal(
        "a weight the other way round",
        lambda: LinearLogits(a(Z), jnp.zeros((3, 5), "float32")),
        ShapeError,
        "write weight.T",
    ),
    Refusal(
        "sample weights of another shape",
        lambda: cross_entropy(Weighted(Labels(a(Y)), sample_weight=jnp.ones((4, 1))), Logits(a(Z))),
        ShapeError,
        "the shape of the events (4,), got (4, 1)",
    ),
    Refusal(
        "a row that sums to more",
        lambda: cross_entropy(Probs(jnp.array([[0.5, 0.6]])), Logits(a(Z[:1, :2]))),
        ProbabilityError,
        "event 0 of Probs (as P) sums to 1.1",
    ),
    Refusal(
        "a yes above 1",
        lambda: cross_entropy(BinaryProbs(jnp.array([0.5, 1.5])), BinaryLogits(jnp.zeros(2))),
        ProbabilityError,
        "has the entry 1.5 outside [0, 1], first at (1,)",
    ),
    Refusal(
        "a negative weight",
        lambda: Weighted(Labels(a(Y)), sample_weight=jnp.array([1.0, -2.0, 1.0, 1.0])),
        ProbabilityError,
        "sample_weight must be ≥ 0, got -2 at position 1",
    ),
    Refusal(
        "z-loss of probabilities",
        lambda: cross_entropy(Labels(a(Y)), Probs(a(Q)), z_loss=0.1),
        PairError,
        "z_loss penalises log Z, and Probs has none",
    ),
)
def test_shapes_and_values(refusal: Refusal) -> None:
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


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_what_is_refused_needs_no_dtype_of_numpys(dtype: str) -> None:
    with pytest.raises(ProbabilityError, match=r"event 0 of Probs \(as P\) sums to 1\.5"):
        cross_entropy(Probs(jnp.array([[0.5, 1.0]], dtype)), Logits(a(Z[:1, :2])))
    with pytest.raises(ProbabilityError, match=r"the entry 1\.5 outside \[0, 1\]"):
        cross_entropy(BinaryProbs(jnp.array([1.5], dtype)), BinaryLogits(jnp.zeros(1)))
    with pytest.raises(ProbabilityError, match="got -2 at position 1"):
        Weighted(Labels(a(Y[:2])), sample_weight=jnp.array([1.0, -2.0], dtype))


def test_full_validation_finds_a_nan() -> None:
    with plogq.validation("full"), pytest.raises(ProbabilityError, match=r"NaN at \(0, 1\)"):
        cross_entropy(Labels(a(Y[:1])), Logits(jnp.array([[0.0, jnp.nan]])))
    with plogq.validation("full"), pytest.raises(ProbabilityError, match="sums to 2"):
        cross_entropy(Labels(a(Y[:1])), LogProbs(jnp.zeros((1, 2))))


def test_nothing_is_written_into_an_array_of_jax() -> None:
    for out, says in (("scores", "read-only"), (a(Z), "read-only")):
        with pytest.raises(ValueError, match=says):
            plogq.value_and_grad(Labels(a(Y)), Logits(a(Z)), out=out)
