"""PQ020: a prediction and a target of different shapes that broadcast."""

from __future__ import annotations

from ..contracts import Holds
from ..facts import HandWritten, Length, Shape, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin


@rule("PQ020", "silent-broadcast", Level.ERROR, Sighting)
def silent_broadcast(seen: Sighting) -> Verdict | None:
    """A prediction of shape (N, 1) beside a target of shape (N,), or the other way round.

    They broadcast to (N, N): every prediction is compared with every target, and the mean is that
    of N² pairs, of which N were meant. The best constant prediction is then the best there is.
    optax, `kl_div` and hand-written losses do so without a word; `nn.BCEWithLogitsLoss` and
    `tf.nn.sigmoid_cross_entropy_with_logits` stop with an error.

    ```python title="wrong"
    import jax
    import jax.numpy as jnp
    import optax

    w = jax.random.normal(jax.random.key(0), (20, 1))
    scores = jnp.ones((8, 20)) @ w
    yes = jax.random.randint(jax.random.key(1), (8,), 0, 2)
    loss = optax.sigmoid_binary_cross_entropy(scores, yes).mean()
    ```

    ```python title="right"
    import jax
    import jax.numpy as jnp
    import optax

    w = jax.random.normal(jax.random.key(0), (20, 1))
    scores = jnp.ones((8, 20)) @ w
    yes = jax.random.randint(jax.random.key(1), (8,), 0, 2)
    loss = optax.sigmoid_binary_cross_entropy(scores.squeeze(-1), yes).mean()
    ```
    """
    q, p = seen.prediction, seen.target
    if q is None or p is None or q.shape is None or p.shape is None:
        return None
    if seen.loss.holds not in (Holds.YES_NO, Holds.DISTRIBUTION) or seen.loss.peer == "keras":
        return None
    if not _column_and_row(q.shape, p.shape):
        return None
    if seen.loss.exclusive and not seen.loss.divergence:
        return None
    n = q.shape[0] if len(q.shape) == 2 else p.shape[0]
    many = f"({n}, {n})" if isinstance(n, int) else "(N, N)"
    follows = (
        f"they broadcast to {many}, and every prediction is compared with every target"
        if seen.loss.broadcasts
        else "it stops with an error about their sizes"
    )
    which = "prediction" if len(q.shape) == 2 else "target"
    return Verdict(
        f"{seen.loss.name} got a prediction of shape {_words(q.shape)} and a target of shape "
        f"{_words(p.shape)}: {follows}",
        f"give both one shape: squeeze the {which}'s last axis (squeeze(-1)), or give the other "
        "one",
        q.place,
        evidence(seen),
    )


@rule("PQ020", "silent-broadcast", Level.ERROR, HandWritten, hides=("PQ021",))
def broadcast_by_hand(seen: HandWritten) -> Verdict | None:
    """A hand-written loss that multiplies (N, 1) by (N,), or looks up every label in every row."""
    q, p = seen.logs, seen.target
    if any(step.verb == "columns" for step in q.path):
        return Verdict(
            f"this loss looks up the labels of all events in each row of {origin(q, seen.place)}: "
            "N × N numbers, and every prediction is compared with every target",
            "look up one class in each row: p[np.arange(len(y)), y]",
            q.place,
            (f"the logarithm comes from {origin(q, seen.place)}",),
        )
    if not seen.broadcast or p is None or q.shape is None or p.shape is None:
        return None
    return Verdict(
        f"this loss multiplies logarithms of shape {_words(q.shape)}, from "
        f"{origin(q, seen.place)}, by a target of shape {_words(p.shape)}: they broadcast to "
        "(N, N), and every prediction is compared with every target",
        "give both one shape: squeeze the last axis of the one that has it (squeeze(-1))",
        q.place,
        (f"the logarithm comes from {origin(q, seen.place)}",),
    )


def _column_and_row(a: Shape, b: Shape) -> bool:
    """(N, 1) beside (N,), N not 1."""
    if len(a) == len(b):
        return False
    long, short = (a, b) if len(a) > len(b) else (b, a)
    return len(long) == 2 and len(short) == 1 and long[1] == 1 and short[0] != 1


def _words(shape: Shape) -> str:
    def word(length: Length) -> str:
        return str(length) if isinstance(length, int) else "N"

    return f"({', '.join(map(word, shape))}{',' if len(shape) == 1 else ''})"
