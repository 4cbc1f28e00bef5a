"""Slices, clusters, intervals and the losses of all rows, beside the same by hand."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan, log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import d2_log_loss_score

from plogq.score import InputError, Wish, arrow, score_file
from plogq.score.arrow import distinct
from plogq.score.column import Column

Write = Callable[..., Path]
ROWS = 400
draw = np.random.default_rng(11)
Q = draw.dirichlet([1.0, 1.0, 2.0], ROWS)
Y = np.array([draw.choice(3, p=q) for q in Q])
CITY = np.array(["Bonn", "Köln", "Ulm"])[draw.integers(0, 3, ROWS)]
PATIENT = draw.integers(0, 40, ROWS)
W = draw.random(ROWS) + 0.5
LOSS = -np.log(Q[np.arange(ROWS), Y])
ARRAYS: dict[str, Any] = {
    **{f"p{k}": Q[:, k] for k in range(3)}, "label": Y, "city": CITY, "patient": PATIENT, "w": W
}  # fmt: skip
DATA: dict[str, Any] = {name: values.tolist() for name, values in ARRAYS.items()}


@pytest.mark.parametrize("form", ["parquet", "csv", "npz"])
@pytest.mark.parametrize("weight", [None, "w"])
def test_slices_are_what_the_files_of_their_rows_would_be(
    write: Write, form: str, weight: str | None
) -> None:
    wish = Wish(by=("city", "patient"), weight=weight)
    report = score_file(write(DATA, form), wish, batch_rows=37)
    slices = {(s.column, s.value): s for s in report.slices}
    assert len(slices) == 3 + len(set(PATIENT.tolist()))
    for city in set(CITY.tolist()):
        rows = city == CITY
        alone = score_file(
            write({k: v[rows].tolist() for k, v in ARRAYS.items()}, form), Wish(weight=weight)
        )
        found = slices["city", city]
        assert found.count == alone.events
        assert found.cross_entropy == pytest.approx(alone.cross_entropy, rel=1e-12)
        assert found.standard_error == pytest.approx(alone.standard_error, rel=1e-9)
    costs = [s.cost for s in report.slices if s.column == "city"]
    assert costs == sorted(costs, reverse=True)
    assert sum(costs) == pytest.approx(0, abs=1e-12)


def test_slices_of_what_is_missing_or_infinite(write: Write) -> None:
    data = {"p0": [0.5, 1.0, 0.5], "p1": [0.5, 0.0, 0.5], "label": [0, 1, 1]}
    report = score_file(write(data | {"city": ["Ulm", "Bonn", None]}), Wish(by=("city",)))
    assert [(s.value, s.count) for s in report.slices] == [
        ("Bonn", 1), ("Ulm", 1), ("(missing)", 1)
    ]  # fmt: skip
    assert report.slices[0].cross_entropy == float("inf")
    assert report.slices[1].cross_entropy == pytest.approx(log(2))


def test_rows_of_one_cluster_belong_together(write: Write) -> None:
    """Twice the same rows are as many observations as once, if they are known to be the same."""
    twice = {name: np.concatenate([values, values]) for name, values in ARRAYS.items()}
    twice["row"] = np.concatenate([np.arange(ROWS)] * 2)
    once = score_file(write(DATA))
    known = score_file(write(twice), Wish(cluster="row"), batch_rows=100)
    assert known.standard_error == pytest.approx(once.standard_error, rel=1e-9)
    assert known.interval_method == f"{ROWS} clusters"
    means = np.array([LOSS[p == PATIENT].sum() for p in range(40)])
    sizes = np.array([(p == PATIENT).sum() for p in range(40)])
    error = sqrt(np.square(means - sizes * LOSS.mean()).sum() * 40 / 39) / ROWS
    report = score_file(write(DATA), Wish(cluster="patient"))
    assert report.standard_error == pytest.approx(error, rel=1e-9)


def test_slices_know_of_clusters(write: Write) -> None:
    report = score_file(write(DATA), Wish(by=("city", "patient"), cluster="patient"), batch_rows=37)
    found = {s.value: s for s in report.slices if s.column == "city"}
    for city in set(CITY.tolist()):
        rows = {name: values[city == CITY].tolist() for name, values in ARRAYS.items()}
        alone = score_file(write(rows), Wish(cluster="patient"))
        assert found[city].standard_error == alone.standard_error
        assert alone.interval_method.endswith("clusters")
    # A patient is one cluster, which says nothing of how patients differ.
    assert all(isnan(s.standard_error) for s in report.slices if s.column == "patient")


def test_the_interval_says_how_it_was_found(write: Write) -> None:
    report = score_file(write(DATA))
    assert report.interval_method == "central limit theorem"
    low, high = report.interval
    assert high - low == pytest.approx(2 * 1.96 * report.standard_error, rel=1e-4)
    few = {name: values[:50] for name, values in DATA.items()}
    report = score_file(write(few), batch_rows=7)
    assert report.interval_method == "bootstrap"
    low, high = report.interval
    assert low < LOSS[:50].mean() < high
    assert high - low == pytest.approx(2 * 1.96 * report.standard_error, rel=0.15)


def test_macro_and_d2(write: Write) -> None:
    report = score_file(write(DATA))
    macro = np.mean([LOSS[k == Y].mean() for k in range(3)])
    assert report.macro_cross_entropy == pytest.approx(macro, rel=1e-12)
    assert report.d2 == pytest.approx(d2_log_loss_score(Y, Q), rel=1e-9)
    assert report.as_dict()["d2"] == report.d2


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_the_losses_of_all_rows(write: Write, tmp_path: Path, ending: str) -> None:
    data = {name: np.array(values) for name, values in DATA.items()}
    data["p0"][5] = 2.0
    path = tmp_path / f"rows.{ending}"
    score_file(write(data), batch_rows=64, rows_to=path)
    table = pq.read_table(path) if ending == "parquet" else pacsv.read_csv(path)
    rows = np.delete(np.arange(ROWS), 5)
    assert table["row"].to_pylist() == rows.tolist()
    assert table["cross_entropy"].to_pylist() == pytest.approx(LOSS[rows].tolist(), rel=1e-12)
    rank = 1 + (Q[np.arange(ROWS), Y][:, None] < Q).sum(axis=1)
    assert table["rank"].to_pylist() == rank[rows].tolist()
    assert table["probability"].to_pylist() == pytest.approx(np.exp(-LOSS[rows]).tolist())


def test_what_cannot_be_written_or_cut(write: Write, tmp_path: Path) -> None:
    for wish, rows, sentence in (
        (Wish(by=("nothing",)), None, "--by: there is no column 'nothing' of text or numbers"),
        (Wish(cluster="nothing"), None, "--cluster: there is no column 'nothing'"),
        (Wish(), tmp_path / "x.txt", "--rows writes Parquet or CSV"),
        (Wish(by="city"), tmp_path / "data.parquet", "--rows would overwrite"),
        (Wish(), tmp_path / "none" / "x.csv", "cannot be written: "),
    ):
        with pytest.raises(InputError) as caught:
            score_file(write(DATA), wish, rows_to=rows)
        assert sentence in str(caught.value)
    data = {"p0": [0.5, 2.0], "p1": [0.5, 0.5], "label": [0, 1]}
    with pytest.raises(InputError):
        score_file(write(data), strict=True, rows_to=tmp_path / "x.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["data.parquet"]


@pytest.mark.parametrize("values", [[3, -2, 3, 0], [250, 0, 250], [2**64 - 1, 2**64 - 2], [7], []])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_whole_numbers_are_told_apart(values: list[int], dtype: type[np.generic]) -> None:
    if values and not np.iinfo(dtype).min <= min(values) <= max(values) <= np.iinfo(dtype).max:
        values = [v & 3 for v in values]
    some, rows = distinct(Column(np.array(values, dtype)))
    assert [some[i] for i in rows.tolist()] == values
    assert sorted(some) == sorted(set(values))


def test_texts_stay_arrows() -> None:
    """Objects of Python are made of them for nobody who asks which of them are equal."""
    texts = pa.array(["x", "b", None, "a", "b"]).slice(1)
    for array in (texts, texts.dictionary_encode()):
        found = arrow.column(array, "city")
        some, rows = distinct(found)
        assert (some, rows.tolist()) == (["b", "a"], [0, -1, 1, 0])
        assert found.stored is None
        assert found.values.tolist() == ["b", None, "a", "b"]
