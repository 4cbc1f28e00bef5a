"""What is said of how far a command came: on a terminal as it goes on, and after Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from .test_endings import GOOD, run

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("where", "place"),
    [("plogq.score.running.read_events", ""), ("plogq.score.evaluate.find", ""),
     ("plogq.cli.commands.show", ""), ("plogq.score.running.summarised", "")],
)  # fmt: skip
def test_ctrl_c(write: Write, where: str, place: str) -> None:
    """In the middle of reading, of scoring and of printing: a word, and exit code 130."""
    module, name = where.rsplit(".", 1)
    code = (
        f"import os, signal, time, {module} as m\nfrom plogq.cli import main\n"
        "def stop(*_, **__): os.kill(os.getpid(), signal.SIGINT); time.sleep(2)\n"
        f"m.{name} = stop"
    )
    ended = run("score", write(GOOD), code=code)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "plogq score: stopped\n"), (
        place
    )


def test_ctrl_c_at_a_question() -> None:
    code = (
        "import os, signal, builtins\nfrom plogq.cli import main\n"
        "import typer\n"
        "def stop(*_, **__):\n"
        "    try: os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(2)\n"
        "    except KeyboardInterrupt: raise typer.Abort from None\n"
        "typer.prompt = stop"
    )
    ended = run("choose", code=code)
    assert (ended.returncode, ended.stderr) == (130, "plogq choose: stopped\n")


def test_ctrl_c_twice(write: Write) -> None:
    """While the first is still waiting for what the other thread reads."""
    code = (
        "import os, signal, threading, time, plogq.score.tables as t, plogq.score.running as m\n"
        "from plogq.cli import main\n"
        "slow = t.ArrowIPC.batches\n"
        "def batches(self, names, rows, widths):\n"
        "    for batch in slow(self, names, rows, widths):\n"
        "        if widths: time.sleep(0.5)\n"
        "        yield batch\n"
        "t.ArrowIPC.batches = batches\n"
        "def again():\n"
        "    for _ in range(3): time.sleep(0.1); os.kill(os.getpid(), signal.SIGINT)\n"
        "def stop(*_):\n"
        "    threading.Thread(target=again, daemon=True).start(); time.sleep(2)\n"
        "m.read_events = stop"
    )
    ended = run("score", write(GOOD, "arrow file"), code=code)
    assert ended.returncode in (130, -signal.SIGINT)
    assert "bug" not in ended.stderr


@pytest.mark.parametrize("command", ["score", "compare", "report"])
def test_ctrl_c_says_how_far_it_came(tmp_path: Path, command: str) -> None:
    """In a batch of the last file: how much of it was read, some of it ahead of the scoring."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("p_a,p_b,label\n" + "0.25,0.75,a\n0.5,0.5,b\n" * 200_000)
    files = [tmp_path / name for name in ("a.csv", "b.csv")][: 1 if command == "score" else 2]
    code = (
        "import os, signal, time, plogq.score.running as m\nfrom plogq.cli import main\n"
        "real, seen = m.read_events, []\n"
        "def read(batch, roles):\n"
        "    seen.append(batch.rows)\n"
        f"    if sum(seen) > {400_000 * len(files) - 300_000}:\n"
        "        os.kill(os.getpid(), signal.SIGINT); time.sleep(2)\n"
        "    return real(batch, roles)\n"
        "m.read_events = read"
    )
    out = ["-o", tmp_path / "x.html"] if command == "report" else []
    ended = run(command, *files, *out, code=code)
    assert (ended.returncode, ended.stdout) == (130, "")
    said = re.fullmatch(rf"plogq {command}: stopped: (\d+)% of {files[-1].name} was read\n",
                        ended.stderr)  # fmt: skip
    assert said is not None, ended.stderr
    assert 10 < int(said[1]) < 90
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_ctrl_c_of_the_linter_says_how_many_files_were_read(tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / f"x{i}.py").write_text(
            "import torch.nn.functional as F\nF.cross_entropy(a, b)\n"
        )
    code = (
        "import os, signal, time, plogq.doctor.lint.run as m\nfrom plogq.cli import main\n"
        "real, seen = m._one, []\n"
        "def one(path, *rest):\n"
        "    seen.append(path)\n"
        "    if len(seen) == 4: os.kill(os.getpid(), signal.SIGINT); time.sleep(2)\n"
        "    return real(path, *rest)\n"
        "m._one = one"
    )
    ended = run("lint", tmp_path, code=code)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr == "plogq lint: stopped: 3 files were linted\n"


@pytest.mark.parametrize("command", ["score", "compare", "report", "lint"])
def test_progress_is_shown_on_a_terminal_and_goes_away(tmp_path: Path, command: str) -> None:
    """On stderr alone, and at the end it is taken back."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("p_a,p_b,label\n" + "0.25,0.75,a\n0.5,0.5,b\n" * 30)
    (tmp_path / "x.py").write_text("import torch\n")
    files = {"score": ["a.csv"], "lint": ["x.py"]}.get(command, ["a.csv", "b.csv"])
    out = ["-o", str(tmp_path / "x.html")] if command == "report" else []
    ours, theirs = pty.openpty()
    heard: list[bytes] = []

    def listen() -> None:
        # So ends a terminal that nobody writes to any more.
        with suppress(OSError):
            while piece := os.read(ours, 1 << 16):
                heard.append(piece)

    listening = threading.Thread(target=listen)
    listening.start()
    env = {"TERM": "xterm", "COLUMNS": "80"}
    ended = run(command, *(tmp_path / f for f in files), *out, stderr=os.ttyname(theirs), env=env)
    os.close(theirs)
    listening.join(60)
    os.close(ours)
    said, printed = b"".join(heard), ended.stdout
    assert ended.returncode == 0
    for file in files:
        assert (b"files" if command == "lint" else file.encode()) in said
    # The line is cleared, and the cursor shown again.
    assert said.endswith((b"\x1b[2K", b"\x1b[?25h", b"\x1b[1A\x1b[2K"))
    assert b"\x1b[2K" in said
    assert "\x1b" not in printed
