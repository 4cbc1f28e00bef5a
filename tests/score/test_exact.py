"""Exact sums and products, against rational arithmetic."""

from __future__ import annotations

import pickle
from fractions import Fraction
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plogq.score.exact import Sums

# Beyond that a sum of forty might not be a float64.
finite = st.floats(-1e306, 1e306)
numbers = st.lists(finite, min_size=1, max_size=40)


def total(values: list[float]) -> float:
    """The sum, rounded once."""
    return float(sum(map(Fraction, values), Fraction(0)))


@given(numbers, st.integers(1, 5))
def test_a_sum_is_rounded_once(values: list[float], cuts: int) -> None:
    sums = Sums()
    for part in np.array_split(np.array(values), cuts):
        sums.add(part)
    assert sums.total() == sums.floats()[0] == total(values)


@given(numbers, st.sampled_from([3, 5000]), st.data())
def test_sums_of_groups(values: list[float], size: int, data: st.DataObject) -> None:
    """Few groups are a grid of sums, and of many those that are met."""
    place = data.draw(
        st.lists(st.integers(0, size - 1), min_size=len(values), max_size=len(values))
    )
    half = len(values) // 2
    one, two = Sums(size), Sums(size)
    one.add(np.array(values[:half]), np.array(place[:half], np.int64))
    two.add(np.array(values[half:]), np.array(place[half:], np.int64))
    one.merge(pickle.loads(pickle.dumps(two)))
    found = one.floats()
    for k in set(place):
        assert found[k] == total([v for v, p in zip(values, place, strict=True) if p == k])
    assert np.count_nonzero(found) <= len(set(place))


@given(st.lists(st.floats(-1e140, 1e140), min_size=1, max_size=20), st.data())
def test_products_are_added_without_rounding(values: list[float], data: st.DataObject) -> None:
    # Below, what is lost is smaller than any float64.
    a = np.array([v if abs(v) > 1e-140 else 0.0 for v in values])
    b = np.array(data.draw(st.permutations(a.tolist())))
    exact = sum((Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True)), Fraction(0))
    sums, many = Sums(), Sums(5000)
    sums.add(a, times=b)
    many.add(a, np.full(len(a), 4321), b)
    assert sums.total() == many.total() == many.floats()[4321] == float(exact)


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=40))
def test_numbers_of_few_bits(values: list[float]) -> None:
    """What float32 holds leaves room in a word for products, and some lie far below the largest."""
    x = np.array(values)
    sums = Sums(2)
    sums.add(x, np.arange(len(x)) % 2)
    assert sums.floats()[0] == total(values[::2])
    assert sums.floats()[1] == total(values[1::2])
    products, exact = Sums(), sum((Fraction(v) ** 2 for v in values), Fraction(0))
    products.add(x, times=x)
    assert products.total() == float(exact)


@pytest.mark.parametrize(
    "value", [np.nextafter(2.0, 0), np.float64(np.nextafter(np.float32(2), 0))]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_as_many_numbers_at_once_as_have_room(value: float, sign: int) -> None:
    count = 1 << 20
    values = np.full(count, sign * value)
    for place in (None, np.zeros(count, np.int64)):
        sums, products = Sums(), Sums()
        sums.add(values, place)
        products.add(values, place, values)
        assert sums.total() == sign * float(Fraction(value) * count)
        assert products.total() == float(Fraction(value) ** 2 * count)


def test_products_out_of_range() -> None:
    """Below the least float64 they are dropped, whatever else is there; beyond the greatest they
    have no end."""
    sums = Sums(2)
    sums.add(np.array([1e-200, 5e-324, 2.0]), times=np.array([1e-200, 0.5, 3.0]))
    assert sums.floats().tolist() == [6.0, 0.0]
    sums.add(np.array([1e200, -1e200]), np.array([1, 0]), np.array([1e200, 1.0]))
    assert sums.floats().tolist() == [-1e200, inf]


def test_a_place_that_is_not_there_is_refused() -> None:
    for place in (-1, 3):
        with pytest.raises(IndexError, match="place"):
            Sums(3).add(np.ones(4), np.array([0, 1, 2, place]))


def test_digits_never_overflow() -> None:
    values = np.random.default_rng(0).standard_normal(1000) * 1e9
    whole = sum(map(Fraction, values.tolist()), Fraction(0))
    sums, again = Sums(), Sums(2)
    for _ in range(600):
        sums.add(values)
        again.merge(sums, np.array([1]))
    assert sums.total() == float(whole * 600)
    assert again.floats().tolist() == [0.0, float(whole * (600 * 601 // 2))]


def test_places_that_are_merged_into_others() -> None:
    sums, other = Sums(3), Sums(2)
    other.add(np.array([1.0, 2.0]), np.array([0, 1]))
    sums.merge(other, np.array([2, 0]))
    assert sums.floats().tolist() == [2.0, 0.0, 1.0]
    sums.grow(5)
    sums.add(np.array([4.0]), np.array([4]))
    assert sums.floats().tolist() == [2.0, 0.0, 1.0, 0.0, 4.0]


def test_what_has_no_end() -> None:
    sums = Sums(2)
    sums.add(np.array([1.0, inf, 2.0]), np.array([0, 1, 0]))
    assert sums.floats().tolist() == [3.0, inf]
    assert sums.total() == inf
    large = Sums()
    large.add(np.full(4, 1e308))
    assert large.total() == inf
    large.add(np.full(3, -1e308))
    assert large.total() == 1e308


@pytest.mark.parametrize("below", [1.0, 2.0**-90, 2.0**-150])
@pytest.mark.parametrize("places", [False, True])
def test_losses_near_each_other(below: float, places: bool) -> None:
    """Whole multiples of one power of two, in one word and in several, and an outlier below."""
    draw = np.random.default_rng(3)
    x = -np.log(draw.random(3001).astype(np.float32)).astype(np.float64)
    x[::7] *= -1
    x[5], x[9] = 0.0, below
    place = np.arange(len(x)) % 3 if places else np.zeros(len(x), np.int64)
    for times in (None, x, x[::-1].copy()):
        sums = Sums(3)
        sums.add(x, place if places else None, times)
        products = map(Fraction, x if times is None else times)
        terms = [Fraction(a) * (b if times is not None else 1)
                 for a, b in zip(x, products, strict=True)]  # fmt: skip
        for k, found in enumerate(sums.floats()):
            mine = [t for t, p in zip(terms, place, strict=True) if p == k]
            assert found == float(sum(mine, Fraction(0)))
