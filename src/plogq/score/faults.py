"""What is wrong with the values of a batch: masks of rows, and the sentence for each."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..definition import log_normalizer
from ..representations.predictions import Logits
from . import sums
from .block import Block
from .column import Array, Fault
from .naming import Group
from .shown import excerpt


def improper(block: Block, group: Group, tolerance: float | None) -> list[Fault]:
    """Rows that are no distribution (for yes/no outcomes: no probability)."""
    axis = block.axis
    if axis is None:
        wrong: Array = ~((block.values >= 0) & (block.values <= 1))
        return [Fault(wrong, lambda i: _outside(block, group, i))] if wrong.any() else []
    totals = block.totals()
    near = sums.USUAL if tolerance is None else tolerance
    low, high = 1 - near, 1 + near
    # Nothing below 0 and a sum of 1 leave no room above 1; a NaN fails every comparison.
    if block.minimum() >= 0 and totals.min() >= low and totals.max() <= high:
        return []
    values = block.values
    outside = ~np.logical_and.reduce((values >= 0) & (values <= high), axis=axis)
    wrong = sums.uneven(values, axis, totals, tolerance)
    return [
        Fault(outside, lambda i: _outside(block, group, i)),
        Fault(wrong, lambda i: f"{group} sum to {_total(totals[i])}", "sum"),
    ]


def no_probabilities(block: Block, group: Group) -> list[Fault]:
    """Rows with a value that is no probability, where each is one of its own."""
    assert block.axis is not None
    wrong = ~np.logical_and.reduce((block.values >= 0) & (block.values <= 1), axis=block.axis)
    return [Fault(wrong, lambda i: _outside(block, group, i))] if wrong.any() else []


def _total(total: float) -> str:
    """A sum that should be 1, with what it is off by where its first digits do not show that."""
    off = f" (it is {total - 1:+.2g} off)" if f"{total:.6g}" == "1" else ""
    return f"{total:.6g}, not to 1{off}"


def unnormalised(
    block: Block, axis: int, group: Group, factor: float, tolerance: float | None
) -> list[Fault]:
    """Rows whose values are no log-probabilities: their exponentials do not sum to 1."""
    log_sums: Array = np.asarray(log_normalizer(Logits(block.values, axis=axis)))
    wrong = sums.uneven_logs(block.values, axis, log_sums, factor, tolerance)
    if not wrong.any():
        return []

    def why(i: int) -> str:
        return f"the exponentials of {group} sum to {_total(np.exp(log_sums[i]))}"

    return [Fault(wrong, why, "sum")]


def no_softmax(block: Block, group: Group, i: int) -> str:
    """Why the scores of a row have no softmax."""
    row = block.row(i)
    if np.isnan(row).any():
        return f"{_entry(block, group, int(np.isnan(row).argmax()))} is NaN"
    if np.isneginf(row).all():
        return f"all of {group} are -inf"
    return f"more than one of {group} is +inf"


def bad_weights(weight: Array, name: str) -> list[Fault]:
    """Weights that are negative, infinite or NaN."""
    if weight.min() >= 0 and weight.max() < np.inf:
        return []
    wrong = ~((weight >= 0) & (weight < np.inf))
    return [Fault(wrong, lambda i: f"{name} is {weight[i]:g}, not a weight")]


def whole_numbers(raw: Array, name: str, low: int, high: int) -> tuple[Array, list[Fault]]:
    """Labels as integers from 0 (0 for those that are wrong), and which are wrong."""
    index, broken, beyond = _integers(raw)
    faults: list[Fault] = []
    if broken is not None:
        faults.append(Fault(broken, lambda i: f"{name} is {_plain(raw[i])}, not a whole number"))
        index = np.where(broken, low, index)
    if beyond is not None or not (index.min() >= low and index.max() <= high):
        outside = (index < low) | (index > high)
        outside = outside if beyond is None else outside | beyond
        faults.append(
            Fault(
                outside,
                lambda i: f"{name} is {_plain(raw[i])}, outside {low} to {high}",
                "label",
                raw[outside],
            )
        )
        index = np.where(outside, low, index)
    return (index - low if low else index), faults


def equal(raw: Array, label: str) -> Array:
    """Which labels are this one, whatever their type can hold."""
    if raw.dtype.kind in "OUT":
        return raw == label
    try:
        number = int(label)
    except ValueError:
        return np.zeros(len(raw), bool)
    if raw.dtype.kind == "f":
        return raw.astype(np.float64) == float(number)
    raw = raw.astype(np.int8) if raw.dtype.kind == "b" else raw
    if raw.dtype.kind in "iu" and np.iinfo(raw.dtype).min <= number <= np.iinfo(raw.dtype).max:
        return raw == number
    return np.zeros(len(raw), bool)


def _integers(raw: Array) -> tuple[Array, Array | None, Array | None]:
    """Numbers as int64, the rows that are no whole numbers, and those that no int64 holds, which
    would come out of it as any number."""
    broken = beyond = None
    if raw.dtype.kind == "f":
        whole = raw == np.floor(raw)
        broken = None if whole.all() else ~whole
        if broken is not None or not (raw.min() >= -(2.0**53) and raw.max() <= 2.0**53):
            fits = np.abs(raw) < 2.0**63
            beyond = None if (fits | ~whole).all() else ~fits & whole
            raw = np.where(fits & whole, raw, raw.dtype.type(0))
    elif raw.dtype == np.uint64 and raw.max() >= 2**63:
        beyond = raw >= np.uint64(2**63)
    return raw.astype(np.int64, copy=False), broken, beyond


def no_class(wrong: Array, raw: Array, name: str) -> Fault:
    """Labels that name no class."""

    def why(i: int) -> str:
        label = raw[i] if raw.dtype.kind in "OUT" else _plain(raw[i])
        return f"{name} is {excerpt(str(label))}, which is no class"

    return Fault(wrong, why, "label", raw[wrong])


def _plain(number: Any) -> str:
    """A label as it would be written: all digits of a whole number that has not too many."""
    whole = number == np.floor(number) and abs(number) < 1e19
    return f"{number:.0f}" if whole else f"{number:g}"


def _entry(block: Block, group: Group, k: int) -> str:
    """The column, or the place in a list column, of class k."""
    if block.axis == 1:
        return f"{group.names[0]}[{k}]"
    return group.names[k]


def _outside(block: Block, group: Group, i: int) -> str:
    row = block.row(i)
    k = int(np.argmin((row >= 0) & (row <= 1)))
    return f"{_entry(block, group, k)} is {row[k]:g}, outside [0, 1]"
