"""JAX's derivatives of every pair: grad, jvp, jacobians, hessians, checkpoint, linearize.

The reference is the textbook's -(p * log_softmax(s)).sum() under the same transform.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import plogq

from .arrays import WAYS, by
from .pairs import FEW, PAIRS, Pair

pytestmark = pytest.mark.slow

every_pair = pytest.mark.parametrize(("p", "q"), PAIRS)
some_pairs = pytest.mark.parametrize(("p", "q"), FEW)


def close(got: Any, want: Any, off: float = 1e-9) -> None:
    a, b = jax.tree.leaves(got), jax.tree.leaves(want)
    for x, y in zip(a, b, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=off, atol=off / 100)


@every_pair
def test_value_and_grad_and_jvp_of_every_array(p: str, q: str) -> None:
    """Of the mean, whose divisor changes as well; one program, the textbook beside it."""
    pair = Pair(p, q)
    every = tuple(range(len(pair.floats)))

    def derivatives(loss: Any) -> Any:
        def run(at: Any, along: Any) -> Any:
            return jax.value_and_grad(loss, every)(*at), jax.jvp(loss, at, along)

        return jax.jit(run)(pair.at, pair.tangents())

    close(derivatives(pair.moving()), derivatives(pair.plainly()))


@some_pairs
def test_jvp_where_one_array_alone_moves(p: str, q: str) -> None:
    """The others have no tangent."""
    pair = Pair(p, q)

    def alone(loss: Any) -> Any:
        def run(at: Any, along: Any) -> Any:
            return [
                jax.jvp(lambda x, i=i: loss(*at[:i], x, *at[i + 1 :]), (at[i],), (along[i],))
                for i in range(len(at))
            ]

        return jax.jit(run)(pair.at, pair.tangents())

    close(alone(pair.moving(reduction="none")), alone(pair.plainly("none")))


@some_pairs
def test_hessians(p: str, q: str) -> None:
    """Forward over reverse, of every array with every other."""
    pair = Pair(p, q, events=(2,))
    every = tuple(range(len(pair.floats)))
    got = jax.jit(jax.hessian(pair.moving(), every))(*pair.at)
    close(got, jax.jit(jax.hessian(pair.plainly(), every))(*pair.at))


@pytest.mark.parametrize(("p", "q"), [FEW[0], FEW[4]])
@pytest.mark.parametrize("way", WAYS)
def test_eagerly_step_by_step_and_as_a_program(p: str, q: str, way: str) -> None:
    pair = Pair(p, q)
    every = tuple(range(len(pair.floats)))
    want = jax.jit(jax.value_and_grad(pair.plainly(), every))(*pair.at)
    with by(way):
        close(jax.value_and_grad(pair.moving(), every)(*pair.at), want)
        close(jax.jit(jax.value_and_grad(pair.moving(), every))(*pair.at), want)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [(jax.jacfwd, jax.jacfwd), (jax.jacrev, jax.jacfwd), (jax.jacrev, jax.jacrev)],
)
def test_two_derivatives_in_every_order(outer: Any, inner: Any) -> None:
    pair = Pair("Probs-both_weights", "Logits(softcap)", events=(2,))
    every = tuple(range(len(pair.floats)))
    want = jax.jit(jax.hessian(pair.plainly(), every))(*pair.at)
    close(jax.jit(outer(inner(pair.moving(), every), every))(*pair.at), want)


@pytest.mark.parametrize(("p", "q"), [FEW[0], FEW[4]])
def test_a_third_derivative(p: str, q: str) -> None:
    pair = Pair(p, q, events=(1,))
    got, want = (
        jax.jit(jax.jacfwd(jax.jacrev(jax.jacrev(loss))))(*pair.at)
        for loss in (pair.moving(), pair.plainly())
    )
    close(got, want)


def test_derivatives_agree_with_differences() -> None:
    """jax.test_util.check_grads, which knows nothing of the textbook either."""
    pair = Pair("SparseProbs-plain", "Logits(softcap)")
    loss = jax.jit(pair.moving(reduction="sum"))
    check_grads(loss, pair.at, order=1, modes=("fwd", "rev"), rtol=1e-6, atol=1e-6)


@some_pairs
def test_vjp_weighs_each_event(p: str, q: str) -> None:
    pair = Pair(p, q)

    def back(loss: Any) -> Any:
        def run(*at: Any) -> Any:
            losses, pull = jax.vjp(loss, *at)
            return losses, pull(jnp.linspace(-1, 1, losses.size).reshape(losses.shape))

        return jax.jit(run)(*pair.at)

    close(back(pair.moving(reduction="none")), back(pair.plainly("none")))


def test_linearize() -> None:
    """A program of the change is kept, and run for another direction."""
    pair = Pair("Probs-both_weights", "Logits")
    ours, along = jax.linearize(pair.moving(reduction="none"), *pair.at)
    theirs, want = jax.linearize(pair.plainly("none"), *pair.at)
    close(ours, theirs)
    close(along(*pair.tangents()), want(*pair.tangents()))
    close(jax.linear_transpose(along, *pair.at)(ours), jax.linear_transpose(want, *pair.at)(theirs))


def test_checkpoint() -> None:
    """Forward again in backward, and nothing kept."""
    pair = Pair("Labels-smoothed", "Logits")
    z = pair.at[0]

    def loss(x: Any) -> Any:
        return pair.moving()(jnp.sin(x))

    close(jax.grad(jax.checkpoint(loss))(z), jax.grad(loss)(z), 1e-14)
    saved = jax.checkpoint(loss, policy=jax.checkpoint_policies.nothing_saveable)
    close(jax.jit(jax.grad(saved))(z), jax.grad(loss)(z), 1e-14)


def test_what_backward_keeps_is_the_inputs_and_at_most_the_gradient() -> None:
    """No log-softmax and no copy of the scores beside it."""
    pair = Pair("Labels-plain", "Logits", events=(50,), classes=7)
    _, back = jax.vjp(pair.moving(reduction="sum"), *pair.at)
    kept = [x for x in jax.tree.leaves(back) if hasattr(x, "size")]
    assert sum(x.size == 350 for x in kept) <= 2
    assert sum(x.size for x in kept) <= 2 * 350 + 6 * 50


def test_a_stopped_gradient_is_0() -> None:
    pair = Pair("Labels-plain", "Logits")
    grad = jax.grad(lambda z: pair.moving()(jax.lax.stop_gradient(z)))
    assert (grad(pair.at[0]) == 0).all()


def test_integers_and_booleans_have_no_derivative() -> None:
    """float0 for labels where JAX is told to allow them; the scores' gradient is as ever."""
    z, y = jnp.zeros((2, 3)), jnp.array([0, 2])

    def loss(y: Any, z: Any) -> Any:
        return plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))

    of_y, of_z = jax.grad(loss, (0, 1), allow_int=True)(y, z)
    assert of_y.dtype == jax.dtypes.float0
    np.testing.assert_allclose(of_z, jax.grad(loss, 1)(y, z))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_gradient_has_the_dtype_of_its_array(dtype: str, width: str) -> None:
    z = jnp.array([[1.0, 0.5, 0.0]], dtype)
    p = jnp.array([[0.25, 0.5, 0.25]], dtype)

    def loss(p: Any, z: Any) -> Any:
        return plogq.cross_entropy(plogq.Probs(p), plogq.Logits(z), reduction="sum")

    def run(p: Any, z: Any) -> Any:
        return jax.value_and_grad(loss, (0, 1))(p, z), jax.jvp(loss, (p, z), (p, z))

    (value, grads), (_, along) = jax.jit(run)(p, z)
    assert value.dtype == jnp.float32
    assert [g.dtype.name for g in grads] == [dtype, dtype]
    assert along.dtype == jnp.float32
