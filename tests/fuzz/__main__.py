"""The command line: one part or all, for a time or a number of programs, or one seed again."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from . import report, runner
from .notes import Notes

PARTS = ("numpy", "torch", "jax", "tensorflow", "files", "threads")
APART = 1_000_000_000  # between the seeds of two runs


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("part", choices=(*PARTS, "all"))
    parser.add_argument("--minutes", type=float, help="how long each part runs")
    parser.add_argument("--programs", type=int, help="how many programs of each part run")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other programs")
    parser.add_argument("--only", type=int, help="run this one seed again, in this process")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--failures", type=Path, help="a folder that takes what was found")
    parser.add_argument("--write", type=Path, help="a page that takes the table")
    return parser.parse_args(arguments)


def main() -> int:
    given = parse()
    parts = PARTS if given.part == "all" else (given.part,)
    if given.only is not None:
        return again(parts[0], given.only)
    minutes = given.minutes
    if minutes is None:
        minutes = 1.0 if given.programs is None else 1e6
    programs = given.programs if given.programs is not None else APART // 2
    found: list[tuple[Notes, float]] = []
    for part in parts:
        print(f"{part}: seeds from {given.seed * APART} on", flush=True)
        started, said = time.time(), [time.time()]

        def say(notes: Notes, started: float = started, said: list[float] = said) -> None:
            if time.time() - said[0] > 10:
                said[0] = time.time()
                print(report.line(notes, time.time() - started), flush=True)

        notes = runner.run(part, given.seed * APART, programs, minutes, given.processes, say)
        found.append((notes, time.time() - started))
        print(report.line(notes, time.time() - started))
        print(report.failures(notes), flush=True)
        if given.failures and notes.kinds:
            given.failures.mkdir(parents=True, exist_ok=True)
            (given.failures / f"{part}.txt").write_text(report.failures(notes, len(notes.kinds)))
    print(f"\n{report.table(found)}")
    if given.write:
        report.write(given.write, found, f"python -m tests.fuzz {' '.join(sys.argv[1:])}")
    return int(any(notes.kinds for notes, _ in found))


def again(part: str, seed: int) -> int:
    """One seed in this process, with all of what it shows."""
    from .run import one

    notes = Notes(part)
    one(part, seed, notes)
    for failure in notes.first.values():
        print(f"{failure.kind}\n{failure.detail}\n")
    print(report.line(notes, 0))
    return int(bool(notes.kinds))


if __name__ == "__main__":
    sys.exit(main())
