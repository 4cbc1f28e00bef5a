"""What optax's losses have in common besides the loss: arguments, axes, masks, broadcasting."""

from __future__ import annotations

from math import prod
from typing import Any

import jax
import jax.numpy as jnp

from ... import cross_entropy, validation
from ...options import integer

Array = jax.Array
Axis = int | tuple[int, ...] | None

SOFT = "a distribution per event, classes on axis"
EACH = "one loss per event"
BROADCASTS = "P and Q broadcast to one another"
WHERE = "a class that `where` leaves out is ruled out of P and of Q; an event without any costs 0"
UNCHECKED = "rows of P need not be distributions"


def unchecked(p: Any, q: Any) -> Array:
    """One loss per event, without plogq's checks of probabilities, which optax has not."""
    with validation("off"):
        return cross_entropy(p, q, reduction="none")


def of_kind(role: str, x: Any, kind: Any, instead: str) -> Array:
    """x as an array of JAX, refused as optax refuses it if its dtype is of another kind."""
    dtype = jax.dtypes.result_type(x)
    if not jnp.issubdtype(dtype, kind):
        raise TypeError(
            f"Expected the input to have a dtype that is a subdtype of {kind}, got {dtype} "
            f"instead: {role} is the input, {instead}"
        )
    return jnp.asarray(x)


def floating(role: str, x: Any) -> Array:
    """x as an array of JAX that holds floating-point numbers."""
    return of_kind(role, x, jnp.floating, f"write {role}.astype(float)")


def cast(labels: Any, scores: Array) -> Array:
    """Labels in the dtype of the scores."""
    return jnp.asarray(labels).astype(scores.dtype)


def together(what: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that these broadcast to."""
    try:
        return tuple(jnp.broadcast_shapes(*shapes))
    except ValueError:
        listed = " and ".join(map(str, shapes))
        raise ValueError(f"{what} have shapes {listed}, which do not broadcast") from None


def broadcast(*arrays: Array) -> list[Array]:
    """The arrays in the shape that the first two broadcast to."""
    shape = together("Q and P", *(x.shape for x in arrays[:2]))
    return [jnp.broadcast_to(x, shape) for x in arrays]


def class_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The class axes counted from the front, in the order in which they were given."""
    given = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes: list[int] = []
    for i in (integer(a, "axis", "one integer, a tuple of them, or None") for a in given):
        if not -ndim <= i < ndim:
            raise ValueError(f"axis {i} is out of bounds for array of dimension {ndim}")
        axes.append(i % ndim)
    if not axes or len(set(axes)) < len(axes):
        raise ValueError(f"axis takes one axis or several different ones, got {axis}")
    return tuple(axes)


def classes_last(x: Array, axes: tuple[int, ...]) -> Array:
    """The class axes as one, the last."""
    events = [i for i in range(x.ndim) if i not in axes]
    moved = x if axes == (x.ndim - 1,) else jnp.transpose(x, (*events, *axes))
    shape = tuple(moved.shape)
    return moved.reshape(*shape[: len(events)], prod(shape[len(events) :]))


def class_mask(where: Any, like: Array, axis: Axis) -> Array:
    """Which classes count: a mask of events is one for all their classes."""
    mask = jnp.asarray(where)
    if mask.ndim != like.ndim:
        mask = jnp.expand_dims(mask, tuple(range(like.ndim)) if axis is None else axis)
    return mask.astype(bool)


def ruled_out(scores: Array, mask: Array) -> Array:
    """Scores of -∞ where a class is left out; of an event without any class, 0 throughout."""
    nothing = jnp.where(mask.any(axis=-1, keepdims=True), -jnp.inf, 0.0).astype(scores.dtype)
    return jnp.where(mask, scores, nothing)


def two_classes(x: Array, filling: float) -> Array:
    """x with two classes where it has none or one, which plogq refuses: optax's loss is 0."""
    missing = 2 - x.shape[-1]
    if missing <= 0:
        return x
    return jnp.concatenate((x, jnp.full((*x.shape[:-1], missing), filling, x.dtype)), axis=-1)
