"""Damaged files through the whole command: `plogq score` ends with 0 or 2, and a sentence.

Each file goes through a fork of a process that has the command loaded, so that a signal, an exit
code that no one meant, a traceback or a file that takes too long is seen and has a seed.
"""

from __future__ import annotations

import os
import pickle
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from itertools import islice
from pathlib import Path

from .notes import Notes

SECONDS, MEMORY = 30, 3 << 30
# Among them columns that no sample has, numbers beyond every type, and text that is markup.
OPTIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("--format", "json"),
    ("--target", "label"),
    ("--probs", "p_*"),
    ("--probs", "probs"),
    ("--logits", "fixed"),
    ("--log-probs", "large"),
    ("--binary", "--probs", "p0", "--target", "label"),
    ("--weight", "p_a"),
    ("--ignore", "-100"),
    ("--ignore", str(2**70)),
    ("--first-label", "1"),
    ("--first-label", str(2**63)),
    ("--tolerance", "1e-9"),
    ("--strict",),
    ("--classes", "0", "--worst", "0"),
    ("--target", "[b]no such[/b]"),
    ("--probs", "p_a,p_b,\x1b[2J"),
)
# Files of another kind than their name says, and streams that end nowhere.
ODD: dict[str, bytes] = {
    "empty.csv": b"",
    "newline.csv": b"\n",
    "zeros.csv": b"\0" * 4096,
    "prose.txt": b"Once upon a time\nthere was, as it were, a file.\n",
    "ragged.csv": b"a,b,label\n0.5,0.5,0\n0.5,0.5\n0.5,0.25,0.25,1\n",
    "unclosed.csv": b'p0,p1,label\n0.5,0.5,"0\n0.5,0.5,1\n' * 3,
    "cr.csv": b"p0,p1,label\r0.5,0.5,0\r0.25,0.75,1\r",
    "wide field.csv": b"p0,p1,label\n0.5,0.5," + b"9" * (200 << 10) + b"\n",
    "long number.csv": b"p" + b"1" * 4400 + b",p2,label\n0.5,0.5,0\n",
    "markup.csv": b"p_a[/x],p_[b],p_:smile:,label\n0.5,0.25,0.25,a[/x]\n" * 2,
    "escapes.csv": b"p_a,p_b\x1b[2J,label\n0.5,0.5,a\n0.25,0.75,b\x1b[2J\n",
    "latin-1.csv": "p_ä,p_b,label\n0.5,0.5,ä\n".encode("latin-1"),
    "utf16.csv": "p_a,p_b,label\n0.5,0.5,a\n".encode("utf-16"),
    "object.json": b'{"p": [0.5, 0.5], "label": 0}',
    "columns.csv": b",".join(b"p%d" % i for i in range(3000)) + b",label\n",
    "nan.csv": b"p0,p1,label\nnan,inf,0\n-1,2,1\n1e999,0.5,x\n",
    "twice.csv": b"p0,p0,label,label\n0.5,0.5,0,1\n",
}


@cache
def samples() -> dict[str, bytes]:
    """A small file of every format, made in a process of its own, with threads of its own."""
    code = (
        "import pickle, sys; from tests.score.mutate import samples; "
        "sys.stdout.buffer.write(pickle.dumps(samples()))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return {**pickle.loads(made.stdout), **ODD}


def check(seed: int, notes: Notes) -> None:
    """One file, changed or as it is, with options that may not fit it."""
    from plogq.cli import commands as _loaded  # the fork has it

    from ..score.mutate import mutations

    del _loaded
    draw = random.Random(seed)
    kept = samples()
    name = draw.choice(sorted(kept))
    data = kept[name]
    if name not in ODD or draw.random() < 0.5:
        data = next(islice(mutations(data, seed), draw.randrange(3), None))
    options = draw.choice(OPTIONS) + (draw.choice(OPTIONS) if draw.random() < 0.3 else ())
    with tempfile.TemporaryDirectory() as folder:
        stem = "odd \udcff name" if draw.random() < 0.02 else Path(name).stem
        path = os.path.join(folder, f"{stem}{Path(name).suffix}")
        Path(path).write_bytes(data)
        locale = draw.choice(("utf-8", "utf-8", "utf-8", "ascii", "latin-1"))
        code, said = scored(path, options, locale)
    form = Path(name).suffix
    shown = f"{name}, {len(data)} bytes, {' '.join(map(ascii, options))}\n{ascii_tail(said)}"
    if code < 0:
        how = signal.Signals(-code).name
        how = f"no end within {SECONDS} s" if how == "SIGALRM" else how
        notes.check(False, f"{form}: {how}", shown)
        return
    notes.check("Traceback" not in said, f"{form}: traceback: {last(said)}", shown)
    notes.check("bug in plogq" not in said, f"{form}: a bug in plogq: {last(said)}", shown)
    codes = (0, 1, 2) if "--strict" in options else (0, 2)
    notes.check(code in codes, f"{form}: exit code {code}", shown)
    escaped = "\x1b[2J" in said
    notes.check(not escaped, f"{form}: an escape of the file reaches the terminal", shown)


def scored(path: str, options: tuple[str, ...], encoding: str) -> tuple[int, str]:
    """The exit code of `plogq score`, negative for a signal, and all that it said."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        _child(path, options, encoding, theirs)
    os.close(theirs)
    said, until = bytearray(), time.time() + SECONDS + 10
    while time.time() < until:
        ready, _, _ = select.select([ours], [], [], 1.0)
        if ready:
            piece = os.read(ours, 1 << 16)
            if not piece:
                break
            said += piece
    else:
        os.kill(child, signal.SIGKILL)
    os.close(ours)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said.decode("utf-8", "replace")


def _child(path: str, options: tuple[str, ...], encoding: str, out: int) -> None:
    """The command, in a process that is left by nothing but its exit code."""
    code = 99
    try:
        os.dup2(out, 1)
        os.dup2(out, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.alarm(SECONDS)
        errors = "strict" if encoding == "utf-8" else "backslashreplace"
        sys.stdout = os.fdopen(1, "w", encoding=encoding, errors="strict", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding=encoding, errors=errors, closefd=False)
        sys.argv = ["plogq", "score", path, *options]
        from plogq.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                code = code or 98
        os._exit(code)


def last(said: str) -> str:
    """The last line of a traceback, which names the error."""
    lines = [x for x in said.splitlines() if x and not x.startswith((" ", "╭", "│", "╰"))]
    return lines[-1][:60] if lines else ""


def ascii_tail(said: str) -> str:
    return said[-1500:].encode("ascii", "backslashreplace").decode().replace("\x1b", "\\x1b")
