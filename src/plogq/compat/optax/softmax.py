"""optax's losses over exclusive classes, as the P and the Q that they stand for."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ... import Labels, Logits, Probs, Weighted
from ..declared import EXCLUSIVE, declares
from .arguments import (
    BROADCASTS,
    EACH,
    SOFT,
    UNCHECKED,
    WHERE,
    Axis,
    broadcast,
    class_axes,
    class_mask,
    classes_last,
    floating,
    of_kind,
    ruled_out,
    together,
    two_classes,
    unchecked,
)

Array = jax.Array


@declares(
    "optax",
    "softmax_cross_entropy",
    outcomes=EXCLUSIVE,
    target=SOFT,
    prediction="scores",
    reduction=EACH,
    call="cross_entropy(Probs(labels, axis=axis), Logits(logits, axis=axis), reduction='none')",
    quirks=(BROADCASTS, WHERE, UNCHECKED, "`axis` may be several axes, or None for all"),
)
def softmax_cross_entropy(
    logits: Any, labels: Any, axis: Axis = -1, where: Any | None = None
) -> Array:
    """`optax.softmax_cross_entropy`.

    `Probs(labels, axis=axis)` with `Logits(logits, axis=axis)`, one loss per event, the two
    broadcast. Several axes are one axis of all their combinations. Where `where` is False the class
    has probability 0 in P and a score of -∞ in Q. The loss has the dtype that the two promote to.

    Raises:
        TypeError: logits that are no floating-point numbers.
        ValueError: shapes that do not broadcast, or no such axis.

    Examples:
        >>> import jax.numpy as jnp
        >>> from plogq.compat.optax import softmax_cross_entropy
        >>> logits = jnp.array([[1.2, -0.8, -0.5], [0.9, -1.2, 1.1]])
        >>> labels = jnp.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        >>> [round(float(x), 4) for x in softmax_cross_entropy(logits, labels)]
        [0.2761, 2.9518]
    """
    scores, p, dtype = _soft(logits, labels, axis, where)
    return unchecked(Probs(p), Logits(scores)).astype(dtype)


@declares(
    "optax",
    "safe_softmax_cross_entropy",
    outcomes=EXCLUSIVE,
    target="a distribution per event, classes last",
    prediction="scores",
    reduction=EACH,
    call="cross_entropy(Probs(labels), Logits(logits), reduction='none')",
    quirks=(BROADCASTS, UNCHECKED),
    note="plogq has 0 · log 0 = 0 everywhere.",
)
def safe_softmax_cross_entropy(logits: Any, labels: Any) -> Array:
    """`optax.safe_softmax_cross_entropy`: `softmax_cross_entropy` along the last axis.

    Both have 0 · log 0 = 0: a class with a score of -∞ that P gives no mass costs nothing.

    Raises:
        TypeError, ValueError: as `softmax_cross_entropy`.

    Examples:
        >>> import jax.numpy as jnp
        >>> from plogq.compat.optax import safe_softmax_cross_entropy
        >>> print(safe_softmax_cross_entropy(jnp.array([0.0, -jnp.inf]), jnp.array([1.0, 0.0])))
        0.0
    """
    return softmax_cross_entropy(logits, labels)


@declares(
    "optax",
    "softmax_cross_entropy_with_integer_labels",
    outcomes=EXCLUSIVE,
    target="a class index per event",
    prediction="scores",
    reduction=EACH,
    call="cross_entropy(Labels(labels), Logits(logits, axis=axis), reduction='none')",
    quirks=(
        "P and the events of Q broadcast to one another",
        WHERE,
        "`axis` may be several axes, and labels then count through all their combinations",
    ),
    note="A label out of range is an error, and NaN under jit; optax wraps -1 to the last class.",
)
def softmax_cross_entropy_with_integer_labels(
    logits: Any, labels: Any, axis: int | tuple[int, ...] = -1, where: Any | None = None
) -> Array:
    """`optax.softmax_cross_entropy_with_integer_labels`.

    `Labels(labels)` with `Logits(logits, axis=axis)`, one loss per event. A label of several axes
    counts through all their combinations, the last axis fastest. Where `where` is False the class
    has a score of -∞ in Q; an event without any class costs 0, whatever its label. The loss has the
    dtype of the logits.

    Raises:
        LabelError: a label outside the classes; under `jit` and on a GPU its loss is NaN.
        TypeError: logits that are no floating-point numbers, or labels that are no integers.
        ValueError: shapes that do not broadcast, or no such axis.

    Examples:
        >>> import jax.numpy as jnp
        >>> from plogq.compat.optax import softmax_cross_entropy_with_integer_labels
        >>> logits = jnp.array([[1.2, -0.8, -0.5], [0.9, -1.2, 1.1]])
        >>> losses = softmax_cross_entropy_with_integer_labels(logits, jnp.array([0, 1]))
        >>> [round(float(x), 4) for x in losses]
        [0.2761, 2.9518]
    """
    if not isinstance(axis, int | tuple):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(
            "Keyword argument 'axis' must be of type 'int' or 'tuple[int, ...]' but actual type is "
            f"{type(axis)}."
        )
    scores = floating("logits", logits)
    dtype, axes = scores.dtype, class_axes(axis, scores.ndim)
    y = of_kind("labels", labels, jnp.integer, "write labels.astype(int) if they are indices")
    mask = None if where is None else classes_last(class_mask(where, scores, axis), axes)
    scores = classes_last(scores, axes)
    if y.ndim != scores.ndim - 1:
        raise ValueError(
            f"labels have shape {y.shape}, and the events of logits {scores.shape[:-1]}: one class "
            "index per event; labels of the shape of the logits go with softmax_cross_entropy"
        )
    events = together("labels and the events of logits", y.shape, scores.shape[:-1])
    scores = jnp.broadcast_to(scores, (*events, scores.shape[-1]))
    y = jnp.broadcast_to(y, events)
    if scores.shape[-1] == 1:
        # One class costs 0, and plogq asks for two: the second is ruled out, and no one's label.
        y = jnp.where(y == 0, y.astype(jnp.int32), -1)
    p: Any = Labels(y)
    if mask is not None:
        mask = jnp.broadcast_to(mask, scores.shape)
        some = mask.any(axis=-1)
        p = Weighted(Labels(jnp.where(some, y, 0)), sample_weight=some)
        scores = ruled_out(scores, mask)
    return unchecked(p, Logits(two_classes(scores, -jnp.inf))).astype(dtype)


@declares(
    "optax",
    "poly_loss_cross_entropy",
    outcomes=EXCLUSIVE,
    target=SOFT,
    prediction="scores",
    reduction=EACH,
    call="poly(cross_entropy(Probs(labels, axis=axis), Logits(logits, axis=axis), "
    "reduction='none'), epsilon)",
    quirks=(
        BROADCASTS,
        WHERE,
        "of a soft target the second term is epsilon · Σ p (1 - q), which is 1 - e^-L for hard "
        "ones alone",
    ),
)
def poly_loss_cross_entropy(
    logits: Any,
    labels: Any,
    *,
    epsilon: Any = 2.0,
    axis: Axis = -1,
    where: Any | None = None,
) -> Array:
    """`optax.poly_loss_cross_entropy` (Leng et al. 2022).

    `softmax_cross_entropy` + epsilon · Σ_j p_j (1 - q_j): for hard labels `poly` of the loss.

    Raises:
        TypeError: logits or labels that are no floating-point numbers.
        ValueError: as `softmax_cross_entropy`.

    Examples:
        >>> import jax.numpy as jnp
        >>> from plogq.compat.optax import poly_loss_cross_entropy
        >>> logits, labels = jnp.array([0.14, 1.456, 2.356]), jnp.array([0.0, 0.0, 1.0])
        >>> print(poly_loss_cross_entropy(logits, labels).round(4))
        1.0962
    """
    floating("logits", logits)
    scores, p, dtype = _soft(logits, floating("labels", labels), axis, where)
    scores = scores.astype(jnp.promote_types(scores.dtype, jnp.float32))
    first = jnp.argmax(scores, axis=-1)
    most = jnp.take_along_axis(scores, first[..., None], axis=-1)
    # Of no class at all, as which (0,) is padded, the rest costs nothing.
    some = jnp.where(jnp.isneginf(most), 0, scores)
    # -log q_j = -log q_a + s_a - s_j, a the first of the greatest scores: nothing cancels.
    gaps = jnp.take_along_axis(some, first[..., None], axis=-1) - some
    costs = unchecked(Labels(first), Logits(some))[..., None] + gaps
    not_q = (p * -jnp.expm1(-costs)).sum(axis=-1)
    return (unchecked(Probs(p), Logits(scores)) + epsilon * not_q).astype(
        jnp.result_type(dtype, epsilon)
    )


def _soft(
    logits: Any, labels: Any, axis: Axis, where: Any | None
) -> tuple[Array, Array, jnp.dtype[Any]]:
    """Scores and probabilities with the classes last, and the dtype of the loss."""
    scores, p = floating("logits", logits), jnp.asarray(labels)
    dtype = jnp.result_type(scores, p)
    classes = tuple(scores.shape)
    scores, p = broadcast(scores, p)
    axes = class_axes(axis, scores.ndim)
    lead = scores.ndim - len(classes)
    if any(i < lead or classes[i - lead] != scores.shape[i] for i in axes):
        raise ValueError(
            f"logits of shape {classes} do not have all the classes that labels of shape "
            f"{tuple(jnp.shape(labels))} have along axis {axis}: events broadcast, classes do not"
        )
    if not jnp.issubdtype(p.dtype, jnp.floating):
        p = p.astype(dtype)
    mask = (
        None if where is None else jnp.broadcast_to(class_mask(where, scores, axis), scores.shape)
    )
    scores, p = classes_last(scores, axes), classes_last(p, axes)
    if mask is not None:
        mask = classes_last(mask, axes)
        scores, p = ruled_out(scores, mask), jnp.where(mask, p, 0)
    return two_classes(scores, -jnp.inf), two_classes(p, 0), dtype
