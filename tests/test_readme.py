"""What the README promises: its order, its two commands, its numbers and its links."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import optax
import pytest
import sklearn.metrics
import torch
import torch.nn.functional as F

import plogq
from benchmarks.record import load
from benchmarks.report import HEADLINES, headlines
from plogq.compat import keras

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
IMAGES = ROOT / "docs" / "images"


def test_the_first_two_shell_blocks_are_the_two_commands() -> None:
    first, second, *_ = re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S)
    assert "plogq score examples/digits.parquet" in first
    assert second.rstrip().endswith("pytest")
    for command in (first, second):
        assert "pip install" in command


def test_what_a_visitor_meets_first_comes_first() -> None:
    order = ["A softmax taken twice", "```sh", "score.svg", "```python", "| people call it |",
             "table: headlines", "## What it is not"]  # fmt: skip
    places = [README.index(part) for part in order]
    assert places == sorted(places)
    assert "✗" not in README


def test_the_three_lines_are_true() -> None:
    best = plogq.sparse_softmax_cross_entropy([0], np.eye(10)[:1])
    assert f"{best:.3f}" == "1.461"
    z = torch.tensor([[20.0, 0.0]], requires_grad=True)
    loss = F.cross_entropy(z, torch.tensor([0]))
    loss.backward()
    assert loss.item() == 0
    assert z.grad is not None
    assert z.grad[0, 0].item() == 0
    scores = np.array([[20.0, 0.0]], np.float32)
    exact, slope = plogq.value_and_grad(plogq.Labels([0]), plogq.Logits(scores))
    assert f"{exact:.2e}" == "2.06e-09"
    assert f"{slope.scores[0, 0]:.2e}" == "-2.06e-09"
    y, q = np.ones(1, np.float32), np.zeros(1, np.float32)
    assert float(F.binary_cross_entropy(torch.tensor(q), torch.tensor(y))) == 100
    assert f"{float(keras.BinaryCrossentropy()(y, q)):.2f}" == "16.12"
    with np.errstate(all="ignore"):
        for dtype, says in ((np.float32, "15.94"), (np.float64, "36.04")):
            found = sklearn.metrics.log_loss(y, q.astype(dtype), labels=[0, 1])
            assert f"{found:.2f}" == says
        scores = np.log(q) - np.log1p(-q)
    assert np.isinf(optax.sigmoid_binary_cross_entropy(scores, y)).all()
    assert plogq.binary_cross_entropy(y, q) == np.inf


def test_the_ratios_are_those_of_the_record() -> None:
    table = headlines(load())
    assert table in README
    assert len(HEADLINES) == 8
    ratios = [float(x) for x in re.findall(r"\[([\d.]+)×\]", table)]
    assert min(ratios) < 1 < max(ratios)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", README)
    assert len(links) > 25
    for link in links:
        path, _, anchor = link.partition("#")
        assert (ROOT / path).is_file(), link
        assert not anchor or anchor in anchors(ROOT / path), link


def test_pictures_ask_for_nothing_elsewhere() -> None:
    """A font or a script of another host would not be there without a network."""
    for name in re.findall(r"images/(\w+\.svg)", README + (ROOT / "docs/index.md").read_text()):
        text = (IMAGES / name).read_text(encoding="utf-8")
        assert "url(" not in re.sub(r"url\(#", "", text)
        assert "<script" not in text
        assert "<image" not in text


@pytest.mark.slow
def test_pictures_are_drawn_by_a_command(tmp_path: Path) -> None:
    script = ROOT / "docs" / "plots" / "terminal.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, cwd=ROOT)
    drawn = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.svg")}
    assert {"score.svg", "compare.svg", "choose.svg", "lint.svg"} <= set(drawn)
    assert "perplexity" in drawn["score.svg"]
    assert "PQ001" in drawn["lint.svg"]
    assert "unpaired" in drawn["compare.svg"]
    assert set(drawn) <= {path.name for path in IMAGES.glob("*.svg")}
