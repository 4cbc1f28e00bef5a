"""The examples run, and what they print is true."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest
from mpmath import mp, mpf

from plogq.score import Wish, compare_files, score_file

from .printed import EXAMPLES, LINUX, costs, losses, printed

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


def test_the_committed_files_differ_as_the_page_says() -> None:
    """Paired, a difference is settled that would not be if the rows were others."""
    page = (EXAMPLES.parent / "docs" / "compare.md").read_text(encoding="utf-8")
    (pair,) = compare_files([DIGITS.with_name("digits-penalty.parquet"), DIGITS]).pairs
    assert pair.settled
    low, high = pair.unpaired_interval
    assert low < 0 < high
    assert f"{pair.difference:.4f} ± {pair.standard_error:.4f}" in page
    assert f"± {pair.unpaired_standard_error:.4f}   {low:+.4f} to {high:+.4f}" in page
    assert f"lower loss in {pair.wins} of {pair.events} events" in page


WORDS = EXAMPLES / "words.parquet"


def test_the_committed_words_are_scored_as_the_page_says() -> None:
    page = (EXAMPLES.parent / "docs" / "language-models.md").read_text(encoding="utf-8")
    wish = Wish(log_likelihood="logprob", bytes="n_bytes", by=("document",))
    alone = score_file(WORDS, wish)
    report = score_file(WORDS, replace(wish, cluster="document"))
    table = pq.read_table(WORDS).to_pydict()
    bits = -sum(table["logprob"]) / sum(table["n_bytes"]) / np.log(2)
    assert report.bits_per_byte == pytest.approx(bits, rel=1e-6)
    for number in (f"{report.cross_entropy:.4f} ± {report.standard_error:.4f} nats",
                   f"bits per byte                   {report.bits_per_byte:.4f}",
                   f"a standard error of {alone.standard_error:.2f}, and"):  # fmt: skip
        assert number in page
    assert 11.5 < report.standard_error / alone.standard_error < 12.9
    assert WORDS.stat().st_size < 100_000


def test_the_words_can_be_written_anew(tmp_path: Path) -> None:
    """The manual is that of the Python that runs; every word's probability is one of a sum of 1."""
    words = load("words")
    words.write(tmp_path / "words.parquet")
    table = pq.read_table(tmp_path / "words.parquet").to_pydict()
    assert len(table["logprob"]) > 3000
    assert all(-300 < q < 0 for q in table["logprob"])
    report = score_file(tmp_path / "words.parquet", Wish(log_likelihood="logprob"))
    assert 4 < report.cross_entropy < 7
    model = words.Model([words.tokens("a b a c a b"), words.tokens("b a")])
    spelled = 0.0
    for word in model.words:
        letters = [(model.letters[x] + 1) / model.of_letters for x in word + words.END]
        spelled += float(np.prod(letters))
    total = sum(np.exp(model.log_probability(" b", word)) for word in model.words)
    assert total == pytest.approx(
        words.PAIRS * sum(model.pairs[" b", w] for w in model.words) / model.words[" b"]
        + words.WORDS + words.LETTERS * spelled
    )  # fmt: skip
    assert total < 1


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


@pytest.mark.slow
@pytest.mark.parametrize("example", ["plain_loop", "lightning_module"])
def test_a_loop_learns_the_same_with_less_memory(example: str) -> None:
    text = printed(EXAMPLES / f"{example}.py")
    found = losses(text)
    before, after = found["F.cross_entropy"], found["plogq, LinearLogits"]
    assert len(before) == 5
    assert after == pytest.approx(before, rel=1e-6)
    assert after == sorted(after, reverse=True)
    memory = costs(text)
    if LINUX:
        # Three arrays of 1024 × 32000 scores, against a part of one and the weight's gradient.
        assert memory["F.cross_entropy"] > 300
        assert memory["plogq, LinearLogits"] < 60


def test_the_code_of_the_page_is_that_of_the_examples() -> None:
    """Line by line; a page whose code has drifted away from what is tested shows nothing."""
    page = (EXAMPLES.parent / "docs" / "training-tools.md").read_text(encoding="utf-8")
    scripts = {p.name: p.read_text(encoding="utf-8") for p in EXAMPLES.glob("*.py")}
    named = set(re.findall(r"`examples/(\w+\.py)`", page))
    assert named <= scripts.keys()
    blocks = re.findall(r"^```py\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) > 8
    for block in blocks:
        assert any(block in scripts[name] for name in named), block


@pytest.mark.slow
def test_ranks_that_share_the_vocabulary_learn_the_same() -> None:
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    text = printed(*torchrun, EXAMPLES / "tensor_parallel.py")
    found = losses(text)
    expected = found["gathered, F.cross_entropy"]
    assert len(expected) == 4
    for name in ("loss_parallel, F.cross_entropy", "plogq, Logits of the DTensor"):
        assert found[name] == pytest.approx(expected, rel=1e-6)
    memory = costs(text)
    if LINUX:
        assert memory["plogq, Logits of the DTensor"] < 0.5 * memory["gathered, F.cross_entropy"]
