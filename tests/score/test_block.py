"""Columns as one block: what is found of their rows is what NumPy finds, and they stay in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from plogq.score.block import Block, read_block
from plogq.score.column import Batch, Column
from plogq.score.naming import Group


def block(columns: list[Any], factor: float = 1.0) -> Block:
    names = tuple(f"p{k}" for k in range(len(columns)))
    found = {name: Column(x) for name, x in zip(names, columns, strict=True)}
    return read_block(Group(names), Batch(0, len(columns[0]), found, 1.0), False, factor)


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_rows_of_columns(kind: Any) -> None:
    draw = np.random.default_rng(5)
    for rows, count in ((65, 2), (100, 3), (1031, 10)):
        # Of few values many are equal: the first of them counts.
        columns = [(draw.integers(0, 9, rows) / 7).astype(kind) for _ in range(count)]
        found = block(columns)
        values = np.stack(columns)
        assert np.array_equal(found.totals(), np.add.reduce(values, axis=0))
        assert np.array_equal(found.maxima(), values.max(axis=0))
        assert np.array_equal(found.best, values.argmax(axis=0))
        assert found.minimum() == values.min()
        truth = draw.integers(0, count, rows)
        assert np.array_equal(found.of_class(truth), values[truth, np.arange(rows)])
        assert all(a is b for a, b in zip(found.parts, columns, strict=True))
        assert np.array_equal(found.values, values)
        assert np.array_equal(found.rows(truth).values, values[:, truth])
        assert np.array_equal(found.row(64), values[:, 64])
        assert len(found) == rows


@pytest.mark.usefixtures("instructions")
def test_numbers_that_are_none() -> None:
    a, b = np.full(70, 0.25), np.full(70, 0.75)
    a[3], b[66], b[5] = np.nan, np.nan, np.inf
    found = block([a, b])
    assert np.isnan(found.totals()[[3, 66]]).all()
    assert found.totals()[5] == np.inf
    assert found.minimum() == 0.25
    assert np.array_equal(block([a, b], 2.0).maxima(), 2 * found.maxima())
