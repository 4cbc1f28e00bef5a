"""Runs a part in processes of its own, so that a crash is a failure like any other, with a seed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .notes import Notes

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0  # seconds that one seed may take


def environment() -> dict[str, str]:
    """That of a worker: FUZZ_PRELOAD is what it loads first, the runtime of the sanitizers."""
    preload = os.environ.get("FUZZ_PRELOAD")
    return {**os.environ, "LD_PRELOAD": preload} if preload else dict(os.environ)


class Worker:
    """One worker process at a time; where it dies it is noted, and the next goes on behind it."""

    def __init__(self, part: str, first: int, step: int, programs: int, until: float) -> None:
        self.part, self.seed, self.step = part, first, step
        self.left, self.until = programs, until
        self.found = Notes(part)
        self.lock = threading.Lock()
        self.moved = time.time()
        self.process: Any = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while self.left > 0 and time.time() < self.until:
            if self._one_process():
                return

    def _one_process(self) -> bool:
        """Whether the process came to its end."""
        arguments = [self.part, self.seed, self.step, self.left, self.until]
        command = [sys.executable, "-m", "tests.fuzz.worker", *map(str, arguments)]
        with tempfile.TemporaryFile("w+") as errors:
            self.moved, done, started = time.time(), False, None
            with subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as self.process:
                for line in self.process.stdout or ():
                    said = self._heard(line)
                    started = said.get("seed", started)
                    done |= "done" in said
            code = self.process.returncode
            if done:
                return True
            errors.seek(0)
            self._died(code, started, errors.read())
        return False

    def _heard(self, line: str) -> dict[str, Any]:
        """What the worker says in one line; what a framework prints is nothing."""
        try:
            said = json.loads(line)
        except ValueError:
            return {}
        if not isinstance(said, dict):
            return {}
        self.moved = time.time()
        if "notes" in said:
            with self.lock:
                self.found.merge(Notes.from_json(self.part, said["notes"]))
        return said

    def _died(self, code: int, seed: int | None, errors: str) -> None:
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if time.time() - self.moved > PATIENCE - 1:
            how = f"no end within {PATIENCE:.0f} s"
        last = errors.strip().splitlines()[-1:] if code > 0 else []
        what = next((x for x in errors.splitlines() if "ERROR: AddressSanitizer" in x), "")
        what = what or next((x for x in errors.splitlines() if "runtime error:" in x), "")
        with self.lock:
            self.found.seed = self.seed if seed is None else seed
            self.found.programs += 1
            self.found.check(False, f"dies: {how} {what or ' '.join(last)}"[:150], errors[-4000:])
        # One that dies before its first seed would do so for ever.
        self.left -= self.left if seed is None else (seed - self.seed) // self.step + 1
        self.seed = self.seed if seed is None else seed + self.step

    def watch(self) -> None:
        if self.process is not None and time.time() - self.moved > PATIENCE:
            self.process.kill()


def run(
    part: str,
    seed: int,
    programs: int,
    minutes: float,
    processes: int,
    say: Callable[[Notes], None] = lambda notes: None,
) -> Notes:
    """The seeds from `seed` on, until there are `programs` of them or the time is over."""
    until = time.time() + 60 * minutes
    each = -(-programs // processes)
    workers = [Worker(part, seed + i, processes, each, until) for i in range(processes)]
    while any(w.thread.is_alive() for w in workers):
        for w in workers:
            w.thread.join(1.0)
            w.watch()
        say(together(part, workers))
    return together(part, workers)


def together(part: str, workers: list[Worker]) -> Notes:
    found = Notes(part)
    for w in workers:
        with w.lock:
            found.merge(w.found)
    return found
