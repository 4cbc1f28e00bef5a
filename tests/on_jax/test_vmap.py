"""vmap of every pair: over any argument and any axis, of grad, under grad, and nested."""

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
    Labels,
    LinearLogits,
    Logits,
    Probs,
    SparseProbs,
    Weighted,
)

from .pairs import FEW, Pair


def close(got: Any, want: Any, off: float = 1e-11) -> None:
    for x, y in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(x, y, rtol=off, atol=off / 100)


def loss(p: Any, q: Any, **options: Any) -> Any:
    with plogq.validation("off"):
        return plogq.cross_entropy(p, q, **options)


RNG = np.random.default_rng(7)
B, N, K = 2, 3, 4
Y = RNG.integers(0, K, (B, N))
P = RNG.dirichlet(np.ones(K), (B, N))
Z = RNG.normal(size=(B, N, K))
W, C = RNG.random((B, N)) + 0.5, RNG.random((B, K)) + 0.5
H, A, BIAS = RNG.normal(size=(B, N, 2)), RNG.normal(size=(B, K, 2)), RNG.normal(size=(B, K))

# What is mapped, as a function of arrays that each have a batch in front.
MAPPED: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "labels": (lambda y, z: loss(Labels(y), Logits(z), reduction="none"), (Y, Z)),
    "weights": (
        lambda y, w, c, z: loss(
            Weighted(Labels(y, ignore=1), sample_weight=w, class_weight=c), Logits(z)
        ),
        (Y, W, C, Z),
    ),
    "soft": (
        lambda p, c, z: loss(
            plogq.Smoothed(Weighted(Probs(p), class_weight=c), 0.1), Logits(z), z_loss=0.1
        ),
        (P, C, Z),
    ),
    "sparse": (
        lambda i, p, q: loss(SparseProbs(i, p), Probs(q)),
        (np.argsort(P)[..., :2], P[..., :2], P),
    ),
    "yes/no": (
        lambda y, w, c, z: loss(
            Weighted(BinaryProbs(y), sample_weight=w, class_weight=(1.0, c)), BinaryLogits(z)
        ),
        (P[..., 0], W, W[:, :1], Z[..., 0]),
    ),
    "linear": (
        lambda y, h, a, b: loss(Labels(y), LinearLogits(h, a, b, softcap=4.0)),
        (Y, H, A, BIAS),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPPED)
def test_vmap_over_every_argument_together_and_alone(name: str) -> None:
    """Those that are not mapped are the same for the whole batch."""
    function, arrays = MAPPED[name]
    given = [jnp.asarray(x) for x in arrays]
    every = (0,) * len(given)
    several = [every, *((*every[:i], None, *every[i + 1 :]) for i in range(len(given)))]

    @jax.jit
    def mapped(*given: Any) -> Any:
        return [
            jax.vmap(function, axes)(
                *(x[0] if a is None else x for x, a in zip(given, axes, strict=True))
            )
            for axes in several
        ]

    plain = jax.jit(function)
    for axes, got in zip(several, mapped(*given), strict=True):
        for b in range(B):
            one = [x[0] if a is None else x[b] for x, a in zip(given, axes, strict=True)]
            close(got[b], plain(*one))


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPPED)
def test_vmap_of_grad_and_grad_of_vmap(name: str) -> None:
    """Each of a batch has its own gradient; what is shared has the sum of them."""
    function, arrays = MAPPED[name]
    given = [jnp.asarray(x) for x in arrays]
    floats = tuple(i for i, x in enumerate(given) if x.dtype == jnp.float64)
    shared = tuple(x[0] if i == len(given) - 1 else x for i, x in enumerate(given))
    axes = (*(0,) * (len(given) - 1), None)

    def total(*x: Any) -> Any:
        return function(*x).sum()

    def run(given: Any, shared: Any) -> Any:
        whole = jax.grad(lambda *x: jax.vmap(total, axes)(*x).sum(), floats)(*shared)
        return jax.vmap(jax.grad(total, floats))(*given), whole

    each, whole = jax.jit(run)(given, shared)
    one = jax.jit(jax.grad(total, floats))
    for b in range(B):
        close([g[b] for g in each], one(*(x[b] for x in given)), 1e-9)
    own = [one(*(x[b] for x in given[:-1]), shared[-1]) for b in range(B)]
    for i, g in enumerate(whole):
        of_q = floats[i] == len(given) - 1
        close(g, sum(o[i] for o in own) if of_q else jnp.stack([o[i] for o in own]), 1e-9)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_a_batch_on_any_axis_beside_classes_on_any_axis(axis: int) -> None:
    z, y = jnp.asarray(Z), jnp.asarray(Y)
    for classes in (0, 1, -1):

        def one(y: Any, z: Any, classes: int = classes) -> Any:
            return loss(Labels(y), Logits(z, axis=classes), reduction="none")

        turned = jnp.moveaxis(jnp.moveaxis(z, -1, 1), 0, axis)
        if classes == -1 or classes == 1:
            turned = jnp.moveaxis(z, 0, axis)
        got = jax.vmap(one, (0, axis))(y, turned)
        close(got, loss(Labels(y), Logits(z), reduction="none"))


def test_results_on_another_axis() -> None:
    def one(z: Any) -> Any:
        return loss(Labels(jnp.asarray(Y[0])), Logits(z), reduction="none")

    got = jax.vmap(one, out_axes=1)(jnp.asarray(Z))
    close(got, jax.vmap(one)(jnp.asarray(Z)).T)


def test_vmap_of_vmap() -> None:
    """Events that are mapped one by one, twice over."""

    def one(y: Any, w: Any, z: Any) -> Any:
        p = Weighted(Labels(y), sample_weight=w)
        return loss(p, Logits(z), reduction="none"), jax.grad(
            lambda z: loss(p, Logits(z), reduction="sum")
        )(z)

    args = [jnp.asarray(x) for x in (Y, W, Z)]
    got = jax.jit(jax.vmap(jax.vmap(one)))(*args)
    close(got, one(*args))
    got = jax.jit(jax.vmap(jax.vmap(one, (0, 0, None)), (None, None, 0)))(
        args[0][:, 0], args[1][:, 0], args[2][:, 0]
    )
    assert got[0].shape == (B, B)


@pytest.mark.slow
@pytest.mark.parametrize(("p", "q"), [FEW[2], FEW[4]])
def test_vmap_of_forward_mode_and_of_hessians(p: str, q: str) -> None:
    pair = Pair(p, q, events=(2,))
    more = [jnp.stack([x, x * 0.75]) for x in pair.at]
    along = [jnp.stack([t, -t]) for t in pair.tangents()]

    def both(function: Any) -> Any:
        def one(at: Any, along: Any) -> Any:
            return jax.jvp(function, at, along), jax.hessian(function)(*at)

        return jax.jit(jax.vmap(one))(more, along)

    close(both(pair.moving()), both(pair.plainly()), 1e-9)


@pytest.mark.slow
def test_many_class_weights_for_the_same_batch() -> None:
    y, z, c = jnp.asarray(Y[0]), jnp.asarray(Z[0]), jnp.asarray(C)

    def one(c: Any) -> Any:
        return loss(Weighted(Labels(y), class_weight=c), Logits(z), reduction="none")

    got, grads = jax.jit(lambda c: (jax.vmap(one)(c), jax.vmap(jax.jacrev(one))(c)))(c)
    plain = loss(Labels(y), Logits(z), reduction="none")
    close(got, c[:, y] * plain)
    close(grads, jnp.broadcast_to(jax.nn.one_hot(y, K) * plain[:, None], (B, N, K)))


def test_a_batch_of_representations() -> None:
    """Representations are pytrees, and their options are those of every one."""
    p = Weighted(Labels(jnp.asarray(Y), ignore=0), sample_weight=jnp.asarray(W))
    q = Logits(jnp.asarray(Z).transpose(0, 2, 1), axis=1, softcap=3.0)
    got = jax.vmap(lambda p, q: loss(p, q, reduction="none"))(p, q)
    close(got, loss(p, q, reduction="none"))


def test_a_mapped_collective_sums_over_the_batch() -> None:
    """A mean over what is mapped, by the name of its axis."""

    def one(y: Any, z: Any) -> Any:
        total = loss(Labels(y), Logits(z), reduction="sum")
        return jax.lax.psum(total, "batch") / jax.lax.psum(N, "batch")

    got = jax.vmap(one, axis_name="batch")(jnp.asarray(Y), jnp.asarray(Z))
    close(got, jnp.full(B, loss(Labels(jnp.asarray(Y)), Logits(jnp.asarray(Z)))))
