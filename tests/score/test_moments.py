"""Running means and standard errors, against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import isnan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plogq.score.moments import Moments

values = st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=40)


def exact(x: list[float], w: list[float]) -> tuple[float, float]:
    """Σwx/Σw and the square root of n/(n-1) Σw²(x-mean)²/(Σw)², without rounding until the end."""
    xs, ws = [Fraction(v) for v in x], [Fraction(v) for v in w]
    total = sum(ws, Fraction(0))
    mean = sum((a * b for a, b in zip(ws, xs, strict=True)), Fraction(0)) / total
    spread = sum((b * b * (a - mean) ** 2 for a, b in zip(xs, ws, strict=True)), Fraction(0))
    count = len(xs)
    return float(mean), sqrt(spread * count / (count - 1) / total**2)


def moments(x: list[float], w: list[float] | None, cuts: int) -> Moments:
    found = Moments()
    weights = None if w is None else np.array(w)
    for part in np.array_split(np.arange(len(x)), cuts):
        found.add(np.array(x)[part], None if weights is None else weights[part])
    return found


@given(values, st.integers(1, 7))
def test_equal_weights(x: list[float], cuts: int) -> None:
    found, (mean, error) = moments(x, None, cuts), exact(x, [1.0] * len(x))
    scale = max(map(abs, x))
    assert found.mean == pytest.approx(mean, rel=1e-13, abs=1e-14 * scale)
    assert found.standard_error == pytest.approx(error, rel=1e-9, abs=1e-14 * scale)


@given(values, st.integers(1, 7), st.data())
def test_weights(x: list[float], cuts: int, data: st.DataObject) -> None:
    weight = st.floats(0.125, 1000.0, width=32)
    w = data.draw(st.lists(weight, min_size=len(x), max_size=len(x)))
    found, (mean, error) = moments(x, w, cuts), exact(x, w)
    scale = max(map(abs, x))
    assert found.mean == pytest.approx(mean, rel=1e-12, abs=1e-13 * scale)
    assert found.standard_error == pytest.approx(error, rel=1e-8, abs=1e-13 * scale)


def test_a_large_mean_does_not_swallow_the_spread() -> None:
    """Σx² - (Σx)²/n, in float64, gives 0 or less here: the squares are near 10¹⁸."""
    x = [1e9 + d for d in (0.0, 1.0, 2.0, 3.0)] * 1000
    found = moments(x, None, 13)
    # The variance of 0, 1, 2, 3 is 5/4, times n/(n-1).
    assert found.standard_error == pytest.approx(sqrt(1.25 / 3999), rel=1e-9)


def test_equal_weights_of_any_size_are_no_weights() -> None:
    x = [1.0, 2.0, 4.0, 8.0]
    plain, weighted = moments(x, None, 2), moments(x, [0.25] * 4, 2)
    assert weighted.mean == plain.mean == 3.75
    assert weighted.standard_error == pytest.approx(plain.standard_error, rel=1e-15)


def test_one_value_has_no_standard_error() -> None:
    assert isnan(moments([3.0], None, 1).standard_error)
    assert moments([3.0], None, 1).mean == 3.0


def test_weights_whose_squares_vanish() -> None:
    assert moments([1.0, 3.0], [1e-200, 1e-200], 2).mean == 2.0
