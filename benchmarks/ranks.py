"""The vocabulary split over two ranks of one thread each, beside one rank of one thread."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from .case import OURS, Case, Contender, Run, Work
from .targets import LessMemory, Shared

_ROOT = Path(__file__).parents[1]
_FULL = (2048, 32000)
_QUICK = (128, 4000)


class World:
    """The processes of a world, which wait between steps and take no time then."""

    def __init__(self, size: int, shape: tuple[int, int]) -> None:
        self.folder = tempfile.TemporaryDirectory()
        given = [*map(str, (size, *shape)), str(Path(self.folder.name) / "store")]
        self.ranks = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.rank", str(rank), *given],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for rank in range(size)
        ]

    def ask(self, what: str) -> float:
        """The greatest of what the ranks answer."""
        for rank in self.ranks:
            assert rank.stdin is not None
            rank.stdin.write(what + "\n")
            rank.stdin.flush()
        answers = [rank.stdout.readline() for rank in self.ranks if rank.stdout is not None]
        return max(map(float, answers))

    def close(self) -> None:
        for rank in self.ranks:
            rank.communicate()
        self.folder.cleanup()


def _work(quick: bool) -> Work:
    shape = _QUICK if quick else _FULL
    open_worlds: list[World] = []

    def world(size: int) -> World:
        open_worlds.append(World(size, shape))
        return open_worlds[-1]

    def stepping(size: int) -> Run:
        return partial(world(size).ask, "step")

    def close() -> None:
        while open_worlds:
            open_worlds.pop().close()

    sizes = ((OURS, "plogq, two ranks", 2), ("one", "plogq, one rank", 1))
    return Work(
        tuple(
            Contender(
                name,
                title,
                partial(stepping, size),
                needs=("torch",),
                own_clock=True,
                memory=lambda size=size: int(world(size).ask("memory")),
            )
            for name, title, size in sizes
        ),
        elements=shape[0] * shape[1],
        score_bytes=4 * shape[0] * shape[1],
        close=close,
    )


CASES = (
    Case(
        "torch-ranks",
        "tensors, `Labels × ShardedLogits`, loss and backward, 2048×32000 float32 over two ranks",
        _work,
        (Shared("one", 2, 1.2), LessMemory("one", 0.55)),
        held="memory of a rank",
    ),
)
