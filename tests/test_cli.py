"""The command line: what it prints, where, and the exit code."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace as Namespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import plogq
from plogq.choose import DECISIONS, QUESTIONS, TABLE
from plogq.commands import app

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


def test_bad_rows_are_counted_and_strict_stops(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("p0,p1,label\n" + "0.5,0.5,0\n" * 30 + "0.5,,1\n0.5,0.5,5\n")
    out = run("score", path).stdout
    assert "2 bad rows are left out (rows count from 0):" in out
    assert "row 30: p1 is missing" in out
    assert "row 31: label is 5, outside 0 to 1" in out
    assert bad(path, "--strict") == "plogq score: row 30: p1 is missing"


def test_a_digit_that_is_no_answer() -> None:
    """Python calls '²' and '٣' digits; one of them is not even a number."""
    out = run("choose", answers="²\n٣\n0\n4\n01\n\x1b\n1\n1\n1\n").stdout
    assert out.count("Answer with a number from 1 to 2.") == 6
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
    command = [sys.executable, "-m", "plogq.cli", "score", str(file)]
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
        [sys.executable, "-m", "plogq.cli", "--show-completion", "bash"],
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
        [sys.executable, "-m", "plogq.cli"],
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


def test_choose_with_flags() -> None:
    result = run(
        "choose", "--outcomes", "exclusive", "--prediction", "scores", "--target", "hard"
    )  # fmt: skip
    lines = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    assert ["plogq", "cross_entropy(Labels(y), Logits(z))"] in lines
    keras = "keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, z)"
    assert ["Keras", keras] in lines
    tensorflow = "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z)"
    assert ["TensorFlow", tensorflow] in lines
    assert ["PyTorch", "F.cross_entropy(z, y)"] in lines
    optax = "optax.softmax_cross_entropy_with_integer_labels(z, y)"
    assert ["optax", optax] in lines
    for helper in TABLE:
        assert helper.prediction in result.stdout
    assert result.stdout.count("cross_entropy(") >= 6


def test_choose_asks() -> None:
    result = run("choose", answers="2\n9\n1\nsoft\n")
    for question in QUESTIONS:
        assert question.text in result.stdout
    assert "Answer with a number from 1 to 4." in result.stdout
    assert "cross_entropy(BinaryProbs(y), BinaryLogits(z))" in result.stdout


def test_choose_asks_only_what_is_open() -> None:
    result = run("choose", "--outcomes", "exclusive", "--target", "soft", answers="2\n")
    assert QUESTIONS[0].text not in result.stdout
    assert "cross_entropy(Probs(p), Probs(q))" in result.stdout


def test_choose_refuses_what_is_no_answer() -> None:
    result = run("choose", "--outcomes", "many", code=2)
    assert result.stderr == ("plogq choose: --outcomes is exclusive or independent, not 'many'\n")
    assert "add --outcomes exclusive|independent" in run("choose", answers="", code=2).stderr


def test_choose_as_json() -> None:
    flags = ["--outcomes", "exclusive", "--prediction", "hidden", "--target", "hard"]
    found = json.loads(run("choose", *flags, "--format", "json").stdout)
    assert found["answers"] == ["exclusive", "hidden", "hard"]
    assert found["calls"]["plogq"] == "cross_entropy(Labels(y), LinearLogits(h, W, b))"
    assert set(found["calls"]) == {"plogq", "Keras", "TensorFlow", "PyTorch", "optax"}


ANSWERS = [
    (o, p, t)
    for o, _ in QUESTIONS[0].answers
    for p, _ in QUESTIONS[1].answers
    for t, _ in QUESTIONS[2].answers
]


def arrays(answers: tuple[str, str, str]) -> tuple[dict[str, Any], float]:
    """Arrays for the names in a call, and the mean of -Σ p log q worked out here."""
    outcomes, _, target = answers
    h = np.array([[1.0, -2.0], [0.5, 3.0]])
    w = np.array([[0.5, 0.25], [-1.0, 1.0], [2.0, 0.0]])
    b = np.array([0.25, 0.0, -0.5])
    z = h @ w.T + b
    if outcomes == "exclusive":
        q = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        p = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        if target == "soft":
            p = np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]])
        names: dict[str, Any] = {"y": np.array([1, 2]), "p": p}
        mean = float(-(p * np.log(q)).sum() / 2)
    else:
        q = 1 / (1 + np.exp(-z))
        y = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
        if target == "soft":
            y = y / 2 + 0.25
        names = {"y": y}
        mean = float(-(y * np.log(q) + (1 - y) * np.log(1 - q)).mean())
    return names | {"h": h, "W": w, "b": b, "z": z, "q": q, "l": np.log(q)}, mean


@pytest.mark.parametrize("answers", ANSWERS)
def test_every_answer_in_plogq_is_right(answers: Any) -> None:
    names, mean = arrays(answers)
    found = eval(DECISIONS[answers].plogq, {"np": np} | vars(plogq), names)
    assert found == pytest.approx(mean, rel=1e-12)


def softmax_loss(true: Any, scores: Any) -> Any:
    """What every peer's softmax loss is documented to compute, for indices or distributions."""
    log_q = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return -log_q[np.arange(len(true)), true] if true.ndim == 1 else -(true * log_q).sum(axis=1)


def sigmoid_loss(true: Any, scores: Any) -> Any:
    return np.log1p(np.exp(scores)) - true * scores


def keras_loss(soft: bool | None) -> Any:
    """A class of Keras' losses: called with what is true first, probabilities unless told."""

    def make(from_logits: bool = False) -> Any:
        def loss(true: Any, predicted: Any) -> Any:
            if soft is None:
                scores = predicted if from_logits else np.log(predicted) - np.log1p(-predicted)
                return sigmoid_loss(true, scores).mean()
            assert (true.ndim == 2) is soft
            return softmax_loss(true, predicted if from_logits else np.log(predicted)).mean()

        return loss

    return make


def hard_only(loss: Any) -> Any:
    def refusing(**arrays: Any) -> Any:
        assert arrays["labels"].ndim == 1
        return loss(arrays["labels"], arrays["logits"])

    return refusing


class Tensor(np.ndarray):
    """An array with the methods that a torch.Tensor has and an ndarray has not."""

    def log(self) -> Any:
        return np.log(self)


# Stand-ins with the peers' documented names, orders of arguments and meanings: a call that names
# an argument that does not exist, or swaps true and predicted, fails here without the peer.
LOSSES = Namespace(
    SparseCategoricalCrossentropy=keras_loss(False),
    CategoricalCrossentropy=keras_loss(True),
    BinaryCrossentropy=keras_loss(None),
)
MATH = Namespace(log=np.log, expm1=np.expm1)
PEERS = {
    "keras": Namespace(losses=LOSSES, ops=MATH),
    "tf": Namespace(
        keras=Namespace(losses=LOSSES),
        math=MATH,
        matmul=lambda a, b, transpose_b: a @ (b.T if transpose_b else b),
        nn=Namespace(
            sparse_softmax_cross_entropy_with_logits=hard_only(softmax_loss),
            softmax_cross_entropy_with_logits=lambda labels, logits: softmax_loss(labels, logits),
            sigmoid_cross_entropy_with_logits=lambda labels, logits: sigmoid_loss(labels, logits),
        ),
    ),
    "F": Namespace(
        linear=lambda h, w, b: h @ w.T + b,
        cross_entropy=lambda z, y: softmax_loss(y, z).mean(),
        binary_cross_entropy=lambda q, y: keras_loss(None)()(y, q),
        binary_cross_entropy_with_logits=lambda z, y: sigmoid_loss(y, z).mean(),
    ),
    "torch": MATH,
    "jax": Namespace(scipy=Namespace(special=Namespace(logit=lambda q: np.log(q) - np.log1p(-q)))),
    "jnp": MATH,
    "optax": Namespace(
        softmax_cross_entropy_with_integer_labels=lambda z, y: softmax_loss(y, z),
        softmax_cross_entropy=lambda z, p: softmax_loss(p, z),
        sigmoid_binary_cross_entropy=lambda z, y: sigmoid_loss(y, z),
    ),
}


@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize("library", ["keras", "tensorflow", "pytorch", "optax"])
def test_every_answer_in_the_peers_is_right(answers: Any, library: str) -> None:
    names, mean = arrays(answers)
    tensors = {name: np.asarray(value).view(Tensor) for name, value in names.items()}
    found = eval(getattr(DECISIONS[answers], library), PEERS, tensors)
    assert float(np.mean(found)) == pytest.approx(mean, rel=1e-12)


def test_every_helper_of_the_table_is_an_answer() -> None:
    calls = {c.plogq for c in DECISIONS.values()}
    assert len(TABLE) == 6
    assert {helper.plogq for helper in TABLE} <= calls


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
