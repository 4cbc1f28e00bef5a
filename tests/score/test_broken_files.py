"""Files with changed bytes: scored, or refused in a sentence; never the end of the process."""

from __future__ import annotations

import os
import signal
from itertools import islice
from pathlib import Path

import pytest

from .mutate import mutations, samples, score_folder, write


def test_changes_are_the_same_for_the_same_seed() -> None:
    data = samples()["plain.npz"]
    first, again, other = (list(islice(mutations(data, seed), 30)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert sum(changed != data for changed in first) > 25
    assert next(mutations(b"", 0)) != b"x"


def test_the_samples_are_sound(tmp_path: Path) -> None:
    """What is changed could be read before."""
    for name, data in samples().items():
        (tmp_path / name).write_bytes(data)
    ending = score_folder(tmp_path)
    assert set(ending.outcomes.values()) == {"scored"}
    assert len(ending.outcomes) == len(samples())
    assert not ending.faults


def test_a_process_that_is_killed_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the files after the one that killed it are scored all the same."""
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_bytes(samples()["plain.csv"])
    real = os.fspath(Path(__file__).with_name("mutate.py"))
    child = tmp_path.with_name("child.py")
    child.write_text(
        f"import sys; sys.path.insert(0, {os.path.dirname(real)!r})\n"
        "import mutate, os, signal\nreal = mutate._outcome\n"
        "def outcome(path, *rest):\n"
        "    if path.name == 'b.csv': os.kill(os.getpid(), signal.SIGSEGV)\n"
        "    return real(path, *rest)\n"
        "mutate._outcome = outcome\nmutate.main()\n"
    )
    monkeypatch.setattr("tests.score.mutate.__file__", str(child))
    ending = score_folder(tmp_path)
    assert ending.killed == {"b.csv": -signal.SIGSEGV}
    assert ending.outcomes == {"a.csv": "scored", "c.csv": "scored"}
    assert list(ending.faults) == ["b.csv"]


@pytest.mark.slow
def test_broken_files_are_refused_or_scored(tmp_path: Path) -> None:
    """Of every format and layout. Arrow files whose offsets nobody checked killed the process."""
    write(tmp_path, 10, seed=12)
    ending = score_folder(tmp_path)
    assert not ending.faults
    assert len(ending.outcomes) == 10 * len(samples())
    outcomes = list(ending.outcomes.values())
    assert 0.1 < outcomes.count("scored") / len(outcomes) < 0.6
    for outcome in outcomes:
        # No exception of Python's own makes a sentence: it would be a fault of a reader's.
        assert not any(f": {name}" in outcome for name in ("TypeError", "IndexError", "Assert"))
