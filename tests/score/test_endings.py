"""How a command ends: exit codes, output that cannot be written, and nothing left open."""

from __future__ import annotations

import bz2
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import plogq
from plogq.score import InputError, Wish, score_file
from plogq.score.read import open_source

from ..forked import commands

Write = Callable[..., Path]
ROWS = 3000
GOOD: dict[str, Any] = {
    "p_a": [0.25] * ROWS, "p_b": [0.75] * ROWS, "label": ["a", "b"] * (ROWS // 2)
}  # fmt: skip


def run(*arguments: object, code: str | None = None, **options: Any) -> Any:
    """The command, or it after some code, as a process of its own."""
    return commands().run(*arguments, code=code, **options)


def started(*arguments: object, **env: str) -> Any:
    """The command with all that Python itself does before it."""
    return subprocess.run(
        [sys.executable, "-m", "plogq", *map(str, arguments)],
        env=commands().env | env, capture_output=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A file whose report is longer than a pipe holds."""
    classes = 1000
    np.savez(tmp_path / "x.npz", probs=np.full((9, classes), 1 / classes), label=np.arange(9))
    return tmp_path / "x.npz"


@pytest.mark.parametrize(
    "arguments",
    [["score", "FILE"], ["score", "FILE", "--format", "json"], ["explain"], ["score", "--help"],
     ["score", "FILE", "--plot"], ["compare", "FILE", "FILE", "--format", "json"],
     ["report", "FILE", "-o", "-"]],
)  # fmt: skip
def test_nobody_reads_on(many: Path, arguments: list[str]) -> None:
    """As `| head -1`: quiet, and the exit code that a shell gives to a broken pipe."""
    code = (
        "import os\nfrom plogq.cli import main\nreading, writing = os.pipe()\n"
        "os.dup2(writing, 1); os.close(writing); os.close(reading)"
    )
    ended = run(*(many if a == "FILE" else a for a in arguments), code=code)
    assert (ended.returncode, ended.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux' /dev/full")
@pytest.mark.parametrize(
    "arguments",
    [["score", "FILE"], ["score", "FILE", "--format", "json"], ["explain"], ["--help"],
     ["compare", "FILE", "FILE"], ["report", "FILE", "-o", "-"],
     ["report", "FILE", "-o", "/dev/full"], ["--version"], ["score", "--help"],
     ["choose", "--outputs", "one", "--last-layer", "sigmoid", "--labels", "0/1"]],
)  # fmt: skip
def test_a_full_disk(many: Path, arguments: list[str]) -> None:
    ended = run(*(many if a == "FILE" else a for a in arguments), stdout="/dev/full")
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.endswith("cannot be written: No space left on device\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux' /dev/full")
def test_a_full_disk_for_the_sentence_itself() -> None:
    ended = run("score", "nothing.csv", stderr="/dev/full")
    assert (ended.returncode, ended.stdout) == (2, "")


def test_closed_streams(many: Path) -> None:
    for closed in (">&-", "2>&-", "<&-", ">&- 2>&-"):
        ended = subprocess.run(
            ["sh", "-c", shell_of(many, closed)], capture_output=True, text=True, check=False
        )
        assert "Traceback" not in ended.stderr + ended.stdout
        assert "Exception" not in ended.stderr + ended.stdout


def shell_of(path: Path, redirection: str) -> str:
    return f"{sys.executable} -m plogq score {path} --classes 3 {redirection}"


@pytest.mark.parametrize("encoding", ["ascii", "utf-16", "cp437"])
def test_output_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    """None of the letters, all of them in a form of its own, and some."""
    path = tmp_path / "x.csv"
    path.write_text("p_é猫,p_∞,label\n1.0,0.0,∞\n0.5,0.5,é猫\n", "utf-8")
    code = (
        "import sys\nfrom plogq.cli import main\n"
        f"for stream in sys.stdout, sys.stderr: stream.reconfigure(encoding={encoding!r})"
    )

    def encoded(*arguments: object) -> Any:
        ended = run(*arguments, code=code, text=False)
        ended.stdout, ended.stderr = ended.stdout.decode(encoding), ended.stderr.decode(encoding)
        return ended

    for form in ("table", "json"):
        ended = encoded("score", path, "--format", form)
        assert (ended.returncode, ended.stderr) == (0, "")
        if form == "json":
            assert [c["label"] for c in json.loads(ended.stdout)["classes"]] == ["é猫", "∞"]
        else:
            assert "cross-entropy H" in ended.stdout
            assert ("∞ nats" in ended.stdout) or ("inf nats" in ended.stdout)
    for arguments in (["--help"], ["score", "--help"], ["explain"], ["score", tmp_path / "∞"]):
        ended = encoded(*arguments)
        assert ended.returncode == (2 if len(arguments) == 2 and arguments[1] != "--help" else 0)
        assert "Traceback" not in ended.stderr + ended.stdout


def test_a_page_in_a_locale_without_its_letters(tmp_path: Path) -> None:
    """A file is in UTF-8 whatever the locale; what is printed is in letters that it has."""
    path = tmp_path / "x.csv"
    path.write_text("p_é猫,p_∞,label\n1.0,0.0,∞\n0.5,0.5,é猫\n", "utf-8")
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "NO_COLOR": "1",
           "COLUMNS": "20"}  # fmt: skip
    ended = started("report", path, "-o", tmp_path / "x.html", **env)
    assert (ended.returncode, ended.stderr) == (0, b"")
    page = (tmp_path / "x.html").read_text("utf-8")
    assert ">é猫</th>" in page
    ended = started("report", path, "-o", "-", **env)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert rb"\u732b" in ended.stdout
    ended.stdout.decode("ascii")


def test_a_folder_that_nothing_can_be_written_to(tmp_path: Path) -> None:
    for arguments in (["report", "FILE", "-o", "/proc/x.html"],
                      ["score", "FILE", "--rows", "/proc/x.csv"]):  # fmt: skip
        path = tmp_path / "x.csv"
        path.write_text("p_a,p_b,label\n1.0,0.0,a\n0.5,0.5,b\n")
        ended = run(*(str(path) if a == "FILE" else a for a in arguments))
        assert (ended.returncode, ended.stdout) == (2, "")
        assert len(ended.stderr.splitlines()) == 1
        assert "cannot be written" in ended.stderr


def test_the_c_locale(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("p0,p1,label\n1.0,0.0,1\n0.5,0.5,0\n")
    for more in ({}, {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}):
        ended = started("score", path, LC_ALL="C", **more)
        assert (ended.returncode, ended.stderr) == (0, b"")
        assert b"1 event has H = " in ended.stdout


@pytest.mark.parametrize("error", ["ZeroDivisionError('of\\nours')", "KeyError('\\x1b[2J')"])
def test_a_fault_of_ours(write: Write, error: str) -> None:
    """Says so, where it is, and how to report it: exit code 70."""
    code = (
        "import plogq.score.running as m\nfrom plogq.cli import main\n"
        f"def wrong(*_, **__): raise {error}\nm.read_events = wrong"
    )
    path = write(GOOD)
    ended = run("score", path, code=code)
    assert (ended.returncode, ended.stdout) == (70, "")
    assert len(ended.stderr.splitlines()) == 1
    assert f"plogq score: this is a bug in plogq {plogq.__version__} (" in ended.stderr
    assert error.split("(")[0] in ended.stderr
    assert "in running.py, line " in ended.stderr
    assert "please report it" in ended.stderr
    ended = run("score", path, code=code, env={"PLOGQ_TRACEBACK": "1"})
    assert ended.returncode == 70
    assert "Traceback (most recent call last)" in ended.stderr
    assert "\x1b" not in ended.stderr


def test_what_no_file_can_bring_about_is_ours_in_readers_too(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(GOOD)
    for error, expected in ((NameError, NameError), (AttributeError, AttributeError),
                            (KeyError, InputError), (RuntimeError, InputError),
                            (MemoryError, InputError), (OSError, InputError)):  # fmt: skip

        def wrong(*_: object, error: type[Exception] = error) -> None:
            raise error("x")

        monkeypatch.setattr("plogq.score.tables.batch_of", wrong)
        with pytest.raises(expected):
            score_file(path)


def test_reasons_of_a_sentence_can_be_traced(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1PAR1")
    ended = run("score", tmp_path / "x.parquet", env={"PLOGQ_TRACEBACK": "1"})
    assert ended.returncode == 2
    assert "Traceback" in ended.stderr
    assert "plogq score: x.parquet cannot be read" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["score"], ""),
        (["score", "x", "--nothing\x1b[2J"], "--nothing"),
        (["score", "x", "--classes", "\x1b[2J[red]"], "Invalid value for '--classes'"),
        (["score", "x", "--classes", "9" * 5000], "Invalid value for '--classes'"),
        (["score", "x", "--first-label", "²"], "Invalid value for '--first-label'"),
        (["score", "x", "--tolerance", "-1"], "Invalid value for '--tolerance'"),
        (["score", "x", "y\x07"], r"y\x07"),
        (["nothing\u202e"], r"nothing\u202e"),
        (["choose", "--outputs", "\x1b[2J"], r"not '\x1b[2J'"),
        (["explain", "--format", "xml"], "xml"),
    ],
)
def test_mistakes_in_the_options(arguments: list[str], sentence: str) -> None:
    ended = run(*arguments)
    assert ended.returncode == 2
    assert "\x1b" not in ended.stderr
    if sentence:
        assert len(ended.stderr.splitlines()) == 1
        assert ended.stderr.startswith("plogq")
        assert sentence in ended.stderr


def test_a_tolerance_that_is_no_number(write: Write) -> None:
    for value in (float("nan"), -1.0):
        with pytest.raises(InputError, match="--tolerance must be a number"):
            score_file(write(GOOD), Wish(tolerance=value))


def opened(path: Path) -> int:
    """How many times this process has a file open."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            count += os.readlink(link) == str(path)
        except OSError:
            continue
    return count


class Stop(Exception):
    pass


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux' /proc")
@pytest.mark.parametrize("way", ["end", "refusal", "strict", "error", "Ctrl-C", "half read"])
def test_nothing_is_left_open(write: Write, form: str, way: str) -> None:
    """No file and no thread, whatever the way out, and while the error is still being handled."""
    data = GOOD | ({"label": ["x"] * ROWS} if way == "refusal" else {})
    if way == "strict":
        data = GOOD | {"label": [*GOOD["label"][:-1], "x"]}
    path = write(data, form)
    threads = threading.active_count()

    def stop(_: float) -> None:
        raise {"error": Stop, "Ctrl-C": KeyboardInterrupt}[way]

    if way == "half read":
        batches = open_source(path).batches(["label"], 10, {})
        assert next(batches).rows
        # A short text has been read to its end by then.
        assert opened(path) >= (form != "csv")
        batches.close()
    elif way == "end":
        score_file(path, batch_rows=100)
    else:
        with pytest.raises((InputError, Stop, KeyboardInterrupt)) as caught:
            score_file(
                path,
                batch_rows=100,
                strict=way == "strict",
                progress=stop if way in ("error", "Ctrl-C") else None,
            )
        assert opened(path) == 0, caught.value
    assert opened(path) == 0
    assert threading.active_count() == threads


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_a_process_that_ends_after_a_refusal_ends_well(tmp_path: Path) -> None:
    """pyarrow's threads, left running, abort it now and then (apache/arrow#34314): once in 20 to
    300 times on one processor that others want too. Here there are none to be left."""
    path = tmp_path / "x.csv"
    path.write_text("p_a,p_b,label\n" + "0.25,0.75,maybe\n0.5,0.5,sure\n" * 100_000)
    code = (
        "import os, pandas, plogq.score.evaluate, plogq.score.tables, plogq.native.stored\n"
        "from plogq.score import InputError, score_file\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "for _ in range(20):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        f"        try: score_file({str(path)!r})\n"
        "        except InputError: raise SystemExit(2)\n"
        "        raise SystemExit(3)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert Counter(ended.stdout.split()) == {"2": 20}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux' /proc")
def test_reading_text_leaves_no_thread_at_work(tmp_path: Path) -> None:
    """The cause of the same: once a generator is dropped, nothing goes on reading ahead."""
    path = tmp_path / "x.csv.bz2"
    path.write_bytes(bz2.compress(b"p_a,p_b,label\n" + b"0.25,0.75,maybe\n" * 1_000_000, 1))
    batches = open_source(path).batches(["p_a", "p_b", "label"], 1000, {})
    next(batches)
    batches.close()
    before = busy()
    time.sleep(0.3)
    # Less where a thread has ended meanwhile.
    assert busy() <= before


def busy() -> int:
    """Processor time of every thread but this one."""
    mine, total = threading.get_native_id(), 0
    for task in Path("/proc/self/task").iterdir():
        # One may end between being listed and being read.
        with suppress(FileNotFoundError, ProcessLookupError):
            if int(task.name) != mine:
                fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
    return total
