"""Which column is what: what is found, the sentence that says why, and when it stops."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plogq.score import InputError, Wish, score_file

Write = Callable[..., Path]
HALF = [0.5, 0.25, 0.125, 0.75]
REST = [0.5, 0.75, 0.875, 0.25]
WHOLE = [0, 1, 1, 0]


def reasons(path: Path, **wish: Any) -> str:
    return " ".join(score_file(path, Wish(**wish)).reasons)


def refusal(path: Path, **wish: Any) -> str:
    with pytest.raises(InputError) as caught:
        score_file(path, Wish(**wish))
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_probabilities_are_found_and_the_reason_given(write: Write) -> None:
    said = reasons(write({"p0": HALF, "p1": REST, "label": WHOLE}))
    assert "2 columns p0 and p1 lie in [0, 1] and sum to 1: probabilities." in said
    assert "Column 'label' holds whole numbers from 0 to 1: the target (named like one)" in said


def test_ten_columns_are_named_as_a_range(write: Write) -> None:
    columns: dict[str, Any] = {f"p{k}": [0.1] * 4 for k in range(10)} | {"label": [0, 9, 3, 2]}
    said = reasons(write(columns))
    assert "10 columns p0…p9 lie in [0, 1] and sum to 1: probabilities." in said


def test_scores_are_found_by_a_value_outside(write: Write) -> None:
    said = reasons(write({"z_0": [1.0, -2.5], "z_1": [3.0, 0.5], "y": [0, 1]}))
    assert "2 columns z_0 and z_1 are not confined to [0, 1] (there is 3): scores (logits)." in said


def test_log_probabilities_are_found_by_their_sum(write: Write) -> None:
    columns = {"c0": np.log(HALF), "c1": np.log(REST), "y": WHOLE}
    report = score_file(write(columns))
    assert "their exponentials sum to 1: log-probabilities." in report.reasons[0]
    assert report.cross_entropy == pytest.approx(-sum(map(log, (0.5, 0.75, 0.875, 0.75))) / 4)


def test_the_sample_is_named_where_the_file_goes_on(write: Write) -> None:
    columns = {"p0": [0.5] * 3000, "p1": [0.5] * 3000, "label": [0, 1] * 1500}
    said = reasons(write(columns, "npz"))
    assert "sum to 1 in the first 1,000 rows: probabilities" in said
    assert "from 0 to 1 in the first 1,000 rows" in said


def test_a_list_column_is_found(tmp_path: Path) -> None:
    table = pa.table({"out": pa.array([[0.5, 0.5], [0.25, 0.75]]), "y_true": [1, 0]})
    pq.write_table(table, tmp_path / "x.parquet")
    said = reasons(tmp_path / "x.parquet")
    assert "'out' (2 values) lie in [0, 1] and sum to 1: probabilities." in said


def test_one_column_is_a_yes_or_no(write: Write) -> None:
    report = score_file(write({"q": HALF, "clicked": WHOLE}))
    assert "column 'q' lies in [0, 1]: the probability of 1." in report.reasons
    assert [c.label for c in report.classes] == ["0", "1"]
    # -log(1 - .5), -log .25, -log .125, -log(1 - .75) are 1, 2, 3 and 2 bits.
    assert report.bits == pytest.approx(2.0, rel=1e-14)


def test_one_column_of_scores(write: Write) -> None:
    report = score_file(write({"z": [0.0, 2.0, -2.0], "y": [True, True, False]}))
    assert "the score (logit) of 1." in report.reasons[0]
    soft = np.log1p(np.exp(-2.0))
    assert report.cross_entropy == pytest.approx((log(2) + 2 * soft) / 3, rel=1e-14)


def test_columns_that_were_given_are_taken_as_given(write: Write) -> None:
    columns = {"a0": HALF, "a1": REST, "b0": REST, "b1": HALF, "first": WHOLE, "second": WHOLE}
    said = reasons(write(columns), prediction="b*", content="probs", target="second")
    assert "2 columns b0 and b1: probabilities, as --probs says." in said
    assert "Column 'second' holds whole numbers from 0 to 1: the target (as --target says)" in said


def test_columns_can_be_listed_in_the_order_of_the_classes(write: Write) -> None:
    path = write({"cat": HALF, "dog": REST, "label": WHOLE})
    straight = score_file(path, Wish(prediction="cat,dog", content="probs"))
    crossed = score_file(path, Wish(prediction="dog,cat", content="probs"))
    assert straight.cross_entropy == pytest.approx(-sum(map(log, (0.5, 0.75, 0.875, 0.75))) / 4)
    assert crossed.cross_entropy == pytest.approx(-sum(map(log, (0.5, 0.25, 0.125, 0.25))) / 4)


def test_columns_of_unlike_names_that_sum_to_1(write: Write) -> None:
    said = reasons(write({"cat": HALF, "dog": REST, "label": WHOLE}))
    assert "2 columns cat and dog lie in [0, 1] and sum to 1" in said


def test_names_of_classes_are_matched_with_columns(write: Write, form: str) -> None:
    columns = {"p_cat": HALF, "p_cow": REST, "label": ["cat", "cow", "cow", "cat"]}
    report = score_file(write(columns, form))
    assert [c.label for c in report.classes] == ["cat", "cow"]
    assert report.cross_entropy == pytest.approx(-sum(map(log, (0.5, 0.75, 0.875, 0.75))) / 4)
    assert "matched with the columns p_cat and p_cow" in report.reasons[1]


def test_categories_of_a_dictionary_column(tmp_path: Path) -> None:
    label = pa.array(["cat", "cow", "cow", "cat"]).dictionary_encode()
    pq.write_table(pa.table({"p_cat": HALF, "p_cow": REST, "label": label}), tmp_path / "x.parquet")
    assert score_file(tmp_path / "x.parquet").events == 4


def test_labels_that_count_from_1_with_their_columns(write: Write) -> None:
    report = score_file(write({"p1": HALF, "p2": REST, "label": [1, 2, 2, 1]}))
    assert "The labels count from 1." in report.reasons
    assert [c.label for c in report.classes] == ["1", "2"]
    assert report.bad_rows == 0
    zero = score_file(write({"p1": HALF, "p2": REST, "label": WHOLE}))
    assert zero.cross_entropy == report.cross_entropy


def test_a_weight_that_nobody_asked_for_is_mentioned(write: Write) -> None:
    path = write({"p0": HALF, "p1": REST, "label": WHOLE, "sample_weight": [1.0, 2.0, 3.0, 4.0]})
    assert "Column 'sample_weight' is not used: add --weight sample_weight" in reasons(path)


def test_identifiers_are_no_target(write: Write) -> None:
    said = reasons(write({"id": [7, 8, 9, 10], "p0": HALF, "p1": REST, "species": WHOLE}))
    assert "Column 'species'" in said
    assert "the only one that can be" in said


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"a0": HALF, "a1": REST, "b0": HALF, "b1": REST, "label": WHOLE},
            "a0 and a1 and b0 and b1 could each be the prediction: add --probs",
        ),
        (
            {"p0": HALF, "p1": REST, "label": WHOLE, "y": WHOLE},
            "'label' and 'y' could each be the target: add --target label or --target y",
        ),
        (
            {"p0": HALF, "p1": REST, "left": WHOLE, "right": WHOLE},
            "left, right could each be the target: add --target left",
        ),
        ({"p0": HALF, "p1": REST}, "no column looks like a target"),
        ({"label": WHOLE}, "no column looks like a prediction"),
        (
            {"s0": HALF, "s1": HALF, "label": WHOLE},
            "do not sum to 1 (the first that does not sums to 0.5, which is off by -0.5)",
        ),
        (
            {"logit0": HALF, "logit1": REST, "label": WHOLE},
            "yet the name says scores (logits): add --probs 'logit*', --logits 'logit*'",
        ),
        (
            {"p0": [3.0, 1.0, 2.0, 0.5], "p1": REST, "label": WHOLE},
            "yet the name says probabilities",
        ),
        (
            {"p0": HALF, "p1": REST, "p3": REST, "label": WHOLE},
            "p0…p3 are a distribution only without 'p1', which is unlike the others",
        ),
        (
            {"p1": HALF, "p2": REST, "label": [1, 1, 1, 1]},
            "add --first-label 1, or --first-label 0",
        ),
        (
            {"p0": HALF, "p1": REST, "label": ["x", "y", "x", "y"]},
            "holds text (such as 'x') and the prediction p0 and p1 does not name its classes so",
        ),
        ({"p0": HALF, "p1": REST, "label": [0.5, 1.5, 2.5, 0.5]}, "holds fractions such as 0.5"),
        ({"z": [-1.0, -2.0, 0.0, -3.0], "y": WHOLE}, "never above 0"),
        ({"q": HALF, "y": ["a", "b", "a", "b"]}, "write 0 and 1, or true and false"),
    ],
)
def test_what_is_ambiguous_stops(write: Write, columns: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(write(columns))


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"target": "nothing"}, "--target: there is no column 'nothing'; there are p0, p1, label"),
        ({"target": "x*"}, "--target 'x*' matches no column"),
        ({"weight": "nothing"}, "--weight: there is no column of numbers 'nothing'"),
        ({"prediction": "q*", "content": "logits"}, "--logits 'q*' matches no column"),
        ({"prediction": "note", "content": "probs"}, "'note' does not hold numbers"),
        ({"prediction": "*", "content": "probs"}, "also matches 'note'"),
        ({"prediction": "p*", "content": "probs", "binary": True}, "--binary takes one column"),
        ({"prediction": "p0", "content": "log-probs"}, "needs a value for each class"),
        ({"target": "p*", "prediction": "label", "content": "probs"}, "needs a target of one"),
    ],
)
def test_what_was_said_and_cannot_be(write: Write, wish: dict[str, Any], sentence: str) -> None:
    path = write({"p0": HALF, "p1": REST, "label": WHOLE, "note": ["a", "b", "c", "d"]})
    assert sentence in refusal(path, **wish)


def test_a_soft_target_needs_a_value_for_each_class(write: Write) -> None:
    columns = {"p0": HALF, "p1": REST} | {f"t{k}": [0.25] * 4 for k in range(4)}
    sentence = refusal(write(columns), target="t*")
    assert "the target t0…t3 has 4 values a row and the prediction p0 and p1 2" in sentence


def test_lists_of_one_value_predict_nothing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"q": pa.array([[0.5], [0.5]]), "y": [0, 1]}), tmp_path / "x.parquet")
    assert "one class leaves nothing to predict" in refusal(tmp_path / "x.parquet")


@pytest.mark.slow
@pytest.mark.parametrize(("form", "count"), [("csv", 50_000), ("parquet", 15_000)])
def test_so_many_columns(tmp_path: Path, form: str, count: int) -> None:
    """Work that grows with the columns and not with their square, which would take ten times as
    much as the process may have."""
    shares = np.full(count, 1 / count)
    names = [*(f"p{k}" for k in range(count)), "label"]
    if form == "csv":
        row = ",".join(map(repr, shares.tolist()))
        lines = [",".join(names), f"{row},7", f"{row},{count - 1}", row, f"{row},{count}"]
        (tmp_path / "x").write_text("\n".join(lines) + "\n")
    else:
        columns = [*map(pa.array, shares[:, None].repeat(3, 1)), pa.array([7, count - 1, count])]
        pq.write_table(pa.table(columns, names=names), tmp_path / "x")
    code = (
        "import resource, sys\nfrom plogq.score import InputError, Wish, score_file\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (20, 20))\n"
        "try: score_file(sys.argv[1], Wish(target='q'))\n"
        "except InputError as error: print(error)\n"
        "report = score_file(sys.argv[1])\n"
        "print(report.cross_entropy, report.events, report.classes[-1].count)\n"
        "print(report.first_bad[-1].reason)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "x"], capture_output=True, text=True, check=True
    )
    refusal, figures, bad = run.stdout.splitlines()
    assert refusal.startswith("--target: there is no column 'q'; there are p0, p1, p2")
    loss, events, last = figures.split()
    assert float(loss) == pytest.approx(log(count), rel=1e-12)
    assert (events, last) == ("2", "1")
    assert bad == f"label is {count}, outside 0 to {count - 1}"


def test_wide_rows_are_read_as_narrow_ones_are(tmp_path: Path) -> None:
    """A grid of text, a column at a time, quoted or not: the same numbers and the same faults."""
    random = np.random.default_rng(3)
    probs = random.dirichlet(np.ones(200), 30)
    names = [*(f"p{k}" for k in range(200)), "label", "note", "yes"]
    cells = [[*map(repr, row), str(i), f"n{i}", "true"] for i, row in enumerate(probs.tolist())]
    cells[3][5], cells[4][7], cells[5][200], cells[6] = "", "half", "", cells[6][:-1]
    cells[7].append("more")
    cells[8][9] = " 0.5 "
    reports = []
    for edit in (str, lambda text: text.replace("n2", '"n2"'), lambda text: text + "\n"):
        text = "\n".join(",".join(row) for row in [names, *cells])
        (tmp_path / "x.csv").write_text(edit(text))
        for rows in (1, 7, 100):
            wish = Wish(prediction="p*", content="probs", target="label", tolerance=0.9)
            reports.append(score_file(tmp_path / "x.csv", wish, batch_rows=rows))
    assert [(bad.row, bad.reason) for bad in reports[0].first_bad] == [
        (3, "p5 is missing"), (4, "p7 is 'half', not a number"), (5, "label is missing"),
        (6, "has 202 fields instead of 203"), (7, "has 204 fields instead of 203"),
    ]  # fmt: skip
    for report in reports[1:]:
        assert report.first_bad == reports[0].first_bad
        assert report.cross_entropy == pytest.approx(reports[0].cross_entropy, rel=1e-13)


def test_columns_that_cannot_stand_together(tmp_path: Path) -> None:
    lists = pa.array([[0.5, 0.5]] * 4)
    times = pa.array([0] * 4, pa.timestamp("s"))
    table = pa.table({"p0": HALF, "p1": REST, "q": lists, "at": times, "n": ["a"] * 4, "y": WHOLE})
    pq.write_table(table, tmp_path / "x.parquet")
    path = tmp_path / "x.parquet"
    for name in ("q", "at", "n"):
        said = refusal(path, prediction=f"p0,{name}", content="probs", target="y")
        assert said == f"--probs: column '{name}' does not hold one number a row"
        said = refusal(path, prediction="p0,p1", content="probs", target=f"y,{name}")
        assert said == f"--target: column '{name}' does not hold one number a row"
    said = refusal(path, prediction="p0,p1", content="probs", target="at")
    assert said == "column 'at' holds neither numbers nor text: it can be no target"


@pytest.mark.parametrize("kind", ["?", "i1", "u8", "i8", "f2", "f8", "U1"])
@pytest.mark.parametrize("ignore", [0, -1, -100, 2**63, 2**64 - 1, -(2**63)])
def test_a_label_to_ignore_that_the_column_cannot_hold(
    tmp_path: Path, kind: str, ignore: int
) -> None:
    text = kind == "U1"
    labels = np.array(["a", "b", "a", "b"] if text else [0, 1, 0, 1]).astype(kind)
    names = ("p_a", "p_b") if text else ("p0", "p1")
    np.savez(tmp_path / "x.npz", **{names[0]: HALF, names[1]: REST}, label=labels)
    report = score_file(tmp_path / "x.npz", Wish(ignore=ignore))
    assert report.left_out == (2 if ignore == 0 and not text else 0)
    assert report.bad_rows == 0
