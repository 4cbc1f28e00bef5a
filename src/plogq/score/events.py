"""A batch of columns as events: P, Q, the loss of each, and the rows that are no events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..checks import validation
from ..definition import cross_entropy
from ..divergence import entropy
from ..representations.binary import BinaryLogits, BinaryProbs
from ..representations.predictions import Logits, LogProbs
from ..representations.targets import Labels, Probs
from . import faults
from .block import Block, across, read_block
from .column import Array, Batch, Fault
from .find import Roles
from .outcomes import Lengths, Outcomes
from .tokens import read_tokens

_TWICE = np.zeros(2, np.int64)


@dataclass(frozen=True, slots=True)
class Events:
    """The rows of a batch that can be scored.

    `index` says which rows they are (None: all), `loss` is H in nats, `truth` the index of the
    (most probable) true class, `given` what stands for it in the prediction, `soft` the targets
    where they are distributions, and `uncertainty` then their own entropy. Where every row has many
    yes/no outcomes (`outcomes`) H is their mean, `truth` the outcome of highest loss, and `correct`
    a share.
    """

    batch: Batch
    index: Array | None
    loss: Array
    truth: Array
    correct: Array
    weight: Array | None
    uncertainty: Array | None
    prediction: Block
    roles: Roles
    outcomes: Outcomes | None = None
    worst: Array | None = None
    lengths: Lengths | None = None
    soft: Block | None = None
    given: Array | None = None

    @property
    def target(self) -> Array:
        """Of yes/no outcomes, what is true: 0, 1, or a probability."""
        return self.truth if self.soft is None else self.soft.values

    def numbers(self, index: Array) -> Array:
        """The row numbers of some of the events, through all files."""
        return self.batch.number(index if self.index is None else self.index[index])

    def places(self, index: Array) -> Array:
        """Where some of the events are: file and row in one number each."""
        return self.batch.place(index if self.index is None else self.index[index])

    def given_to_truth(self, index: Array) -> Array:
        """The probability that Q gives to the true class of some of the events: exp(-H)."""
        if self.worst is not None:
            return np.exp(-self.worst[index])
        if self.soft is None:
            return np.exp(-self.loss[index])
        q, truth = self.prediction.rows(index), self.truth[index]
        return np.exp(-np.asarray(_hard_loss(q, truth, q.of_class(truth), self.roles), np.float64))

    def rank(self) -> Array:
        """The place of the true class among all, from 1; for yes/no outcomes 1 or 2."""
        q = self.prediction
        if self.lengths is not None:
            return np.zeros(len(self.loss), np.int64)
        if q.axis is None or self.worst is not None:
            return np.where(np.asarray(self.correct) >= 1, 1, 2)
        given = q.of_class(self.truth)
        above = q.values > (given[:, None] if q.axis == 1 else given)
        return 1 + above.sum(axis=q.axis)

    def predicted(self, index: Array) -> Array:
        """The class that Q gives the most to, for some of the events."""
        if self.lengths is not None:
            return np.zeros(len(index), np.int64)
        chosen = self.prediction.rows(index)
        if self.worst is not None:
            return _says_yes(chosen.of_class(self.truth[index]), self.roles).astype(np.int64)
        if chosen.axis is None:
            return _says_yes(chosen.values, self.roles).astype(np.int64)
        return chosen.values.argmax(axis=chosen.axis)


@dataclass(frozen=True, slots=True)
class _Read:
    """The columns of a batch, decoded: every row of them, the bad ones too."""

    q: Block
    p: Block | None
    truth: Array
    weight: Array | None

    def rows(self, index: Array | None) -> _Read:
        if index is None:
            return self
        return _Read(
            self.q.rows(index),
            None if self.p is None else self.p.rows(index),
            self.truth[index],
            None if self.weight is None else self.weight[index],
        )


def read_events(batch: Batch, roles: Roles) -> tuple[Events, list[Fault], int]:
    """The events of a batch, what is wrong with its other rows, and how many rows are left out
    on purpose (an ignored label, a weight of 0)."""
    if roles.form == "tokens":
        return _tokens(batch, roles)
    read, found, left_out = _read(batch, roles)
    if left_out is not None:
        found = [replace(fault, rows=fault.rows & ~left_out) for fault in found]
    index = _sound(batch.rows, found, left_out)
    events = _score(batch, roles, read, index)
    if roles.content == "logits" and np.isnan(events.loss.sum()):
        # Scores without a softmax: the loss shows them, so no pass over the scores looks for them.
        lost = np.isnan(events.loss)
        wrong = np.zeros(batch.rows, bool)
        wrong[lost if index is None else index[lost]] = True
        found.append(Fault(wrong, lambda i: faults.no_softmax(read.q, roles.prediction, i)))
        events = _score(batch, roles, read, _sound(batch.rows, found, left_out))
    return events, found, 0 if left_out is None else int(left_out.sum())


def _tokens(batch: Batch, roles: Roles) -> tuple[Events, list[Fault], int]:
    """Rows that hold log q of what happened; a list weighs as much as it has tokens."""
    loss, count, size, letters, found, left_out = read_tokens(batch, roles)
    weight: Array | None = count
    if roles.weight is not None:
        weight = count * batch.columns[roles.weight].values
        found += faults.bad_weights(weight, roles.weight)
        left_out = left_out | ((weight == 0) & ~_missing(batch, roles.weight))
    elif (count == 1).all():
        weight = None
    found = [replace(fault, rows=fault.rows & ~left_out) for fault in found]
    index = _sound(batch.rows, found, left_out if left_out.any() else None)

    def kept(values: Array) -> Array:
        return values if index is None else values[index]

    loss = kept(loss)
    events = Events(
        batch=batch,
        index=index,
        loss=loss,
        truth=np.zeros(len(loss), np.int64),
        correct=np.zeros(len(loss)),
        weight=None if weight is None else kept(weight),
        uncertainty=None,
        prediction=Block(loss, None),
        roles=roles,
        lengths=Lengths(
            tokens=kept(count),
            bytes=None if size is None else kept(size),
            characters=None if letters is None else kept(letters),
        ),
    )
    return events, found, int(left_out.sum())


def _read(batch: Batch, roles: Roles) -> tuple[_Read, list[Fault], Array | None]:
    """The columns, what is wrong with them, and the rows that are left out on purpose."""
    found = [f for name in roles.scored for f in batch.columns[name].faults]
    q = read_block(roles.prediction, batch, roles.binary, roles.scale.factor)
    if q.axis is not None and (roles.scale.counts or roles.renormalize):
        q = q.shares()
    left_out = np.zeros(batch.rows, bool)
    p = weight = None
    if roles.weight is not None:
        weight = batch.columns[roles.weight].values.astype(np.float64)
        found += faults.bad_weights(weight, roles.weight)
        # A weight that is missing reads as any number.
        left_out |= (weight == 0) & ~_missing(batch, roles.weight)
    if roles.form == "multi":
        p = read_block(roles.target, batch, roles.binary)
        p = p if p.axis == q.axis else Block(np.ascontiguousarray(p.values.T), q.axis)
        found += faults.no_probabilities(p, roles.target)
        if roles.content == "probs":
            found += faults.no_probabilities(q, roles.prediction)
            q = q if roles.clip is None else q.clipped(roles.clip)
        truth = np.zeros(batch.rows, np.int64)
        return _Read(q, p, truth, weight), found, left_out if left_out.any() else None
    if roles.form == "soft":
        p = read_block(roles.target, batch, roles.binary)
        p = p if p.axis == q.axis else Block(np.ascontiguousarray(p.values.T), q.axis)
        found += faults.improper(p, roles.target, roles.tolerance)
        truth: Array = p.values > 0.5 if p.axis is None else p.values.argmax(axis=p.axis)
        truth = truth.astype(np.int64, copy=False)
    else:
        name, codes = roles.target.names[0], roles.codes
        assert codes is not None
        column = batch.columns[name]
        truth, wrong = codes.read(column, name)
        found += wrong
        for label in roles.ignored:
            left_out |= faults.equal(column.values, label) & ~_missing(batch, name)
    if roles.content == "probs":
        found += faults.improper(q, roles.prediction, roles.tolerance)
        q = q if roles.clip is None else q.clipped(roles.clip)
    elif roles.content == "log-probs" and q.axis is not None:
        factor = roles.scale.factor
        found += faults.unnormalised(q, q.axis, roles.prediction, factor, roles.tolerance)
    return _Read(q, p, truth, weight), found, left_out if left_out.any() else None


def _missing(batch: Batch, name: str) -> Array:
    """The rows in which a column holds nothing that can be read."""
    missing = np.zeros(batch.rows, bool)
    for fault in batch.columns[name].faults:
        missing |= fault.rows
    return missing


def _sound(rows: int, found: Sequence[Fault], left_out: Array | None) -> Array | None:
    """The indices of the rows to score; None when that is all of them."""
    if not found and left_out is None:
        return None
    out = np.zeros(rows, bool) if left_out is None else left_out.copy()
    for fault in found:
        out |= fault.rows
    return np.flatnonzero(~out)


def _score(batch: Batch, roles: Roles, read: _Read, index: Array | None) -> Events:
    kept = read.rows(index)
    if roles.form == "multi":
        return _score_outcomes(batch, roles, kept, index)
    uncertainty = None
    given = kept.q.of_class(kept.truth)
    if kept.p is None:
        loss = _hard_loss(kept.q, kept.truth, given, roles)
    else:
        loss, uncertainty = _soft_loss(kept.q, kept.p, roles)
    return Events(
        batch=batch,
        index=index,
        loss=np.asarray(loss, np.float64),
        truth=kept.truth,
        correct=_correct(kept.q, kept.truth, given, roles),
        weight=kept.weight,
        uncertainty=uncertainty,
        prediction=kept.q,
        roles=roles,
        soft=kept.p,
        given=given,
    )


def _score_outcomes(batch: Batch, roles: Roles, kept: _Read, index: Array | None) -> Events:
    """Rows of yes/no outcomes: H is the mean of theirs."""
    q, p = kept.q, kept.p
    assert p is not None
    assert q.axis is not None
    target: Any = BinaryProbs(p.values)
    predicted = BinaryProbs(q.values) if roles.content == "probs" else BinaryLogits(q.values)
    with validation("off"):
        losses = np.asarray(cross_entropy(target, predicted, reduction="none"), np.float64)
        uncertainty = np.asarray(entropy(target, reduction="none"), np.float64)
    right = _says_yes(q.values, roles) == (p.values > 0.5)
    top = losses.argmax(axis=q.axis)
    return Events(
        batch=batch,
        index=index,
        loss=across(losses, q.axis) / len(roles.classes),
        truth=top,
        correct=right.mean(axis=q.axis),
        weight=kept.weight,
        uncertainty=across(uncertainty, q.axis) / len(roles.classes),
        prediction=q,
        roles=roles,
        outcomes=Outcomes(losses, p.values, right, q.axis),
        worst=losses.max(axis=q.axis),
        soft=p,
    )


def _hard_loss(q: Block, truth: Array, given: Array, roles: Roles) -> Any:
    """H of labels, whose own entries in Q are `given`. The rows have been looked at, so the value
    checks are off. A single row is scored as two: kernels add up its classes in another order than
    those of several, and a loss must not depend on what else is in its batch."""
    if len(q) == 1:
        return _hard_loss(q.rows(_TWICE), truth[_TWICE], given[_TWICE], roles)[:1]
    with validation("off"):
        if q.axis is not None and roles.content == "probs":
            # H of a label depends on q of its class alone: it is that of the yes/no question
            # whether this class comes, which does. One number a row is read, and not K.
            return cross_entropy(
                BinaryProbs(np.ones_like(given)), BinaryProbs(given), reduction="none"
            )
        p = BinaryProbs(truth.astype(q.values.dtype)) if q.axis is None else Labels(truth)
        return cross_entropy(p, _prediction(q, roles), reduction="none")


def _soft_loss(q: Block, p: Block, roles: Roles) -> tuple[Any, Array]:
    """H of soft targets, and their own entropy."""
    if len(q) == 1:
        loss, uncertainty = _soft_loss(q.rows(_TWICE), p.rows(_TWICE), roles)
        return loss[:1], uncertainty[:1]
    target: Any = _as_probs(p)
    with validation("off"):
        loss = cross_entropy(target, _prediction(q, roles), reduction="none")
        return loss, np.asarray(entropy(target, reduction="none"), np.float64)


def _as_probs(p: Block) -> Probs | BinaryProbs:
    return BinaryProbs(p.values) if p.axis is None else Probs(p.values, axis=p.axis)


def _prediction(q: Block, roles: Roles) -> Any:
    if q.axis is None:
        return BinaryProbs(q.values) if roles.content == "probs" else BinaryLogits(q.values)
    kinds = {"probs": Probs, "logits": Logits, "log-probs": LogProbs}
    return kinds[roles.content](q.values, axis=q.axis)


def _says_yes(values: Array, roles: Roles) -> Array:
    return values > (0.5 if roles.content == "probs" else 0.0)


def _correct(q: Block, truth: Array, given: Array, roles: Roles) -> Array:
    """Whether Q gives the most to the true class; of equal classes the first counts."""
    if q.axis is None:
        return _says_yes(q.values, roles) == (truth == 1)
    if q.best is not None:
        return q.best == truth
    values = q.values
    if q.axis == 1:
        return values.argmax(axis=1) == truth
    # NumPy's argmax over the first axis takes 4 ns an element, max and == a tenth of that.
    top = q.maxima()
    correct = given == top
    best = values == top
    if np.count_nonzero(best) != len(top):
        tied = np.flatnonzero(best.sum(axis=0) > 1)
        correct[tied] = values[:, tied].argmax(axis=0) == truth[tied]
    return correct
