"""The command line: what it prints, where, and the exit code."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import plogq
from plogq.cli.commands import app

runner = CliRunner()


def run(*arguments: object, code: int = 0, answers: str | None = None) -> Any:
    result = runner.invoke(app, [str(a) for a in arguments], input=answers, terminal_width=100)
    assert result.exit_code == code, result.output
    assert not isinstance(result.exception, Exception) or isinstance(result.exception, SystemExit)
    return result


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Losses of 1, 2, 3, 1 and 0 bits."""
    columns = {
        "p0": [0.5, 0.25, 0.125, 0.25, 1.0],
        "p1": [0.25, 0.5, 0.375, 0.5, 0.0],
        "p2": [0.25, 0.25, 0.5, 0.25, 0.0],
        "label": [0, 0, 0, 1, 0],
    }
    pq.write_table(pa.table(columns), tmp_path / "five.parquet")
    return tmp_path / "five.parquet"


def cells(text: str, first: str) -> list[str]:
    """The line of a table that begins with this."""
    line = next(line for line in text.splitlines() if line.strip().startswith(first))
    return re.split(r"\s{2,}", line.strip())


def test_the_table(file: Path) -> None:
    out = run("score", file).stdout
    assert "3 columns p0…p2 lie in [0, 1] and sum to 1: probabilities." in out
    # 1.4 bits are 0.9704 nats; the standard error is sqrt(5.2 / 20) = 0.5099 bits.
    assert cells(out, "cross-entropy H") == [
        "cross-entropy H", "0.9704 ± 0.3534 nats", "1.4000 ± 0.5099 bits"
    ]  # fmt: skip
    assert cells(out, "perplexity") == ["perplexity", "2.6390"]
    assert cells(out, "accuracy") == ["accuracy", "60.00%", "5 events"]
    # ln 3 = 1.0986, and H(4/5, 1/5) = 0.5004
    assert cells(out, "the number of classes")[1:] == ["1.0986", "0.1282 nats", "11.67%"]
    assert cells(out, "the class frequencies")[1:3] == ["0.5004", "-0.4700 nats"]
    assert cells(out, "0  ") == ["0", "4", "1.0397", "50.00%"]
    assert cells(out[out.index("recall") :], "2  ") == ["2", "0", "–", "–"]
    worst = out[out.index("the worst events") :]
    assert cells(worst, "2  ") == ["2", "0", "0.1250", "2", "2.0794"]


def test_json(file: Path) -> None:
    result = run("score", file, "--format", "json")
    report = json.loads(result.stdout)
    assert report["bits"] == pytest.approx(1.4)
    assert report["file"] == "five.parquet"
    assert [c["count"] for c in report["classes"]] == [4, 1, 0]
    assert result.stderr == ""


def test_many_classes_are_cut_to_the_most_frequent(file: Path) -> None:
    out = run("score", file, "--classes", 1).stdout
    assert cells(out, "0  ") == ["0", "4", "1.0397", "50.00%"]
    assert "the 1 most frequent classes; 2 more with --classes" in out


def test_worst_can_be_left_out(file: Path) -> None:
    assert "worst" not in run("score", file, "--worst", 0).stdout


@pytest.mark.parametrize(
    ("options", "bits"),
    [
        (["--probs", "p*"], 1.4),
        (["--probs", "p0,p1,p2", "--target", "label"], 1.4),
        (["--probs", "p*", "--ignore", "0"], 1.0),
        (["--probs", "p1", "--binary"], (1 + 1 - np.log2(0.75) - np.log2(0.625)) / 5),
    ],
)
def test_columns_that_are_given(file: Path, options: list[str], bits: float) -> None:
    report = json.loads(run("score", file, *options, "--format", "json").stdout)
    assert report["bits"] == pytest.approx(bits, rel=1e-12)


def test_scores_and_log_probabilities(file: Path) -> None:
    """Taken as scores, the row (1, 0, 0) with label 0 costs ln(1 + 2/e)."""
    report = json.loads(run("score", file, "--logits", "p*", "--format", "json").stdout)
    assert min(w["cross_entropy"] for w in report["worst"]) == pytest.approx(np.log1p(2 / np.e))
    refused = run("score", file, "--log-probs", "p*", code=2)
    assert "they are probabilities, not logarithms: write --probs 'p*'" in refused.stderr


def test_labels_that_count_from_1(file: Path) -> None:
    report = json.loads(
        run("score", file, "--first-label", "-1", "--format", "json", "--worst", 1).stdout
    )
    assert [c["label"] for c in report["classes"]] == ["-1", "0", "1"]


def bad(file: Path, *arguments: object) -> str:
    """The one sentence on stderr of a command that ends with exit code 2."""
    result = run("score", file, *arguments, code=2)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("plogq score: ")
    return lines[0]


def test_bad_input_is_one_sentence_and_exit_code_2(file: Path, tmp_path: Path) -> None:
    assert "there is no file" in bad(tmp_path / "nothing.csv")
    assert "there is no column 'truth'" in bad(file, "--target", "truth")
    assert "they are one prediction" in bad(file, "--probs", "p*", "--logits", "p*")
    (tmp_path / "x.parquet").write_bytes(b"PAR1PAR1")
    assert "x.parquet cannot be read" in bad(tmp_path / "x.parquet")


def test_an_ambiguous_file_says_what_to_add(tmp_path: Path) -> None:
    columns = {f"{m}{k}": [0.5, 0.5] for m in "ab" for k in range(2)} | {"label": [0, 1]}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    assert "add --probs, --logits or --log-probs" in bad(tmp_path / "x.parquet")
    assert run("score", tmp_path / "x.parquet", "--probs", "a*").exit_code == 0


def test_bad_rows_are_counted_and_strict_finds_them_wanting(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("p0,p1,label\n" + "0.5,0.5,0\n" * 30 + "0.5,,1\n0.5,0.5,5\n")
    out = run("score", path).stdout
    assert "2 bad rows are left out (rows count from 0):" in out
    assert "row 30: p1 is missing" in out
    assert "row 31: label is 5, outside 0 to 1" in out
    wanting = "2 of 32 rows are bad, which --strict is not content with\n"
    strict = run("score", path, "--strict", code=1)
    assert (strict.stdout, strict.stderr) == (out, f"plogq score: {wanting}")
    as_json = run("score", path, "--strict", "--format", "json", code=1)
    assert json.loads(as_json.stdout)["bad_rows"] == 2
    page = tmp_path / "x.html"
    assert run("report", path, "--strict", "-o", page, code=1).stderr.endswith(wanting)
    assert page.exists()
    good = tmp_path / "y.csv"
    good.write_text(path.read_text().replace("0.5,,1", "0.5,0.5,1").replace(",5\n", ",0\n"))
    assert run("score", good, "--strict").stderr == ""
    both = run("compare", path, good, "--strict", code=1)
    assert (
        both.stderr == "plogq compare: 2 of 64 rows are bad, which --strict is not content with\n"
    )
    path.write_text("p0,p1,label\n0.5,0.5,\n" + "nan,0.5,1\n")
    assert "none of the 2 rows can be scored" in bad(path, "--strict")


def test_a_digit_that_is_no_answer() -> None:
    """Python calls '²' and '٣' digits; one of them is not even a number."""
    out = run("choose", answers="²\n٣\n0\n4\n01\n\x1b\n2\n1\n1\n").stdout
    assert out.count("Answer with a number from 1 to 3.") == 6
    assert "cross_entropy(Labels(y), Logits(z))" in out


def test_infinity_is_shown(tmp_path: Path) -> None:
    pq.write_table(pa.table({"p0": [0.0, 0.5], "p1": [1.0, 0.5], "label": [0, 0]}), tmp_path / "x")
    out = run("score", tmp_path / "x").stdout
    assert cells(out, "cross-entropy H")[1:] == ["∞ nats", "∞ bits"]
    assert "1 event has H = ∞" in out
    assert "the others 0.6931 nats" in out


def test_soft_targets_show_their_entropy(tmp_path: Path) -> None:
    table = pa.table({"q0": [0.5], "q1": [0.5], "t0": [0.75], "t1": [0.25]})
    pq.write_table(table, tmp_path / "x.parquet")
    out = run("score", tmp_path / "x.parquet", "--target", "t*", "--probs", "q*").stdout
    # ln 2 - H(3/4) = 0.6931 - 0.5623
    assert cells(out, "entropy of the targets")[1:] == ["0.5623 nats", "KL 0.1308 nats"]


def test_the_bar_is_for_terminals_only(file: Path) -> None:
    command = [sys.executable, "-m", "plogq", "score", str(file)]
    plain = subprocess.run(command, capture_output=True, text=True, check=True)
    assert plain.stderr == ""
    main, side = pty.openpty()
    with os.fdopen(main, "rb", buffering=0) as terminal:
        seen = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=side, text=True, check=True,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "80"},
        )  # fmt: skip
        os.close(side)
        drawn = terminal.read(65536)
    assert b"five.parquet" in drawn
    assert "cross-entropy H" in seen.stdout
    assert "\x1b" not in seen.stdout


def test_help_is_short_to_ask_for_and_flags_show_no_type() -> None:
    for command in ((), ("score",), ("compare",), ("choose",), ("explain",)):
        assert run(*command, "-h").stdout == run(*command, "--help").stdout
    assert "<bool>" not in run("score", "-h").stdout


def test_what_is_nearly_a_command_is_guessed() -> None:
    for wrong, guess in (("scor", "Did you mean 'score'"), ("chose", "Did you mean 'choose'")):
        ended = subprocess.run(
            [sys.executable, "-m", "plogq", wrong], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 2
        assert guess in ended.stderr


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_name_of_a_kernel_is_broken(width: int) -> None:
    found = runner.invoke(app, ["explain"], env={"COLUMNS": str(width)}).stdout
    for name in ("Smoothed(BinaryProbs)", "BinaryLogits", "SparseProbs", "tensorflow"):
        assert name in found
    assert all(len(line) <= width for line in found.splitlines())


def test_help_teaches() -> None:
    out = run("score", "--help").stdout
    assert "plogq score test.csv --target species --probs 'prob_*'" in " ".join(out.split())
    for option in ("--target", "--probs", "--logits", "--log-probs", "--binary", "--weight"):
        assert option in out
    assert "score" in run("--help").stdout


def test_version() -> None:
    assert run("--version").stdout == f"plogq {plogq.__version__}\n"


def test_tab_completion(file: Path) -> None:
    """The shell's function is printed, and the columns of the file are offered."""
    shown = subprocess.run(
        [sys.executable, "-m", "plogq", "--show-completion", "bash"],
        capture_output=True, text=True, check=True,
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
    )  # fmt: skip
    assert "_PLOGQ_COMPLETE=complete_bash" in shown.stdout
    environment = {
        "_PLOGQ_COMPLETE": "complete_bash",
        "COMP_WORDS": f"plogq score {file} --target l",
        "COMP_CWORD": "4",
    }
    offered = subprocess.run(
        [sys.executable, "-m", "plogq"],
        capture_output=True, text=True, check=False, env=os.environ | environment,
    )  # fmt: skip
    assert offered.stdout.split() == ["label"]


@pytest.mark.parametrize("module", ["typer", "rich", "pyarrow"])
def test_a_missing_extra_is_one_sentence(module: str) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from plogq.cli import main\nsys.argv = ['plogq', '--version']\nmain()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr == (
        f"plogq: the command line needs {module}, which is not installed: pip install plogq[cli]\n"
    )


def test_importing_plogq_loads_none_of_it() -> None:
    code = "import sys, plogq; print([m for m in ('typer', 'rich', 'pyarrow') if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_explain_shows_what_the_kernels_say(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {
        "instruction_set": "avx9",
        "available": ["baseline", "avx9"],
        "threads": 7,
        "table": [{"kernel": "fast", "targets": "Labels"}, {"kernel": "slow", "targets": "Probs"}],
    }
    monkeypatch.setattr("plogq.kernels.describe", lambda: facts)
    out = run("explain").stdout
    assert "instruction set: avx9" in out
    assert "available: baseline, avx9" in out
    assert "threads: 7" in out
    assert cells(out, "fast") == ["fast", "Labels"]
    assert json.loads(run("explain", "--format", "json").stdout) == facts


def test_explain_describes_this_machine() -> None:
    out = run("explain").stdout
    assert "instruction set" in out
    assert "threads" in out
    assert "LinearLogits" in out
