"""plogq.compat.optax beside the installed optax: values, dtypes, gradients, masks, errors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plogq.compat.optax as compat

from .. import oracle
from ..bounds import noted
from ..test_imports import loaded
from ..together import for_each

pytestmark = pytest.mark.usefixtures("unoptimised")

RNG = np.random.default_rng(11)
Z = jnp.asarray(RNG.normal(size=(4, 5)), jnp.float32)
P = jnp.asarray(RNG.dirichlet(np.ones(5), 4), jnp.float32)
HARD = jnp.asarray(np.eye(5, dtype=np.float32)[[0, 4, 2, 1]])
Y = jnp.array([0, 4, 2, 1])
BITS = jnp.asarray(RNG.integers(0, 2, (4, 5)), jnp.float32)
LOG_Q = jax.nn.log_softmax(jnp.asarray(RNG.normal(size=(4, 5)), jnp.float32))
# Every label of Y is kept but that of the first event, which has no class at all.
MASK = (
    jnp.asarray(RNG.integers(0, 2, (4, 5)).astype(bool) | (np.asarray(HARD) > 0)).at[0].set(False)
)
EVENTS = jnp.array([True, False, True, True])

CASES: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("sigmoid_binary_cross_entropy", (Z, BITS), {}),
    ("sigmoid_binary_cross_entropy", (Z, P), {}),
    ("sigmoid_binary_cross_entropy", (Z, jnp.float32(0.25)), {}),
    ("sigmoid_binary_cross_entropy", (Z[0], P), {}),
    ("sigmoid_binary_cross_entropy", (Z, 3.0 * P - 1.0), {}),
    ("sigmoid_focal_loss", (Z, BITS), {}),
    ("sigmoid_focal_loss", (Z, P), {"alpha": 0.25, "gamma": 1.5}),
    ("sigmoid_focal_loss", (Z, BITS), {"alpha": 0.75, "gamma": 0.0}),
    ("safe_softmax_cross_entropy", (Z, P), {}),
    ("softmax_cross_entropy", (Z, P), {}),
    ("softmax_cross_entropy", (Z, P[:1]), {}),
    ("softmax_cross_entropy", (Z[0], P), {}),
    ("softmax_cross_entropy", (Z, jnp.float32(0.2)), {}),
    ("softmax_cross_entropy", (Z, 3.0 * P), {"axis": 0}),
    ("softmax_cross_entropy", (Z[:, :1], P[:, :1]), {}),
    ("softmax_cross_entropy_with_integer_labels", (Z, Y), {}),
    ("softmax_cross_entropy_with_integer_labels", (Z, Y[:1]), {}),
    ("softmax_cross_entropy_with_integer_labels", (Z[:1], Y), {}),
    ("softmax_cross_entropy_with_integer_labels", (Z[0], jnp.uint8(3)), {}),
    ("softmax_cross_entropy_with_integer_labels", (Z, jnp.array([0, 3, 2, 1, 1])), {"axis": 0}),
    ("softmax_cross_entropy_with_integer_labels", (Z, jnp.int32(17)), {"axis": (0, 1)}),
    ("softmax_cross_entropy_with_integer_labels", (Z, jnp.int32(17)), {"axis": (-1, 0)}),
    ("softmax_cross_entropy_with_integer_labels", (Z[:, :1], 0 * Y), {}),
    ("softmax_cross_entropy_with_integer_labels", (Z, Y), {"where": MASK}),
    ("softmax_cross_entropy_with_integer_labels", (Z, Y), {"where": EVENTS}),
    ("poly_loss_cross_entropy", (Z, HARD), {}),
    ("poly_loss_cross_entropy", (Z, P), {"epsilon": -1.0}),
    ("kl_divergence", (LOG_Q, P), {}),
    ("kl_divergence", (LOG_Q, HARD), {}),
    ("kl_divergence", (LOG_Q[0], P), {}),
    ("kl_divergence", (LOG_Q, 2.0 * P), {"where": MASK[0] | MASK[1]}),
    ("kl_divergence_with_log_targets", (LOG_Q, jnp.log(P)), {}),
]
CASES = [
    *CASES[:6],
    ("sigmoid_binary_cross_entropy", (Z, BITS.astype(int)), {}),
    ("sigmoid_binary_cross_entropy", (Z, BITS.astype(bool)), {}),
    ("softmax_cross_entropy", (Z, HARD.astype(int)), {}),
    *CASES[6:],
]
for _name, _p in (
    ("softmax_cross_entropy", P),
    ("poly_loss_cross_entropy", P),
    ("kl_divergence", P),
    ("kl_divergence_with_log_targets", jnp.log(P)),
):
    _q = LOG_Q if _name.startswith("kl") else Z
    for _axis in (0, (0, 1), (1, 0), None):
        CASES.append((_name, (_q, _p), {"axis": _axis}))
    CASES.append((_name, (_q, _p), {"where": MASK}))
    CASES.append((_name, (_q, _p), {"axis": 0, "where": MASK}))
    CASES.append((_name, (_q, _p), {"axis": (1, 0), "where": MASK}))
CASES.append(("softmax_cross_entropy", (Z, P), {"where": EVENTS}))
CASES.append(("softmax_cross_entropy", (Z, P), {"axis": 0, "where": jnp.arange(5) > 2}))


def pair(name: str, options: dict[str, Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return tuple(partial(getattr(module, name), **options) for module in (compat, optax.losses))


def near(ours: Any, theirs: Any, units: float = 16) -> None:
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    size = float(jnp.abs(theirs).max()) if theirs.size else 0.0
    eps = units * float(jnp.finfo(theirs.dtype).eps)
    np.testing.assert_allclose(
        np.asarray(ours, np.float64), np.asarray(theirs, np.float64), eps, eps * max(size, 1.0)
    )


@for_each("name", compat.__all__)
def test_signatures(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(m, name)) for m in (compat, optax.losses))
    assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
        (p.name, p.kind, p.default) for p in theirs.parameters.values()
    ]


def test_importing_loads_jax_and_not_optax() -> None:
    found = loaded("import plogq.compat.optax")
    assert {"plogq", "jax"} <= found
    assert not found & {"optax", "chex", "flax", "torch", "tensorflow", "keras", "sklearn"}


def in_one(
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]],
    of: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda f: f,
) -> Iterator[tuple[Any, Any, tuple[Any, ...], dict[str, Any]]]:
    """What `of` ours and of theirs gives, for each of the calls: one program for all of a side.

    A program for each would be compiled for longer than it runs.
    """
    arguments = [a for _, a, _ in calls]
    found = []
    for side in zip(*(pair(name, options) for name, _, options in calls), strict=True):
        functions = [of(f) for f in side]
        program = jax.jit(
            lambda *given, functions=functions: [
                f(*x) for f, x in zip(functions, given, strict=True)
            ]
        )
        found.append(program(*arguments))
    for (name, inputs, options), ours, theirs in zip(calls, *found, strict=True):
        with noted(" ".join((name, *options))):
            yield ours, theirs, inputs, options


def test_values() -> None:
    eagerly = [pair(name, options)[0](*arguments) for name, arguments, options in CASES]
    for (ours, theirs, *_), eager in zip(in_one(CASES), eagerly, strict=True):
        near(ours, theirs)
        near(eager, theirs)


def derivatives(f: Callable[..., Any]) -> Callable[..., Any]:
    """Reverse and forward, for every argument that has a gradient."""

    def both(*x: Any) -> Any:
        soft = [i for i, a in enumerate(x) if jnp.issubdtype(a.dtype, jnp.floating)]
        tangents = tuple(
            jnp.cos(jnp.arange(a.size, dtype=jnp.float32)).reshape(a.shape)
            if i in soft
            else np.zeros(a.shape, jax.dtypes.float0)
            for i, a in enumerate(x)
        )
        return jax.grad(weighted(f), soft)(*x), jax.jvp(f, x, tangents)[1]

    return both


@pytest.mark.slow
def test_gradients() -> None:
    for ours, theirs, arguments, options in in_one(CASES, derivatives):
        for x, y in zip(ours[0], theirs[0], strict=True):
            # optax has NaN for labels that are left out, where it is 0 here, and for targets of 0.
            known = ~jnp.isnan(y)
            assert jnp.isfinite(x).all()
            assert known.all() or "where" in options or arguments[1] is HARD
            assert "where" not in options or (x[~known] == 0).all()
            near(jnp.where(known, x, 0), jnp.where(known, y, 0), 64)
        if not jnp.isnan(theirs[1]).any():
            near(ours[1], theirs[1], 64)


def weighted(f: Callable[..., Any]) -> Callable[..., Any]:
    """A sum of the losses, each with a weight of its own."""

    def total(*x: Any) -> Any:
        losses = f(*x)
        return (losses * jnp.sin(1.0 + jnp.arange(losses.size).reshape(losses.shape))).sum()

    return total


# Each function once, without options.
PLAIN = [next(c for c in CASES if c[0] == name and not c[2]) for name in compat.__all__]


def curvature(f: Callable[..., Any]) -> Callable[..., Any]:
    def of(x: Any, y: Any) -> Any:
        slope = jax.grad(lambda z: weighted(f)(z, y))
        return jax.grad(lambda z: (slope(z) * jnp.sin(z)).sum())(x)

    return of


@pytest.mark.slow
def test_gradients_of_gradients() -> None:
    for ours, theirs, *_ in in_one(PLAIN, curvature):
        near(ours, theirs, 128)


def mapped(f: Callable[..., Any]) -> Callable[..., Any]:
    """Over both, and over the second alone, each beside what is not mapped."""

    def of(x: Any, y: Any) -> Any:
        shared = jax.vmap(f, (None, 0))(x[1], y)
        return jax.vmap(f)(x, y), f(x, y), shared, f(x[1:2].repeat(4, 0), y)

    return of


@pytest.mark.slow
def test_vmap() -> None:
    eagerly = [jax.vmap(getattr(compat, name))(*arguments) for name, arguments, _ in PLAIN]
    for (found, *_), eager in zip(in_one(PLAIN, mapped), eagerly, strict=True):
        both, want, shared, repeated = found
        near(both, want)
        near(eager, want)
        near(shared, repeated)


@for_each("dtype", ["bfloat16", "float16"])
def test_half_precision_is_rounded_once(dtype: str) -> None:
    """The dtypes are optax's; the values those of the same numbers in float32, rounded."""
    calls = []
    for name, (first, second), _ in PLAIN:
        first = first.astype(dtype)
        for p in (second.astype(dtype), second) if second.dtype == jnp.float32 else (second,):
            q = p.astype(dtype) if name.startswith("sigmoid") else p
            wide = q.astype(jnp.float32) if q.dtype == dtype else q
            calls.append((name, (first, p), {}))
            calls.append((name, (first.astype(jnp.float32), wide), {}))
    found = [ours for ours, *_ in in_one(calls)]
    for (name, arguments, _), ours, exact in zip(calls[::2], found[::2], found[1::2], strict=True):
        with noted(name):
            assert ours.dtype == jax.eval_shape(getattr(optax.losses, name), *arguments).dtype
            near(ours, exact.astype(ours.dtype), 1.01)


def test_arrays_of_numpy_and_python_lists_of_labels() -> None:
    z, p, y = np.asarray(Z, np.float64), np.asarray(P, np.float64), np.asarray(Y)
    near(compat.softmax_cross_entropy(z, p), optax.softmax_cross_entropy(z, p))
    near(
        compat.softmax_cross_entropy_with_integer_labels(z, y),
        optax.softmax_cross_entropy_with_integer_labels(z, y),
    )


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 10.0, 80.0]))
def test_soft_losses_against_the_oracle(seed: int, spread: float) -> None:
    """The exact truth, where optax's own rounding would hide an error of ours."""
    rng = np.random.default_rng(seed)
    z = (spread * rng.normal(size=(2, 3))).astype(np.float32)
    p = rng.dirichlet(np.ones(3), 2).astype(np.float32)
    eps = float(np.finfo(np.float32).eps)
    truth = [float(x) for x in oracle.soft_costs(p, z)]
    np.testing.assert_allclose(compat.softmax_cross_entropy(z, p), truth, 8 * eps)
    poly: list[float] = []
    for w, s in zip(oracle.rows(p), oracle.rows(z), strict=True):
        q = oracle.of_logits(s)
        missed = oracle.mp.fsum(a * b for a, b in zip(w, q.not_q, strict=True))
        poly.append(float(oracle.cross_entropy(w, q) + 2 * missed))
    np.testing.assert_allclose(compat.poly_loss_cross_entropy(z, p), poly, 8 * eps)
    focal: list[float] = []
    for y, s in zip(oracle.row(p), oracle.row(z), strict=True):
        q = oracle.of_yes(s)
        missed = y * q.not_q[1] + (1 - y) * q.q[1]
        focal.append(float(oracle.cross_entropy([1 - y, y], q) * missed**2))
    found = compat.sigmoid_focal_loss(z, p).reshape(-1)
    np.testing.assert_allclose(found, focal, (32 + 8 * spread) * eps, 1e-36)
