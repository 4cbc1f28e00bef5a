"""What is run where Keras cannot be found: the losses and metrics on plain arrays."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import plogq.compat.keras as ours
from plogq.compat.keras import plain

FUNCTIONS = [name for name in ours.__all__ if name.islower() and name != "metrics"]
CLASSES = [name for name in ours.__all__ if not name.islower()]
RNG = np.random.default_rng(5)
SCORES = RNG.normal(size=(4, 3)).astype(np.float32)
Q = np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)
P = RNG.dirichlet(np.ones(3), 4).astype(np.float32)
Y = np.array([0, 2, 1, 1])
WEIGHT = np.array([1.0, 0.0, 2.0, 0.5], np.float32)


def examples() -> Iterator[tuple[str, int]]:
    """Every docstring example of the package."""
    for module, names in ((ours, [*FUNCTIONS, *CLASSES]), (ours.metrics, ours.metrics.__all__)):
        for name in names:
            runner = doctest.DocTestRunner(verbose=False)
            for test in doctest.DocTestFinder(recurse=False).find(getattr(module, name), name):
                runner.run(test)
            assert runner.tries > 1, name
            yield name, runner.failures


def target(name: str) -> Any:
    return Y if name.lower().startswith("sparse") else P


def losses() -> dict[str, Any]:
    """What everything makes of one batch, as NumPy arrays and as tensors of PyTorch."""
    found: dict[str, Any] = {}
    for name in [*FUNCTIONS, *CLASSES]:
        loss = getattr(ours, name) if name in FUNCTIONS else getattr(ours, name)()
        weight = {} if name in FUNCTIONS else {"sample_weight": WEIGHT}
        value = loss(target(name), Q, **weight)
        assert isinstance(value, np.ndarray | np.floating), name
        assert value.dtype == np.float32
        tensor = torch.tensor(Q, requires_grad=True)
        other = loss(target(name), tensor, **weight)
        assert isinstance(other, torch.Tensor)
        other.sum().backward()
        assert tensor.grad is not None
        np.testing.assert_allclose(other.detach().numpy(), value, rtol=1e-6)
        found[name] = np.asarray(value).tolist()
    for name in ours.metrics.__all__:
        metric = getattr(ours.metrics, name)()
        for weight in (None, WEIGHT):
            metric.update_state(target(name), Q, weight)
        other = getattr(ours.metrics, name).from_config(metric.get_config())
        other.update_state(target(name), torch.tensor(Q))
        other.merge_state([metric])
        found["metrics." + name] = float(metric.result())
        metric.reset_state()
        assert metric.result() == 0.0
        assert "name=" in repr(metric)
        assert metric(target(name), Q) > 0
    return found


def classes_without_keras() -> None:
    for name in CLASSES:
        loss = getattr(ours, name)(reduction="sum", dtype="float64")
        assert isinstance(loss, plain.Loss)
        made = type(loss).from_config(loss.get_config())
        assert made.get_config() == loss.get_config()
        assert loss(target(name), Q).dtype == np.float64
    ignoring = ours.SparseCategoricalCrossentropy(ignore_class=2)
    kept = ours.sparse_categorical_crossentropy(Y[[0, 2, 3]], Q[[0, 2, 3]]).mean()
    np.testing.assert_allclose(ignoring(Y, Q), kept, rtol=1e-6)
    with pytest.raises(ValueError, match="reduction=average"):
        ours.KLDivergence(reduction="average")


def check() -> None:
    failed = [name for name, failures in examples() if failures]
    assert not failed, failed
    classes_without_keras()
