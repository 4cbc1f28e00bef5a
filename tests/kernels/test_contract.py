"""Every kernel of the table owes the same numbers, on every instruction set of this machine."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from plogq.kernels import table
from plogq.native import processor as cpu
from plogq.pairing import Pair, prepare

from .. import bounds, makers, oracle, slopes
from ..suite.truths import (
    CLASSES,
    EVENTS,
    PARTS,
    SHAPES,
    TWO_BACKGROUNDS,
    made,
    shaped,
    true_gradient,
    true_log_z,
    true_losses,
)
from ..together import for_each

SETS = cpu.instruction_sets()
WAYS = ("formula", *(f"cpu:{name}" for name in SETS))


# One source is compiled for every instruction set: the fastest runs every wrapper, the others
# one of each part that a measure can have.
def _cases(targets: Iterable[str], predictions: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    for p in targets:
        wrappers = p.partition("-")[2]
        for q in predictions:
            for way in WAYS:
                linear, formula = q.startswith("LinearLogits"), way == "formula"
                refused = wrappers == TWO_BACKGROUNDS and not p.startswith("Binary")
                if refused and not formula and not linear:
                    continue
                if way in ("formula", WAYS[1]) or wrappers in PARTS:
                    yield p, q, way


CASES = [*_cases(makers.TARGETS, makers.PREDICTIONS)]
BINARY_CASES = [*_cases(makers.BINARY_TARGETS, makers.BINARY_PREDICTIONS)]


def in_turn(case: str, dtypes: Sequence[np.dtype[Any]] = bounds.DTYPES) -> np.dtype[Any]:
    """Cases of no part of their own take one dtype after another."""
    return dtypes[zlib.crc32(case.encode()) % len(dtypes)]


def dtypes_of(p: str, q: str) -> Sequence[np.dtype[Any]]:
    return bounds.DTYPES if p.partition("-")[2] in PARTS else (in_turn(f"{p} × {q}"),)


def kernel_for(target: Any, prediction: Any, way: str, stack: ExitStack) -> Pair:
    """The pair, given to the kernel that `way` names; `stack` keeps the choice in force."""
    name, _, instructions = way.partition(":")
    if instructions:
        stack.enter_context(cpu.instruction_set(instructions))
    if type(prediction).__name__ == "LinearLogits" and name != "formula":
        name = "linear"
    stack.enter_context(table.using(name))
    pair = prepare(target, prediction)
    assert pair.kernel.name == name
    return pair


@for_each(("p", "q", "way"), [*CASES, *BINARY_CASES])
def test_forward_is_the_loss_and_log_z_of_every_event(p: str, q: str, way: str) -> None:
    for dtype in dtypes_of(p, q):
        target, prediction = made(p, q, dtype)
        with ExitStack() as stack:
            pair = kernel_for(target.target, prediction.prediction, way, stack)
            forward = pair.kernel.forward(pair.measure, pair.scores, log_z=True)
        assert forward.loss.shape == EVENTS
        assert forward.log_z.shape == EVENTS
        with bounds.noted(dtype.name):
            true_losses(p, q, dtype).check(forward.loss)
            truth, allowed = true_log_z(p, q, dtype)
            bounds.within(forward.log_z, truth, np.array(allowed), "log Z")


@for_each(("p", "q", "way"), CASES)
def test_backward_weighs_each_event_by_its_own_d_loss_and_d_log_z(p: str, q: str, way: str) -> None:
    d_loss = (1.0, 0.0, -0.5, 2.0)
    for dtype in dtypes_of(p, q):
        target, prediction = made(p, q, dtype)
        d_log_z = (0.0,) * 4 if _normalised(prediction) else (0.0, 0.25, 0.0, -1.0)
        with ExitStack() as stack:
            pair = kernel_for(target.target, prediction.prediction, way, stack)
            forward = pair.kernel.forward(pair.measure, pair.scores)
            arrays = pair.kernel.backward(
                pair.measure,
                pair.scores,
                forward.residual,
                np.array(d_loss),
                np.array(d_log_z),
            )
        with bounds.noted(dtype.name):
            true_gradient(p, q, dtype, d_loss, d_log_z).check(_named(prediction, arrays))


@for_each(("p", "q", "way"), CASES)
def test_fused_is_forward_and_backward(p: str, q: str, way: str) -> None:
    d_loss = 0.25
    for dtype in dtypes_of(p, q):
        target, prediction = made(p, q, dtype)
        z_loss = 0.0 if _normalised(prediction) else 0.125
        with ExitStack() as stack:
            pair = kernel_for(target.target, prediction.prediction, way, stack)
            forward, arrays = pair.kernel.fused(pair.measure, pair.scores, d_loss, z_loss)
        d_log_z = tuple(
            float(d_loss * 2 * z_loss * oracle.mass(row) * costs.log_z) if z_loss else 0.0
            for row, costs in zip(target.truth, prediction.costs, strict=True)
        )
        with bounds.noted(dtype.name):
            true_losses(p, q, dtype).check(forward.loss)
            true_gradient(p, q, dtype, (d_loss,) * 4, d_log_z).check(_named(prediction, arrays))


@for_each(("p", "q", "way"), BINARY_CASES)
def test_binary_gradients_are_no_times_q_less_yes_times_not_q(p: str, q: str, way: str) -> None:
    for dtype in dtypes_of(p, q):
        target, prediction = made(p, q, dtype)
        with ExitStack() as stack:
            pair = kernel_for(target.target, prediction.prediction, way, stack)
            forward = pair.kernel.forward(pair.measure, pair.scores)
            (apart,) = pair.kernel.backward(pair.measure, pair.scores, forward.residual, 0.5, 0.0)
            _, (together,) = pair.kernel.fused(pair.measure, pair.scores, 0.5, 0.0)
        with bounds.noted(dtype.name):
            for gradient in (apart, together):
                assert gradient.dtype == dtype
                slopes.check_binary(gradient, target, prediction, dtype, 0.5)


SHAPED = [(f"{base}-{part}", q) for base in makers.BASES for part in PARTS for q in makers.STORED]


@for_each("way", WAYS)
@for_each("shape", SHAPES)
@for_each(("p", "q"), SHAPED)
def test_rows_columns_and_a_middle_axis(p: str, q: str, shape: str, way: str) -> None:
    axis = SHAPES[shape][2]
    # float16 differs from bfloat16 in how it is read, which the tests above see.
    dtype = in_turn(f"{p} × {q} in {shape}", (*bounds.DTYPES[:2], bounds.BFLOAT16))
    target, prediction, losses, gradient = shaped(p, q, shape, dtype)
    with ExitStack() as stack, bounds.noted(dtype.name):
        pair = kernel_for(target, prediction, way, stack)
        forward, arrays = pair.kernel.fused(pair.measure, pair.scores, 0.5, 0.0)
        losses.check(forward.loss)
        (array,) = arrays
        names = slopes.NAMES[gradient.q.kind]
        gradient.check(_Gradients(names, (np.moveaxis(array, axis, -1),)))
        again = pair.kernel.forward(pair.measure, pair.scores)
        losses.check(again.loss)
        arrays = pair.kernel.backward(pair.measure, pair.scores, again.residual, 0.5, 0.0)
        gradient.check(_Gradients(names, (np.moveaxis(arrays[0], axis, -1),)))


@for_each("way", WAYS)
def test_a_gradient_goes_into_the_buffer_that_is_given(way: str) -> None:
    target, prediction = made("Labels-plain", "Logits", np.dtype(np.float32))
    out = np.full((*EVENTS, CLASSES), np.nan, np.float32)
    with ExitStack() as stack:
        pair = kernel_for(target.target, prediction.prediction, way, stack)
        _, (fused,) = pair.kernel.fused(pair.measure, pair.scores, 1.0, 0.0, out)
        assert fused is out
        truth = slopes.Slopes(target, prediction, out.dtype, (1.0,) * 4)
        truth.check(_named(prediction, (out,)))
        out[...] = np.nan
        forward = pair.kernel.forward(pair.measure, pair.scores)
        (gradient,) = pair.kernel.backward(
            pair.measure, pair.scores, forward.residual, 1.0, 0.0, out
        )
        assert gradient is out
        truth.check(_named(prediction, (out,)))


class _Gradients:
    """What a kernel returns, under the names of Q's arrays."""

    def __init__(self, names: tuple[str, ...], arrays: tuple[Any, ...]) -> None:
        for name, array in zip(names, arrays, strict=True):
            setattr(self, name, array)


def _named(prediction: makers.MadePrediction, arrays: tuple[Any, ...]) -> _Gradients:
    return _Gradients(slopes.NAMES[prediction.kind], arrays)


def _normalised(prediction: makers.MadePrediction) -> bool:
    """Stored probabilities are taken as they are, so there is no log Z to differentiate."""
    return prediction.kind in ("log_probs", "probs")
