"""`python -m benchmarks grid`: a process per framework, and every ratio in a table."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from ..machine import describe, sentence
from . import DTYPES, FRAMEWORKS, KINDS, SHAPES, Cell

_LEAST, _LEAST_SMALL = 1.0, 0.9


def main(arguments: Sequence[str]) -> int:
    """Print the tables; 0 whatever they hold."""
    given = _parser().parse_args(arguments)
    shapes = [shape for shape in SHAPES if not given.shapes or _title(shape) in given.shapes]
    print(sentence(describe()), flush=True)
    for framework in given.framework or FRAMEWORKS:
        asked = {
            "framework": framework,
            "shapes": shapes,
            "kinds": given.kinds or KINDS,
            "dtypes": given.dtypes or DTYPES,
            "ways": given.ways,
            "rounds": given.rounds,
            "quickest": given.quickest,
        }
        print(f"\n{FRAMEWORKS[framework]}", flush=True)
        cells, steady = _measured(asked)
        of = ", quickest samples" if given.quickest else ""
        for (way, dtype), group in groupby(cells, lambda cell: (cell.way, cell.dtype)):
            print(f"\n{way}, {dtype}: peer / plogq{of}, loss and loss with gradient\n")
            print(_table(list(group)))
        print(f"\n{_least(cells)}\n{_noise(steady)}", flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m benchmarks grid", description=__doc__)
    made.add_argument("framework", nargs="*", help=f"of {', '.join(FRAMEWORKS)} (default: all)")
    made.add_argument("--kinds", nargs="+", choices=KINDS)
    made.add_argument("--shapes", nargs="+", choices=[_title(shape) for shape in SHAPES])
    made.add_argument("--dtypes", nargs="+", choices=DTYPES)
    made.add_argument("--ways", nargs="+", help="eager, compiled, graph, jit_compile …")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument(
        "--quickest",
        action="store_true",
        help="compare the quickest samples and not the medians: for a machine that is never quiet",
    )
    return made


def _measured(asked: dict[str, Any]) -> tuple[list[Cell], list[float]]:
    """What the process of one framework printed, in the order of the tables."""
    command = [sys.executable, "-m", "benchmarks.grid", json.dumps(asked)]
    cells: list[Cell] = []
    steady: list[float] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            said = json.loads(line)
            if "steady" in said:
                steady = said["steady"]
            elif "left out" in said:
                print(f"left out: {said['left out']}", flush=True)
            else:
                cells.append(Cell(**said | {"shape": tuple(said["shape"])}))
                _say(f"{cells[-1].way} {_title(cells[-1].shape)} {cells[-1].kind}")
    _say("")
    if process.returncode:
        raise SystemExit(f"benchmarks: the process of {asked['framework']} failed")
    return sorted(cells, key=_place), steady


def _place(cell: Cell) -> tuple[str, int, int]:
    return cell.way, DTYPES.index(cell.dtype), SHAPES.index(cell.shape)


def _title(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _table(cells: list[Cell]) -> str:
    found = {(cell.shape, cell.kind, cell.gradient): cell.ratio for cell in cells}
    kinds = [kind for kind in KINDS if any(cell.kind == kind for cell in cells)]
    rows = [["", *kinds]]
    for shape in dict.fromkeys(cell.shape for cell in cells):
        both = ([found.get((shape, kind, back)) for back in (False, True)] for kind in kinds)
        rows.append([_title(shape), *(" ".join(map(_ratio, pair)) for pair in both)])
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(t.rjust(n) for t, n in zip(r, wide, strict=True)) for r in rows)


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}"


def _least(cells: list[Cell]) -> str:
    lines: list[str] = []
    for small, wanted, which in (
        (False, _LEAST, "from 512×10 up"),
        (True, _LEAST_SMALL, "below 512×10"),
    ):
        chosen = sorted((c for c in cells if c.small is small), key=lambda cell: cell.ratio)
        if not chosen:
            continue
        least, missed = chosen[0], sum(cell.ratio < wanted for cell in chosen)
        what = f"{least.way}, {least.kind}, {_title(least.shape)} {least.dtype}"
        lines.append(
            f"{which}: the least ratio is {least.ratio:.2f} ({what}, "
            f"{'with gradient' if least.gradient else 'loss alone'}); "
            f"{missed} of {len(chosen)} below {wanted}"
        )
    return "\n".join(lines)


def _noise(steady: list[float]) -> str:
    low, middle, high = (1e3 * seconds for seconds in steady)
    return (
        f"noise: the same work took {low:.2f} to {high:.2f} ms, {middle:.2f} in the middle "
        f"({middle / low:.2f}× the quickest)"
    )


def _say(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)
