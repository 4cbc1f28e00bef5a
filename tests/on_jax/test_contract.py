"""Every P × Q on arrays of JAX: the losses, log Z and gradients of the oracle, by every way."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

import numpy as np
import pytest

from .. import bounds, makers, slopes
from ..kernels import test_contract as contract
from .arrays import EXPECTED_KERNELS, KERNELS, WAYS, both

WRAPPERS = ("plain", "smoothed", "both_weights", "class_weight>smoothed", contract.TWO_BACKGROUNDS)
# To compile the formula takes longer than to run it: these have one of each part of P and of Q.
COMPILED = {
    ("Labels-plain", "Logits"),
    ("Labels(ignore)-class_weight>smoothed", "Logits(softcap)"),
    ("Probs-both_weights", "Logits"),
    ("Probs-plain", "Probs"),
    ("SparseProbs-both_weights", "LogProbs"),
    (f"SparseProbs-{contract.TWO_BACKGROUNDS}", "Logits"),
    ("Labels-both_weights", "LinearLogits(bias)"),
    ("BinaryProbs(soft)-both_weights", "BinaryLogits"),
    ("BinaryProbs(bool)-smoothed", "BinaryProbs"),
}
FLOAT32 = bounds.DTYPES[1]
D_LOSS, D_LOG_Z = (1.0, 0.0, -0.5, 2.0), (0.0, 0.25, 0.0, -1.0)


def _cases(targets: Iterable[str], predictions: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Every pair by a kernel or step by step, and those that are compiled by every way."""
    for p in targets:
        wrappers = p.partition("-")[2]
        for q in predictions:
            if (p, q) in COMPILED:
                yield from ((p, q, way) for way in WAYS)
            elif wrappers in WRAPPERS:
                stored = not q.startswith("Linear") and wrappers != contract.TWO_BACKGROUNDS
                by_kernel = KERNELS and stored and wrappers in ("both_weights", "smoothed")
                yield p, q, KERNELS[0] if by_kernel else "steps"


CASES = [*_cases(makers.TARGETS, makers.PREDICTIONS)]
BINARY_CASES = [*_cases(makers.BINARY_TARGETS, makers.BINARY_PREDICTIONS)]


def test_every_kernel_and_every_compiled_pair_is_there() -> None:
    assert KERNELS == EXPECTED_KERNELS
    assert {(p, q) for p, q, way in (*CASES, *BINARY_CASES) if way == "formula"} == COMPILED


def expected_kernel(p: str, q: str, way: str) -> str:
    if way != "cpu":
        return "formula"
    if q.startswith("Linear"):
        return "linear"
    refused = p.endswith(contract.TWO_BACKGROUNDS) and not p.startswith("Binary")
    return "formula" if refused else "cpu"


def dtype_of(p: str, q: str, way: str) -> Any:
    """Each is a program of its own, so the cases take one after another of them."""
    return bounds.DTYPES[zlib.crc32(f"{p} × {q} {way}".encode()) % 4]


def reached(way: str, q: str, check: Any) -> Any:
    """The bound that this way is held to: XLA's log1p of a negative float64 is 236 u off."""
    if way != "cpu" and q == "BinaryProbs" and check.dtype == np.float64:
        check.allowed = check.allowed * 32
    return check


@pytest.mark.parametrize(("p", "q", "way"), CASES)
def test_losses_log_z_and_gradients(p: str, q: str, way: str) -> None:
    check_pair(p, q, way, dtype_of(p, q, way))


@pytest.mark.parametrize("dtype", bounds.DTYPES, ids=lambda d: d.name)
def test_every_dtype(dtype: Any, way: str) -> None:
    check_pair("Labels(ignore)-class_weight>smoothed", "Logits(softcap)", way, dtype)


def check_pair(p: str, q: str, way: str, dtype: Any) -> None:
    target, prediction = contract.made(p, q, dtype)
    stored = prediction.kind in ("log_probs", "probs")
    d_log_z = (0.0,) * 4 if stored else D_LOG_Z
    with bounds.noted(dtype.name):
        found = both(way, target.target, prediction.prediction, D_LOSS, d_log_z)
        loss, log_z, gradient, kernel = found
        assert kernel == expected_kernel(p, q, way)
        assert loss.shape == log_z.shape == contract.EVENTS
        contract.true_losses(p, q, dtype).check(loss)
        truth, allowed = contract.true_log_z(p, q, dtype)
        assert log_z.dtype == bounds.loss_dtype(dtype)
        bounds.within(log_z, truth, np.array(allowed), "log Z")
        contract.true_gradient(p, q, dtype, D_LOSS, d_log_z).check(gradient)


@pytest.mark.parametrize(("p", "q", "way"), BINARY_CASES)
def test_yes_no_outcomes(p: str, q: str, way: str) -> None:
    dtype = dtype_of(p, q, way)
    target, made = contract.made(p, q, dtype)
    with bounds.noted(dtype.name):
        found = both(way, target.target, made.prediction, (0.5,) * 4, (0.0,) * 4)
        loss, _, gradient, kernel = found
        assert kernel == expected_kernel(p, q, way)
        reached(way, q, copy(contract.true_losses(p, q, dtype))).check(loss)
        (array,) = (x for x in vars(gradient).values() if x is not None)
        slopes.check_binary(array, target, made, dtype, 0.5)


@pytest.mark.parametrize(
    ("shape", "way"),
    [*((shape, way) for shape in contract.SHAPES for way in KERNELS), ("middle", "formula")],
)
def test_rows_columns_and_a_middle_axis(shape: str, way: str) -> None:
    events, _, axis = contract.SHAPES[shape]
    half = np.full(events, 0.5)
    for base, q in (("Labels(ignore)", "Logits"), ("Probs", "LogProbs"), ("SparseProbs", "Probs")):
        p = f"{base}-class_weight>smoothed"
        target, prediction, losses, gradient = contract.shaped(p, q, shape, FLOAT32)
        with bounds.noted(f"{base} × {q}"):
            loss, _, found, _ = both(way, target, prediction, half, 0 * half)
            losses.check(loss)
            for name in slopes.NAMES[gradient.q.kind]:
                setattr(found, name, np.moveaxis(getattr(found, name), axis, -1))
            gradient.check(found)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(("p", "q"), sorted(COMPILED))
@pytest.mark.parametrize("way", [*KERNELS, "formula"])
def test_without_64_bits_it_is_as_exact(p: str, q: str, way: str) -> None:
    """Weights and masses are float32 then, which these are exactly; statistics are anyway."""
    if way == "formula" and not p.startswith(("Labels", "Binary")):
        way = "steps"
    target, made = contract.made(p, q, FLOAT32)
    loss, _, gradient, _ = both(way, target.target, made.prediction, D_LOSS, (0.0,) * 4)
    contract.true_losses(p, q, FLOAT32).check(loss)
    if not p.startswith("Binary"):
        contract.true_gradient(p, q, FLOAT32, D_LOSS, (0.0,) * 4).check(gradient)
