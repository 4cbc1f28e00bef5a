"""Predictions of the same rows beside each other: against the same by hand, and what is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from math import inf, isnan, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats
from typer.testing import CliRunner

from plogq.cli.commands import app
from plogq.score import Comparison, InputError, Wish, compare_files, score_file

ROWS = 400
draw = np.random.default_rng(3)
NAMES = np.array(["cat", "dog", "bird"])
Q = draw.dirichlet([1.0, 1.0, 2.0], ROWS)
NOISY = Q * np.exp(draw.normal(0, 0.6, Q.shape))
NOISY /= NOISY.sum(axis=1, keepdims=True)
Y = np.array([draw.choice(3, p=q) for q in Q])
CITY = np.array(["Bonn", "Köln", "Ulm"])[draw.integers(0, 3, ROWS)]
PATIENT = draw.integers(0, 40, ROWS)
W = draw.random(ROWS) + 0.5
ORDER = draw.permutation(ROWS)
OLD, NEW = (-np.log(q[np.arange(ROWS), Y]) for q in (NOISY, Q))
GAP = NEW - OLD
NORMAL = stats.norm.ppf(0.975)

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def save(name: str, columns: dict[str, Any]) -> Path:
        pq.write_table(pa.table(columns), tmp_path / name, row_group_size=64)
        return tmp_path / name

    return save


def table(q: Any, order: Any = slice(None), **more: Any) -> dict[str, Any]:
    """A file of predictions with its truth."""
    columns = {
        "id": np.array([f"x{i}" for i in range(ROWS)]), "label": NAMES[Y], "city": CITY,
        "patient": PATIENT, "w": W, **{f"p_{name}": q[:, k] for k, name in enumerate(NAMES)},
    }  # fmt: skip
    return {k: v[order].tolist() for k, v in (columns | more).items()}


def of(save: Save, wish: Wish | None = None, order: Any = slice(None), **more: Any) -> Comparison:
    paths = [save("old.parquet", table(NOISY)), save("new.parquet", table(Q, order))]
    return compare_files(paths, wish, **more)


def test_the_paired_difference_is_that_of_the_rows(save: Save) -> None:
    (pair,) = of(save, batch_rows=37).pairs
    assert (pair.a, pair.b, pair.events, pair.left_out) == ("old.parquet", "new.parquet", ROWS, 0)
    error = GAP.std(ddof=1) / sqrt(ROWS)
    assert pair.difference == pytest.approx(GAP.mean(), rel=1e-9)
    assert pair.finite_difference == pair.difference
    assert pair.standard_error == pytest.approx(error, rel=1e-9)
    assert pair.interval == pytest.approx(
        (GAP.mean() - NORMAL * error, GAP.mean() + NORMAL * error), rel=1e-9
    )
    apart = sqrt(OLD.var(ddof=1) / ROWS + NEW.var(ddof=1) / ROWS)
    assert pair.unpaired_standard_error == pytest.approx(apart, rel=1e-9)
    low, high = pair.unpaired_interval
    assert high - low == pytest.approx(2 * NORMAL * apart, rel=1e-9)
    assert (pair.wins, pair.losses, pair.ties) == ((GAP < 0).sum(), (GAP > 0).sum(), 0)
    assert pair.settled
    assert pair.more_events == 0
    assert (pair.cross_entropy_a, pair.cross_entropy_b) == pytest.approx((OLD.mean(), NEW.mean()))


def test_rows_are_matched_by_id(save: Save) -> None:
    """In another order, and with numbers for ids in one file and text in the other."""
    by_order = of(save).pairs[0]
    by_id = of(save, Wish(on="id", by="city"), ORDER).pairs[0]
    assert by_id.difference == pytest.approx(by_order.difference, rel=1e-12)
    assert by_id.standard_error == pytest.approx(by_order.standard_error, rel=1e-12)
    assert [(r.row, r.id, r.label) for r in by_id.rows] == [
        (r.row, f"x{r.row}", NAMES[Y[r.row]]) for r in by_order.rows
    ]
    paths = [
        save("a.parquet", table(NOISY, id=np.arange(ROWS))),
        save("b.parquet", table(Q, ORDER, id=np.arange(ROWS).astype(str))),
    ]
    (pair,) = compare_files(paths, Wish(on="id")).pairs
    assert pair.difference == pytest.approx(GAP.mean(), rel=1e-9)


def test_weights_and_clusters(save: Save) -> None:
    (pair,) = of(save, Wish(weight="w")).pairs
    mean = (W * GAP).sum() / W.sum()
    error = sqrt(ROWS / (ROWS - 1) * (W**2 * (GAP - mean) ** 2).sum()) / W.sum()
    assert (pair.difference, pair.standard_error) == pytest.approx((mean, error), rel=1e-9)
    found = of(save, Wish(cluster="patient", on="id"), ORDER)
    sums = np.bincount(PATIENT, GAP - GAP.mean())
    groups = len(set(PATIENT.tolist()))
    error = sqrt((sums**2).sum() * groups / (groups - 1)) / ROWS
    assert found.pairs[0].standard_error == pytest.approx(error, rel=1e-9)
    assert found.pairs[0].interval_method == f"{groups} clusters"
    apart = sqrt(sum(report.standard_error**2 for report in found.files))
    assert found.pairs[0].unpaired_standard_error == pytest.approx(apart, rel=1e-9)


def test_the_slices_and_rows_that_differ_most(save: Save) -> None:
    (pair,) = of(save, Wish(by="city"), worst=7).pairs
    for line in pair.slices:
        rows = line.value == CITY
        assert line.count == rows.sum()
        assert line.difference == pytest.approx(GAP[rows].mean(), rel=1e-9)
        error = GAP[rows].std(ddof=1) / sqrt(rows.sum())
        assert line.standard_error == pytest.approx(error, rel=1e-9)
        assert line.contribution == pytest.approx(GAP[rows].sum() / ROWS, rel=1e-9)
    sizes = [abs(line.contribution) for line in pair.slices]
    assert sizes == sorted(sizes, reverse=True)
    assert [r.row for r in pair.rows] == np.argsort(-np.abs(GAP))[:7].tolist()
    assert [r.difference for r in pair.rows] == pytest.approx(GAP[[r.row for r in pair.rows]])
    assert pair.rows[0].cross_entropy_a == pytest.approx(OLD[pair.rows[0].row])


def test_how_many_more_events_would_settle_it(save: Save) -> None:
    """With that many events, of the same spread, the interval just excludes 0."""
    q = Q * np.exp(np.random.default_rng(4).normal(0, 1e-3, Q.shape))
    paths = [save("a.parquet", table(Q)), save("b.parquet", table(q / q.sum(1, keepdims=True)))]
    (pair,) = compare_files(paths).pairs
    assert not pair.settled
    events = pair.events + pair.more_events
    shrunk = [pair.standard_error * sqrt(pair.events / n) for n in (events, events - 1)]
    assert NORMAL * shrunk[0] <= abs(pair.difference) < NORMAL * shrunk[1]


def test_few_events_are_drawn_again(save: Save) -> None:
    paths = [save("a.parquet", table(NOISY, slice(50))), save("b.parquet", table(Q, slice(50)))]
    (pair,) = compare_files(paths).pairs
    assert pair.interval_method == "bootstrap"
    low, high = pair.interval
    assert low < GAP[:50].mean() < high
    one = [save("a.parquet", table(NOISY, [0])), save("b.parquet", table(Q, [0]))]
    (pair,) = compare_files(one).pairs
    assert isnan(pair.standard_error)
    assert isnan(pair.more_events)


def test_three_files_are_three_pairs(save: Save) -> None:
    paths = [save(f"{n}.parquet", table(q)) for n, q in (("a", NOISY), ("b", Q), ("c", Q))]
    found = compare_files(paths, Wish(by="city"))
    names = [(pair.a[0], pair.b[0]) for pair in found.pairs]
    assert names == [("a", "b"), ("a", "c"), ("b", "c")]
    same = found.pairs[2]
    assert (same.difference, same.ties, same.rows) == (0, ROWS, ())
    assert isnan(same.more_events)


def test_rows_that_one_file_has_not_scored_are_left_out(save: Save) -> None:
    spoiled = NOISY.copy()
    spoiled[5, 0] = 2.0
    paths = [save("a.parquet", table(spoiled)), save("b.parquet", table(Q))]
    (pair,) = compare_files(paths).pairs
    rest = np.delete(GAP, 5)
    assert (pair.events, pair.left_out) == (ROWS - 1, 1)
    assert pair.difference == pytest.approx(rest.mean(), rel=1e-9)


@pytest.mark.parametrize(
    ("in_a", "in_b", "difference"),
    [([], [3], inf), ([3], [], -inf), ([3], [4], float("nan")), ([3], [3], float("nan"))],
)
def test_infinite_losses(save: Save, in_a: list[int], in_b: list[int], difference: float) -> None:
    columns = []
    for q, rows in ((NOISY, in_a), (Q, in_b)):
        q = q.copy()
        for row in rows:
            q[row] = np.eye(3)[(Y[row] + 1) % 3]
        columns.append(table(q))
    paths = [save("a.parquet", columns[0]), save("b.parquet", columns[1])]
    (pair,) = compare_files(paths).pairs
    assert pair.difference == pytest.approx(difference, nan_ok=True)
    rest = np.delete(GAP, sorted({*in_a, *in_b}))
    assert pair.finite_difference == pytest.approx(rest.mean(), rel=1e-9)
    both = len(set(in_a) & set(in_b))
    counts = (pair.infinite_a, pair.infinite_b, pair.infinite_both)
    assert counts == (len(in_a) - both, len(in_b) - both, both)
    assert pair.ties == both
    said = run(*paths).stdout
    words = {inf: "infinitely worse", -inf: "infinitely better"}
    assert words.get(difference, "no difference is defined") in said
    assert "the interval is that of the other events" in " ".join(said.split())


def test_soft_targets_outcomes_and_tokens(save: Save) -> None:
    """Classes in another order are matched by name; tokens weigh as many as there are."""
    soft = np.random.default_rng(5).dirichlet([1.0, 1.0, 1.0], ROWS)
    turned = [2, 0, 1]

    def columns(q: Any, order: list[int]) -> dict[str, Any]:
        return {
            **{f"t_{NAMES[k]}": soft[:, k].tolist() for k in order},
            **{f"p_{NAMES[k]}": q[:, k].tolist() for k in order},
        }

    paths = [save("a.parquet", columns(NOISY, [0, 1, 2])), save("b.parquet", columns(Q, turned))]
    wish = Wish(target="t_*", prediction="p_*", content="probs")
    (pair,) = compare_files(paths, wish).pairs
    expected = (soft * (np.log(NOISY) - np.log(Q))).sum(axis=1)
    assert pair.difference == pytest.approx(expected.mean(), rel=1e-9)

    logs = [[[-1.0, -2.0], [-0.5]], [[-2.0, -2.0], [-0.25]]]
    paths = [save(f"{i}.parquet", {"logprob": rows}) for i, rows in enumerate(logs)]
    (pair,) = compare_files(paths, Wish(log_likelihood="logprob")).pairs
    assert pair.difference == pytest.approx((1.0 - 0.25) / 3)


def test_the_truth_may_be_in_a_file_of_its_own(save: Save) -> None:
    paths = []
    for name, q, order in (("a.parquet", NOISY, slice(None)), ("b.parquet", Q, ORDER)):
        columns = table(q, order)
        del columns["label"]
        paths.append(save(name, columns))
    truth = save("truth.parquet", {"id": table(Q)["id"], "label": NAMES[Y].tolist()})
    wish = Wish(truth=truth, on="id", prediction="p_*", content="probs")
    (pair,) = compare_files(paths, wish).pairs
    assert pair.difference == pytest.approx(GAP.mean(), rel=1e-9)


def changed(**more: Any) -> dict[str, Any]:
    return {**table(Q), **more}


OTHER = NAMES[Y].copy()
OTHER[7] = NAMES[(Y[7] + 1) % 3]
HEAVY = W.copy()
HEAVY[7] += 1
NUMBERED = [f"x{i}" for i in range(1, ROWS + 1)]
REFUSED: dict[str, tuple[dict[str, Any], Wish, str]] = {
    "rows": (table(Q, slice(9)), Wish(), "a.parquet has 400 rows and b.parquet 9: add --on"),
    "order": (table(Q, ORDER), Wish(), "if their rows are in another order, add --on"),
    "truth": (
        changed(label=OTHER.tolist()), Wish(),
        f"the truth is not the same in 1 row, such as row 7: '{NAMES[Y[7]]}' in a.parquet and "
        f"'{OTHER[7]}' in b.parquet",
    ),
    "truth by id": (changed(label=OTHER.tolist()), Wish(on="id"), "such as that of id x7: "),
    "ids": (changed(id=NUMBERED), Wish(on="id"), "b.parquet has 1 id that a.parquet has not, such"),
    "fewer ids": (
        table(Q, slice(9)), Wish(on="id"),
        "a.parquet has 391 ids that b.parquet has not, such as x9, x10, x11",
    ),
    "twice": (changed(id=["x1", *NUMBERED[:-1]]), Wish(on="id"), "b.parquet has ids more than onc"),
    "no id": (changed(id=[None, *NUMBERED[1:]]), Wish(on="id"), "b.parquet, row 0: id is missing"),
    "on": (table(Q), Wish(on="key"), "a.parquet: --on: there is no column 'key' of text or nu"),
    "by": (table(Q), Wish(by="town"), "a.parquet: --by: there is no column 'town'"),
    "names": (
        changed(label=Y.tolist()), Wish(target="label"),
        "the classes are 'cat' and 'dog' in a.parquet and '0' and '1' in b.parquet: name them alik",
    ),
    "weights": (
        changed(w=HEAVY.tolist()), Wish(weight="w"),
        "the weights are not the same in 1 row, such as row 7: ",
    ),
    "task": (
        {"label": (Y == 0).astype(int).tolist(), "p": Q[:, 0].tolist()}, Wish(),
        "a.parquet predicts 3 classes and b.parquet 2",
    ),
    "form": (
        {"target": np.eye(3)[Y].tolist(), "probs": Q.tolist()}, Wish(),
        "a.parquet holds one class for each row and b.parquet soft targets",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_the_same_is_refused(save: Save, case: str) -> None:
    columns, wish, sentence = REFUSED[case]
    paths = [save("a.parquet", table(NOISY)), save("b.parquet", columns)]
    with pytest.raises(InputError) as caught:
        compare_files(paths, wish)
    assert sentence in str(caught.value)


def test_tokens_that_were_cut_otherwise_are_refused(save: Save) -> None:
    paths = [
        save("a.parquet", {"logprob": [[-1.0, -2.0], [-0.5]]}),
        save("b.parquet", {"logprob": [[-2.0, -2.0, -1.0], [-0.25]]}),
    ]
    with pytest.raises(InputError, match="row 0 has another number of tokens"):
        compare_files(paths, Wish(log_likelihood="logprob"))


def test_no_row_that_both_have_scored(save: Save) -> None:
    half = np.arange(ROWS) < ROWS / 2
    columns = []
    for q, keep in ((NOISY, half), (Q, ~half)):
        columns.append(table(q, w=np.where(keep, 1.0, 0.0)))
    paths = [save("a.parquet", columns[0]), save("b.parquet", columns[1])]
    with pytest.raises(InputError, match=r"no row is scored in both a\.parquet and b\.parquet"):
        compare_files(paths, Wish(weight="w"))


def run(*arguments: Any, code: int = 0, width: int = 100) -> Any:
    result = CliRunner(env={"COLUMNS": str(width)}).invoke(app, ["compare", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize("width", [60, 120])
def test_the_table(save: Save, width: int) -> None:
    paths = [save("old.parquet", table(NOISY)), save("new.parquet", table(Q))]
    out = run(*paths, "--by", "city", "--on", "id", width=width).stdout
    assert max(map(len, out.splitlines())) <= width
    assert "new.parquet against old.parquet: better" in out
    error = GAP.std(ddof=1) / sqrt(ROWS)
    assert f"{GAP.mean():.4f} ± {error:.4f}" in out
    assert f"{GAP.mean() - NORMAL * error:+.4f} to {GAP.mean() + NORMAL * error:+.4f}" in out
    assert f"lower loss in {(GAP < 0).sum()} of 400 events" in " ".join(out.split())
    worst = int(np.argmax(np.abs(GAP)))
    assert f"x{worst}" in out
    assert "…" not in out.replace("p_cat…p_bird", "")


def test_what_settles_it_is_said(save: Save) -> None:
    paths = [save("a.parquet", table(NOISY, slice(60))), save("b.parquet", table(Q, slice(60)))]
    (pair,) = compare_files(paths).pairs
    out = " ".join(run(*paths).stdout.split())
    assert not pair.settled
    said = re.search(r"about ([\d,]+) more events would settle it", out)
    assert said is not None
    assert float(said[1].replace(",", "")) == pytest.approx(pair.more_events, rel=0.05)


def test_json_is_the_whole_comparison(save: Save) -> None:
    paths = [save("old.parquet", table(NOISY)), save("new.parquet", table(Q))]
    found = json.loads(run(*paths, "--format", "json").stdout)
    (pair,) = found["pairs"]
    assert pair["difference"] == pytest.approx(GAP.mean(), rel=1e-9)
    assert pair["settled"] is True
    assert [f["file"] for f in found["files"]] == ["old.parquet", "new.parquet"]
    assert found["files"][0]["cross_entropy"] == score_file(paths[0]).cross_entropy
    zero = table(Q)
    for k, name in enumerate(NAMES):
        zero[f"p_{name}"][3] = float(k != Y[3]) / 2
    found = json.loads(run(paths[0], save("zero.parquet", zero), "--format", "json").stdout)
    assert found["pairs"][0]["difference"] is None
    assert found["pairs"][0]["infinite_b"] == 1


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder, q in (("one", NOISY), ("two", Q)):
        (tmp_path / folder).mkdir()
        pq.write_table(pa.table(table(q)), tmp_path / folder / "x.parquet")
    paths = [tmp_path / "one" / "x.parquet", tmp_path / "two" / "x.parquet"]
    assert compare_files(paths).names == tuple(map(str, paths))
    assert compare_files([paths[0], paths[0]]).names == (f"{paths[0]} (1)", f"{paths[0]} (2)")


def test_bad_input_is_one_sentence_and_exit_code_2(save: Save, tmp_path: Path) -> None:
    path = save("a.parquet", table(Q))
    for arguments, sentence in (
        ([path], "comparing takes two files or more"),
        ([path, tmp_path / "none.csv"], "there is no file"),
        ([path, path, "--probs", "p_*", "--logits", "p_*"], "they are one prediction"),
        (["-", "-"], "standard input, -, holds one file alone"),
    ):
        result = run(*arguments, code=2)
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith("plogq compare: ")
        assert sentence in line


def test_the_command_itself(save: Save) -> None:
    paths = [save("a.parquet", table(NOISY)), save("b.parquet", table(Q, slice(9)))]
    command = [sys.executable, "-m", "plogq", "compare", *map(str, paths)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "a.parquet has 400 rows and b.parquet 9" in ended.stderr
