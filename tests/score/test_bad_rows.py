"""Rows that cannot be scored: counted, named with row number and reason, or with strict the end."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log, nan
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plogq.score import InputError, Report, Wish, score_file

Write = Callable[..., Path]
GOOD = 40


def bad_rows(report: Report) -> list[tuple[int, str]]:
    return [(bad.row, bad.reason) for bad in report.first_bad]


def columns(kind: type[np.floating[Any]] = np.float64) -> dict[str, Any]:
    """Forty good rows, each with -log q = log 2."""
    return {
        "p0": np.full(GOOD, 0.5, kind),
        "p1": np.full(GOOD, 0.25, kind),
        "p2": np.full(GOOD, 0.25, kind),
        "label": np.zeros(GOOD, np.int64),
    }


def check(path: Path, row: int, reason: str, wish: Wish | None = None, **options: Any) -> Report:
    """The row is left out, named, and with strict the end; the others are scored."""
    report = score_file(path, wish, **options)
    assert bad_rows(report) == [(row, reason)]
    assert report.bad_rows == 1
    assert report.events == report.row_count - 1
    with pytest.raises(InputError) as caught:
        score_file(path, wish, strict=True, **options)
    assert str(caught.value) == f"row {row}: {reason}"
    return report


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("p1", 1.5, "p1 is 1.5, outside [0, 1]"),
        ("p2", -0.25, "p2 is -0.25, outside [0, 1]"),
        ("p1", nan, "p1 is nan, outside [0, 1]"),
        ("p1", inf, "p1 is inf, outside [0, 1]"),
        ("p1", 0.125, "p0…p2 sum to 0.875, not to 1"),
        ("p1", 0.2515, "p0…p2 sum to 1.0015, not to 1"),
        ("label", 3, "label is 3, outside 0 to 2"),
        ("label", -1, "label is -1, outside 0 to 2"),
        ("label", 12345678, "label is 12345678, outside 0 to 2"),
    ],
)
@pytest.mark.parametrize("batch_rows", [8, 100])
def test_values(write: Write, column: str, value: float, reason: str, batch_rows: int) -> None:
    data = columns()
    data[column][13] = value
    report = check(write(data), 13, reason, batch_rows=batch_rows)
    assert report.cross_entropy == pytest.approx(log(2), rel=1e-14)


@pytest.mark.parametrize("form", ["parquet", "csv", "arrow file", "arrow stream"])
@pytest.mark.parametrize("column", ["p1", "label"])
def test_missing(write: Write, column: str, form: str) -> None:
    data = {name: values.tolist() for name, values in columns().items()}
    data[column][17] = None
    check(write(data, form), 17, f"{column} is missing")


def test_csv_fields_that_are_no_numbers(tmp_path: Path) -> None:
    lines = ["p0,p1,label", *["0.5,0.5,1"] * 5, "0.5,half,1", *["0.5,0.5,0"] * 5]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    check(tmp_path / "x.csv", 5, "p1 is 'half', not a number")
    lines[3] = " 0.5 , 0.5 ,1"  # spaces do no harm
    (tmp_path / "x.csv").write_text("\n".join(lines))
    check(tmp_path / "x.csv", 5, "p1 is 'half', not a number")


def test_csv_rows_of_another_length_keep_the_row_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Across blocks too: the rows after a lost one keep their numbers."""
    monkeypatch.setattr("plogq.score.text._BLOCK", 256)
    lines = ["0.5,0.5,1"] * 200
    lines[0] = "0.5,0.5"
    lines[70] = "0.5,0.5,1,7"
    lines[71] = '"0.5",0.5,9'
    lines[199] = "0.5"
    (tmp_path / "x.csv").write_text("p0,p1,label\n" + "\n".join(lines) + "\n")
    report = score_file(tmp_path / "x.csv", batch_rows=16)
    assert bad_rows(report) == [
        (0, "has 2 fields instead of 3"),
        (70, "has 4 fields instead of 3"),
        (71, "label is 9, outside 0 to 1"),
        (199, "has 1 fields instead of 3"),
    ]
    assert (report.row_count, report.events, report.bad_rows) == (200, 196, 4)
    lines[0] = "0.5,0.5,1"
    lines[66] = "0.5,0.75,1"
    (tmp_path / "x.csv").write_text("p0,p1,label\n" + "\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"^row 66: p0 and p1 sum to 1\.25, not to 1$"):
        score_file(tmp_path / "x.csv", batch_rows=16, strict=True)


def test_labels_that_are_no_whole_numbers(write: Write) -> None:
    data = columns() | {"label": np.zeros(GOOD)}
    data["label"][3] = 0.5
    check(write(data), 3, "label is 0.5, not a whole number")


def test_labels_with_no_class(write: Write) -> None:
    data = {"p_cat": [0.5] * 9, "p_cow": [0.5] * 9, "label": ["cat"] * 8 + ["horse"]}
    check(write(data), 8, "label is horse, which is no class")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([nan, 0.0, 1.0], "z0 is NaN"),
        ([inf, inf, 1.0], "more than one of z0…z2 is +inf"),
        ([-inf, -inf, -inf], "all of z0…z2 are -inf"),
    ],
)
def test_scores_without_a_softmax(write: Write, values: list[float], reason: str) -> None:
    scores = np.tile([2.0, 5.0, 1.0], (GOOD, 1))
    scores[21] = values
    data = {f"z{k}": scores[:, k] for k in range(3)} | {"label": np.full(GOOD, 1)}
    report = check(write(data), 21, reason)
    # logits [2, 5, 1] with label 1: ln(1 + e^-3 + e^-4)
    assert report.cross_entropy == pytest.approx(0.0658839038, abs=1e-10)


def test_infinite_scores_that_have_a_softmax_are_no_bad_rows(write: Write) -> None:
    data = {"z0": [inf, 0.0, 0.0, inf], "z1": [0.0, -inf, 0.0, -inf], "label": [0, 0, 1, 0]}
    report = score_file(write(data))
    assert report.bad_rows == 0
    assert report.cross_entropy == pytest.approx(log(2) / 4, rel=1e-14)


def test_log_probabilities_that_are_not_normalised(write: Write) -> None:
    values = np.log(np.tile([0.5, 0.25, 0.25], (GOOD, 1)))
    values[4] += log(2)
    data = {f"logp{k}": values[:, k] for k in range(3)} | {"label": np.zeros(GOOD, int)}
    check(write(data), 4, "the exponentials of logp0…logp2 sum to 2, not to 1")


def test_yes_or_no(write: Write) -> None:
    data = {"q": np.full(200, 0.5), "y": np.ones(200, int)}
    data["y"][5] = 2
    check(write(data), 5, "y is 2, outside 0 to 1")
    data["y"][5], data["q"][7] = 1, 1.5
    check(write(data), 7, "q is 1.5, outside [0, 1]")


def test_list_columns(tmp_path: Path) -> None:
    rows: list[Any] = [[0.5, 0.5] for _ in range(20)]
    rows[3], rows[5], rows[8] = None, [0.5, 0.25, 0.25], [0.5, None]
    rows[11], rows[13] = [-0.5, 1.5], [0.5, 1.5]
    table = pa.table({"q": pa.array(rows, pa.list_(pa.float64())), "label": [0, 1] * 10})
    pq.write_table(table, tmp_path / "x.parquet")
    for batch_rows in (4, 100):
        report = score_file(tmp_path / "x.parquet", batch_rows=batch_rows)
        assert bad_rows(report) == [
            (3, "q is missing"),
            (5, "q has 3 values instead of 2"),
            (8, "a value of q is missing"),
            (11, "q[0] is -0.5, outside [0, 1]"),
            (13, "q[1] is 1.5, outside [0, 1]"),
        ]
        assert report.cross_entropy == pytest.approx(log(2), rel=1e-15)


def test_fixed_size_lists_that_are_missing(tmp_path: Path) -> None:
    rows: list[Any] = [[0.5, 0.5], None, [0.5, 0.5]]
    table = pa.table({"q": pa.array(rows, pa.list_(pa.float32(), 2)), "label": [0, 1, 0]})
    pq.write_table(table, tmp_path / "x.parquet")
    check(tmp_path / "x.parquet", 1, "q is missing")


@pytest.mark.parametrize(
    ("value", "reason"), [(-1.0, "w is -1, not a weight"), (nan, "w is nan, not a weight")]
)
def test_weights(write: Write, value: float, reason: str) -> None:
    data = columns() | {"w": np.ones(GOOD)}
    data["w"][30] = value
    check(write(data), 30, reason, Wish(weight="w"))


def test_soft_targets(write: Write) -> None:
    data = columns()
    del data["label"]
    data |= {"t0": np.full(GOOD, 0.5), "t1": np.full(GOOD, 0.5), "t2": np.zeros(GOOD)}
    data["t2"][12] = 0.5
    check(write(data), 12, "t0…t2 sum to 1.5, not to 1", Wish(target="t*"))


def test_only_the_first_are_named_and_all_are_counted(write: Write) -> None:
    data = columns()
    data["p0"][::2] = 2.0
    report = score_file(
        write(data), Wish(prediction="p*", content="probs"), batch_rows=7, named_bad_rows=3
    )
    assert [bad.row for bad in report.first_bad] == [0, 2, 4]
    assert report.bad_rows == 20
    assert report.events == 20


def test_the_tolerance_can_be_widened(write: Write) -> None:
    data = columns()
    data["p0"][2] = 0.52
    assert score_file(write(data)).bad_rows == 1
    assert score_file(write(data), Wish(tolerance=0.05)).bad_rows == 0


def test_ignored_labels_and_weights_of_0_are_no_bad_rows(write: Write) -> None:
    data = columns() | {"w": np.ones(GOOD)}
    data["label"][3] = -100
    data["p0"][3] = nan  # nobody looks at what is ignored
    data["w"][4] = 0.0
    report = score_file(write(data), Wish(weight="w", ignore=-100), batch_rows=5)
    assert (report.left_out, report.bad_rows, report.events) == (2, 0, GOOD - 2)


def test_nothing_that_can_be_scored(write: Write) -> None:
    data = columns() | {"label": np.full(GOOD, 7)}
    with pytest.raises(InputError, match=r"none of the 40 rows can be scored; row 0: label is 7"):
        score_file(write(data))
    data = columns() | {"w": np.zeros(GOOD)}
    with pytest.raises(InputError, match="40 are left out by label or weight"):
        score_file(write(data), Wish(weight="w"))
