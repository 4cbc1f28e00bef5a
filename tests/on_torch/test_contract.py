"""Every P × Q on tensors: the losses, log Z and gradients that the oracle gives, both ways."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

import plogq
from plogq.frameworks import autodiff
from plogq.pairing import Pair, prepare

from .. import bounds, makers, oracle, slopes
from ..kernels import test_contract as contract
from . import tensors
from .tensors import WAYS, Gradients, array, on_torch, recorded

# One of each part that a measure can have, and what the C++ kernel leaves to the formula.
WRAPPERS = ("plain", "smoothed", "both_weights", "class_weight>smoothed", contract.TWO_BACKGROUNDS)
D_LOSS, D_LOG_Z = (1.0, 0.0, -0.5, 2.0), (0.0, 0.25, 0.0, -1.0)


def _cases(targets: Iterable[str], predictions: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    for p in targets:
        if p.partition("-")[2] not in WRAPPERS:
            continue
        for q in predictions:
            # The formula takes stored scores; scores still to be made have one kernel.
            yield from ((p, q, way) for way in WAYS if (way, q[:6]) != ("formula", "Linear"))


CASES = [*_cases(makers.TARGETS, makers.PREDICTIONS)]
BINARY_CASES = [*_cases(makers.BINARY_TARGETS, makers.BINARY_PREDICTIONS)]


def pair_of(p: str, q: str, dtype: Any) -> tuple[Any, Any]:
    target, prediction = contract.made(p, q, dtype)
    return on_torch(target.target), recorded(on_torch(prediction.prediction))


def kernel_of(p: Any, q: Any, way: str) -> Pair:
    """The pair as `way` runs it, and not another way in its place."""
    pair = prepare(p, q)
    refused = len(getattr(pair.measure, "background", ())) > 1
    if not isinstance(q, plogq.LinearLogits):
        assert pair.kernel.name == ("formula" if refused else way), pair.refusals
    return pair


@pytest.mark.parametrize(("p", "q", "way"), [*CASES, *BINARY_CASES])
def test_the_loss_and_log_z_of_every_event(p: str, q: str, way: str) -> None:
    for dtype in bounds.DTYPES:
        target, prediction = pair_of(p, q, dtype)
        with tensors.by(way), bounds.noted(dtype.name):
            pair = kernel_of(target, prediction, way)
            loss, log_z = autodiff.losses(pair.xp, pair.kernel, pair.measure, pair.scores, True)
            assert loss.shape == log_z.shape == contract.EVENTS
            assert loss.requires_grad
            contract.true_losses(p, q, dtype).check(array(loss))
            truth, allowed = contract.true_log_z(p, q, dtype)
            assert array(log_z).dtype == bounds.loss_dtype(dtype)
            bounds.within(array(log_z), truth, np.array(allowed), "log Z")
            again = plogq.cross_entropy(target, prediction, reduction="none")
            assert torch.equal(again, loss)


@pytest.mark.parametrize(("p", "q", "way"), CASES)
def test_backward_weighs_each_event_by_what_flows_back_to_it(p: str, q: str, way: str) -> None:
    for dtype in bounds.DTYPES:
        target, prediction = pair_of(p, q, dtype)
        stored = contract.made(p, q, dtype)[1].kind in ("log_probs", "probs")
        d_log_z = (0.0,) * 4 if stored else D_LOG_Z
        with tensors.by(way), bounds.noted(dtype.name):
            pair = kernel_of(target, prediction, way)
            results = autodiff.losses(pair.xp, pair.kernel, pair.measure, pair.scores, True)
            upstream = [torch.tensor(d, dtype=results[0].dtype) for d in (D_LOSS, d_log_z)]
            torch.autograd.backward(results, upstream)
            truth = contract.true_gradient(p, q, dtype, D_LOSS, d_log_z)
            truth.check(Gradients(prediction))


@pytest.mark.parametrize(("p", "q", "way"), CASES)
def test_one_number_per_call_and_its_gradient(p: str, q: str, way: str) -> None:
    """The sum over a normalizer goes through autograd in one step; with z-loss it does not."""
    for dtype in bounds.DTYPES:
        target, made = contract.made(p, q, dtype)
        masses = [oracle.mass(row) for row in target.truth]
        for z_loss in (0.0,) if made.kind in ("log_probs", "probs") else (0.0, 0.125):
            prediction = recorded(on_torch(made.prediction))
            d_log_z = tuple(
                float(0.25 * 2 * z_loss * m * c.log_z) if z_loss else 0.0
                for m, c in zip(masses, made.costs, strict=True)
            )
            with tensors.by(way), bounds.noted(f"{dtype.name}, z_loss={z_loss}"):
                kernel_of(on_torch(target.target), prediction, way)
                loss = plogq.cross_entropy(
                    on_torch(target.target), prediction, normalizer=4, z_loss=z_loss
                )
                assert loss.shape == ()
                assert array(loss).dtype == bounds.loss_dtype(dtype)
                loss.backward()
                truth = contract.true_gradient(p, q, dtype, (0.25,) * 4, d_log_z)
                truth.check(Gradients(prediction))


@pytest.mark.parametrize(("p", "q", "way"), BINARY_CASES)
def test_binary_gradients_are_no_times_q_less_yes_times_not_q(p: str, q: str, way: str) -> None:
    for dtype in bounds.DTYPES:
        target, made = contract.made(p, q, dtype)
        for one_step in (True, False):
            prediction = recorded(on_torch(made.prediction))
            with tensors.by(way), bounds.noted(f"{dtype.name}, one_step={one_step}"):
                kernel_of(on_torch(target.target), prediction, way)
                options: Any = {"normalizer": 2} if one_step else {"reduction": "none"}
                loss = plogq.cross_entropy(on_torch(target.target), prediction, **options)
                loss.backward(None if one_step else torch.full_like(loss, 0.5))
                (gradient,) = (x.grad for x in tensors.tensors(prediction))
                slopes.check_binary(array(gradient), target, made, dtype, 0.5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", contract.SHAPES)
@pytest.mark.parametrize("base", makers.BASES)
def test_rows_columns_and_a_middle_axis(base: str, shape: str, way: str) -> None:
    axis = contract.SHAPES[shape][2]
    for dtype in (*bounds.DTYPES[:2], bounds.BFLOAT16):
        for q in makers.STORED:
            p = f"{base}-class_weight>smoothed"
            target, prediction, losses, gradient = contract.shaped(p, q, shape, dtype)
            prediction = recorded(on_torch(prediction))
            with tensors.by(way), bounds.noted(f"{q} of {dtype.name}"):
                kernel_of(on_torch(target), prediction, way)
                loss = plogq.cross_entropy(on_torch(target), prediction, reduction="none")
                losses.check(array(loss))
                loss.backward(torch.full_like(loss, 0.5))
                found = Gradients(prediction)
                for name in slopes.NAMES[gradient.q.kind]:
                    setattr(found, name, np.moveaxis(getattr(found, name), axis, -1))
                gradient.check(found)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("index", [torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64])
def test_labels_of_any_integer_dtype(index: torch.dtype, way: str) -> None:
    rng = np.random.default_rng(zlib.crc32(str(index).encode()))
    scores = makers.dyadic(rng, (6, 5), np.dtype(np.float32))
    y = rng.integers(0, 5, 6)
    truth = oracle.label_costs(scores, y)
    with tensors.by(way):
        p = plogq.Labels(torch.from_numpy(y).to(index))
        q = plogq.Logits(tensors.leaf(scores))
        loss = plogq.cross_entropy(p, q, reduction="none")
        bounds.check_losses(array(loss), truth, scores.dtype)
        loss.sum().backward()
        expected = [g for row in oracle.label_gradients(scores, y) for g in row]
        bounds.check_hard_gradient(array(q.scores.grad), expected, scores.dtype)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("index", [torch.uint16, torch.uint32, torch.uint64])
def test_labels_of_the_wide_unsigned_dtypes(index: torch.dtype, way: str) -> None:
    """PyTorch knows few operations on them, comparisons not among these."""
    scores = np.array([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]])
    for ignore in (None, 2):
        y = np.array([1, 2])
        p = plogq.Labels(torch.from_numpy(y).to(index), ignore=ignore)
        want = plogq.cross_entropy(plogq.Labels(y, ignore=ignore), plogq.Logits(scores))
        with tensors.by(way):
            got = plogq.cross_entropy(p, plogq.Logits(torch.from_numpy(scores)))
        assert got.item() == pytest.approx(float(want), rel=1e-15)
