"""Scoring a Parquet file beside pyarrow merely reading it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from .case import OURS, Case, Contender, Run, Work
from .targets import SameMemory, Within

FULL = 10_000_000
QUICK = 200_000
CLASSES = 10
_GROUP = 1 << 20  # rows of a row group, pyarrow's default
_FEW = 2_000
NEEDS = ("pyarrow",)
_PLACE = "PLOGQ_BENCHMARK_FILES"
_made: list[Path] = []


@cache
def _directory() -> Path:
    """Where the files are; processes that measure memory inherit it from the one that times."""
    inherited = os.environ.get(_PLACE)
    if inherited is None:
        inherited = tempfile.mkdtemp(prefix="plogq-benchmarks-")
        os.environ[_PLACE] = inherited
        _made.append(Path(inherited))
    return Path(inherited)


def parquet(rows: int) -> Path:
    """Labels and ten columns p0…p9 of probabilities, in a Parquet file.

    A process of its own writes it, so that what pyarrow keeps afterwards counts for nobody.
    """
    path = _directory() / f"{rows}.parquet"
    if not path.exists():
        command = [sys.executable, "-m", "benchmarks.files", str(path), str(rows)]
        subprocess.run(command, cwd=Path(__file__).parents[1], check=True)
    return path


def write(path: Path, rows: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    draw = np.random.default_rng(7)
    writer: Any = None
    for start in range(0, rows, _GROUP):
        count = min(_GROUP, rows - start)
        z = 2 * draw.standard_normal((count, CLASSES), dtype=np.float32)
        q = np.exp(z)
        q /= q.sum(axis=1, keepdims=True)
        y = (q.cumsum(axis=1) < draw.random((count, 1))).sum(axis=1).clip(0, CLASSES - 1)
        columns: dict[str, Any] = {"label": y.astype(np.int32)}
        columns |= {f"p{k}": np.ascontiguousarray(q[:, k]) for k in range(CLASSES)}
        table: Any = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def _score(rows: int) -> Run:
    from plogq.score import score_file

    path = parquet(rows)
    return lambda: score_file(path)


def stream(rows: int) -> Run:
    import pyarrow.parquet as pq

    path = parquet(rows)

    def run() -> None:
        for _ in pq.ParquetFile(path).iter_batches():
            pass

    return run


def _table(rows: int) -> Run:
    import pyarrow.parquet as pq

    path = parquet(rows)
    return lambda: (pq.read_table(path), None)[1]


def _work(quick: bool) -> Work:
    rows = QUICK if quick else FULL
    tenth = rows // 10

    def contender(name: str, title: str, job: Callable[[int], Run], rows: int) -> Contender:
        # Readers keep buffers, so memory is that of a first call after one on a small file.
        return Contender(
            name,
            title,
            partial(job, rows),
            NEEDS,
            elements=rows * CLASSES,
            warm=lambda: job(_FEW)(),
        )

    return Work(
        (
            contender(OURS, "plogq score", _score, rows),
            contender("stream", "pyarrow merely reading it, in batches", stream, rows),
            contender("table", "pyarrow merely reading it, whole", _table, rows),
            contender("tenth", "plogq score, a tenth of the rows", _score, tenth),
        ),
        elements=rows * CLASSES,
        close=clean,
    )


def clean() -> None:
    for place in _made:
        shutil.rmtree(place, ignore_errors=True)
        os.environ.pop(_PLACE, None)
    _made.clear()
    _directory.cache_clear()


CASES = (
    Case(
        "score",
        "`plogq score`, Parquet of 10 million rows × 10 probabilities",
        _work,
        (Within("stream", 1.3), SameMemory("tenth", OURS, 1.5)),
    ),
)

if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
