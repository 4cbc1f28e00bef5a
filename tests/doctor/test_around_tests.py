"""The pytest plugin and the notebook's extension."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import plogq.doctor

from ..forked import PYTEST, commands

torch = pytest.importorskip("torch")

TESTS = """import torch
import torch.nn.functional as F
import pytest


def loss(softmax):
    z = torch.nn.Linear(4, 3)(torch.randn(8, 4))
    return F.cross_entropy(z.softmax(1) if softmax else z, torch.randint(0, 3, (8,)))


def test_right():
    assert loss(False) > 0


def test_wrong():
    assert loss(True) > 0


def test_wrong_and_known(plogq_doctor):
    loss(True)
    assert [f.rule for f in plogq_doctor.findings] == ["PQ001"]


def test_mean_of_kl():
    F.kl_div(F.log_softmax(torch.randn(8, 3), 1), torch.full((8, 3), 1 / 3))


def test_steps():
    net = torch.nn.Linear(4, 3)
    opt = torch.optim.SGD(net.parameters())
    for _ in range(12):
        F.cross_entropy(net(torch.randn(8, 4)), torch.randint(0, 3, (8,))).backward()
        opt.step()


def test_wrong_again():
    loss(True)
"""


def run(tmp_path: Path, *options: str) -> dict[str, str]:
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    done = commands("import torch, pytest").run(
        "-p", "plogq.doctor.pytest_plugin", "-q", "-rA", "-p", "no:cacheprovider",
        "--rootdir", ".", *options,
        code=PYTEST, folder=tmp_path,
    )  # fmt: skip
    lines = [x.split(" - ")[0].split() for x in done.stdout.splitlines()
             if x.startswith(("PASSED ", "FAILED ", "ERROR "))]  # fmt: skip
    found: dict[str, str] = {}
    for how, where, *_ in lines:
        found[where.partition("::")[2]] = how
    assert found, done.stdout + done.stderr
    found["text"] = done.stdout
    return found


def test_a_misused_loss_fails_its_test_and_no_other(tmp_path: Path) -> None:
    found = run(tmp_path, "--plogq-doctor")
    text = found.pop("text")
    bad = {name for name, how in found.items() if how != "PASSED"}
    assert bad == {"test_wrong", "test_wrong_and_known", "test_wrong_again"}
    assert len(found) == 6
    assert "PQ001 softmax-before-scores-loss [error]" in text
    assert "test_it.py:8:12" in text


def test_without_the_option_nothing_is_watched_but_where_it_is_asked_for(tmp_path: Path) -> None:
    found = run(tmp_path)
    del found["text"]
    assert {k for k, v in found.items() if v != "PASSED"} == {"test_wrong_and_known"}


@pytest.mark.slow
def test_warnings_fail_where_they_should(tmp_path: Path) -> None:
    assert run(tmp_path, "--plogq-doctor=warnings")["test_mean_of_kl"] == "FAILED"


class Shell:
    """As much of IPython's shell as the extension uses."""

    def __init__(self) -> None:
        self.events = self
        self.after: list[Any] = []

    def register(self, name: str, function: Any) -> None:
        assert name == "post_run_cell"
        self.after.append(function)

    def unregister(self, name: str, function: Any) -> None:
        assert name == "post_run_cell"
        self.after.remove(function)

    def run(self, cell: Any) -> None:
        cell()
        for function in self.after:
            function(None)


def test_a_notebook_says_after_each_cell_what_is_wrong_in_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    functional = torch.nn.functional

    def wrong() -> None:
        z = torch.nn.Linear(4, 3)(torch.randn(8, 4))
        functional.nll_loss(z, torch.randint(0, 3, (8,)))

    shell = Shell()
    plogq.doctor.load_ipython_extension(shell)
    plogq.doctor.load_ipython_extension(shell)
    shell.run(wrong)
    assert capsys.readouterr().err.count("PQ005 no-log-probabilities") == 1
    shell.run(wrong)
    assert capsys.readouterr().err == ""
    plogq.doctor.unload_ipython_extension(shell)
    assert shell.after == []
    shell.run(wrong)
    assert capsys.readouterr().err == ""
    assert list(torch.overrides._get_current_function_mode_stack()) == []
