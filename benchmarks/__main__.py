"""The command: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import calls, gpu
from . import record as records
from .case import READ, Case, Outcome, Outcomes
from .catalogue import CASES, GROUPS
from .grid import report as grid
from .machine import describe, sentence
from .memory import extra
from .report import plain, record
from .timing import measure

_ABOUT = """\
Time plogq and each installed peer in turn, in one run: A B C A B C …, so that whatever else the
machine does falls on all of them alike. Peers run with their own defaults, threads included; one
that is not installed is left out with a line that says so."""

_READING = """\
columns:
  median             seconds a call, over all rounds
  ratio              that median over plogq's: 8.00× means eight times as slow
  G elements/s       scores handled, in thousands of millions a second
  GB/s, TFLOP/s      on a GPU: bytes of scores and of gradients moved, or operations of the matrix
                     products that the result needs
  of read bandwidth  time of merely reading the inputs, over the median; reading is measured
                     in the same run
  of copy bandwidth, of the products' rate   that GB/s or TFLOP/s over what the same GPU reaches,
                     in the same run, in a copy of the scores or in the matrix products alone
  extra memory       what a call adds to the resident size at its peak, besides the inputs and the
                     gradients returned; each measured in a process of its own
  peak memory        on a GPU: what a call holds at its peak, besides what was held before it;
                     over the gradients: as a multiple of what the gradients themselves take
  relative error     of the mean loss, against the same formula in float64
  error of the gradient   of the weight's, against products in float64: ‖g - exact‖ / ‖exact‖

Below each table stand the figures to reach: ✓ met, ✗ missed, – not measured here.

examples:
  python -m benchmarks --list              the cases
  python -m benchmarks --quick             everything, at sizes for trying it out
  python -m benchmarks labels-loss small   two cases
  python -m benchmarks torch               those on PyTorch tensors, with autograd
  python -m benchmarks gpu                 those on a GPU; without one they are left out
  python -m benchmarks --from F --write docs   fill them from what --keep F wrote elsewhere
  python -m benchmarks calls               how many Python functions a small call enters
  python -m benchmarks grid torch          ours and PyTorch's losses over sixteen shapes
  python -m benchmarks --write docs        everything; fill the tables of the pages in docs/

Close other programs first; a full run takes about half an hour."""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=_ABOUT,
        epilog=_READING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("names", nargs="*", metavar="CASE", help="cases or groups (default: all)")
    made.add_argument("--list", action="store_true", help="print the cases and their targets")
    made.add_argument("--rounds", type=int, default=None, metavar="N", help="rounds (default: 9)")
    made.add_argument("--quick", action="store_true", help="small sizes and 3 rounds")
    made.add_argument("--no-memory", action="store_true", help="leave out the memory column")
    made.add_argument(
        "--write",
        nargs="+",
        type=Path,
        default=(),
        metavar="PAGE",
        help="keep the results in benchmarks/record.json and fill the tables of these pages, or of "
        "every page of a directory",
    )
    made.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="also write each case there as it is measured"
    )
    made.add_argument(
        "--from",
        dest="kept",
        type=Path,
        metavar="FOLDER",
        help="measure nothing: take what was measured elsewhere and kept in FOLDER",
    )
    made.add_argument(
        "--stand-in",
        action="store_true",
        help="the cases for a GPU on this processor, to try the command; with --quick",
    )
    made.add_argument("--format", choices=("table", "json"), default="table")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["grid"]:
        return grid.main(arguments[1:])
    given = parser().parse_args(arguments)
    if given.names == ["calls"]:
        calls.main()
        return 0
    unknown = [name for name in given.names if name not in CASES and name not in GROUPS]
    if unknown:
        return _refuse(
            f"there is no case {unknown[0]!r}; there are {', '.join(CASES)}, and of groups of them "
            f"{', '.join(GROUPS)}"
        )
    if given.kept is not None:
        return _taken(given.kept, given.write)
    if given.stand_in and not given.quick:
        return _refuse("--stand-in is for trying the command, at the sizes of --quick")
    if given.quick and given.write:
        return _refuse("--quick sizes are for trying things out; pages take full sizes only")
    if given.rounds is not None and given.rounds < 1:
        return _refuse(f"--rounds takes a number from 1, got {given.rounds}")
    absent = [page for page in given.write if not page.exists()]
    if absent:
        return _refuse(f"there is no page {absent[0]}")
    if given.list:
        print("\n".join(_listed(case) for case in CASES.values()))
        return 0
    asked = (GROUPS.get(name, (name,)) for name in given.names or CASES)
    cases = CASES | ({case.name: case for case in gpu.stand_ins()} if given.stand_in else {})
    chosen = [cases[name] for name in dict.fromkeys(name for names in asked for name in names)]
    rounds = given.rounds or (3 if given.quick else 9)
    described = describe()
    as_table = given.format == "table"
    results: list[dict[str, Any]] = []
    told: list[str] = []
    for case in chosen:
        why = case.absent()
        if why is not None:
            if why not in told:
                told.append(why)
                print(why, file=sys.stdout if as_table else sys.stderr, flush=True)
            continue
        machine = described | case.machine()
        if as_table and sentence(machine) not in told:
            told.append(sentence(machine))
            print(told[-1], end="\n\n", flush=True)
        result = run(case, rounds, given.quick, not given.no_memory, machine, _say)
        results.append(result)
        if given.keep is not None:
            given.keep.mkdir(parents=True, exist_ok=True)
            kept = json.dumps(result, indent=1, ensure_ascii=False)
            (given.keep / f"{case.name}.json").write_text(kept, encoding="utf-8")
        if as_table:
            print(plain(result), end="\n\n", flush=True)
        if given.write:
            known = records.add([result], CASES)
            for page in given.write:
                records.fill(page, known)
    if not as_table:
        print(json.dumps(results, indent=1, ensure_ascii=False))
    if not results:
        return _refuse("nothing that was asked for can be measured on this machine")
    return 0


def _taken(folder: Path, pages: Sequence[Path]) -> int:
    """Print what was kept in a folder, and fill the tables of pages from it."""
    results = [json.loads(x.read_text(encoding="utf-8")) for x in sorted(folder.glob("*.json"))]
    results = [result for result in results if result.get("name") in CASES]
    if not results:
        return _refuse(f"{folder} has no case that was measured; --keep {folder} writes them")
    small = next((r["title"] for r in results if r["title"].endswith("(small sizes)")), None)
    if small and pages:
        return _refuse(f"pages take full sizes only, and {folder} has {small}")
    for result in results:
        print(plain(result), end="\n\n")
    if pages:
        known = records.add(results, CASES)
        for page in pages:
            records.fill(page, known)
    return 0


def run(
    case: Case,
    rounds: int,
    quick: bool,
    memory: bool,
    machine: dict[str, Any],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """One case, measured: its times in this process, its memory in others."""

    def tell(what: str) -> None:
        say(f"{case.name}: {what}")

    work = case.work(quick)
    try:
        rows, left_out = measure(work, rounds, tell)
        if memory and case.memory:
            for row in rows.values():
                if row.name != READ:
                    tell(f"memory of {row.title}")
                    peak = extra(case.name, row.name, quick)
                    row.memory = None if peak is None else max(0, peak - work.result_bytes)
        if not memory:
            for row in rows.values():
                row.memory = None
    finally:
        work.close()
    say("")
    title = f"{case.title} (small sizes)" if quick else case.title
    outcomes = Outcomes(
        case.name, title, rows, left_out, work.result_bytes, work.input_bytes, work.score_bytes
    )
    return record(case, outcomes, machine, rounds) | {"title": title}


def _listed(case: Case) -> str:
    """A case's name, what it is, and its targets."""
    work = case.work(False)
    rows = {c.name: Outcome(c.name, c.title, 0) for c in work.contenders}
    nothing = Outcomes(
        case.name,
        case.title,
        rows,
        {},
        result_bytes=work.result_bytes,
        score_bytes=work.score_bytes,
    )
    goals = "; ".join(target.judge(nothing).target for target in case.targets)
    wide = max(map(len, CASES))
    return f"{case.name:{wide}} {case.title.replace('`', '')}\n{'':{wide}} {goals}"


def _say(what: str) -> None:
    """What is going on, on one line of a terminal; nothing where no one looks."""
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)


def _refuse(why: str) -> int:
    print(f"benchmarks: {why}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
