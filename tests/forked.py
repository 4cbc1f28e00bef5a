"""A process for each call, all doubled from one that has loaded what takes its time.

That is the command `plogq`, or a program after other imports: a framework takes seconds.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

COMMAND = """
import plogq.cli, plogq.cli.commands, plogq.cli.choose
import pandas, plogq.score.evaluate, plogq.score.tables, plogq.score.terminal
import plogq.frameworks.numpy.kernels, plogq.native.stored
import functools, importlib, typer.main
# What only some commands load, and typer for all of them as it reads their options.
for name in ("typer._adapters", "jinja2", "matplotlib.backends.backend_svg", "scipy.optimize"):
    try:
        importlib.import_module(name)
    except ImportError:
        pass
typer.main.get_command = functools.cache(typer.main.get_command)
typer.main.get_command(plogq.cli.commands.app)
"""
PYTEST = "import pytest\ndef main(): sys.exit(pytest.main())"
PROGRAM = "import runpy\ndef main(): runpy.run_path(sys.argv[1], run_name='__main__')"
# What Keras loads, whatever its backend is, and that takes seconds. Keras itself and plogq are not
# there, nor is TensorFlow, which would load Keras and has to come after Triton.
KERAS = """
import importlib, sys
for name in ("triton", "torch", "h5py", "jax", "pandas", "sklearn", "pytest"):
    try:
        importlib.import_module(name)
    except ImportError:
        pass
assert not {"keras", "plogq", "tensorflow"} & set(sys.modules)
"""
# What a child is left with is what a command starts with: its streams, and a program that ends.
# What it has loaded is nothing that a child's collector of garbage need look at, page after page.
SERVER = """
import gc, json, os, sys
exec(sys.argv[2])

gc.collect()
gc.freeze()
asked, answers = os.fdopen(os.dup(0), "rb", 0), int(sys.argv[1])
for line in iter(asked.readline, b""):
    given = json.loads(line)
    child = os.fork()
    if not child:
        break
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.write(answers, f"{code}\\n".encode())
else:
    os._exit(0)
asked.close()
os.close(answers)
for stream, path in enumerate(given["streams"]):
    file = os.open(path, os.O_RDWR)
    os.dup2(file, stream)
    os.close(file)
os.environ.clear()
os.environ.update(given["env"])
os.chdir(given["folder"])
sys.argv = ["plogq", *given["arguments"]]
exec(given["code"])
main()
"""


class Commands:
    """One process that has run `loads`, with these variables, and is doubled for every call."""

    def __init__(self, env: dict[str, str], loads: str = COMMAND) -> None:
        self.env = env
        answers, writing = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(writing), loads],
            stdin=subprocess.PIPE,
            # Its own streams are made for what cannot be sought in, and nothing is written there.
            stdout=writing,
            stderr=writing,
            env=env,
            pass_fds=[writing],
        )
        os.close(writing)
        self.answers = os.fdopen(answers, "rb", 0)
        atexit.register(self.end)

    def run(
        self,
        *arguments: object,
        code: str | None = None,
        env: dict[str, str] | None = None,
        text: bool = True,
        stdout: str | None = None,
        stderr: str | None = None,
        folder: Path | None = None,
    ) -> subprocess.CompletedProcess[Any]:
        """`plogq` with these arguments in this folder; code that imports `main` may come first."""
        with tempfile.TemporaryDirectory() as streams:
            paths = [Path(os.devnull)]
            for name, given in (("out", stdout), ("err", stderr)):
                paths.append(Path(given or f"{streams}/{name}"))
                if given is None:
                    paths[-1].touch()
            asked = {
                "arguments": [str(a) for a in arguments],
                "code": code or "from plogq.cli import main",
                "env": self.env | (env or {}),
                "folder": str(folder or Path.cwd()),
                "streams": [str(p) for p in paths],
            }
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps(asked).encode() + b"\n")
            self.process.stdin.flush()
            answer = self.answers.readline()
            assert answer, "the process that is doubled has ended"
            found: list[Any] = [
                b"" if given else path.read_bytes()
                for given, path in ((stdout, paths[1]), (stderr, paths[2]))
            ]
        if text:
            found = [x.decode(self.env.get("PYTHONIOENCODING", "utf-8")) for x in found]
        return subprocess.CompletedProcess(list(arguments), int(answer), *found)

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)
        self.answers.close()


@cache
def commands(loads: str = COMMAND, **env: str) -> Commands:
    """The process with these variables, and of this one's all but those that Python reads."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LC_", "LANG"))}
    ours = {k: v for k, v in os.environ.items() if k in ("PYTHONPATH", "PYTHONDEVMODE")}
    return Commands(kept | ours | env, loads)
