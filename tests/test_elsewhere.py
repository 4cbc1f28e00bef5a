"""Options that other libraries' losses take: a sentence says what to write, and that runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import plogq
from plogq import (
    BinaryLogits,
    BinaryProbs,
    Labels,
    LinearLogits,
    Logits,
    LogProbs,
    Probs,
    ShardedLogits,
    Smoothed,
    SparseProbs,
    Weighted,
)

from .together import for_each

RNG = np.random.default_rng(7)
Z = RNG.normal(size=(5, 3))
Q = np.exp(Z) / np.exp(Z).sum(-1, keepdims=True)
Y = np.array([0, 2, 1, 1, 0])
P3 = Q[::-1].copy()
YES = (Z > 0.3).astype(float)
WEIGHTS = np.array([1.0, 2.0, 0.5])
NAMES: dict[str, Any] = {k: getattr(plogq, k) for k in plogq.__all__}
# The arrays, by the names that the sentences use.
ARRAYS = {
    "sparse_softmax_cross_entropy": {"y": Y, "z": Z, "q": Q},
    "sparse_categorical_cross_entropy": {"y": Y, "q": Q, "z": Z},
    "softmax_cross_entropy": {"p": P3, "z": Z, "q": Q},
    "categorical_cross_entropy": {"p": P3, "q": Q, "z": Z},
    "sigmoid_cross_entropy": {"y": YES, "z": Z, "q": 1 / (1 + np.exp(-Z))},
    "binary_cross_entropy": {"y": YES, "q": 1 / (1 + np.exp(-Z)), "z": Z},
}
OPTIONS: dict[str, Any] = {
    "label_smoothing": 0.1,
    "ignore_index": -100,
    "dim": -1,
    "axis": -1,
    "weight": WEIGHTS,
    "class_weight": WEIGHTS,
    "sample_weight": np.arange(5.0),
    "pos_weight": 3.0,
    "from_logits": True,
    "reduce": False,
    "size_average": True,
    "softcap": 30.0,
    "temperature": 2.0,
}


def told(call: Callable[[], Any]) -> str:
    with pytest.raises(TypeError) as caught:
        call()
    text = str(caught.value)
    assert "unexpected keyword" not in text
    assert "\n" not in text
    return text


@for_each("option", OPTIONS)
@for_each("helper", ARRAYS)
def test_a_helper_says_what_to_write_and_that_runs(helper: str, option: str) -> None:
    arrays = ARRAYS[helper]
    first, second = (arrays[k] for k in list(arrays)[:2])
    text = told(lambda: getattr(plogq, helper)(first, second, **{option: OPTIONS[option]}))
    assert text.startswith(f"{helper} takes no {option}=: ")
    written = re.search(r"write (cross_entropy\(.*\))$", text)
    assert written is not None, text
    binary = helper in ("binary_cross_entropy", "sigmoid_cross_entropy")
    if option in ("pos_weight",) and not binary:
        return  # A weight of yes belongs to yes/no outcomes, which these arrays are not.
    if option in ("softcap", "temperature") and binary:
        return
    w: Any = OPTIONS[option]
    if binary and option in ("weight", "class_weight"):
        w = np.broadcast_to(WEIGHTS, Z.shape) if option == "weight" else (1.0, WEIGHTS)
    elif binary and option == "sample_weight":
        w = np.ones(Z.shape)
    mask = np.ones(Z.shape if binary else 5)
    found = eval(written[1], {**NAMES, **arrays, "w": w, "mask": mask})
    assert np.isfinite(found).all()


def test_the_numbers_are_those_of_the_option() -> None:
    text = told(lambda: plogq.sparse_softmax_cross_entropy(Y, Z, label_smoothing=0.25))
    assert "Smoothed(Labels(y), 0.25)" in text
    text = told(lambda: plogq.sparse_softmax_cross_entropy(Y, Z, ignore_index=-7))
    assert "Labels(y, ignore=-7)" in text
    assert "Logits(z, axis=1)" in told(lambda: plogq.softmax_cross_entropy(P3, Z, dim=1))
    text = told(lambda: plogq.categorical_cross_entropy(P3, Q, axis=1))
    assert "cross_entropy(Probs(p, axis=1), Probs(q, axis=1))" in text


@for_each("option", OPTIONS)
def test_the_functions_of_p_and_q_say_it_too(option: str) -> None:
    p, q = Labels(Y), Logits(Z)
    given = {option: OPTIONS[option]}
    for name in ("cross_entropy", "value_and_grad", "kl_divergence"):
        text = told(lambda name=name: getattr(plogq, name)(p, q, **given))
        assert text.startswith(f"{name} takes no {option}=: ")
        assert f"write {name}(" in text
    assert told(lambda: plogq.entropy(p, **given)).startswith(f"entropy takes no {option}=: ")


@for_each(
    ("make", "option", "says"),
    [
        (lambda **o: Labels(Y, **o), "ignore_index", "write Labels(y, ignore=-100)"),
        (lambda **o: Labels(Y, **o), "label_smoothing", "write Smoothed(Labels(y), 0.1)"),
        (lambda **o: Logits(Z, **o), "dim", "write Logits(z, axis=-1)"),
        (lambda **o: Probs(Q, **o), "dim", "write Probs(p, axis=-1)"),
        (lambda **o: LogProbs(np.log(Q), **o), "dim", "write LogProbs(x, axis=-1)"),
        (lambda **o: BinaryProbs(YES, **o), "pos_weight", "class_weight=(1.0, 3.0)"),
        (lambda **o: BinaryLogits(Z, **o), "pos_weight", "Weighted(BinaryProbs(y), class_weight"),
        (lambda **o: BinaryProbs(YES, **o), "from_logits", "BinaryLogits(z)"),
        (
            lambda **o: SparseProbs(Y[:, None], np.ones((5, 1)), **o),
            "label_smoothing",
            "write Smoothed(SparseProbs(index, p), 0.1)",
        ),
        (lambda **o: Smoothed(Labels(Y), **o), "label_smoothing", "write Smoothed(P, 0.1)"),
        (lambda **o: Smoothed(Labels(Y), 0.1, **o), "weight", "write Weighted(P, class_weight=w)"),
        (
            lambda **o: LinearLogits(Z, np.eye(3), **o),
            "ignore_index",
            "write Labels(y, ignore=-100)",
        ),
        (
            lambda **o: ShardedLogits(Z, **o),
            "weight",
            "write Weighted(Labels(y), class_weight=w)",
        ),
        (lambda **o: Weighted(Labels(Y), **o), "weight", "write Weighted(P, class_weight=w)"),
        (
            lambda **o: Weighted(BinaryProbs(YES), **o),
            "pos_weight",
            "write Weighted(BinaryProbs(y), class_weight=(1.0, 3.0))",
        ),
    ],
)
def test_representations_say_it_too(make: Any, option: str, says: str) -> None:
    assert says in told(lambda: make(**{option: OPTIONS[option]}))


def test_a_name_that_is_nearly_right_is_guessed() -> None:
    assert "did you mean reduction=?" in told(
        lambda: plogq.cross_entropy(Labels(Y), Logits(Z), reductions="sum")
    )
    assert "did you mean ignore=?" in told(lambda: Labels(Y, ignores=1))
    assert "its options are axis=, softcap=" in told(lambda: Logits(Z, colour=1))
    assert "it takes no options" in told(lambda: BinaryLogits(Z, colour=1))


def test_reductions_of_other_libraries_are_named() -> None:
    for given, says in (
        ("batchmean", 'reduction="sum", normalizer=len(p)'),
        (None, 'reduction="none"'),
        ("mean_with_sample_weight", 'reduction="mean"'),
    ):
        with pytest.raises(ValueError, match="reduction takes") as caught:
            plogq.cross_entropy(Labels(Y), Logits(Z), reduction=given)
        assert f"write {says}" in str(caught.value)
