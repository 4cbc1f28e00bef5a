"""The level unknown: the pattern fits by a name or on one way of a branch, and nothing decides."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner

from plogq.cli.commands import app
from plogq.doctor.facts import Made
from plogq.doctor.findings import Level
from plogq.doctor.lint.run import lint_text
from plogq.doctor.lint.settings import Settings
from plogq.doctor.lint.supposed import said_by
from plogq.doctor.rules import RULES

from .programs import programs

SHOWN = Settings(show_unknown=True)
HEAD = """\
import torch
import torch.nn.functional as F
from elsewhere import model, predict_proba
"""


def unknown(body: str) -> list[str]:
    found = lint_text(HEAD + dedent(body), settings=SHOWN)
    assert {f.level for f in found} <= {Level.UNKNOWN}
    assert all(f.head is None and len(f.evidence) == 1 for f in found)
    return [f.rule for f in found]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("F.cross_entropy(probs, y)", "PQ001"),
        ("F.cross_entropy(probs.view(-1, 10), y)", "PQ001"),
        ("F.cross_entropy(batch['class_probs'][m], y)", "PQ001"),
        ("F.cross_entropy(input=model(x).probabilities, target=y)", "PQ001"),
        ("F.cross_entropy(predict_proba(x), y)", "PQ001"),
        ("F.binary_cross_entropy_with_logits(probs2, y)", "PQ002"),
        ("F.binary_cross_entropy(batch.logits, y)", "PQ004"),
        ("F.nll_loss(student_logits, y)", "PQ005"),
        ("F.nll_loss(model.softmax(x), y)", "PQ005"),
        ("torch.nn.KLDivLoss(reduction='batchmean')(probs, p)", "PQ005"),
    ],
)
def test_a_name_that_speaks_against_the_loss(line: str, rule: str) -> None:
    body = f"def loss(x, y, p, m, batch, probs, probs2, student_logits):\n    return {line}\n"
    assert unknown(body) == [rule]
    assert lint_text(HEAD + body) == []  # only where it is asked for


@pytest.mark.parametrize(
    "line",
    [
        "F.cross_entropy(logits, y)",
        "F.cross_entropy(prob_mask, y)",
        "F.cross_entropy(torch.log(probs), y)",
        "F.cross_entropy(probs.log(), y)",
        "F.cross_entropy(log_probs, y)",  # harmless, were it so
        "F.cross_entropy(out, y)",
        "F.nll_loss(log_probs, y)",
        "F.nll_loss(logp, y)",
        "F.binary_cross_entropy(probs, y)",
        "F.cross_entropy(*probs)",
    ],
)
def test_a_name_that_fits_or_says_nothing(line: str) -> None:
    given = "y, logits, prob_mask, probs, log_probs, logp, out"
    assert unknown(f"def loss({given}):\n    return {line}\n") == []


def test_what_a_function_gave_is_known_by_the_functions_name() -> None:
    body = """
    def loss(x, y):
        out = model.predict_proba(x)
        return F.cross_entropy(out, y)
    """
    assert unknown(body) == ["PQ001"]


def test_one_way_of_a_branch() -> None:
    body = """
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(4, 3)
        def forward(self, x):
            out = self.fc(x)
            return out if self.flag else out.softmax(-1)
    net = Net()
    F.cross_entropy(net(torch.randn(8, 4)), torch.randint(0, 3, (8,)))
    """
    found = lint_text(HEAD + dedent(body), settings=SHOWN)
    assert [(f.rule, f.level) for f in found] == [("PQ001", Level.UNKNOWN)]
    assert found[0].message.startswith("On one of the ways that the code can take: ")
    assert "(line 11)" in found[0].evidence[0]


def test_a_call_that_was_seen_to_be_right_refutes_the_name() -> None:
    body = """
    def loss(probs, y):
        return F.cross_entropy(probs, y)
    {}
    """
    right = "loss(torch.nn.Linear(4, 3)(torch.randn(8, 4)), torch.randint(0, 3, (8,)))"
    assert unknown(body.format("loss(model(x), y)")) == ["PQ001"]
    assert unknown(body.format(f"loss(model(x), y)\n    {right}")) == []


def test_a_comment_silences_it_and_a_selection_leaves_it_out() -> None:
    line = "F.cross_entropy(probs, y)"
    assert unknown(f"def f(probs, y):\n    {line}  # plogq: ignore[PQ001]\n") == []
    only = Settings(select=("PQ002",), show_unknown=True)
    assert lint_text(f"{HEAD}def f(probs, y):\n    {line}\n", settings=only) == []


def test_names() -> None:
    for name in ("softmax", "myProbs", "y_prob", "predProba", "probs_2"):
        assert said_by(name) is Made.PROBABILITIES, name
    for name in ("logProbs", "log_softmax", "lprobs", "log_p", "student_logp"):
        assert said_by(name) is Made.LOG_SOFTMAX, name
    assert said_by("teacher_logits") is Made.SCORES
    for name in ("", "_", "probe", "neg_log_probs", "prob_mask", "p", "scores", "improbable"):
        assert said_by(name) is None, name


def test_the_command_counts_them_and_shows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.py").write_text(f"{HEAD}def f(probs, y):\n    return F.cross_entropy(probs, y)\n")
    run = CliRunner()
    plain = run.invoke(app, ["lint", "--strict", "a.py"])
    assert plain.exit_code == 0
    assert "No findings in 1 file. 1 more where the source was not seen: --show-unknown." in (
        " ".join(plain.output.split())
    )
    shown = run.invoke(app, ["lint", "--strict", "--show-unknown", "--format", "json", "a.py"])
    assert shown.exit_code == 0
    (found,) = json.loads(shown.output)["findings"]
    assert (found["rule"], found["level"], found["line"]) == ("PQ001", "unknown", 5)
    assert found["head"] is None
    Path("pyproject.toml").write_text("[tool.plogq.lint]\nshow-unknown = true\n")
    assert "[unknown]" in run.invoke(app, ["lint", "a.py"]).output
    Path("pyproject.toml").write_text('[tool.plogq.lint]\nshow-unknown = "yes"\n')
    bad = run.invoke(app, ["lint", "a.py"])
    assert bad.exit_code == 2
    assert "show-unknown" in bad.output


def test_the_corpus_has_hardly_any() -> None:
    right = [p for p in programs() if not (p.expected or p.undecidable)]
    found = {str(p): [f.rule for f in p.read(SHOWN) if f.level is Level.UNKNOWN] for p in right}
    assert {name: rules for name, rules in found.items() if rules} == {}
    assert len(right) > 200
    assert "PQ001" in RULES
