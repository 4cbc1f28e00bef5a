"""Laws that hold for whatever numbers hypothesis finds, on arrays of JAX of one shape."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import plogq
from plogq import BinaryLogits, BinaryProbs, Labels, Logits, Probs, SparseProbs, Weighted

N, K = 3, 4
# Multiples of 1/8, whose differences are exact, and which stay so when they are shifted.
scores = arrays.arrays(np.int64, (N, K), elements=st.integers(-400, 400)).map(lambda x: x / 8)
labels = arrays.arrays(np.int64, (N,), elements=st.integers(0, K - 1))
masses = arrays.arrays(np.int64, (N, K), elements=st.integers(1, 64)).map(
    lambda x: x / x.sum(-1, keepdims=True)
)
weights = arrays.arrays(np.int64, (N,), elements=st.integers(0, 8)).map(lambda x: x / 4)


@cache
def program(name: str) -> Any:
    """Losses and the gradient of their sum, compiled once for all examples."""
    make = {
        "labels": lambda y, w: Labels(y),
        "one-hot": lambda y, w: Probs(jax.nn.one_hot(y, K)),
        "listed": lambda y, w: SparseProbs(y[:, None], jnp.ones((N, 1))),
        "weighted": lambda y, w: Weighted(Labels(y), sample_weight=w),
        "soft": lambda p, w: Probs(p),
        "weighted soft": lambda p, w: Weighted(Probs(p), sample_weight=w),
        "smoothed": lambda y, w: plogq.Smoothed(Labels(y), 0.1),
    }[name]

    def run(z: Any, y: Any, w: Any) -> Any:
        def losses(z: Any) -> Any:
            return plogq.cross_entropy(make(y, w), Logits(z), reduction="none")

        found, back = jax.vjp(losses, z)
        return found, back(jnp.ones(N))[0]

    return jax.jit(run)


def both(name: str, z: Any, y: Any, w: Any = None) -> tuple[Any, Any]:
    given = jnp.asarray(z), jnp.asarray(y), jnp.ones(N) if w is None else jnp.asarray(w)
    losses, gradient = program(name)(*given)
    return np.asarray(losses), np.asarray(gradient)


def close(got: Any, want: Any) -> None:
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@given(scores, labels, st.integers(-(2**20), 2**20))
def test_shifting_all_scores_changes_nothing(z: Any, y: Any, shift: int) -> None:
    for name in ("labels", "smoothed"):
        for a, b in zip(both(name, z, y), both(name, z + shift, y), strict=True):
            np.testing.assert_array_equal(a, b)


@given(scores, labels)
def test_an_index_is_its_one_hot_row(z: Any, y: Any) -> None:
    want = both("labels", z, y)
    close(both("one-hot", z, y), want)
    close(both("listed", z, y), want)


@given(scores, labels, st.permutations(range(K)))
def test_the_order_of_the_classes_does_not_matter(z: Any, y: Any, order: list[int]) -> None:
    loss, slopes = both("smoothed", z, y)
    close(both("smoothed", z[:, order], np.argsort(order)[y]), (loss, slopes[:, order]))


@given(scores, labels, weights)
def test_a_weight_is_mass(z: Any, y: Any, w: Any) -> None:
    loss, slopes = both("labels", z, y)
    close(both("weighted", z, y, w), (w * loss, w[:, None] * slopes))


@given(scores, masses, weights)
def test_the_gradient_is_mass_q_less_p_and_sums_to_0(z: Any, p: Any, w: Any) -> None:
    _, slopes = both("weighted soft", z, p, w)
    exp = np.exp(z - z.max(-1, keepdims=True))
    q = exp / exp.sum(-1, keepdims=True)
    np.testing.assert_allclose(slopes, w[:, None] * (q - p), atol=1e-14)
    np.testing.assert_allclose(slopes.sum(-1), 0, atol=1e-14)


@given(scores, masses, masses, st.integers(0, 8))
def test_the_loss_is_linear_in_p(z: Any, a: Any, b: Any, eighths: int) -> None:
    share = eighths / 8
    mixed = both("soft", z, share * a + (1 - share) * b)
    one, other = both("soft", z, a), both("soft", z, b)
    close(mixed, [share * x + (1 - share) * y for x, y in zip(one, other, strict=True)])


@given(scores, masses)
def test_gibbs_inequality(z: Any, p: Any) -> None:
    loss, _ = both("soft", z, p)
    entropy = -(p * np.log(p)).sum(-1)
    assert (loss >= entropy - 1e-14).all()


@given(arrays.arrays(np.float64, (N,), elements=st.floats(-50, 50)), labels)
def test_two_classes_are_one_yes_no_outcome(z: Any, y: Any) -> None:
    y = y % 2

    z, y = jnp.asarray(z), jnp.asarray(y)
    q = Logits(jnp.stack([jnp.zeros(N), z], -1))
    two = plogq.cross_entropy(Labels(y), q, reduction="none")
    one = plogq.cross_entropy(BinaryProbs(y), BinaryLogits(z), reduction="none")
    np.testing.assert_allclose(two, one, rtol=1e-14)


@given(scores, labels)
def test_the_same_call_gives_the_same_bits(z: Any, y: Any) -> None:
    for a, b in zip(both("smoothed", z, y), both("smoothed", z, y), strict=True):
        assert a.tobytes() == b.tobytes()
