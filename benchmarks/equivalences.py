"""The page of equivalences: what each helper of each peer stands for, from its declaration.

`python -m benchmarks.equivalences` prints the page, `--write docs/equivalences.md` keeps it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import plogq.compat
from plogq.compat.declared import HELPERS, Helper

from .report import pipes

# The modules of compat that stand for a peer are all but these.
_SHARED = ("declared", "plain")
# Peers in the order of the page, each with what it is called in a heading.
_TITLES = {
    "keras": "Keras",
    "tensorflow": "TensorFlow",
    "torch": "PyTorch",
    "optax": "optax",
    "sklearn": "scikit-learn",
    "theano": "Theano",
    "cntk": "CNTK",
}
_INTRODUCTION = """\
# Every helper as one cross-entropy

Each helper of each peer is a way to write down P and Q, and a reduction. Three questions tell
them apart: are the outcomes exclusive classes or independent yes/no outcomes, what does P hold,
and what does Q hold?

The calls are in the helper's own argument names and plogq's names, and give the helper's numbers
wherever none of its quirks is at work: a test evaluates every call beside its helper. The quirks
are the peer's, and the helper of that name in `plogq.compat` has them too.

This page is printed by `python -m benchmarks.equivalences` from the declarations in
`plogq.compat`."""


def peers() -> list[str]:
    """The modules of compat that stand for a peer."""
    found = [m.name for m in iter_modules(plogq.compat.__path__) if m.name not in _SHARED]
    unknown = set(found) - set(_TITLES)
    if unknown:
        raise ValueError(f"the page has no heading for plogq.compat.{min(unknown)}")
    return [name for name in _TITLES if name in found]


def page() -> str:
    """The page, from the declarations of every peer's module."""
    parts = [_INTRODUCTION]
    for peer in peers():
        import_module(f"plogq.compat.{peer}")
        rows = grouped(helper for helper in HELPERS.values() if helper.peer == peer)
        parts.append(f"## {_TITLES[peer]}\n\n`plogq.compat.{peer}`")
        parts.append("\n".join(pipes(_kinds(rows), numbers=False)))
        parts.append("\n".join(pipes(_calls(rows), numbers=False)))
    return "\n\n".join(parts) + "\n"


def grouped(helpers: Iterable[Helper]) -> list[tuple[str, Helper]]:
    """Helpers that stand for the same thing together, under all their names."""
    names: dict[Helper, list[str]] = {}
    for helper in helpers:
        names.setdefault(replace(helper, name=""), []).append(f"`{helper.name}`")
    return [(", ".join(found), helper) for helper, found in names.items()]


def _kinds(rows: Sequence[tuple[str, Helper]]) -> list[tuple[str, ...]]:
    header = ("helper", "outcomes", "P holds", "Q holds", "reduction")
    return [
        header,
        *(
            _row(names, helper.outcomes, helper.target, helper.prediction, helper.reduction)
            for names, helper in rows
        ),
    ]


def _calls(rows: Sequence[tuple[str, Helper]]) -> list[tuple[str, ...]]:
    header = ("helper", "in plogq", "quirks", "to watch for")
    return [
        header,
        *(
            _row(names, f"`{helper.call}`", "; ".join(helper.quirks), helper.note)
            for names, helper in rows
        ),
    ]


def _row(*cells: str) -> tuple[str, ...]:
    return tuple(cell.replace("|", "\\|") for cell in cells)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.equivalences",
        description="Print what each helper of each peer stands for, as a page of the docs.",
    )
    parser.add_argument("--write", type=Path, metavar="PAGE", help="keep it in this file instead")
    given = parser.parse_args(arguments)
    if given.write is None:
        print(page(), end="")
    else:
        given.write.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
