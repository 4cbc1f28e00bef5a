"""Losses inside JAX's control flow and tools: scan, map, cond, while, export, donation, leaks."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import plogq
from plogq import Labels, LinearLogits, Logits, Probs, Smoothed, Weighted

from .arrays import by

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(3)
with jax.enable_x64(True):
    Y = jnp.asarray(RNG.integers(0, 4, (3, 5)))
    Z = jnp.asarray(RNG.normal(size=(3, 5, 4)))
    W = jnp.asarray(RNG.random((3, 5)))
    A = jnp.asarray(RNG.normal(size=(6, 4)))


def loss(y: Any, z: Any, w: Any = None) -> Any:
    p = Smoothed(Labels(y, ignore=-1), 0.1)
    return plogq.cross_entropy(p if w is None else Weighted(p, sample_weight=w), Logits(z))


def close(got: Any, want: Any, off: float = 1e-12) -> None:
    for x, y in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(x, y, rtol=off, atol=off)


def test_scan_and_the_gradient_through_it(way: str) -> None:
    def total(z: Any) -> Any:
        def step(sum: Any, yz: Any) -> Any:
            one = loss(*yz)
            return sum + one, one

        return jax.lax.scan(step, 0.0, (Y, z))

    value, slopes = jax.jit(jax.value_and_grad(lambda z: total(z)[0]))(Z)
    one = jax.jit(jax.value_and_grad(loss, 1))
    each = [one(y, z) for y, z in zip(Y, Z, strict=True)]
    close(value, sum(x for x, _ in each))
    close(slopes, jnp.stack([g for _, g in each]))


def test_map_with_and_without_batches() -> None:
    want = jnp.stack([loss(y, z, w) for y, z, w in zip(Y, Z, W, strict=True)])
    close(jax.lax.map(lambda x: loss(*x), (Y, Z, W)), want)
    close(jax.lax.map(lambda x: loss(*x), (Y, Z, W), batch_size=2), want)


def test_cond_switch_and_while() -> None:
    def either(hard: Any, z: Any) -> Any:
        soft = Probs(jnp.full(z.shape, 0.25))
        return jax.lax.cond(
            hard,
            lambda: loss(Y[0], z),
            lambda: plogq.cross_entropy(soft, Logits(z)),
        )

    run = jax.jit(jax.value_and_grad(either, 1))
    close(run(True, Z[0]), jax.value_and_grad(lambda z: loss(Y[0], z))(Z[0]))
    assert run(False, Z[0])[0] != run(True, Z[0])[0]

    def descend(z: Any) -> Any:
        step = jax.grad(lambda z: loss(Y[0], z))
        return jax.lax.while_loop(lambda z: loss(Y[0], z) > 1.0, lambda z: z - step(z), z)

    assert loss(Y[0], Z[0]) > 1.0
    assert loss(Y[0], jax.jit(descend)(Z[0])) <= 1.0
    got = jax.lax.fori_loop(0, 3, lambda i, sum: sum + loss(Y[i], Z[i]), 0.0)
    close(got, sum(loss(y, z) for y, z in zip(Y, Z, strict=True)))


def test_eval_shape_and_make_jaxpr() -> None:
    shape = jax.eval_shape(lambda y, z: jax.value_and_grad(loss, 1)(y, z), Y[0], Z[0])
    assert jax.tree.map(lambda x: (x.shape, x.dtype.name), shape) == (
        ((), "float64"),
        ((5, 4), "float64"),
    )
    program = str(jax.make_jaxpr(jax.grad(loss, 1))(Y[0], Z[0]))
    assert "plogq_program" in program
    assert "plogq_program_gradient" in program


def test_a_donated_array_may_be_overwritten_by_the_gradient() -> None:
    run = jax.jit(jax.value_and_grad(loss, 1), donate_argnums=1)
    want = jax.value_and_grad(loss, 1)(Y[0], Z[0])
    mine = jnp.array(Z[0], copy=True)
    close(run(Y[0], mine), want)
    close(run(Y[0], jnp.array(Z[0], copy=True)), want)


def test_inputs_are_as_they_were(way: str) -> None:
    p = Weighted(Labels(Y[0]), sample_weight=W[0])
    q = Logits(jnp.array(Z[0], copy=True))
    before = [np.array(x, copy=True) for x in jax.tree.leaves((p, q))]
    jax.jit(jax.value_and_grad(lambda p, q: plogq.cross_entropy(p, q, z_loss=0.1), 1))(p, q)
    plogq.value_and_grad(p, q)
    for x, y in zip(jax.tree.leaves((p, q)), before, strict=True):
        np.testing.assert_array_equal(x, y)


def test_no_tracer_leaks() -> None:
    with jax.checking_leaks():
        jax.jit(jax.vmap(jax.value_and_grad(loss, 1)))(Y, Z)
        jax.jit(jax.hessian(loss, 1))(Y[0], Z[0])
        jax.lax.scan(lambda c, x: (c + loss(*x), None), 0.0, (Y, Z))


def test_without_jit_it_is_the_same() -> None:
    want = jax.jit(jax.value_and_grad(loss, 1))(Y[0], Z[0])
    with jax.disable_jit():
        close(jax.value_and_grad(loss, 1)(Y[0], Z[0]), want)
        close(jax.jit(jax.value_and_grad(loss, 1))(Y[0], Z[0]), want)
        close(jax.vmap(loss)(Y, Z)[0], want[0])


def test_a_nan_of_its_own_is_nowhere_made_of_finite_scores() -> None:
    """jax_debug_nans raises at the first that a program makes on its way."""
    far = jnp.array([[1e30, -1e30, 0.0, 5.0], [-1e300, 1e300, 0.0, 0.0]])
    with jax.debug_nans(True), jax.debug_infs(False):
        value, slopes = jax.jit(jax.value_and_grad(loss, 1))(jnp.array([0, 1]), far)
    assert jnp.isfinite(value)
    assert jnp.isfinite(slopes).all()


# Programs that are saved: they hold no kernel of this machine, and run on others.


def exported(function: Any, *arguments: Any) -> Any:
    """`function` saved as bytes and read back."""
    saved = export.export(jax.jit(function))(*arguments)
    return export.deserialize(saved.serialize(vjp_order=1))


def test_an_exported_program_gives_the_same_numbers() -> None:
    again = exported(loss, Y[0], Z[0], W[0])
    close(again.call(Y[0], Z[0], W[0]), loss(Y[0], Z[0], W[0]))
    got = jax.grad(lambda z: again.call(Y[0], z, W[0]))(Z[0])
    close(got, jax.grad(loss, 1)(Y[0], Z[0], W[0]))
    assert "custom_call" not in again.mlir_module()


def test_an_exported_gradient() -> None:
    again = exported(jax.value_and_grad(loss, 1), Y[0], Z[0])
    close(again.call(Y[0], Z[0]), jax.value_and_grad(loss, 1)(Y[0], Z[0]))


def test_an_exported_program_for_another_platform() -> None:
    saved = export.export(jax.jit(loss), platforms=("cpu", "cuda"))(Y[0], Z[0])
    assert saved.platforms == ("cpu", "cuda")
    close(saved.call(Y[0], Z[0]), loss(Y[0], Z[0]))


def _symbolic() -> dict[str, tuple[Any, tuple[str, ...], tuple[Any, ...]]]:
    """A function, the shapes of its arguments, and arguments."""
    return {
        "labels": (lambda y, z: loss(y, z), ("b", "b, 4"), (Y[0], Z[0])),
        "each": (
            lambda y, z: plogq.cross_entropy(Labels(y), Logits(z), reduction="none"),
            ("b", "b, 4"),
            (Y[0], Z[0]),
        ),
        "soft": (
            lambda p, z: plogq.cross_entropy(Probs(p), Logits(z), z_loss=0.1),
            ("b, 4", "b, 4"),
            (jax.nn.softmax(Z[0]), Z[0]),
        ),
        "sparse": (
            lambda i, p, z: plogq.cross_entropy(plogq.SparseProbs(i, p), Logits(z)),
            ("b, 2", "b, 2", "b, 4"),
            (jnp.argsort(Z[0])[:, :2], jnp.full((5, 2), 0.5), Z[0]),
        ),
        "yes/no": (
            lambda y, z: plogq.cross_entropy(plogq.BinaryProbs(y), plogq.BinaryLogits(z)),
            ("b, 4", "b, 4"),
            (Z[0] > 0, Z[0]),
        ),
        "two": (
            lambda y, z: plogq.cross_entropy(Labels(y), Logits(z, axis=1)),
            ("b, t", "b, 4, t"),
            (Y, Z.transpose(0, 2, 1)),
        ),
        "linear": (
            lambda y, h, w: plogq.cross_entropy(Labels(y), LinearLogits(h, w)),
            ("b", "b, 4", "6, 4"),
            (Y[0], Z[0], A),
        ),
    }


with jax.enable_x64(True):
    SYMBOLIC = _symbolic()


@pytest.mark.parametrize("name", SYMBOLIC)
def test_an_exported_program_for_any_number_of_events(name: str) -> None:
    function, shapes, arguments = SYMBOLIC[name]
    scope = export.SymbolicScope()
    given = [
        jax.ShapeDtypeStruct(export.symbolic_shape(s, scope=scope), x.dtype)
        for s, x in zip(shapes, arguments, strict=True)
    ]
    of_scores = 1 if name == "linear" else len(given) - 1

    def both(*x: Any) -> Any:
        def total(z: Any) -> Any:
            return function(*x[:of_scores], z, *x[of_scores + 1 :]).sum()

        return function(*x), jax.grad(total)(x[of_scores])

    again = exported(both, *given)
    close(again.call(*arguments), jax.jit(both)(*arguments))


def test_what_runs_under_a_way_is_what_was_asked_for() -> None:
    """JAX keeps what it has traced: a function that was traced under another way stays with it."""
    for way in ("cpu", "formula"):
        with by(way):
            assert plogq.explain(Labels(Y[0]), Logits(Z[0])).chosen == way
            text = jax.jit(lambda y, z: loss(y, z)).lower(Y[0], Z[0]).as_text()
        assert ("plogq_program" in text) == (way == "cpu")
