"""What a report says, each figure against one worked out apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import exp, inf, isnan, log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

from plogq.score import Wish, score_file

Write = Callable[..., Path]

# Losses of 1, 2, 3, 1, 0 bits, in this order.
BITS: dict[str, Any] = {
    "p0": [0.5, 0.25, 0.125, 0.25, 1.0],
    "p1": [0.25, 0.5, 0.375, 0.5, 0.0],
    "p2": [0.25, 0.25, 0.5, 0.25, 0.0],
    "label": [0, 0, 0, 1, 0],
}


def test_the_figures(write: Write) -> None:
    report = score_file(write(BITS))
    assert report.bits == pytest.approx(1.4, rel=1e-14)
    assert report.cross_entropy == pytest.approx(1.4 * log(2), rel=1e-14)
    assert report.perplexity == pytest.approx(2**1.4, rel=1e-14)
    # The squares of 1-1.4, 2-1.4, 3-1.4, 1-1.4, 0-1.4 sum to 5.2.
    assert report.bits_standard_error == pytest.approx(sqrt(5.2 / 4 / 5), rel=1e-13)
    assert report.accuracy == pytest.approx(3 / 5, rel=1e-15)
    assert report.target_entropy == 0


def test_baselines_and_gains(write: Write) -> None:
    uniform, constant = score_file(write(BITS)).baselines
    assert uniform.cross_entropy == pytest.approx(log(3), rel=1e-14)
    assert uniform.gain == pytest.approx(log(3) - 1.4 * log(2), rel=1e-13)
    assert uniform.share == pytest.approx(1 - 1.4 * log(2) / log(3), rel=1e-13)
    # The classes come 4, 1 and 0 times; a class that never comes costs nothing.
    frequencies = (4 * log(5 / 4) + log(5)) / 5
    assert constant.cross_entropy == pytest.approx(frequencies, rel=1e-14)
    assert constant.gain == pytest.approx(frequencies - 1.4 * log(2), rel=1e-12)
    assert constant.gain < 0


def test_a_row_for_each_class(write: Write) -> None:
    zero, one, two = score_file(write(BITS)).classes
    assert (zero.label, zero.count, zero.recall) == ("0", 4, 0.5)
    assert zero.cross_entropy == pytest.approx(1.5 * log(2), rel=1e-14)
    assert (one.label, one.count, one.recall) == ("1", 1, 1.0)
    assert one.cross_entropy == pytest.approx(log(2), rel=1e-14)
    assert two.count == 0
    assert isnan(two.recall)
    assert isnan(two.cross_entropy)


@pytest.mark.parametrize("batch_rows", [1, 2, 5])
def test_the_worst_events(write: Write, batch_rows: int) -> None:
    """Of events that are equally bad, the first, whatever the batches."""
    worst = score_file(write(BITS), worst=3, batch_rows=batch_rows).worst
    assert [(w.row, w.label, w.predicted) for w in worst] == [
        (2, "0", "2"), (1, "0", "1"), (0, "0", "0")
    ]  # fmt: skip
    assert [w.probability for w in worst] == pytest.approx([0.125, 0.25, 0.5], rel=1e-14)
    assert worst[0].cross_entropy == pytest.approx(3 * log(2), rel=1e-14)
    assert score_file(write(BITS), worst=0).worst == ()


def test_row_numbers_of_the_worst_skip_bad_rows(write: Write) -> None:
    data = {name: [values[0], values[0], *values] for name, values in BITS.items()}
    data["label"][0] = 9
    assert [w.row for w in score_file(write(data), worst=2).worst] == [4, 3]


def test_weights(write: Write) -> None:
    """Means are Σ w x / Σ w; a weight of 2 is not two rows, so the standard error is its own."""
    weights = [2.0, 1.0, 1.0, 4.0, 2.0]
    report = score_file(write(BITS | {"w": weights}), Wish(weight="w"), batch_rows=2)
    # (2·1 + 1·2 + 1·3 + 4·1 + 2·0) / 10 bits
    assert report.bits == pytest.approx(1.1, rel=1e-14)
    with mp.workdps(30):
        spread = mp.fsum(
            (mpf(w) * (b - mpf("1.1"))) ** 2 for w, b in zip(weights, [1, 2, 3, 1, 0], strict=True)
        )
        error = mp.sqrt(spread * 5 / 4) / 10
    assert report.bits_standard_error == pytest.approx(float(error), rel=1e-13)
    assert report.accuracy == pytest.approx(0.8, rel=1e-15)
    assert report.weight == 10
    assert "Column 'w' weights the rows, as --weight says." in report.reasons
    assert [c.count for c in report.classes] == [4, 1, 0]
    assert report.classes[0].cross_entropy == pytest.approx(7 / 6 * log(2), rel=1e-14)
    assert report.classes[0].recall == pytest.approx(4 / 6, rel=1e-14)
    frequencies = 0.6 * log(1 / 0.6) + 0.4 * log(1 / 0.4)
    assert report.baselines[1].cross_entropy == pytest.approx(frequencies, rel=1e-14)


@pytest.mark.parametrize("names", [("t0", "t1"), ("y_0", "y_1")])
def test_soft_targets(write: Write, names: tuple[str, str]) -> None:
    first, second = [0.75, 0.5, 1.0], [0.25, 0.5, 0.0]
    data = {"q0": [0.5, 0.5, 0.25], "q1": [0.5, 0.5, 0.75], names[0]: first, names[1]: second}
    wish = Wish(target="t*", prediction="q*", content="probs") if "t0" in names else Wish()
    report = score_file(write(data), wish)
    assert report.bits == pytest.approx((1 + 1 + 2) / 3, rel=1e-14)
    entropies = [0.75 * log(4 / 3) + 0.25 * log(4), log(2), 0.0]
    assert report.target_entropy == pytest.approx(sum(entropies) / 3, rel=1e-14)
    # The mean target is (3/4, 1/4), which is also the first one.
    assert report.baselines[1].cross_entropy == pytest.approx(entropies[0], rel=1e-14)
    assert report.worst[0].row == 2
    assert report.worst[0].probability == pytest.approx(0.25)
    assert [c.count for c in report.classes] == [3, 0]


def test_soft_list_targets_with_columns(tmp_path: Path) -> None:
    """A target and a prediction that are stored differently are the same numbers."""
    target, prediction = np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([[0.5, 0.5], [0.25, 0.75]])
    np.savez(tmp_path / "x.npz", target=target, q0=prediction[:, 0], q1=prediction[:, 1])
    report = score_file(tmp_path / "x.npz")
    second = (log(4) + log(4 / 3)) / 2
    assert report.cross_entropy == pytest.approx((log(2) + second) / 2, rel=1e-14)


def test_yes_or_no(write: Write) -> None:
    """The worked example: targets [[0,1],[0,0]] against [[.6,.4],[.4,.6]], cell by cell."""
    data = {"q": [0.6, 0.4, 0.4, 0.6], "y": [0, 1, 0, 0]}
    report = score_file(write(data), Wish(binary=True))
    assert report.cross_entropy == pytest.approx(0.8149244548, abs=1e-10)
    assert report.accuracy == 0.25
    assert report.baselines[0].cross_entropy == pytest.approx(log(2), rel=1e-15)
    quarter = 0.25 * log(4) + 0.75 * log(4 / 3)
    assert report.baselines[1].cross_entropy == pytest.approx(quarter, rel=1e-14)
    assert [(c.label, c.count) for c in report.classes] == [("0", 3), ("1", 1)]
    assert report.worst[0].probability == pytest.approx(0.4, rel=1e-14)


def test_soft_yes_or_no(write: Write) -> None:
    data = {"q": [0.5, 0.25, 0.5], "y": [0.75, 0.25, 0.5]}
    report = score_file(write(data))
    quarter = 0.25 * log(4) + 0.75 * log(4 / 3)
    assert report.cross_entropy == pytest.approx((2 * log(2) + quarter) / 3, rel=1e-14)
    assert report.target_entropy == pytest.approx((2 * quarter + log(2)) / 3, rel=1e-14)


def test_a_probability_of_0_for_what_happened(write: Write) -> None:
    """H is ∞, and the figures of the other events are still there."""
    data = {name: [*values, values[-1]] for name, values in BITS.items()}
    data["label"][-1] = 2
    report = score_file(write(data), worst=1, batch_rows=4)
    assert report.cross_entropy == report.perplexity == inf
    assert report.infinite == 1
    assert report.finite_cross_entropy == pytest.approx(1.4 * log(2), rel=1e-14)
    assert report.standard_error == pytest.approx(sqrt(5.2 / 20) * log(2), rel=1e-13)
    assert report.classes[2].cross_entropy == inf
    assert (report.worst[0].row, report.worst[0].probability) == (5, 0.0)
    plain = report.as_dict()
    assert plain["cross_entropy"] is None
    assert plain["infinite"] == 1
    json.dumps(plain, allow_nan=False)


def test_json_carries_every_figure(write: Write) -> None:
    plain = json.loads(json.dumps(score_file(write(BITS)).as_dict(), allow_nan=False))
    assert plain["bits"] == pytest.approx(1.4)
    assert plain["classes"][2]["recall"] is None
    assert plain["worst"][0]["row"] == 2
    assert plain["baselines"][0]["name"] == "uniform"
    assert plain["perplexity"] == pytest.approx(exp(plain["cross_entropy"]))
    assert plain["reasons"][0].endswith("probabilities.")


@pytest.mark.parametrize("axis", ["columns", "lists"])
def test_ties_go_to_the_first_class(tmp_path: Path, axis: str) -> None:
    """A model that says the same of every class is right as often as class 0 comes."""
    labels = np.arange(100) % 4
    if axis == "columns":
        columns = {f"p{k}": np.full(100, 0.25, np.float32) for k in range(4)}
    else:
        columns = {"probs": np.full((100, 4), 0.25, np.float32)}
    np.savez(tmp_path / "x.npz", label=labels, **columns)
    assert score_file(tmp_path / "x.npz").accuracy == 0.25


def test_batches_make_no_difference_beyond_rounding(write: Write) -> None:
    random = np.random.default_rng(0)
    probs = random.dirichlet(np.ones(5), 600).astype(np.float32)
    data = {f"p{k}": probs[:, k] for k in range(5)} | {"label": random.integers(0, 5, 600)}
    data["w"] = random.random(600)
    path, wish = write(data), Wish(weight="w")
    reports = [score_file(path, wish, batch_rows=n) for n in (1, 77, 600)]
    for other in reports[1:]:
        assert other.cross_entropy == pytest.approx(reports[0].cross_entropy, rel=1e-13)
        assert other.standard_error == pytest.approx(reports[0].standard_error, rel=1e-11)
        assert other.accuracy == pytest.approx(reports[0].accuracy, rel=1e-13)
        assert [w.row for w in other.worst] == [w.row for w in reports[0].worst]
