"""Totals come to the same, bit for bit, however rows are cut, ordered and merged."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plogq.score import InputError, Wish, threads
from plogq.score.evaluate import empty_totals, score_by_threads
from plogq.score.memory import Table
from plogq.score.running import Totals

ROWS = 500
draw = np.random.default_rng(3)
SCORES = draw.standard_normal((ROWS, 4)) * 3


def shares(scores: Any) -> Any:
    """Probabilities of scores."""
    q = np.exp(scores)
    return q / q.sum(axis=1, keepdims=True)


def columns(prefix: str, values: Any) -> dict[str, Any]:
    """A column for each class."""
    return {f"{prefix}{k}": values[:, k] for k in range(values.shape[1])}


def lists(name: str, values: Any) -> dict[str, Any]:
    """One column of lists."""
    return {name: pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])}


Q = shares(SCORES)
LABEL = draw.integers(0, 4, ROWS)
P = shares(SCORES + draw.standard_normal((ROWS, 4)))
YES = (draw.random((ROWS, 4)) < 0.4).astype(np.int64)
GROUPS: dict[str, Any] = {
    "city": np.array(["Bonn", "Köln", "Ulm"])[draw.integers(0, 3, ROWS)],
    "patient": draw.integers(0, 60, ROWS),
    "w": draw.gamma(1.0, 3.0, ROWS),
}
# Bad rows, rows left out, infinite losses and ties among them.
BAD = Q.copy()
BAD[::37] *= 1.5
BAD[5:9] = [1.0, 0.0, 0.0, 0.0]
BAD[40:60] = [0.25, 0.25, 0.25, 0.25]
ASKED: dict[str, Any] = {"by": ("city", "patient"), "cluster": "patient"}
FITTED = ASKED | {"calibration": True}
CASES: dict[str, tuple[dict[str, Any], Wish]] = {
    "columns": (columns("p", BAD) | {"label": LABEL}, Wish(pictures=True, **FITTED)),
    "float32": (columns("p", BAD.astype(np.float32)) | {"label": LABEL}, Wish(**ASKED)),
    "weights": (columns("p", BAD) | {"label": LABEL}, Wish(weight="w", pictures=True, **ASKED)),
    "lists": (lists("probs", Q) | {"label": LABEL}, Wish(weight="w", pictures=True, **ASKED)),
    "logits": (columns("logit_", SCORES) | {"label": LABEL}, Wish(**ASKED)),
    "logits in lists": (
        lists("logits", SCORES.astype(np.float32)) | {"label": LABEL}, Wish(**ASKED)
    ),
    "shares": (
        columns("p", 3 * Q) | {"label": LABEL},
        Wish(prediction="p?", content="probs", renormalize=True, **ASKED),
    ),
    "soft": (
        columns("p", Q) | columns("t", P), Wish(target="t*", weight="w", pictures=True, **ASKED)
    ),
    "soft float32": (
        columns("p", Q.astype(np.float32)) | columns("t", P.astype(np.float32)),
        Wish(target="t*", pictures=True, **ASKED),
    ),
    "yes or no": ({"q": Q[:, 0], "label": YES[:, 0]}, Wish(binary=True, **FITTED)),
    "yes or no, logits": (
        {"logit": SCORES[:, 0], "label": YES[:, 0]},
        Wish(prediction="logit", content="logits", binary=True, weight="w", pictures=True, **ASKED),
    ),
    "many yes or no": (
        columns("p_a", Q) | columns("t_a", YES),
        Wish(prediction="p_*", target="t_*", multilabel=True, weight="w", **FITTED),
    ),
    "tokens": (
        {"logs": -draw.gamma(1.0, 2.0, ROWS), "size": draw.integers(1, 9, ROWS)},
        Wish(log_likelihood="logs", bytes="size", by=("city",), cluster="patient"),
    ),
}  # fmt: skip


def table_of(case: str) -> tuple[Any, Wish]:
    """The rows of a case, and what is said of them."""
    arrays, wish = CASES[case]
    return pa.table(arrays | GROUPS), wish


def bits(totals: Totals) -> dict[str, Any]:
    """A report whose floats compare bit for bit, NaN too."""

    def exact(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: exact(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [exact(v) for v in value]
        return value.hex() if isinstance(value, float) else value

    return exact(totals.report().to_dict())


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Any, Totals, dict[str, Any]]:
    """Rows, empty totals for them, and the report of all of them at once."""
    table, wish = table_of(request.param)
    empty = empty_totals(Table(table), wish)
    whole = empty.again()
    whole.add(table)
    assert whole.events > 400
    return table, empty, bits(whole)


@settings(max_examples=4, deadline=None)
@given(st.data())
def test_every_cut_order_and_tree_of_merges(
    case: tuple[Any, Totals, dict[str, Any]], data: st.DataObject
) -> None:
    table, empty, expected = case
    cuts = sorted(data.draw(st.sets(st.integers(1, ROWS - 1), max_size=12)))
    pieces = list(zip([0, *cuts], [*cuts, ROWS], strict=True))
    # Of some cuts files begin, within which rows count anew.
    files = sorted(data.draw(st.sets(st.sampled_from([0, *cuts]))) | {0})
    parts: list[Totals] = []
    for start, end in data.draw(st.permutations(pieces)):
        file = max(k for k, first in enumerate(files) if first <= start)
        if not parts or data.draw(st.booleans()):
            parts.append(empty.again())
        some = table.slice(start, end - start)
        parts[-1].add(some, fragment=3 * file, start=start - files[file])
    while len(parts) > 1:
        left = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
        right = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
        parts.append(left.merge(pickle.loads(pickle.dumps(right))))
    assert bits(parts[0]) == expected


def test_threads_come_to_the_same(
    case: tuple[Any, Totals, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them share the rows out as they please."""
    monkeypatch.setattr(threads, "_arrow", type("", (), {"cpu_count": lambda: 2}))
    table, empty, expected = case
    shared = empty.again()
    done: list[float] = []
    score_by_threads(Table(table), shared, 7, done.append)
    assert len(done) == -(-ROWS // 7)
    assert done[-1] == 1.0
    assert bits(shared) == expected


def test_single_rows_one_by_one(case: tuple[Any, Totals, dict[str, Any]]) -> None:
    table, empty, _ = case
    whole, single = empty.again(), empty.again()
    whole.add(table.slice(0, 30))
    for i in reversed(range(30)):
        single.add(table.slice(i, 1), start=i)
    assert bits(single) == bits(whole)


def test_a_sample_of_many_rows_does_not_depend_on_cuts() -> None:
    rows = 40_000
    q = draw.random(rows)
    table = pa.table({"q": q, "label": (draw.random(rows) < q).astype(np.int64)})
    empty = empty_totals(Table(table), Wish(binary=True, calibration=True))
    whole, parts = empty.again(), empty.again()
    whole.add(table)
    for start in (30_000, 10_000, 0, 20_000):
        part = empty.again()
        part.add(table.slice(start, 10_000), start=start)
        parts.merge(part)
    assert whole.report().calibration_events == 16_384
    assert bits(parts) == bits(whole)


def test_their_size_does_not_grow_with_rows() -> None:
    table, wish = table_of("columns")
    totals = empty_totals(Table(table), replace(wish, calibration=False, pictures=False))
    sizes: list[int] = []
    for k in range(20):
        totals.add(table, fragment=k)
        if k in (9, 19):
            sizes.append(len(pickle.dumps(totals)))
    assert sizes[1] < 1.05 * sizes[0]
    assert totals.rows == 20 * ROWS


def test_totals_that_do_not_belong_together() -> None:
    table, wish = table_of("columns")
    other, other_wish = table_of("logits")
    with pytest.raises(InputError, match="do not belong together"):
        empty_totals(Table(table), wish).merge(empty_totals(Table(other), other_wish))


def test_totals_of_another_version() -> None:
    table, wish = table_of("columns")
    totals = empty_totals(Table(table), wish)
    state = totals.__getstate__() | {"version": 0}
    with pytest.raises(InputError, match="version 0, and this plogq reads version 2"):
        totals.again().__setstate__(state)


def test_a_table_that_is_another(case: tuple[Any, Totals, dict[str, Any]]) -> None:
    _, empty, _ = case
    with pytest.raises(InputError, match="has no column"):
        empty.again().add({"nothing": [1, 2]})
    with pytest.raises(InputError, match="fragment=-1 is no number"):
        empty.again().add({}, fragment=-1)
