"""Softmax outputs handed to Logits: told once for each line, at no cost to a training loop."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
import torch

import plogq
from plogq import Labels, Logits, SoftmaxTwiceWarning, softmax_twice
from plogq.softmax_twice import ROWS

Z = np.random.default_rng(5).normal(size=(ROWS, 10)).astype(np.float32)
Q = np.exp(Z) / np.exp(Z).sum(-1, keepdims=True)
Y = np.arange(ROWS) % 10
MAKE: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "torch": torch.tensor,
    "jax": jnp.asarray,
    "tensorflow": tf.constant,
}
every = pytest.mark.parametrize("framework", MAKE)


@pytest.fixture(autouse=True)
def every_line_is_new() -> None:
    softmax_twice._CALLS.clear()


def told(call: Callable[[], Any]) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return [w for w in found if w.category is SoftmaxTwiceWarning]


@every
def test_it_is_told_at_the_line_that_wrote_it(framework: str) -> None:
    q = MAKE[framework](Q)
    found = told(lambda: Logits(q))
    assert len(found) == 1
    assert found[0].filename == __file__
    text = str(found[0].message)
    assert "write Probs(q)" in text
    assert "plogq.SoftmaxTwiceWarning" in text
    y = MAKE[framework](Y)
    found = told(lambda: plogq.sparse_softmax_cross_entropy(y, q))
    assert [w.filename for w in found] == [__file__]


@every
def test_scores_are_not(framework: str) -> None:
    make = MAKE[framework]
    for scores in (Z, Q * 1.1, Q - 0.1, np.zeros_like(Z), Q[: ROWS - 1], np.where(Z > 9, Z, 0.5)):
        assert not told(lambda scores=scores: Logits(make(scores)))
    mixed = Q.copy()
    mixed[-1] = Z[-1]
    assert not told(lambda: Logits(make(mixed)))
    assert not told(lambda: Logits(make(Q), axis=0))
    assert told(lambda: Logits(make(Q.T.copy()), axis=0))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_in_every_width(dtype: str) -> None:
    q = torch.softmax(torch.tensor(Z).to(getattr(torch, dtype)), dim=-1)
    assert told(lambda: Logits(q))


def test_once_for_each_line() -> None:
    def first() -> None:
        Logits(Q)

    def second() -> None:
        Logits(Q)

    assert len(told(first)) == 1
    assert not any(told(first) for _ in range(20))
    assert len(told(second)) == 1


def test_a_loop_is_looked_at_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0

    def count(*_: Any) -> bool:
        nonlocal looked
        looked += 1
        return False

    monkeypatch.setattr("plogq.softmax_twice._normalised", count)
    for _ in range(1000):
        Logits(Z)
    assert looked == 10


def test_a_later_call_of_a_loop_is_told_too() -> None:
    def step(scores: Any) -> None:
        Logits(scores)

    assert not told(lambda: [step(Z) for _ in range(3)])
    assert len(told(lambda: [step(Q) for _ in range(8)])) == 1


def test_how_it_is_silenced() -> None:
    def silenced() -> None:
        warnings.simplefilter("ignore", plogq.SoftmaxTwiceWarning)
        Logits(Q)

    assert not told(silenced)

    def unchecked() -> None:
        with plogq.validation("off"):
            Logits(Q)

    assert not told(unchecked)


def test_what_is_recorded_is_not_looked_at() -> None:
    def loss(q: Any) -> Any:
        return plogq.cross_entropy(Labels(Y), Logits(q))

    assert not told(lambda: jax.jit(loss)(Q))
    assert not told(lambda: tf.function(loss)(tf.constant(Q)))
    compiled = torch.compile(
        lambda y, q: plogq.cross_entropy(Labels(y), Logits(q)), backend="eager", fullgraph=True
    )
    assert not told(lambda: compiled(torch.tensor(Y), torch.tensor(Q)))
