"""Token log-probabilities: what a language model gave to the text that came."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import arrow
from .column import Array, Batch, Fault, InputError
from .naming import Group
from .scale import Scale

# What rounding may put a log-probability above 0.
_ABOVE = 1e-3


def likelihoods(group: Group, values: Array, scope: str) -> tuple[Scale, str]:
    """Whether log q or -log q stands there, and the sentence that says so.

    Raises:
        InputError: they may be probabilities.
    """
    what = f"Column {group} holds log q of what happened"
    if not values.size or (values <= _ABOVE).mean() > 0.5:
        return Scale("log-probs", -1.0), f"{what}: natural logarithms."
    if (values <= 1).all():
        raise InputError(
            f"--log-likelihood: {group} lies in [0, 1]{scope}, as probabilities do: write their "
            "logarithms"
        )
    said = f"{what} with its sign turned round: it is at least 0{scope}."
    return Scale("log-probs", 1.0), said


def read_tokens(
    batch: Batch, roles: Any
) -> tuple[Array, Array, Array | None, Array | None, list[Fault], Array]:
    """Of every row the loss of a token, how many tokens there are, how many bytes and letters, the
    rows that are wrong, and those that are left out: of length 0, and lists without a value."""
    name = roles.prediction.names[0]
    column = batch.columns[name]
    found = [f for n in roles.scored for f in batch.columns[n].faults]
    values = column.values.astype(np.float64, copy=False)
    lists = values.ndim == 2
    total, count = (values[:, 0], values[:, 1]) if lists else (values, np.ones(batch.rows))
    left_out = count == 0
    with np.errstate(invalid="ignore", divide="ignore"):
        loss = total * roles.scale.factor / count
    wrong = ~(loss >= -_ABOVE) & ~left_out
    if wrong.any():
        what = "the mean of " * lists
        found.append(
            Fault(wrong, lambda i: f"{what}{name} is {total[i] / count[i]:g}, no log-probability")
        )
    size = letters = None
    if roles.text is not None:
        size, letters = arrow.text_lengths(batch.columns[roles.text].values)
        for fault in batch.columns[roles.text].faults:
            size[fault.rows] = letters[fault.rows] = 0
    if roles.bytes is not None:
        size = batch.columns[roles.bytes].values.astype(np.float64)
        bad = ~((size >= 0) & (size < np.inf))
        if bad.any():
            lengths = size
            found.append(Fault(bad, lambda i: f"{roles.bytes} is {lengths[i]:g}, no length"))
    if size is not None:
        left_out = left_out | (size == 0)
    # What cannot be read is no 0.
    for fault in found:
        left_out = left_out & ~fault.rows
    return np.maximum(loss, 0.0), count, size, letters, found, left_out
