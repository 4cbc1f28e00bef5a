"""The examples run, and what they print is true."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest
from mpmath import mp, mpf

from plogq.score import score_file

EXAMPLES = Path(__file__).parents[1] / "examples"
DIGITS = EXAMPLES / "digits.parquet"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_digits_are_scored_right() -> None:
    table = pq.read_table(DIGITS).to_pydict()
    report = score_file(DIGITS)
    with mp.workdps(40):
        losses = [-mp.log(mpf(table[f"p{y}"][i])) for i, y in enumerate(table["label"])]
        mean = mp.fsum(losses) / len(losses)
        variance = mp.fsum((x - mean) ** 2 for x in losses) / (len(losses) - 1)
        error = mp.sqrt(variance / len(losses))
    # float32 losses, and so 10⁻⁷ of each.
    assert report.cross_entropy == pytest.approx(float(mean), rel=1e-7)
    assert report.standard_error == pytest.approx(float(error), rel=1e-6)
    probs = np.stack([table[f"p{k}"] for k in range(10)], axis=1)
    assert report.accuracy == pytest.approx(np.mean(probs.argmax(axis=1) == table["label"]))
    worst = max(range(len(losses)), key=losses.__getitem__)
    assert report.worst[0].row == worst
    assert report.bad_rows == 0
    assert report.reasons[0] == ("10 columns p0…p9 lie in [0, 1] and sum to 1: probabilities.")


def test_the_digits_can_be_written_anew(tmp_path: Path) -> None:
    """Another machine's arithmetic may end elsewhere in the last digits, not in the third."""
    load("digits").write(tmp_path / "digits.parquet")
    fresh, committed = score_file(tmp_path / "digits.parquet"), score_file(DIGITS)
    assert fresh.events == committed.events == 899
    assert fresh.cross_entropy == pytest.approx(committed.cross_entropy, abs=2e-3)
    assert DIGITS.stat().st_size < 100_000


def test_a_vocabulary_is_scored_out_of_core(tmp_path: Path) -> None:
    path = tmp_path / "small.parquet"
    sizes = ["--rows", "300", "--classes", "500", "--chunk", "64", "--file", str(path)]
    run = subprocess.run(
        [sys.executable, EXAMPLES / "vocabulary.py", *sizes],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    table = pq.read_table(path)
    assert table.num_rows == 300
    with mp.workdps(30):
        losses = []
        for scores, token in zip(
            table["logits"].to_pylist(), table["next_token"].to_pylist(), strict=True
        ):
            total = mp.fsum(mp.exp(mpf(s)) for s in scores)
            losses.append(mp.log(total) - mpf(scores[token]))
        mean = float(mp.fsum(losses) / len(losses))
    report = score_file(path, batch_rows=11)
    assert report.cross_entropy == pytest.approx(mean, rel=1e-6)
    assert f"H = {mean:.4f}" in run.stdout
    assert "300 rows of 500 scores" in run.stdout
    assert "'logits' (500 values) are not confined to [0, 1]" in run.stdout
