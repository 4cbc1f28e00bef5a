"""`plogq.evaluate`: arrays, representations, tables and files come to the report of the command."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from math import sqrt
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.svm import LinearSVC
from typer.testing import CliRunner

import plogq
from plogq.cli.commands import app
from plogq.score import InputError, ReliabilityDisplay, Report

from ..forked import commands
from .drawn import CITY, PATIENT, ROWS, W, Y, Z, draw

mpl.use("Agg")
P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
LOSS = -np.log(P[np.arange(ROWS), Y])
COLUMNS: dict[str, Any] = {
    **{f"z_{k}": Z[:, k] for k in range(3)}, "label": Y, "city": CITY, "patient": PATIENT, "w": W
}  # fmt: skip

MAKE: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "list": lambda x: x.tolist(),
    "torch": torch.tensor,
    "jax": jnp.asarray,
    "tensorflow": tf.constant,
    "pandas": lambda x: pd.DataFrame(x) if x.ndim > 1 else pd.Series(x),
    "polars": lambda x: pl.DataFrame(x) if x.ndim > 1 else pl.Series(x),
}


@pytest.mark.parametrize("library", MAKE)
def test_arrays_of_every_library(library: str) -> None:
    make = MAKE[library]
    report = plogq.evaluate(make(Y), make(Z))
    assert isinstance(report, Report)
    assert report.cross_entropy == pytest.approx(LOSS.mean(), rel=1e-6)
    error = LOSS.std(ddof=1) / sqrt(ROWS)
    assert report.standard_error == pytest.approx(error, rel=1e-6)
    assert report.file == "prediction"


def test_low_precision_and_gradients_are_no_obstacle() -> None:
    z = torch.tensor(Z, dtype=torch.bfloat16, requires_grad=True)
    expected = plogq.evaluate(Y, z.detach().float())
    assert plogq.evaluate(Y, z).cross_entropy == expected.cross_entropy
    assert plogq.evaluate(Y, jnp.asarray(Z, "bfloat16")).cross_entropy == expected.cross_entropy


def test_representations_say_what_the_numbers_are() -> None:
    """Scores that look like percentages are scores where that is said; so is the class axis."""
    logits = plogq.Logits(100 * P.T, axis=0)
    report = plogq.evaluate(plogq.Labels(Y), logits)
    expected = plogq.cross_entropy(plogq.Labels(Y), plogq.Logits(100 * P))
    assert report.cross_entropy == pytest.approx(expected, rel=1e-12)
    for prediction in (plogq.Probs(P), plogq.LogProbs(np.log(P)), plogq.Logits(Z)):
        report = plogq.evaluate(plogq.Labels(Y), prediction)
        assert report.cross_entropy == pytest.approx(LOSS.mean(), rel=1e-12)
    ignored = plogq.Labels(np.where(Y == 0, -100, Y), ignore=-100)
    report = plogq.evaluate(ignored, plogq.Logits(Z))
    assert (report.events, report.left_out) == ((Y != 0).sum(), (Y == 0).sum())
    assert report.cross_entropy == pytest.approx(LOSS[Y != 0].mean(), rel=1e-12)
    # Labels that would be taken for ones from 1 are those of the last classes.
    high = plogq.Labels(np.maximum(Y, 1))
    assert plogq.evaluate(high, plogq.Logits(Z)).classes[0].count == 0


def test_soft_targets_and_outcomes() -> None:
    soft = draw.dirichlet([1.0, 1.0, 1.0], ROWS)
    expected = plogq.cross_entropy(plogq.Probs(soft), plogq.Probs(P))
    report = plogq.evaluate(plogq.Probs(soft), plogq.Probs(P))
    assert report.cross_entropy == pytest.approx(expected, rel=1e-9)
    assert report.target_entropy == pytest.approx(plogq.entropy(plogq.Probs(soft)), rel=1e-9)

    yes, scores = Y == 0, Z[:, 0]
    expected = plogq.cross_entropy(plogq.BinaryProbs(yes.astype(float)), plogq.BinaryLogits(scores))
    report = plogq.evaluate(plogq.BinaryProbs(yes.astype(float)), plogq.BinaryLogits(scores))
    assert report.cross_entropy == pytest.approx(expected, rel=1e-9)
    # One column, as a model's last layer puts out.
    report = plogq.evaluate(yes, scores[:, None])
    assert report.cross_entropy == pytest.approx(expected, rel=1e-9)

    many = (draw.random((ROWS, 3)) < 0.5).astype(float)
    expected = plogq.cross_entropy(plogq.BinaryProbs(many), plogq.BinaryLogits(Z))
    report = plogq.evaluate(plogq.BinaryProbs(many), plogq.BinaryLogits(Z))
    assert report.cross_entropy == pytest.approx(expected, rel=1e-9)


def test_the_columns_of_a_table_name_its_classes() -> None:
    pandas: Any = pytest.importorskip("pandas")
    names = ["ant", "bee", "cow"]
    rows = [[0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [0.25, 0.25, 0.5]]
    want = -sum(np.log([0.5, 0.75, 0.5])) / 3
    table = pandas.DataFrame(rows, columns=names)
    for labels in (names, pandas.Series(names), pandas.Series(names, dtype="category")):
        for order in (names, ["cow", "ant", "bee"]):
            report = plogq.evaluate(labels, table[order])
            assert report.cross_entropy == pytest.approx(want, rel=1e-12)
            assert sorted(c.label for c in report.classes) == names
    arrow: Any = pa
    given = arrow.table({name: [row[k] for row in rows] for k, name in enumerate(names)})
    assert plogq.evaluate(names, given).cross_entropy == pytest.approx(want, rel=1e-12)
    # Numbers from 0 are no names, and labels that are numbers go by theirs.
    assert plogq.evaluate([0, 1, 2], table).cross_entropy == pytest.approx(want, rel=1e-12)
    numbered = pandas.DataFrame(rows, columns=[1, 2, 5])
    assert plogq.evaluate([1, 2, 5], numbered).cross_entropy == pytest.approx(want, rel=1e-12)


def test_any_number_of_axes() -> None:
    report = plogq.evaluate(Y.reshape(5, 100), Z.reshape(5, 100, 3))
    assert report.cross_entropy == pytest.approx(LOSS.mean(), rel=1e-12)
    assert report.events == ROWS


def frames() -> dict[str, Any]:
    table = pa.table(COLUMNS)
    pandas = pd.DataFrame(COLUMNS, index=range(7, 7 + ROWS))
    pandas["city"] = pandas["city"].astype("category")
    polars = pl.DataFrame(COLUMNS)
    return {"pyarrow": table, "pandas": pandas, "polars": polars, "lazy": polars.lazy()}


@pytest.mark.parametrize("library", ["pyarrow", "pandas", "polars", "lazy"])
def test_tables_are_what_their_file_is(library: str, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table(COLUMNS), path)
    options = {"weight": "w", "by": ["city"], "cluster": "patient"}
    report = plogq.evaluate(frames()[library], target="label", logits="z_*", **options)
    file = plogq.evaluate(path, target="label", logits="z_*", **options)
    arguments = ["score", str(path), "--target", "label", "--logits", "z_*", "--weight", "w"]
    more = ["--by", "city", "--cluster", "patient", "--format", "json"]
    ended = CliRunner().invoke(app, [*arguments, *more])
    printed = json.loads(ended.stdout)
    assert list(file.to_dict()) == list(printed)
    for key, value in printed.items():
        if key not in ("file", "reasons"):
            assert report.to_dict()[key] == value, key
        assert file.to_dict()[key] == value, key


def test_what_is_not_named_is_found() -> None:
    report = plogq.evaluate(frames()["pandas"], name="forest")
    assert report.cross_entropy == pytest.approx(LOSS.mean(), rel=1e-12)
    assert report.file == "forest"


def test_rows_slices_clusters_and_classes_beside_arrays() -> None:
    names = ["cat", "dog", "bird"]
    report = plogq.evaluate(
        Y, Z, weight=W, by={"city": CITY}, cluster=PATIENT, classes=names, worst=3
    )
    assert [line.label for line in report.classes] == ["0", "1", "2"]
    named = plogq.evaluate(np.array(names)[Y], Z, classes=names)
    assert [line.label for line in named.classes] == names
    assert named.cross_entropy == pytest.approx(LOSS.mean(), rel=1e-12)
    table = plogq.evaluate(pa.table(COLUMNS), weight="w", by="city", cluster="patient")
    assert report.slices == table.slices
    assert report.standard_error == table.standard_error
    assert len(report.worst) == 3
    rows = report.rows()
    assert rows["row"].tolist() == list(range(ROWS))
    assert rows["cross_entropy"] == pytest.approx(LOSS, rel=1e-12)
    assert rows["probability"] == pytest.approx(np.exp(-LOSS), rel=1e-12)
    assert rows["rank"].tolist() == (1 + (P[np.arange(ROWS), Y][:, None] < P).sum(1)).tolist()
    assert len(pd.DataFrame(rows)) == ROWS


def test_two_reports_are_compared() -> None:
    one = plogq.evaluate(Y, Z, by={"city": CITY})
    two = plogq.evaluate(Y, 0.5 * Z)
    found = one.compare(two, worst=4)
    (pair,) = found.pairs
    gap = two.rows()["cross_entropy"] - one.rows()["cross_entropy"]
    assert (pair.a, pair.b) == ("prediction (1)", "prediction (2)")
    assert pair.difference == pytest.approx(gap.mean(), rel=1e-9)
    assert pair.standard_error == pytest.approx(gap.std(ddof=1) / sqrt(ROWS), rel=1e-9)
    assert {line.value for line in pair.slices} == set(CITY.tolist())
    assert len(pair.rows) == 4
    assert found.to_dict()["pairs"][0]["difference"] == pair.difference
    text = unescape(found._repr_html_())
    assert f"{pair.difference:+.4f} ± {pair.standard_error:.4f}" in text
    shuffled = draw.permutation(ROWS)
    frame = pl.DataFrame(COLUMNS | {"id": np.arange(ROWS)})
    one, two = plogq.evaluate(frame, on="id"), plogq.evaluate(frame[shuffled], on="id")
    assert one.compare(two).pairs[0].ties == ROWS
    with pytest.raises(InputError, match="has ids and the other has none: give both on=, or neit"):
        one.compare(plogq.evaluate(Y, Z))
    with pytest.raises(InputError, match=r"has 500 rows and .* 9: add on= with the column of ids"):
        plogq.evaluate(Y, Z).compare(plogq.evaluate(Y[:9], Z[:9]))


def test_printed_it_is_what_the_command_prints(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    pl.DataFrame({"p_a": [0.5, 0.25], "p_b": [0.5, 0.75], "label": ["a", "b"]}).write_csv(path)
    report = plogq.evaluate(path)
    command = commands().run("score", path, env={"COLUMNS": "100"})
    assert str(report).split() == command.stdout.split()
    assert repr(report) == (
        f"<Report of x.csv: H = {report.cross_entropy:.4f} ± {report.standard_error:.4f} nats, "
        "2 events; print(report) shows it>"
    )
    pair = report.compare(plogq.evaluate(path))
    assert f"{report.cross_entropy:.4f}" in str(pair)
    assert repr(pair) == "<Comparison of x.csv (1), x.csv (2); print(comparison) shows it>"


def test_html_is_what_the_command_prints_and_escaped() -> None:
    names = ["<b>cat</b>", "&dog", "bird"]
    report = plogq.evaluate(np.array(names)[Y], Z, classes=names, name="<script>")
    page = report._repr_html_()
    assert "<script>" not in page
    assert "<b>cat" not in page
    text = unescape(page)
    assert f"{report.cross_entropy:.4f} ± {report.standard_error:.4f} nats" in text
    assert "<b>cat</b>" in text


def test_the_plot_is_the_reliability_curve() -> None:
    report = plogq.evaluate(Y, Z, calibration=True, name="forest")
    axes = report.plot()
    drawn = axes.containers[0].lines[0].get_xydata()
    assert drawn[:, 0].tolist() == [line.predicted for line in report.reliability]
    assert drawn[:, 1].tolist() == [line.observed for line in report.reliability]
    assert report.plot(axes) is axes
    with pytest.raises(InputError, match="calibration=True"):
        plogq.evaluate(Y, Z).plot()


@pytest.mark.parametrize("labels", [np.array([1, 3, 4]), np.array(["cat", "dog", "bird"])])
def test_displays_are_made_as_scikit_learns_are(labels: Any) -> None:
    """Classes are matched by their names, in the estimator's order."""
    truth = labels[Y]
    model = LogisticRegression().fit(Z, truth)
    display = ReliabilityDisplay.from_estimator(model, Z, truth)
    expected = log_loss(truth, model.predict_proba(Z))
    assert display.report.cross_entropy == pytest.approx(expected, rel=1e-9)
    assert display.report.file == "LogisticRegression"
    assert display.figure_ is display.ax_.figure
    drawn = len(display.ax_.containers)
    again = ReliabilityDisplay.from_predictions(Y, Z, ax=display.ax_, name="scores")
    assert again.ax_ is display.ax_
    assert len(display.ax_.containers) == drawn + 1
    assert again.report.cross_entropy == pytest.approx(LOSS.mean(), rel=1e-12)
    with pytest.raises(InputError, match="LinearSVC has no predict_proba"):
        ReliabilityDisplay.from_estimator(LinearSVC(), Z, truth)


def test_inputs_are_left_as_they_are() -> None:
    z, y = Z.copy(), Y.copy()
    z.flags.writeable = y.flags.writeable = False
    frame = pd.DataFrame(COLUMNS)
    plogq.evaluate(y, z, weight=W)
    plogq.evaluate(frame)
    pd.testing.assert_frame_equal(frame, pd.DataFrame(COLUMNS))


def test_it_is_loaded_when_it_is_named() -> None:
    code = (
        "import sys, plogq\n"
        "assert not any(n in sys.modules for n in ('plogq.score', 'pyarrow', 'rich'))\n"
        "print(plogq.evaluate([0, 1, 1], [[0.5, 0.5], [0.25, 0.75], [0.1, 0.9]]).events)\n"
        "assert not any(n in sys.modules for n in ('narwhals', 'matplotlib'))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "3\n"


@pytest.mark.parametrize("public", [plogq.evaluate, ReliabilityDisplay])
def test_the_examples_in_docstrings_run(public: Any) -> None:
    (test, *_) = doctest.DocTestFinder(recurse=False).find(public, globs={})
    assert doctest.DocTestRunner().run(test) == (0, 3)
