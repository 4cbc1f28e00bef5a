"""One framework's comparisons, printed as a line of JSON each: `benchmarks grid` starts it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib import import_module
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from .. import inputs
from ..case import OURS, Contender, Outcome, Work
from ..timing import measure
from . import Cell
from .losses import given

_FIXED = np.linspace(-1, 1, 1 << 18)


def main(asked: dict[str, Any]) -> None:
    ours_and_peer = import_module(f"benchmarks.grid.on_{asked['framework']}")
    steady: list[float] = []
    for rows, classes in asked["shapes"]:
        for dtype in asked["dtypes"]:
            if dtype not in ours_and_peer.DTYPES:
                continue
            for kind in asked["kinds"]:
                arrays = given(kind, (rows, classes), dtype)
                for way, (ours, peer) in ours_and_peer.WAYS.items():
                    if asked["ways"] and way not in asked["ways"]:
                        continue
                    for gradient in (False, True):
                        found, left_out = _measured(
                            kind, arrays, gradient, ours, peer, asked["rounds"]
                        )
                        steady += [_fixed() for _ in range(5)]
                        if left_out:
                            said = {"left out": f"{way} {kind} {rows}×{classes} {dtype}: "}
                            said["left out"] += left_out["peer"]
                            print(json.dumps(said), flush=True)
                            continue
                        times = [
                            min(row.samples) if asked["quickest"] else row.median
                            for row in (found[OURS], found["peer"])
                        ]
                        cell = Cell(way, kind, (rows, classes), dtype, gradient, *times)
                        print(json.dumps(asdict(cell)), flush=True)
            inputs.forget()
    spread = [min(steady), median(steady), max(steady)]
    print(json.dumps({"steady": spread}), flush=True)


def _measured(
    kind: str, arrays: Any, gradient: bool, ours: Any, peer: Any, rounds: int
) -> tuple[dict[str, Outcome], dict[str, str]]:
    pair = (
        Contender(OURS, "plogq", lambda: ours(kind, arrays, gradient)),
        Contender("peer", "peer", lambda: peer(kind, arrays, gradient)),
    )
    return measure(Work(pair, arrays[0].size), rounds, lambda _: None)


def _fixed() -> float:
    """Seconds of a piece of work that never changes: what the machine adds to it is noise."""
    start = perf_counter()
    np.exp(_FIXED)
    return perf_counter() - start


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
