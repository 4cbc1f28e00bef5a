"""Forked processes under `plogq doctor`: what they see is reported once, or said not to be seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

# A stand-in for scikit-learn, whose log_loss is watched as any loss is, and which loads at once.
STAND_IN = {
    "sklearn/__init__.py": "__version__ = '1.5'\n",
    "sklearn/metrics/__init__.py": "from ._classification import log_loss\n",
    "sklearn/metrics/_classification.py": "def log_loss(y_true, y_proba):\n    return 0.0\n",
}
HEAD = """\
import os, sys
import multiprocessing as mp
import numpy as np
from sklearn.metrics import log_loss

def wrong():
    y = np.array([0, 1, 1, 0, 1, 0, 1, 1])
    said = np.array([0, 1, 0, 0, 1, 1, 1, 1])
    return log_loss(y, said)
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name, text in STAND_IN.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


def said(program: str, code: int = 0) -> dict[str, Any]:
    Path("run.py").write_text(HEAD + dedent(program))
    run = subprocess.run(
        [sys.executable, "-m", "plogq", "doctor", "--format", "json", "--output", "out.json",
         "run.py"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert run.returncode == code, (run.returncode, run.stdout, run.stderr)
    seen = json.loads(Path("out.json").read_text())
    assert seen["faults"] == []
    assert not list(Path().glob("plogq-doctor-*"))  # what was left for the parent is gone
    return seen


def rules(seen: dict[str, Any]) -> list[tuple[str, int]]:
    return [(f["rule"], f["line"]) for f in seen["findings"]]


def test_what_a_forked_process_sees_is_reported() -> None:
    seen = said(
        """
        work = mp.get_context("fork").Process(target=wrong)
        work.start()
        work.join()
        """,
        code=1,
    )
    assert rules(seen) == [("PQ012", 9)]
    assert seen["not_seen"] == []
    assert seen["calls"] == 1


def test_a_child_that_nobody_joins_is_waited_for_as_python_does() -> None:
    seen = said(
        """
        import time
        def slowly():
            time.sleep(0.5)
            wrong()
        mp.get_context("fork").Process(target=slowly).start()
        """,
        code=1,
    )
    assert rules(seen) == [("PQ012", 9)]


def test_what_parent_and_children_see_is_said_once_and_counted_once() -> None:
    seen = said(
        """
        wrong()
        with mp.get_context("fork").Pool(2) as pool:
            pool.starmap(wrong, [(), (), ()])
            pool.close()
            pool.join()
        """,
        code=1,
    )
    assert rules(seen) == [("PQ012", 9)]
    assert seen["calls"] == 4
    assert seen["not_seen"] == []


def test_os_fork_that_runs_on_to_the_end() -> None:
    seen = said(
        """
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
        else:
            wrong()
        """,
        code=1,
    )
    assert rules(seen) == [("PQ012", 9)]


def test_a_fork_of_a_fork() -> None:
    seen = said(
        """
        pid = os.fork()
        if pid == 0:
            pid = os.fork()
            if pid == 0:
                wrong()
        if pid:
            os.waitpid(pid, 0)
        """,
        code=1,
    )
    assert rules(seen) == [("PQ012", 9)]


def test_a_child_that_leaves_without_a_word_is_said() -> None:
    seen = said(
        """
        pid = os.fork()
        if pid == 0:
            wrong()
            os._exit(0)
        os.waitpid(pid, 0)
        """
    )
    assert rules(seen) == []
    assert any(u.startswith("1 of 1 forked processes") for u in seen["not_seen"])


def test_a_daemon_that_never_ends_hangs_nothing() -> None:
    seen = said(
        """
        import time
        mp.get_context("fork").Process(target=time.sleep, args=(600,), daemon=True).start()
        """
    )
    assert any("1 of 1 forked processes" in u for u in seen["not_seen"])


def test_a_fork_while_another_thread_takes_losses_down_does_not_hang() -> None:
    seen = said(
        """
        import threading, time
        def many():
            for _ in range(150):
                wrong()
        others = [threading.Thread(target=many) for _ in range(3)]
        for t in others:
            t.start()
        work = [mp.get_context("fork").Process(target=wrong) for _ in range(4)]
        for w in work:
            w.start()
        for w in work:
            w.join(60)
            assert w.exitcode == 0, w
        """,
        code=1,
    )
    assert rules(seen) == [("PQ012", 9)]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
def test_workers_of_a_data_loader_are_left_alone() -> None:
    seen = said(
        """
        import torch
        from torch import nn
        class Data(torch.utils.data.Dataset):
            def __len__(self):
                return 32
            def __getitem__(self, i):
                return torch.randn(20), i % 10
        if __name__ == "__main__":
            model = nn.Sequential(nn.Linear(20, 10), nn.Softmax(dim=1))
            loader = torch.utils.data.DataLoader(
                Data(), batch_size=8, num_workers=2, multiprocessing_context="fork"
            )
            for x, y in loader:
                nn.functional.cross_entropy(model(x), y)
        """,
        code=1,
    )
    assert rules(seen) == [("PQ001", 24)]
    assert seen["not_seen"] == []
    assert seen["calls"] == 4


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
def test_training_in_a_forked_process() -> None:
    seen = said(
        """
        import torch
        from torch import nn
        def train():
            model = nn.Sequential(nn.Linear(20, 10), nn.Softmax(dim=1))
            for _ in range(3):
                x, y = torch.randn(8, 20), torch.randint(0, 10, (8,))
                nn.functional.cross_entropy(model(x), y).backward()
        work = torch.multiprocessing.get_context("fork").Process(target=train)
        work.start()
        work.join()
        """,
        code=1,
    )
    assert rules(seen) == [("PQ001", 17)]
    assert seen["findings"][0]["level"] == "error"
