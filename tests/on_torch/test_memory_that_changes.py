"""What is read from memory that others can write to is checked where it is used."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import plogq

from ..together import for_each

CLASSES = 10
TARGETS: dict[str, Callable[[Any], Any]] = {
    "labels": plogq.Labels,
    "labels, one ignored": lambda y: plogq.Labels(y, ignore=3),
    "smoothed": lambda y: plogq.Smoothed(plogq.Labels(y), 0.1),
    "weighted": lambda y: plogq.Weighted(plogq.Labels(y), class_weight=torch.ones(CLASSES)),
    "sparse": lambda y: plogq.SparseProbs(
        torch.stack([y, y.flip(0)], -1), torch.full((len(y), 2), 0.5)
    ),
}
PREDICTIONS: dict[str, Callable[[Any], Any]] = {
    "logits": plogq.Logits,
    "log_probs": lambda x: plogq.LogProbs(torch.log_softmax(x, -1)),
    "probs": lambda x: plogq.Probs(torch.softmax(x, -1)),
    "linear": lambda x: plogq.LinearLogits(x, torch.eye(CLASSES)),
    "capped": lambda x: plogq.Logits(x, softcap=5.0),
}


@for_each("bad", [1000, CLASSES, -5, 2**62, -(2**62), 4])
@for_each("q", PREDICTIONS)
@for_each("p", TARGETS)
def test_labels_that_are_overwritten_before_the_backward_pass(p: str, q: str, bad: int) -> None:
    labels = np.arange(40) % CLASSES
    y = torch.from_numpy(labels)
    x = torch.randn(40, CLASSES, generator=torch.Generator().manual_seed(0), requires_grad=True)
    plogq.cross_entropy(TARGETS[p](y.clone()), PREDICTIONS[q](x)).backward()
    right, x.grad = x.grad, None
    loss = plogq.cross_entropy(TARGETS[p](y), PREDICTIONS[q](x))
    labels[:] = bad
    loss.backward()
    torch.testing.assert_close(x.grad, right)


@for_each("reduction", ["mean", "none"])
def test_labels_that_are_overwritten_while_they_are_read(reduction: str) -> None:
    """A number, NaN or a refusal, and never a crash: until each was seen, and 20 times at least."""
    labels = np.zeros(20_000, np.int64)
    y, x = torch.from_numpy(labels), torch.randn(20_000, 12, requires_grad=True)
    stop, turn = threading.Event(), random.Random(0)

    def scribble() -> None:
        while not stop.is_set():
            labels[::7] = 2**40
            time.sleep(turn.random() / 500)
            labels[::7] = 3
            time.sleep(turn.random() / 500)

    writer = threading.Thread(target=scribble)
    writer.start()
    refused, rounds, end = 0, 0, time.monotonic() + 60
    try:
        while rounds < 20 or ((refused == 0 or x.grad is None) and time.monotonic() < end):
            rounds += 1
            try:
                plogq.cross_entropy(
                    plogq.Labels(y), plogq.Logits(x), reduction=reduction
                ).sum().backward()
            except plogq.errors.LabelError:
                refused += 1
            try:
                plogq.value_and_grad(plogq.Labels(labels), plogq.Logits(x.detach().numpy()))
            except plogq.errors.LabelError:
                refused += 1
    finally:
        stop.set()
        writer.join()
    assert refused > 0
    assert x.grad is not None


@for_each("dtype", [torch.float16, torch.float32])
def test_arithmetic_is_standard_whatever_the_process_has_asked_for(dtype: torch.dtype) -> None:
    torch.set_flush_denormal(True)
    try:
        p = torch.full((2, 20_000), 1 / 20_000, dtype=torch.float16)  # subnormal in float16
        z = torch.zeros(2, 20_000, dtype=dtype)
        losses = plogq.cross_entropy(plogq.Probs(p), plogq.Logits(z), reduction="none")
        mass = float(p[0].double().sum())
        np.testing.assert_allclose(losses.numpy(), mass * np.log(20_000), rtol=1e-6)
        mean = plogq.cross_entropy(plogq.Probs(p), plogq.Logits(z))
        np.testing.assert_allclose(mean.item(), np.log(20_000), rtol=1e-6)
        # Confident predictions whose losses are subnormal numbers.
        sure = torch.zeros(3, 2)
        sure[:, 0] = 95.0
        y = torch.zeros(3, dtype=torch.int64)
        each = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(sure), reduction="none")
        short = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(sure), reduction="sum")
    finally:
        torch.set_flush_denormal(False)
    np.testing.assert_allclose(each.double().numpy(), np.exp(-95.0), rtol=1e-3)
    np.testing.assert_allclose(short.double().item(), 3 * np.exp(-95.0), rtol=1e-3)


def test_sums_do_not_depend_on_the_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    z = torch.from_numpy(rng.normal(size=(200_003, 3)))
    y = torch.from_numpy(rng.integers(0, 3, 200_003))
    p = torch.softmax(torch.from_numpy(rng.normal(size=(200_003, 3))), -1)
    w, b = torch.from_numpy(rng.random(200_003)), torch.from_numpy(rng.normal(size=200_003))
    yes = torch.from_numpy(rng.random(200_003))

    def results() -> list[float]:
        weighted = plogq.Weighted(plogq.Labels(y), sample_weight=w)
        binary = plogq.Weighted(plogq.BinaryProbs(yes), sample_weight=w)
        return [
            plogq.cross_entropy(weighted, plogq.Logits(z)).item(),
            plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z), z_loss=0.1).item(),
            plogq.cross_entropy(binary, plogq.BinaryLogits(b)).item(),
            plogq.entropy(plogq.Probs(p)).item(),
            plogq.kl_divergence(plogq.Probs(p), plogq.Logits(z)).item(),
        ]

    before, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3, 4, 8):
            torch.set_num_threads(count)
            found.append(results())
    finally:
        torch.set_num_threads(before)
    assert all(each == found[0] for each in found)
