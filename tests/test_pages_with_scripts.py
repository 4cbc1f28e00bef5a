"""The tree and the explorer of the docs, in a real browser: their arithmetic is that of plogq."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from math import isinf, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import plogq
from plogq.compat import keras as as_keras
from plogq.decision import answer, every, shown_calls

from .browser import launched, needs_browser
from .together import for_each

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))
import hooks  # noqa: E402

pytestmark = needs_browser
RNG = np.random.default_rng(17)


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """A page with the scripts and the tree of the docs, and nothing from anywhere else."""
    with launched() as browser:
        made = browser.new_page(viewport={"width": 1000, "height": 900})
        requests: list[str] = []
        errors: list[str] = []
        made.on("request", lambda request: requests.append(request.url))
        made.on("pageerror", lambda error: errors.append(str(error)))
        scripts = "".join(
            f"<script>{(DOCS / 'javascripts' / name).read_text(encoding='utf-8')}</script>"
            for name in ("formula.js", "choose.js", "explorer.js")
        )
        body = "<div id='plogq-choose'></div><div id='plogq-explorer'></div>"
        made.set_content(f"<!doctype html><body>{hooks.data()}{body}{scripts}")
        yield made
        assert not errors
        assert all(url.startswith("data:") for url in requests)


def in_browser(page: Any, function: str, *arguments: Any) -> Any:
    given = json.loads(json.dumps([np.asarray(a).tolist() for a in arguments]))
    found = page.evaluate(
        "([f, args]) => { const x = plogq[f](...args);"
        " return x === Infinity ? 'inf' : x; }", [function, given]
    )  # fmt: skip
    return np.inf if found == "inf" else np.array(found)


def cases() -> Iterator[tuple[Any, Any]]:
    for k in (2, 3, 5):
        for scale in (0.1, 3.0, 30.0, 500.0):
            for soft in (False, True):
                z = RNG.normal(size=k) * scale
                yield (RNG.dirichlet(np.ones(k)) if soft else np.eye(k)[RNG.integers(k)]), z
    yield np.array([1.0, 0.0]), np.array([60.0, 0.0])  # where a log-softmax returns 0


@for_each(("p", "z"), list(cases()))
def test_exclusive_classes(page: Any, p: Any, z: Any) -> None:
    loss, grad = plogq.value_and_grad(plogq.Probs([p]), plogq.Logits([z]))
    assert in_browser(page, "crossEntropy", p, z) == pytest.approx(loss, rel=1e-12, abs=0)
    np.testing.assert_allclose(
        in_browser(page, "gradient", p, z), grad.scores[0], rtol=1e-9, atol=1e-15
    )
    q = in_browser(page, "softmax", z)
    assert q.sum() == pytest.approx(1, rel=1e-12)
    with plogq.validation("off"):
        want = plogq.cross_entropy(plogq.Probs([p]), plogq.Probs([q]))
    assert in_browser(page, "ofProbabilities", p, q) == pytest.approx(want, rel=1e-12)


@for_each(("y", "z"), list(cases()))
def test_independent_outcomes(page: Any, y: Any, z: Any) -> None:
    loss, grad = plogq.value_and_grad(plogq.BinaryProbs(y), plogq.BinaryLogits(z))
    assert in_browser(page, "binaryCrossEntropy", y, z) == pytest.approx(loss, rel=1e-12, abs=0)
    np.testing.assert_allclose(
        in_browser(page, "binaryGradient", y, z), grad.scores, rtol=1e-9, atol=1e-15
    )
    q = np.array([float(in_browser(page, "sigmoid", s)) for s in z])
    want = plogq.cross_entropy(plogq.BinaryProbs(y), plogq.BinaryProbs(q))
    assert in_browser(page, "ofYesNo", y, q) == pytest.approx(want, rel=1e-12)


def test_what_keras_makes_of_scores(page: Any) -> None:
    for z in ([2.0, 0.5, 1.0], [3.0, -1.0, 0.5], [0.1, 5.0, 0.0]):
        p = np.eye(3)[1]
        q = in_browser(page, "asKerasClips", z)
        found = in_browser(page, "ofProbabilities", p, q)
        want = np.asarray(as_keras.categorical_crossentropy([p], np.array([z], np.float32)))[0]
        assert found == pytest.approx(float(want), rel=1e-5)


def slide(page: Any, name: str, value: float) -> None:
    page.locator(f"#plogq-explorer input[name={name}]").evaluate(
        "(x, v) => { x.value = v; x.dispatchEvent(new Event('input')); }", value
    )


def pick(page: Any, name: str, value: str) -> None:
    page.locator(f"#plogq-explorer input[name='plogq-{name}'][value='{value}']").check()


def rows(page: Any, table: str) -> list[list[str]]:
    return page.locator(f"#{table} tbody tr").evaluate_all(
        "rows => rows.map(r => [...r.cells].map(c => c.textContent))"
    )


def number(text: str) -> float:
    return np.inf if text == "∞" else float(text)


def test_the_explorer_of_exclusive_classes(page: Any) -> None:
    pick(page, "outcomes", "exclusive")
    pick(page, "classes", "3")
    pick(page, "hard", "true")
    pick(page, "label", "1")
    z = [1.5, -0.5, 3.0]
    for j, s in enumerate(z):
        slide(page, f"z{j}", s)
    want = float(plogq.sparse_softmax_cross_entropy([1], [z]))
    assert number(page.locator("#plogq-loss").text_content()) == pytest.approx(want, abs=5e-5)
    helpers = rows(page, "plogq-helpers")
    assert len(helpers) == 4
    for row in helpers:
        assert number(row[1]) == pytest.approx(want, abs=5e-5)
    calls = dict(shown_calls(answer("exclusive", "nothing", "index")))
    assert helpers[0][2:4] == [calls["plogq"], calls["Keras, class"]]
    slopes = plogq.value_and_grad(plogq.Labels([1]), plogq.Logits([z]))[1].scores[0]
    found = [number(row[4]) for row in rows(page, "plogq-values")]
    np.testing.assert_allclose(found, slopes, atol=5e-5)
    q = np.exp(z) / np.exp(z).sum()
    wrong = {row[0]: number(row[1]) for row in rows(page, "plogq-mistakes")}
    twice, sigmoids, scores, swapped = wrong.values()
    assert twice == pytest.approx(float(plogq.sparse_softmax_cross_entropy([1], [q])), abs=5e-5)
    onehot = [0.0, 1.0, 0.0]
    assert sigmoids == pytest.approx(float(plogq.sigmoid_cross_entropy(onehot, z)), abs=5e-5)
    kept = as_keras.categorical_crossentropy([onehot], np.array([z], np.float32))
    assert scores == pytest.approx(float(np.asarray(kept)[0]), abs=5e-4)
    assert isinf(swapped)
    assert f"{log(1 + 2 / np.e):.4f}" in next(iter(wrong))


def test_the_explorer_of_soft_labels_and_of_yes_and_no(page: Any) -> None:
    pick(page, "outcomes", "exclusive")
    pick(page, "classes", "2")
    pick(page, "hard", "false")
    for name, value in (("p0", 0.6), ("p1", 0.4), ("z0", 2.0), ("z1", 0.0)):
        slide(page, name, value)
    want = float(plogq.softmax_cross_entropy([[0.6, 0.4]], [[2.0, 0.0]]))
    assert number(page.locator("#plogq-loss").text_content()) == pytest.approx(want, abs=5e-5)
    pick(page, "outcomes", "independent")
    pick(page, "classes", "4")
    y, z = [1.0, 0.25, 0.0, 0.5], [0.5, -2.0, 3.0, 0.0]
    for j in range(4):
        slide(page, f"p{j}", y[j])
        slide(page, f"z{j}", z[j])
    want = float(plogq.sigmoid_cross_entropy(y, z))
    assert number(page.locator("#plogq-loss").text_content()) == pytest.approx(want, abs=5e-5)
    assert [number(r[1]) for r in rows(page, "plogq-helpers")] == pytest.approx(
        [want] * 2, abs=5e-5
    )
    q = 1 / (1 + np.exp(-np.array(z)))
    twice = number(rows(page, "plogq-mistakes")[0][1])
    assert twice == pytest.approx(float(plogq.sigmoid_cross_entropy(y, q)), abs=5e-5)
    assert page.locator("#plogq-explorer svg path.plogq-line").count() == 1


@for_each("answers", list(every()), ids=" ".join)
def test_the_tree_leads_where_the_command_does(page: Any, answers: Any) -> None:
    for step, value in enumerate(answers):
        field = page.locator("#plogq-choose fieldset").nth(step)
        field.locator(f"input[value='{value}']").check()
    box = page.locator("#plogq-choose .plogq-answer")
    found = answer(*answers)
    assert box.locator("h3").text_content() == found.name
    shown = list(zip(box.locator("dt").all_text_contents(), box.locator("dd").all_text_contents(),
                     strict=True))  # fmt: skip
    assert shown == list(shown_calls(found))
    text = box.text_content()
    assert found.mistake in text
    assert found.untrained in text


def test_what_the_hook_puts_into_a_page() -> None:
    text = hooks.on_page_markdown("a\n<!-- choose: data -->\n<!-- choose: tables -->\nb")
    assert text.startswith("a\n<script")
    assert "<!--" not in text
    for names in every():
        for _, call in shown_calls(answer(*names)):
            assert f"`{call}`" in text
    assert hooks.on_page_markdown("as it is") == "as it is"
