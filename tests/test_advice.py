"""What a sentence says to write is of the framework that the arrays came from, and works."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
import torch

import plogq
from plogq import (
    BinaryLogits,
    BinaryProbs,
    Logits,
    LogProbs,
    Probs,
    Weighted,
    entropy,
)

from .together import for_each

MAKE: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "torch": torch.tensor,
    "jax": jnp.asarray,
    "tensorflow": tf.constant,
}
NAMES: dict[str, Any] = {
    "np": np,
    "torch": torch,
    "jax": jax,
    "jnp": jnp,
    "tf": tf,
    "entropy": entropy,
    "Probs": Probs,
    "BinaryProbs": BinaryProbs,
}
every_framework = for_each("framework", MAKE)


def written(text: str, pattern: str, **arrays: Any) -> Any:
    """What the sentence says to write, done."""
    found = re.search(pattern, text)
    assert found is not None, text
    return eval(found[1], {**NAMES, "scipy": __import__("scipy.special"), **arrays})


def test_what_is_no_representation_is_refused_in_the_name_of_entropy() -> None:
    for wrong in (np.array([[0.5, 0.5]]), "text", None):
        with pytest.raises(plogq.PairError, match=r"^entropy takes representations"):
            entropy(wrong)


@every_framework
def test_one_weight_per_row_says_how_it_is_spread(framework: str) -> None:
    make = MAKE[framework]
    y, z = make(np.eye(3, 5)), make(np.linspace(-2.0, 2.0, 15).reshape(3, 5))
    w = make(np.array([1.0, 2.0, 0.5]))
    with pytest.raises(plogq.ShapeError) as caught:
        Weighted(BinaryProbs(y), sample_weight=w)
    text = str(caught.value)
    assert "sample_weight must have the shape of the events (3, 5), got (3,)" in text
    assert bool(re.search(r"\bnp\.", text)) == (framework == "numpy")
    spread = written(text, r"so write (.*) for one weight per row", w=w, y=y)
    p = Weighted(BinaryProbs(y), sample_weight=spread)
    want = plogq.cross_entropy(
        Weighted(
            BinaryProbs(np.eye(3, 5)),
            sample_weight=np.broadcast_to(np.array([1.0, 2.0, 0.5])[:, None], (3, 5)),
        ),
        BinaryLogits(np.linspace(-2.0, 2.0, 15).reshape(3, 5)),
    )
    assert float(plogq.cross_entropy(p, BinaryLogits(z))) == pytest.approx(want, rel=1e-5)


@every_framework
def test_casts_are_those_of_the_framework(framework: str) -> None:
    make = MAKE[framework]
    whole = {
        "Logits": (Logits, "scores", [[1, 2], [3, 4]]),
        "LogProbs": (LogProbs, "x", [[-1, -2], [-3, -4]]),
        "BinaryLogits": (BinaryLogits, "z", [1, 0]),
    }
    for name, (kind, role, values) in whole.items():
        x = make(np.array(values, np.int32))
        with pytest.raises(plogq.DtypeError) as caught:
            kind(x)
        text = str(caught.value)
        assert (".astype(" in text) == (framework in ("numpy", "jax"))
        found = re.search(rf"{name}\((.*?)\)(?:,| for|$)", text)
        assert found is not None, text
        cast = eval(found[1], {**NAMES, role: x})
        assert "float" in str(cast.dtype)
        assert type(kind(cast)) is kind
    y = make(np.array([0.0, 1.0], np.float32))
    with pytest.raises(plogq.DtypeError) as caught:
        plogq.Labels(y)
    cast = written(str(caught.value), r"write Labels\((.*)\) if these are class indices", y=y)
    assert plogq.entropy(plogq.Labels(cast)) == 0


@every_framework
@for_each(("no", "yes"), [(-1, 1), (1, 2)])
def test_other_marks_of_yes_and_no_become_those_of_plogq(framework: str, no: int, yes: int) -> None:
    y, z = MAKE[framework]([no, yes, no]), MAKE[framework]([0.5, 2.0, -1.0])
    with pytest.raises(plogq.ProbabilityError) as refused:
        plogq.cross_entropy(BinaryProbs(y), BinaryLogits(z))
    fitting = written(str(refused.value), r"write (BinaryProbs\(.*\))$", y=y)
    right = BinaryProbs(MAKE[framework]([0, 1, 0]))
    got = plogq.cross_entropy(fitting, BinaryLogits(z))
    assert float(got) == pytest.approx(float(plogq.cross_entropy(right, BinaryLogits(z))), 1e-6)


@every_framework
@for_each(("shape", "of"), [((4,), (4, 3)), ((2, 2), (2, 3, 2))])
def test_labels_of_the_right_number_are_reshaped(
    framework: str, shape: tuple[int, ...], of: tuple[int, ...]
) -> None:
    make = MAKE[framework]
    y, z = make([[0], [1], [2], [0]]), Logits(make(np.ones(of, np.float32)), axis=1)
    with pytest.raises(plogq.ShapeError) as refused:
        plogq.cross_entropy(plogq.Labels(y), z)
    fitting = written(str(refused.value), r"write (.*)$", y=y)
    assert tuple(fitting.shape) == shape
    assert float(plogq.cross_entropy(plogq.Labels(fitting), z)) == pytest.approx(np.log(3))


@every_framework
def test_yes_no_outcomes_of_the_right_number_are_reshaped(framework: str) -> None:
    y, z = MAKE[framework]([[0], [1]]), MAKE[framework]([0.5, 2.0])
    with pytest.raises(plogq.ShapeError) as refused:
        plogq.cross_entropy(BinaryProbs(y), BinaryLogits(z))
    fitting = written(str(refused.value), r"write (.*) if they hold", y=y, z=z)
    assert fitting.shape == z.shape
