"""How losses are spread and where probability goes, beside NumPy's own figures."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from math import inf, log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plogq.score import Report, Wish, score_file
from plogq.score.calibration import Bin
from plogq.score.evaluate import empty_totals, opened_file, score_by_threads, score_source
from plogq.score.pictures import Pictures
from plogq.score.plots import band

Write = Callable[..., Path]
ROWS, K = 500, 4
draw = np.random.default_rng(5)
Z = 2 * draw.standard_normal((ROWS, K))
Q = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
Y = draw.integers(0, K, ROWS)
W = draw.random(ROWS)
P = draw.dirichlet(np.ones(K), ROWS)
PICTURES = Wish(pictures=True)


def columns(values: Any, name: str) -> dict[str, Any]:
    return {f"{name}{k}": values[:, k].tolist() for k in range(values.shape[1])}


def scored(path: Path, **wish: Any) -> Report:
    """In several batches, and the same in one."""
    report = score_file(path, Wish(pictures=True, **wish), batch_rows=70)
    whole = score_file(path, Wish(pictures=True, **wish))
    assert [b.count for b in report.histogram] == [b.count for b in whole.histogram]
    return report


def mean_given(truth: Any, q: Any, weight: Any) -> Any:
    """By hand: the weighted mean of q where each class is true, by its (soft) membership."""
    w = truth * weight[:, None]
    return (w.T @ q) / w.sum(axis=0)[:, None]


def test_as_many_rows_as_a_cluster_has(write: Write) -> None:
    """Totals that are doubled 42 times: 10¹⁵ rows, and the same means."""
    with opened_file(write(columns(Q, "p") | {"label": Y.tolist()}), PICTURES) as source:
        totals = empty_totals(source, PICTURES)
        score_by_threads(source, totals, 70, None)
    once = totals.report()
    for _ in range(42):
        totals.merge(pickle.loads(pickle.dumps(totals)))
    many = totals.report()
    assert many.events == ROWS * 2**42
    assert once.confusion is not None
    assert many.confusion is not None
    np.testing.assert_allclose(many.confusion.probability, once.confusion.probability, rtol=1e-14)
    assert many.cross_entropy == pytest.approx(once.cross_entropy, rel=1e-14)
    assert [b.count for b in many.histogram] == [b.count * 2**42 for b in once.histogram]
    assert many.brier == pytest.approx(once.brier, rel=1e-14)
    assert many.calibration_error == pytest.approx(once.calibration_error, rel=1e-12)
    assert many.accuracy == once.accuracy


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("content", ["prob", "logit"])
@pytest.mark.parametrize("weighted", [False, True])
def test_what_each_class_is_given(write: Write, listed: bool, content: str, weighted: bool) -> None:
    values = Q if content == "prob" else Z
    data: dict[str, Any] = {content: values.tolist()} if listed else columns(values, content)
    path = write(data | {"label": Y.tolist(), "w": W.tolist()})
    report = scored(path, weight="w" if weighted else None)
    assert report.confusion is not None
    want = mean_given(np.eye(K)[Y], Q, W if weighted else np.ones(ROWS))
    np.testing.assert_allclose(report.confusion.probability, want, rtol=1e-9)
    assert report.confusion.labels == ("0", "1", "2", "3")


def test_pairs_are_those_where_the_most_goes_astray(write: Write) -> None:
    report = scored(write(columns(Q, "p") | {"label": Y.tolist()}))
    assert report.confusion is not None
    totals = np.array([Q[k == Y].sum(axis=0) for k in range(K)])
    np.fill_diagonal(totals, 0)
    first = report.confusion.pairs[0]
    i, j = np.unravel_index(totals.argmax(), totals.shape)
    assert (first.label, first.given_to) == (str(i), str(j))
    assert first.share == pytest.approx(totals.max() / totals.sum())
    assert first.probability == pytest.approx(totals.max() / (i == Y).sum())
    assert sum(pair.share for pair in report.confusion.pairs) == pytest.approx(1)


def test_soft_targets_belong_to_every_class_in_part(write: Write) -> None:
    path = write(columns(Q, "p") | columns(P, "t"))
    report = scored(path, target="t*", prediction="p*", content="probs")
    assert report.confusion is not None
    want = mean_given(P, Q, np.ones(ROWS))
    np.testing.assert_allclose(report.confusion.probability, want, rtol=1e-9)


@pytest.mark.parametrize("content", ["prob", "score"])
def test_yes_and_no(write: Write, content: str) -> None:
    yes = draw.integers(0, 2, ROWS)
    z = Z[:, 0]
    q = 1 / (1 + np.exp(-z))
    values = {"prob": q, "score": z}[content]
    report = scored(write({content: values.tolist(), "label": yes.tolist()}))
    assert report.confusion is not None
    want = mean_given(np.eye(2)[yes], np.stack([1 - q, q], axis=1), np.ones(ROWS))
    np.testing.assert_allclose(report.confusion.probability, want, rtol=1e-9)


def test_many_classes_have_pairs_and_no_table(write: Write) -> None:
    q = draw.dirichlet(np.ones(40), 300)
    report = scored(write({"p": q.tolist(), "label": draw.integers(0, 40, 300).tolist()}))
    assert report.confusion is not None
    assert report.confusion.probability == ()
    assert len(report.confusion.pairs) == 30


def test_classes_that_do_not_occur_have_no_mean(write: Write) -> None:
    report = scored(write(columns(Q[:9], "p") | {"label": [0, 1, 2] * 3}))
    assert report.confusion is not None
    assert all(np.isnan(report.confusion.probability[3]))
    assert report.to_dict()["confusion"]["probability"][3] == [None] * 4


def test_the_spread_of_losses(write: Write) -> None:
    report = scored(write(columns(Q, "p") | {"label": Y.tolist(), "w": W.tolist()}), weight="w")
    loss = -np.log(Q[np.arange(ROWS), Y])
    for line in report.histogram:
        there = (loss >= line.low) & (loss < line.high)
        assert line.count == there.sum()
        assert line.weight_share == pytest.approx(W[there].sum() / W.sum())
        assert line.loss_share == pytest.approx((W * loss)[there].sum() / (W * loss).sum())
        assert line.high == pytest.approx(line.low * sqrt(2))
    assert sum(line.count for line in report.histogram) == ROWS
    assert sum(line.loss_share for line in report.histogram) == pytest.approx(1)


def test_losses_at_the_edges(write: Write) -> None:
    """0, what is tiny, powers of 2, what is huge and ∞ all have their place, or none."""
    q = [1.0, 1 - 1e-12, 0.5, float(np.exp(-2.0)), 0.0]
    report = score_file(write({"p_a": q, "p_b": [1 - x for x in q], "label": ["a"] * 5}), PICTURES)
    assert next((line.low, line.count) for line in report.histogram if line.count) == (0.0, 2)
    assert sum(line.count for line in report.histogram) == 4
    assert report.infinite == 1
    (two,) = (line for line in report.histogram if line.low <= 2.0 < line.high)
    (one_bit,) = (line for line in report.histogram if line.low <= log(2) < line.high)
    assert two.count == one_bit.count == 1
    huge = score_file(write({"logit_a": [-5000.0, 0.0], "logit_b": [0.0, 0.0],
                             "label": ["a", "b"]}), PICTURES)  # fmt: skip
    assert huge.histogram[-1].high == inf
    assert huge.histogram[-1].count == 1


def test_parts_merge_to_the_whole(write: Write) -> None:
    path = write(columns(Z, "logit") | {"label": Y.tolist()})
    kept: list[Any] = []

    class Taker:
        def add(self, events: Any) -> None:
            kept.append(events)

    with opened_file(path, PICTURES) as source:
        whole = score_source(source, "x", PICTURES, batch_rows=90, takers=(Taker(),))
    assert len(kept) > 3
    parts = [Pictures(kept[0].roles) for _ in kept]
    for part, events in zip(parts, kept, strict=True):
        part.add(events)
    for part in parts[1:]:
        parts[0].merge(part)
    merged = parts[0].mass.result()
    assert merged is not None
    assert whole.confusion is not None
    assert merged == whole.confusion
    assert parts[0].histogram.result() == whole.histogram


def test_without_the_whole_prediction_there_are_losses_alone(write: Write) -> None:
    path = write({"logprob": (-draw.random(50)).tolist()})
    report = score_file(path, Wish(pictures=True, log_likelihood="logprob"))
    assert report.confusion is None
    assert report.reliability == ()
    assert sum(line.count for line in report.histogram) == 50


def test_nothing_of_it_is_there_unless_it_is_asked_for(write: Write) -> None:
    report = score_file(write(columns(Q, "p") | {"label": Y.tolist()}))
    assert (report.histogram, report.confusion) == ((), None)


def test_the_band_is_wilsons_interval() -> None:
    """For 7 of 10 it is 0.3968 to 0.8922; for 10 of 10 from 0.7225 to 1 (Newcombe, 1998)."""
    low, high = band(Bin(0.6, 0.7, 10, 0.65, 0.7, sqrt(0.7 * 0.3 / 10)))
    assert (round(low, 4), round(high, 4)) == (0.3968, 0.8922)
    low, high = band(Bin(0.9, 1.0, 10, 0.95, 1.0, 0.0))
    assert (round(low, 4), high) == (0.7225, 1.0)
    assert band(Bin(0.0, 0.1, 10, 0.05, 0.0, 0.0))[0] == 0.0


@pytest.mark.parametrize("rows", [1, 7, 90])
def test_however_the_rows_are_cut_it_is_the_same(write: Write, rows: int) -> None:
    """Bit for bit: sums are exact."""
    path = write(columns(Z, "logit") | {"label": Y.tolist()})
    whole, cut = (score_file(path, PICTURES, batch_rows=n) for n in (10_000, rows))
    assert cut.histogram == whole.histogram
    assert cut.confusion == whole.confusion
