"""plogq.compat.optax where optax is inexact, wraps, has NaN, or refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import plogq.compat.optax as compat
from plogq import LabelError

from ..together import for_each
from .test_optax import EVENTS, LOG_Q, MASK, P, Y, Z, near, pair


def test_confident_predictions_keep_their_precision() -> None:
    z = jnp.array([[40.0, 0.0]])
    y, hard = jnp.array([0]), jnp.array([[1.0, 0.0]])
    small = float(np.exp(-40.0))
    for f, p, factor in (
        (compat.softmax_cross_entropy, hard, 1),
        (compat.safe_softmax_cross_entropy, hard, 1),
        (compat.softmax_cross_entropy_with_integer_labels, y, 1),
        (compat.poly_loss_cross_entropy, hard, 3),
    ):
        assert float(f(z, p)[0]) == pytest.approx(factor * small, rel=1e-5)
    assert float(optax.softmax_cross_entropy(z, hard)[0]) == 0.0


def test_zero_times_log_zero_is_zero() -> None:
    """In values and gradients, with every function; optax has it in safe_softmax_cross_entropy."""
    z, p = jnp.array([0.0, 1.0, -jnp.inf]), jnp.array([0.25, 0.75, 0.0])
    two = optax.softmax_cross_entropy(z[:2], p[:2])
    assert jnp.isnan(optax.softmax_cross_entropy(z, p))
    near(optax.safe_softmax_cross_entropy(z, p), two)
    for f in (compat.softmax_cross_entropy, compat.safe_softmax_cross_entropy):
        near(f(z, p), two)
        assert jnp.isfinite(jax.grad(f)(z, p)).all()
        assert jax.grad(f)(z, p)[2] == 0
    log_q = jnp.log(jnp.array([0.5, 0.5, 0.0]))
    expected = optax.kl_divergence(log_q[:2], p[:2])
    near(compat.kl_divergence(log_q, p), expected)
    near(compat.kl_divergence_with_log_targets(log_q, jnp.log(p)), expected)
    for f, t in ((compat.kl_divergence, p), (compat.kl_divergence_with_log_targets, jnp.log(p))):
        assert jnp.isfinite(jax.grad(f)(log_q, t)).all()
    assert jnp.isinf(compat.kl_divergence(jnp.array([0.0, -jnp.inf]), jnp.array([0.5, 0.5])))


def test_labels_out_of_range() -> None:
    """An error that names the event; NaN where no value can be seen. Never a wrapped label."""
    f = compat.softmax_cross_entropy_with_integer_labels
    theirs = optax.softmax_cross_entropy_with_integer_labels
    for label in (-1, 5):
        y = Y.at[2].set(label)
        with pytest.raises(LabelError, match=f"label {label} at event 2 is outside the 5 classes"):
            f(Z, y)
        for traced in (jax.jit(f), jax.vmap(f)):
            found = traced(Z, y)
            assert jnp.isnan(found[2])
            near(found[jnp.array([0, 1, 3])], theirs(Z, Y)[jnp.array([0, 1, 3])])
    assert jnp.isfinite(theirs(Z, Y.at[2].set(-1))).all()
    assert jnp.isnan(theirs(Z, Y.at[2].set(5))[2])
    assert jnp.isnan(jax.jit(f)(Z[:, :1], Y)[1])


def test_masked_events_may_have_any_label() -> None:
    """Padding of -1 with its event left out, as optax's own users write it."""
    f = compat.softmax_cross_entropy_with_integer_labels
    y = jnp.where(EVENTS, Y, -1)
    for run in (f, jax.jit(f)):
        found = run(Z, y, where=EVENTS)
        assert found[1] == 0
        near(found, optax.softmax_cross_entropy_with_integer_labels(Z, y, where=EVENTS))
    gradient = jax.grad(lambda z: f(z, y, where=EVENTS).sum())(Z)
    assert (gradient[1] == 0).all()
    with pytest.raises(LabelError, match="label -1 at event 0"):
        f(Z, y.at[0].set(-1), where=EVENTS)


def test_a_label_whose_class_is_left_out_costs_infinity() -> None:
    """optax takes its score over the sum of the others, which is no loss: it may be negative."""
    z, y, where = jnp.array([[5.0, 0.0, 0.0]]), jnp.array([0]), jnp.array([[False, True, True]])
    assert optax.softmax_cross_entropy_with_integer_labels(z, y, where=where)[0] < 0
    assert jnp.isinf(compat.softmax_cross_entropy_with_integer_labels(z, y, where=where)[0])


def test_what_is_masked_may_be_nan() -> None:
    z = jnp.where(MASK, Z, jnp.nan)
    near(
        compat.softmax_cross_entropy(z, P, where=MASK),
        optax.softmax_cross_entropy(Z, P, where=MASK),
    )
    for f, p in (
        (compat.softmax_cross_entropy, P),
        (compat.poly_loss_cross_entropy, P),
        (compat.softmax_cross_entropy_with_integer_labels, Y),
        (compat.kl_divergence, P),
    ):
        gradient = jax.grad(lambda x, f=f, p=p: f(x, p, where=MASK).sum())(z)
        assert jnp.isfinite(gradient).all()
        assert (gradient[~MASK] == 0).all()


def test_extreme_scores_of_the_focal_loss_have_finite_gradients() -> None:
    z = jnp.array([100.0, -100.0, 75.0, -75.0, 50.0, -50.0])
    y = jnp.array([0.9, 0.1, 0.8, 0.2, 1.0, 0.0])

    def total(x: Any) -> Any:
        return compat.sigmoid_focal_loss(x, y, gamma=0.5).sum()

    assert jnp.isfinite(jax.jit(jax.grad(total))(z)).all()
    assert jnp.isfinite(jax.jit(jax.hessian(total))(z)).all()


def test_events_and_classes_of_nothing() -> None:
    empty = jnp.zeros((0, 3))
    assert compat.softmax_cross_entropy(empty, empty).shape == (0,)
    y = jnp.zeros(0, int)
    assert compat.softmax_cross_entropy_with_integer_labels(empty, y).shape == (0,)
    assert compat.sigmoid_focal_loss(empty, empty).shape == (0, 3)
    for name in ("softmax_cross_entropy", "poly_loss_cross_entropy", "kl_divergence"):
        ours, theirs = (getattr(m, name)(*[jnp.zeros((2, 0))] * 2) for m in (compat, optax.losses))
        assert ours.tolist() == theirs.tolist() == [0.0, 0.0], name


@for_each(
    ("name", "arguments", "options"),
    [
        ("sigmoid_binary_cross_entropy", (Y, Y), {}),
        ("sigmoid_focal_loss", (Y, Y), {}),
        ("safe_softmax_cross_entropy", (Y, Y), {}),
        ("softmax_cross_entropy", (Z.astype(int), P), {}),
        ("softmax_cross_entropy_with_integer_labels", (Z.astype(int), Y), {}),
        ("softmax_cross_entropy_with_integer_labels", (Z, P), {}),
        ("softmax_cross_entropy_with_integer_labels", (Z, Y.astype(float)), {}),
        ("poly_loss_cross_entropy", (Z, P.astype(int)), {}),
        ("poly_loss_cross_entropy", (Z.astype(int), P), {}),
        ("kl_divergence", (Y, P[0, :4]), {}),
        ("kl_divergence", (LOG_Q, Y), {}),
        ("kl_divergence_with_log_targets", (LOG_Q, P.astype(int)), {}),
        ("softmax_cross_entropy", (Z, P), {"axis": 2}),
        ("softmax_cross_entropy", (Z, P[:, :3]), {}),
        ("softmax_cross_entropy", (Z, P), {"where": MASK[:, :3]}),
        ("softmax_cross_entropy", (Z, P), {"axis": (0, 0)}),
        ("softmax_cross_entropy_with_integer_labels", (Z, Y), {"axis": -3}),
        ("softmax_cross_entropy_with_integer_labels", (Z, Y), {"axis": (0, 3)}),
        ("softmax_cross_entropy_with_integer_labels", (Z, Y), {"axis": None}),
        ("softmax_cross_entropy_with_integer_labels", (Z, Y[None]), {}),
        ("softmax_cross_entropy_with_integer_labels", (Z, Y[:3]), {}),
        ("kl_divergence", (LOG_Q, P), {"where": EVENTS}),
        ("kl_divergence", (LOG_Q, P), {"axis": 5}),
        ("sigmoid_binary_cross_entropy", (Z, P[:3]), {}),
    ],
)
def test_errors_are_of_their_types(name: str, arguments: Any, options: dict[str, Any]) -> None:
    ours, theirs = pair(name, options)
    with pytest.raises((TypeError, ValueError)) as expected:
        theirs(*arguments)
    kind = TypeError if isinstance(expected.value, TypeError) else ValueError
    # JAX has a TypeError for shapes that its primitives refuse; optax's own are of dtypes.
    if kind is TypeError and "dtype that is a subdtype" not in str(expected.value):
        kind = ValueError
    with pytest.raises(kind) as found:
        ours(*arguments)
    if kind is TypeError:
        assert str(found.value).startswith(str(expected.value))


@for_each(
    ("f", "arguments", "message"),
    [
        (compat.softmax_cross_entropy, (Z[:, :1], P), "events broadcast, classes do not"),
        (compat.softmax_cross_entropy, (Z, P[:, :3]), r"shapes \(4, 5\) and \(4, 3\), which do"),
        (compat.softmax_cross_entropy, (Z[0], P, 0), "events broadcast, classes do not"),
        (
            compat.softmax_cross_entropy_with_integer_labels,
            (Z, Y[None]),
            "one class index per event; labels of the shape of the logits go with",
        ),
        (
            compat.softmax_cross_entropy_with_integer_labels,
            (Z, Y, 7),
            "axis 7 is out of bounds for array of dimension 2",
        ),
        (compat.kl_divergence, (LOG_Q, P, -1, EVENTS), r"P and where have shapes \(4, 5\) and"),
        (compat.kl_divergence, (LOG_Q, P, ()), "axis takes one axis or several different ones"),
    ],
)
def test_messages(f: Callable[..., Any], arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        f(*arguments)
