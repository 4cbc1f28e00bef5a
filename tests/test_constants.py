"""Lists and NumPy arrays in P go with the arrays of any framework: they are constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
import torch

import plogq
from plogq import BinaryLogits, BinaryProbs, Labels, Logits, Probs, Smoothed, SparseProbs, Weighted

from .together import for_each

# What is called is asked here, and how exact it is elsewhere.
pytestmark = pytest.mark.usefixtures("unoptimised")

RNG = np.random.default_rng(11)
Z = RNG.normal(size=(6, 4)).astype(np.float32)
P4 = np.full((6, 4), 0.25)
Y = np.array([0, 3, 1, 2, 2, 0])
MAKE: dict[str, Callable[[Any], Any]] = {
    "torch": torch.tensor,
    "jax": jnp.asarray,
    "tensorflow": tf.constant,
}
every = for_each("framework", MAKE)
# What P is of, with its arrays in NumPy or in lists, or partly of the framework `m`.
TARGETS: dict[str, Callable[[Any], Any]] = {
    "labels": lambda m: Labels(Y),
    "a list of labels": lambda m: Labels(Y.tolist()),
    "small labels": lambda m: Labels(Y.astype(np.int8), ignore=3),
    "labels that lie backwards": lambda m: Labels(Y[::-1]),
    "labels of another order of bytes": lambda m: Labels(Y.astype(">i4")),
    "probabilities": lambda m: Probs(P4),
    "probabilities in bfloat16": lambda m: Probs(P4.astype(ml_dtypes.bfloat16)),
    "sparse probabilities beside indices": lambda m: SparseProbs(m(Y[:, None]), P4[:, :1] * 4),
    "smoothed": lambda m: Smoothed(Labels(Y.tolist()), 0.1),
    "class weights": lambda m: Weighted(Labels(m(Y)), class_weight=[1.0, 2.0, 0.5, 3.0]),
    "sample weights": lambda m: Weighted(Labels(m(Y)), sample_weight=np.arange(6)),
    "both": lambda m: Weighted(
        Smoothed(Labels(m(Y)), 0.2), sample_weight=[1.0] * 6, class_weight=np.arange(1.0, 5.0)
    ),
}
BINARY: dict[str, Callable[[Any], Any]] = {
    "yes": lambda m: BinaryProbs(Z > 0),
    "a list of yes": lambda m: BinaryProbs((Z > 0).tolist()),
    "weights of no and yes": lambda m: Weighted(
        BinaryProbs(m(P4)), class_weight=(1.0, np.arange(1.0, 5.0))
    ),
}


def read_only(x: Any) -> Any:
    for a in x.arrays():
        if isinstance(a, np.ndarray) and a.base is None:
            a.flags.writeable = False
    return x


def pairs() -> list[Any]:
    cases = [(make, Logits) for make in TARGETS.values()]
    cases += [(make, BinaryLogits) for make in BINARY.values()]
    return [pytest.param(*c, id=n) for c, n in zip(cases, [*TARGETS, *BINARY], strict=True)]


@every
@for_each(("make", "of"), pairs())
def test_the_loss_is_that_of_numpy_alone(framework: str, make: Any, of: Any) -> None:
    q = of(MAKE[framework](Z))
    want = plogq.cross_entropy(make(np.asarray), of(Z))
    for _ in range(2):
        p = read_only(make(MAKE[framework]))
        got = plogq.cross_entropy(p, q)
        assert type(got).__module__.split(".")[0] in ("torch", "jaxlib", "tensorflow")
        assert float(got) == pytest.approx(float(want), rel=1e-5)
    loss, gradient = plogq.value_and_grad(p, q)
    assert float(loss) == pytest.approx(float(want), rel=1e-5)
    want_slope = plogq.value_and_grad(make(np.asarray), of(Z))[1].scores
    np.testing.assert_allclose(np.asarray(gradient.scores), want_slope, rtol=1e-4, atol=1e-7)
    kl = plogq.kl_divergence(p, q)
    want_kl = plogq.kl_divergence(make(np.asarray), of(Z))
    assert float(kl) == pytest.approx(float(want_kl), rel=1e-4, abs=1e-6)


@every
def test_entropy_of_weights_in_a_list(framework: str) -> None:
    p = Weighted(Probs(MAKE[framework](P4)), sample_weight=[1.0, 2.0, 0.0, 1.0, 1.0, 1.0])
    assert float(plogq.entropy(p)) == pytest.approx(np.log(4), rel=1e-6)


def test_a_gradient_goes_through_the_scores() -> None:
    z = torch.tensor(Z, requires_grad=True)
    plogq.cross_entropy(Labels(Y.tolist()), Logits(z)).backward()
    want = plogq.value_and_grad(Labels(Y), Logits(Z))[1].scores
    np.testing.assert_allclose(z.grad, want, rtol=1e-5)
    slope = jax.jit(jax.grad(lambda z: plogq.cross_entropy(Labels(Y), Logits(z))))(Z)
    np.testing.assert_allclose(slope, want, rtol=1e-5, atol=1e-7)
    with tf.GradientTape() as tape:
        v = tf.Variable(Z)
        loss = tf.function(lambda z: plogq.cross_entropy(Labels(Y), Logits(z)))(v)
    np.testing.assert_allclose(tape.gradient(loss, v), want, rtol=1e-5, atol=1e-7)


def test_labels_too_wide_for_jax_are_outside_all_classes() -> None:
    for wide in (2**32 + 1, -(2**32) + 1):
        with pytest.raises(plogq.LabelError):
            plogq.cross_entropy(Labels([wide]), Logits(jnp.zeros((1, 3))))


@every
def test_scores_of_numpy_are_not_taken_along(framework: str) -> None:
    with pytest.raises(plogq.DtypeError, match=f"P is of {framework} and Q of numpy.*no gradient"):
        plogq.cross_entropy(Labels(MAKE[framework](Y)), Logits(Z))


@every
@for_each("dtype", [np.int64, np.uint8, np.bool_])
def test_one_hot_rows_may_be_integers(framework: str, dtype: Any) -> None:
    rows = np.eye(4, dtype=dtype)[Y]
    for make in (np.asarray, MAKE[framework]):
        p, q = Probs(make(rows)), Logits(make(Z))
        want = plogq.cross_entropy(Labels(Y), Logits(Z))
        assert float(plogq.cross_entropy(p, q)) == pytest.approx(float(want), rel=1e-6)
        wrong = np.where(rows > 0, rows, rows) if dtype is np.bool_ else rows * 2
        if dtype is np.bool_:
            wrong = ~rows
        with pytest.raises(plogq.DtypeError, match=r"Probs must be floating point.*one-hot rows"):
            Probs(make(wrong))
    with pytest.raises(plogq.DtypeError, match="write Labels"):
        Probs(MAKE[framework](Y))


def test_a_layer_as_a_weight_names_its_weight() -> None:
    layer = torch.nn.Linear(3, 4)
    for call in (
        lambda: plogq.LinearLogits(torch.zeros(2, 3), layer),
        lambda: plogq.LinearLogits(torch.zeros(2, 3), layer.weight, layer),
        lambda: Logits(layer),
    ):
        with pytest.raises(plogq.DtypeError, match=r"Linear, a layer; write layer\.weight"):
            call()
    q = plogq.LinearLogits(torch.ones(2, 3), layer.weight, layer.bias)
    assert plogq.cross_entropy(Labels([0, 1]), q).isfinite()
