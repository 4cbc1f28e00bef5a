"""Every kernel in Triton owes the numbers of the contract: the oracle's, within N1 and N2."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

import plogq
from plogq.kernels.table import using

from .. import bounds, makers, oracle, slopes
from ..on_torch.tensors import array
from ..suite import truths as contract
from . import interpreter
from .device import DEVICE, LINEAR, TAKEN, allowing_16_bits, kernel_of, leaf, on_device, put

D_LOSS, D_LOG_Z = (1.0, 0.0, -0.5, 2.0), (0.0, 0.25, 0.0, -1.0)
PREDICTIONS = ("Logits", "Logits(softcap)", *(q for q in makers.PREDICTIONS if q[:6] == "Linear"))


# The wrappers are taken apart before the kernels: plain logits meet all of them, and so do soft
# yes/no outcomes; the others meet one of each part that a measure can have.
FUSED_TOO = ("Logits", "LinearLogits(softcap)")
SIXTEEN = tuple(d for d in TAKEN if d.itemsize == 2)


def _turn(p: str) -> int:
    """A number for each kind of target and part that a measure can have, for what goes by turns."""
    base, _, layers = p.partition("-")
    return [*makers.BASES].index(base) + contract.PARTS.index(layers)


def _cases(targets: Iterable[str], predictions: Iterable[str]) -> Iterator[tuple[str, str]]:
    linear = [q for q in predictions if q.startswith("LinearLogits")]
    for p in targets:
        base, _, layers = p.partition("-")
        if layers == contract.TWO_BACKGROUNDS and not p.startswith("Binary"):
            continue
        every = ("Logits", "BinaryLogits") if base in (*makers.BASES, "BinaryProbs(soft)") else ()
        # Each two of a kind of target, a part and a kind of product together.
        parts = (q for q in predictions if q not in linear) if layers in contract.PARTS else every
        yield from ((p, q) for q in parts if q in predictions)
        if linear and layers in contract.PARTS and base in makers.BASES:
            yield p, linear[_turn(p) % len(linear)]


CASES = [*_cases(makers.TARGETS, PREDICTIONS)]
BINARY_CASES = [*_cases(makers.BINARY_TARGETS, ["BinaryLogits"])]


def dtypes(p: str, q: str) -> list[Any]:
    """float32 for every wrapper; 16 bits, one by turns, differ in what is read and written only."""
    base, _, layers = p.partition("-")
    single = [d for d in TAKEN if d == np.float32]
    if layers not in contract.PARTS:
        return single
    if q.startswith("LinearLogits"):
        return [*LINEAR]
    return [*single, SIXTEEN[_turn(p) % 2]] if base in makers.BASES else [*TAKEN]


class Named:
    """The gradients that a kernel returns, under the names of Q's arrays."""

    def __init__(self, names: tuple[str, ...], gradients: Iterable[Any]) -> None:
        for name, x in zip(names, gradients, strict=True):
            setattr(self, name, None if x is None else array(x))


def named(p: str, q: str, dtype: Any, gradients: Iterable[Any]) -> Named:
    return Named(slopes.NAMES[contract.made(p, q, dtype)[1].kind], gradients)


@pytest.mark.parametrize(("p", "q"), [*CASES, *BINARY_CASES])
def test_forward_and_backward_are_of_every_event(p: str, q: str) -> None:
    """Loss and log Z; and each event's gradient, weighed by its own d_loss and d_log_z."""
    for dtype in dtypes(p, q):
        target, prediction = contract.made(p, q, dtype)
        pair = kernel_of(on_device(target.target), on_device(prediction.prediction))
        forward = pair.kernel.forward(pair.measure, pair.scores, log_z=True)
        with bounds.noted(dtype.name):
            assert forward.log_z.dtype is torch.float32
            truth, allowed = contract.true_log_z(p, q, dtype)
            bounds.within(array(forward.log_z), truth, np.array(allowed), "log Z")
            both = [forward]
            # What is read and written in 16 bits is the same with log Z and without.
            if dtype == np.float32:
                both.append(pair.kernel.forward(pair.measure, pair.scores, log_z=False))
                assert both[1].log_z is None
            for found in both:
                assert found.loss.shape == contract.EVENTS
                assert found.loss.device.type == DEVICE
                contract.true_losses(p, q, dtype).check(array(found.loss))
        if q == "BinaryLogits":
            continue
        gradients = pair.kernel.backward(
            pair.measure,
            pair.scores,
            forward.residual,
            torch.tensor(D_LOSS, device=DEVICE),
            torch.tensor(D_LOG_Z, device=DEVICE, dtype=torch.float64),
        )
        with bounds.noted(dtype.name):
            slope = contract.true_gradient(p, q, dtype, D_LOSS, D_LOG_Z)
            allowing_16_bits(slope).check(named(p, q, dtype, gradients))


FUSED = [
    (f"{base}-{layers}", q) for base in makers.BASES for layers in contract.PARTS for q in FUSED_TOO
]


@pytest.mark.parametrize(("p", "q"), FUSED)
def test_fused_is_forward_and_backward(p: str, q: str) -> None:
    d_loss, z_loss = 0.25, 0.125
    for dtype in dtypes(p, q):
        target, prediction = contract.made(p, q, dtype)
        pair = kernel_of(on_device(target.target), on_device(prediction.prediction))
        forward, gradients = pair.kernel.fused(pair.measure, pair.scores, d_loss, z_loss)
        d_log_z = tuple(
            float(d_loss * 2 * z_loss * oracle.mass(row) * costs.log_z)
            for row, costs in zip(target.truth, prediction.costs, strict=True)
        )
        with bounds.noted(dtype.name):
            contract.true_losses(p, q, dtype).check(array(forward.loss))
            truth = contract.true_gradient(p, q, dtype, (d_loss,) * 4, d_log_z)
            allowing_16_bits(truth).check(named(p, q, dtype, gradients))


@pytest.mark.parametrize(("p", "q"), BINARY_CASES)
def test_binary_gradients_are_no_times_q_less_yes_times_not_q(p: str, q: str) -> None:
    for dtype in dtypes(p, q):
        target, prediction = contract.made(p, q, dtype)
        pair = kernel_of(on_device(target.target), on_device(prediction.prediction))
        half = torch.full(contract.EVENTS, 0.5, device=DEVICE)
        # What flows back is float32 whatever the scores are.
        wide = dtype == np.float32
        with bounds.noted(dtype.name):
            for upstream in (half, 0.5, half[0], half[:1].expand(4))[: 4 if wide else 1]:
                (found,) = pair.kernel.backward(pair.measure, pair.scores, None, upstream, 0.0)
                slopes.check_binary(array(found), target, prediction, dtype, 0.5)
            _, (found,) = pair.kernel.fused(pair.measure, pair.scores, 0.5, 0.0)
            slopes.check_binary(array(found), target, prediction, dtype, 0.5)


@pytest.mark.parametrize("dtype", TAKEN, ids=lambda d: d.name)
def test_the_z_loss_of_yes_no_outcomes(dtype: Any) -> None:
    """∂ log Z / ∂z = q, beside what flows back to the loss."""
    scores = np.array([-3.0, -0.25, 0.0, 0.5, 40.0], dtype)
    pair = kernel_of(
        plogq.BinaryProbs(put(np.array([1, 0, 1, 0, 1]))), plogq.BinaryLogits(put(scores))
    )
    along = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0], device=DEVICE)
    (found,) = pair.kernel.backward(pair.measure, pair.scores, None, 0.0, along)
    q = [oracle.of_yes(s).q[1] for s in oracle.row(scores)]
    truth = [oracle.real(a) * x for a, x in zip(along.tolist(), q, strict=True)]
    bounds.Gradient(truth, dtype, True, np.abs(along.cpu().numpy())).check(array(found))


UPSTREAM: dict[str, Any] = {
    "a number": 0.25,
    "a tensor of no axes": torch.tensor(0.25),
    "a tensor of one element": torch.tensor([0.25]),
    "an expanded tensor": torch.tensor(0.25).expand(4),
    "one per event": torch.full((4,), 0.25),
    "one per event in float64": torch.full((4,), 0.25, dtype=torch.float64),
    "every other element of a tensor": torch.full((8,), 0.25)[::2],
}


THREE = ("Labels-plain", "SparseProbs-smoothed", "Labels(ignore)-plain")


@pytest.mark.parametrize(
    ("p", "q", "turn"),
    # Each two of P, Q and what flows back together.
    [
        (p, q, (i + j) % 3)
        for i, p in enumerate(THREE)
        for j, q in enumerate(("Logits", "Logits(softcap)", "LinearLogits(bias)"))
    ],
)
def test_what_flows_back_may_be_a_number_or_a_tensor(p: str, q: str, turn: int) -> None:
    dtype = np.dtype(np.float32)
    target, prediction = contract.made(p, q, dtype)
    pair = kernel_of(on_device(target.target), on_device(prediction.prediction))
    residual = pair.kernel.forward(pair.measure, pair.scores, log_z=True).residual
    for kind, d_loss in [*UPSTREAM.items()][turn::3]:
        if isinstance(d_loss, torch.Tensor):
            d_loss = d_loss.to(DEVICE)
        before = d_loss.clone() if isinstance(d_loss, torch.Tensor) else d_loss
        for d_log_z in (0.0, 0.125):
            found = pair.kernel.backward(pair.measure, pair.scores, residual, d_loss, d_log_z)
            truth = contract.true_gradient(p, q, dtype, (0.25,) * 4, (d_log_z,) * 4)
            with bounds.noted(f"{kind}, {d_log_z}"):
                truth.check(named(p, q, dtype, found))
        assert torch.equal(torch.as_tensor(before), torch.as_tensor(d_loss)), kind


@pytest.mark.parametrize("dtype", TAKEN, ids=lambda d: d.name)
@pytest.mark.parametrize("p", ["Labels-plain", "SparseProbs-smoothed", "Probs-both_weights"])
def test_a_gradient_goes_into_the_buffer_that_is_given(p: str, dtype: Any) -> None:
    """Contiguous, with gaps, in three runs of events, and over the scores themselves."""
    target, prediction = contract.made(p, "Logits", dtype)
    truth = contract.true_gradient(p, "Logits", dtype, (0.25,) * 4, (0.0,) * 4)
    q = on_device(prediction.prediction)
    wide = torch.full((8, 10), float("nan"), dtype=q.scores.dtype, device=DEVICE)
    pair = kernel_of(on_device(target.target), q)
    for out in (torch.empty_like(q.scores), wide[::2, 1::2], pair.scores.array):
        _, (found,) = pair.kernel.fused(pair.measure, pair.scores, 0.25, 0.0, out)
        assert found is out
        truth.check(named(p, "Logits", dtype, (found,)))
    assert wide[1::2].isnan().all()
    assert wide[:, ::2].isnan().all()


def test_the_scores_may_take_their_gradient_by_name() -> None:
    target, prediction = contract.made("Labels-plain", "Logits", np.dtype(np.float32))
    q = on_device(prediction.prediction)
    with using("triton"):
        plogq.value_and_grad(on_device(target.target), q, reduction="sum", out="scores")
    truth = contract.true_gradient("Labels-plain", "Logits", np.dtype(np.float32), (1.0,) * 4,
                                   (0.0,) * 4)  # fmt: skip
    truth.check(Named(("scores",), (q.scores,)))
    binary = contract.made("BinaryProbs(soft)-plain", "BinaryLogits", np.dtype(np.float32))
    z = on_device(binary[1].prediction)
    with using("triton"):
        plogq.value_and_grad(on_device(binary[0].target), z, reduction="sum", out="scores")
    slopes.check_binary(array(z.scores), *binary, np.dtype(np.float32), 1.0)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize(
    ("base", "part", "shape"),
    # Each two of the three together.
    [
        (base, ("plain", "class_weight>smoothed")[(i + j) % 2], shape)
        for i, base in enumerate(makers.BASES)
        for j, shape in enumerate(contract.SHAPES)
    ],
)
def test_many_tiles_of_rows_columns_and_a_middle_axis(base: str, part: str, shape: str) -> None:
    """150 classes are three spans of 64, joined by the second kernel."""
    axis = contract.SHAPES[shape][2]
    for q, dtype in (("Logits", bounds.BFLOAT16), ("Logits(softcap)", np.dtype(np.float32))):
        p = f"{base}-{part}"
        target, prediction, losses, gradient = contract.shaped(p, q, shape, dtype)
        pair = kernel_of(on_device(target), on_device(prediction))
        with bounds.noted(f"{q} of {dtype.name}"):
            forward, (found,) = pair.kernel.fused(pair.measure, pair.scores, 0.5, 0.0)
            losses.check(array(forward.loss))
            gradient.check(Named(slopes.NAMES[gradient.q.kind], (found.movedim(axis, -1),)))


@pytest.mark.skipif(DEVICE != "cpu", reason="a GPU has one order")
def test_the_order_in_which_lanes_are_added_up_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One lane after another, as the interpreter does by itself."""
    dtype = np.dtype(np.float32)
    for p in ("Labels-plain", "Probs-both_weights"):
        monkeypatch.setattr(
            interpreter.interpreter.ReduceOps, "generic_reduce", interpreter.LANE_BY_LANE
        )
        target, prediction = contract.made(p, "Logits", dtype)
        pair = kernel_of(on_device(target.target), on_device(prediction.prediction))
        forward = pair.kernel.forward(pair.measure, pair.scores)
        contract.true_losses(p, "Logits", dtype).check(array(forward.loss))


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64])
def test_labels_of_any_integer_dtype(dtype: torch.dtype) -> None:
    rng = np.random.default_rng(zlib.crc32(str(dtype).encode()))
    scores = makers.dyadic(rng, (6, 5), np.dtype(np.float32))
    y = rng.integers(0, 5, 6)
    q = plogq.Logits(leaf(scores))
    with using("triton"):
        loss = plogq.cross_entropy(plogq.Labels(put(y).to(dtype)), q, reduction="none")
    bounds.check_losses(array(loss), oracle.label_costs(scores, y), scores.dtype)
    loss.sum().backward()
    expected = [g for row in oracle.label_gradients(scores, y) for g in row]
    bounds.check_hard_gradient(array(q.scores.grad), expected, scores.dtype)


@pytest.mark.parametrize("events", [(), (1,), (2, 3), (0,), (3, 0)], ids=str)
@pytest.mark.parametrize("classes", [2, 3])
def test_events_of_any_shape(events: tuple[int, ...], classes: int) -> None:
    rng = np.random.default_rng(3)
    dtype = np.dtype(np.float32)
    for base in makers.BASES:
        for q in (makers.logits, makers.linear(bias=True)):
            p = makers.TARGETS[f"{base}-class_weight>smoothed"](rng, events, classes, dtype)
            made = q(rng, events, classes, dtype)
            pair = kernel_of(on_device(p.target), on_device(made.prediction))
            forward, found = pair.kernel.fused(pair.measure, pair.scores, 1.0, 0.0)
            assert forward.loss.shape == events
            truth = [oracle.cross_entropy(w, c) for w, c in zip(p.truth, made.costs, strict=True)]
            bounds.check_losses(
                array(forward.loss), truth, dtype, [oracle.mass(w) for w in p.truth]
            )
            gradient = Named(slopes.NAMES[made.kind], found)
            if truth:
                slopes.Slopes(p, made, dtype, (1.0,) * len(truth)).check(gradient)
            for name in slopes.NAMES[made.kind]:
                assert getattr(gradient, name).shape == getattr(made.prediction, name).shape
                assert truth or not getattr(gradient, name).any()


def test_no_events_and_no_elements_of_yes_no_outcomes() -> None:
    z = torch.empty(3, 0, device=DEVICE, requires_grad=True)
    p = plogq.BinaryProbs(torch.empty(3, 0, device=DEVICE))
    with using("triton"):
        loss = plogq.cross_entropy(p, plogq.BinaryLogits(z), reduction="none")
        assert loss.shape == (3, 0)
        loss.sum().backward()
        assert z.grad is not None
        assert z.grad.shape == (3, 0)
        assert plogq.cross_entropy(p, plogq.BinaryLogits(z)).item() == 0


def test_a_target_is_left_as_it_was_given() -> None:
    """P and Q, and what flows back, are read only."""
    for p, q in (("Labels-both_weights", "Logits"), ("Probs-smoothed", "LinearLogits(softcap)"),
                 ("SparseProbs-class_weight", "Logits"),
                 ("BinaryProbs(soft)-both_weights", "BinaryLogits")):  # fmt: skip
        made = contract.made(p, q, np.dtype(np.float32))
        target, prediction = on_device(made[0].target), on_device(made[1].prediction)
        pair = kernel_of(target, prediction)
        held = [x for x in (*pair.measure.arrays(), *pair.scores.arrays()) if x is not None]
        before = [x.clone() for x in held]
        upstream = torch.rand(contract.EVENTS, device=DEVICE)
        forward = pair.kernel.forward(pair.measure, pair.scores, log_z=True)
        pair.kernel.backward(pair.measure, pair.scores, forward.residual, upstream, upstream)
        for x, old in zip(held, before, strict=True):
            assert torch.equal(x, old)
