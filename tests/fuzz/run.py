"""One seed of one part: what is drawn, and by which ways it is run."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from . import draw
from .checks import hold
from .notes import Notes

FRAMEWORKS = ("numpy", "torch", "jax", "tensorflow")


def framework(name: str) -> Any:
    return import_module(f".on_{name}", __package__)


def one(part: str, seed: int, notes: Notes) -> None:
    """Do what this seed stands for, and note what is found."""
    notes.seed = seed
    notes.programs += 1
    if part in ("files", "threads"):
        import_module(f".{part}", __package__).check(seed, notes)
        return
    ways = framework(part)
    rng = draw.rng_of(part, seed)
    if part == "numpy" and rng.random() < 0.2:
        from . import hostile, laws

        (hostile if rng.random() < 0.5 else laws).check(rng, notes)
        return
    if part != "numpy" and rng.random() < 0.1:
        from . import chained

        chained.check(rng, notes, ways)
        return
    if part != "numpy" and rng.random() < 0.08:
        from . import tensors

        tensors.check(rng, notes, ways, part)
        return
    program = draw.program(rng, ways.LIMITS)
    for way in ways.ways(rng, program):
        program = way.program or program
        hold(notes, program, way)
        for _ in range(1, ways.LIMITS.siblings):
            hold(notes, draw.sibling(rng, program), way)
            notes.programs += 1
