"""What is refused, on any framework: what came, what was expected, what to write instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import plogq
from plogq import (
    DtypeError,
    Labels,
    LinearLogits,
    Logits,
    LogProbs,
    ProbabilityError,
    Probs,
    cross_entropy,
)
from plogq import frameworks as arrays

from ..refusals import Refusal, check
from .framework import Suite
from .refused import Case, Y, Z
from .refused_pairs import PAIRS
from .refused_shapes import SHAPES
from .refused_types import TYPES
from .refused_values import LABELS, VALUES


class Refusals(Suite):
    def every_type(self) -> Any:
        return TYPES

    def every_pair(self) -> Any:
        return PAIRS

    def every_shape(self) -> Any:
        return SHAPES

    def every_label(self) -> Any:
        return LABELS

    def every_value(self) -> Any:
        return VALUES

    def check(self, name: str, case: Case) -> None:
        call, error, says = case
        if name in self.framework.cannot:
            self.framework.cannot[name].check()
            return
        put = self.framework.put
        x = put(Z)
        words = arrays.verbs(x).words

        class Words(dict[str, Any]):
            def __missing__(self, key: str) -> Any:
                return _Word(words[key])

        parts = [s.format_map(Words(array=type(x).__name__)) if "{" in s else s for s in says]
        check(Refusal(name, lambda: call(put), error, *parts))

    def test_arrays_that_hold_no_numbers_of_the_right_kind(self, type: str) -> None:
        self.check(type, TYPES[type])

    def test_pairs_that_do_not_describe_the_same_outcomes(self, pair: str) -> None:
        self.check(pair, PAIRS[pair])

    def test_shapes_match_exactly_and_the_message_shows_both(self, shape: str) -> None:
        self.check(shape, SHAPES[shape])

    def test_labels_outside_their_range(self, label: str) -> None:
        self.check(label, LABELS[label])

    def test_values_that_are_no_probabilities(self, value: str) -> None:
        self.check(value, VALUES[value])

    def test_frameworks_are_not_mixed(self) -> None:
        put = self.framework.put
        if "mixed frameworks" in self.framework.cannot:
            self.framework.cannot["mixed frameworks"].check()
            return
        name = arrays.verbs(put(Z)).name
        check(Refusal("scores of NumPy", lambda: cross_entropy(Labels(put(Y)), Logits(Z)),
                      DtypeError, f"P is of {name} and Q of numpy"))  # fmt: skip
        check(Refusal("a last layer of NumPy", lambda: LinearLogits(put(Z), Z),
                      DtypeError, "arrays of one framework, got ", name, "numpy"))  # fmt: skip

    def test_full_validation_finds_a_nan(self) -> None:
        put = self.framework.put
        with plogq.validation("full"):
            with pytest.raises(ProbabilityError, match=r"NaN at \(0, 1\)"):
                cross_entropy(Labels(put(Y[:1])), Logits(put(np.array([[0.0, np.nan]]))))
            with pytest.raises(ProbabilityError, match="sums to 2"):
                cross_entropy(Labels(put(Y[:1])), LogProbs(put(np.zeros((1, 2)))))

    def test_checks_are_turned_off(self) -> None:
        put = self.framework.put
        with plogq.validation("off"):
            loss = cross_entropy(Probs(put(np.full((4, 3), 0.5))), Logits(put(Z)))
        np.testing.assert_allclose(self.framework.get(loss), np.log(3), rtol=1e-6)


class _Word:
    """A word of a framework's, filled in by the name of the array that stands after the colon."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __format__(self, name: str) -> str:
        return self.word.format(name)
